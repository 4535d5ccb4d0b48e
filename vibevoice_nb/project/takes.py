"""Takes of a project: recorded, chosen, marked, deleted and restored."""

from __future__ import annotations

import contextlib
import secrets
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vibevoice_nb.errors import ProjectError, VibeVoiceError
from vibevoice_nb.export.take_entries import VoiceEntry
from vibevoice_nb.ranges import shown

from .cast import Cast
from .draft import Draft, DraftFacts, unfinished_take
from .history import History, inverse
from .reviews import ProjectReviews
from .storage.folder import DRAFT, remove_folder
from .storage.schema import TurnRecord, checked_id
from .storage.undo import Kept
from .storage.writer import TakeWriter, WriterHooks
from .store import ProjectStore, quoted
from .take import Take, TakeManifest


class ProjectTakes(Mapping[str, Take]):
    """Takes of a project by id, those of deleted turns included."""

    def __init__(self, store: ProjectStore, history: History, cast: Cast, reviews: ProjectReviews) -> None:
        self._store, self._history, self._cast, self._reviews = store, history, cast, reviews

    def __getitem__(self, take_id: str) -> Take:
        with self._store.mutex:
            return self._shown(self._store.takes[take_id])

    def __iter__(self) -> Iterator[str]:
        with self._store.mutex:
            return iter(list(self._store.takes))

    def __len__(self) -> int:
        return len(self._store.takes)

    def __repr__(self) -> str:
        return f"<ProjectTakes: {len(self)} takes of {len(self._store.takes_by_turn())} turns>"

    def __call__(self, turn_id: str) -> list[Take]:
        """Return the takes of a turn; deprecated, use `of`."""
        message = "project.takes(turn) is deprecated; use project.takes.of(turn)"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self.of(turn_id)

    def of(self, turn_id: str) -> list[Take]:
        """Return the takes of a turn, the oldest first."""
        with self._store.mutex:
            return [self._shown(take) for take in self._store.takes_by_turn().get(turn_id, [])]

    def find(self, take_id: str) -> Take:
        """Return the take with an id.

        Raises
        ------
        ProjectError
            If there is none.
        """
        with self._store.mutex:
            return self._shown(self._find(take_id))

    def chosen(self, record: TurnRecord) -> Take | None:
        """Return the chosen take of a turn."""
        with self._store.mutex:
            take = self._store.takes.get(record.chosen or "")
            return None if take is None else self._shown(take)

    def is_starred(self, take_id: str) -> bool:
        """Return True if a take is marked."""
        return take_id in self._store.state.starred

    def fresh_seed(self, turn_id: str, seed: int | None) -> int | None:
        """Return a seed, or draw a new one if the turn has a take with it: the result would be the same."""
        used = {take.seed for take in self.of(turn_id)}
        return secrets.randbelow(2**31) if seed is not None and seed in used else seed

    def choose(self, turn_id: str, take_id: str) -> None:
        """Choose the take that is played for a turn.

        Raises
        ------
        ProjectError
            If it is not a take of this turn.
        """
        with self._store.changing("takes"):
            self._choose(turn_id, take_id, picked=True)

    def _choose(self, turn_id: str, take_id: str, *, picked: bool) -> None:
        """Choose a take inside a change."""
        record = self._store.record(turn_id)
        if self._find(take_id).turn_id != turn_id:
            got = f"the take {take_id} does not belong to {quoted(record)}"
            raise ProjectError(got, "a take of this turn", "see project.takes.of(turn)")
        record.picked = picked
        if record.chosen != take_id:
            words = f"chose another take of {quoted(record)}"
            self._history.record(words, ["chosen", turn_id, record.chosen])
            record.chosen = take_id

    def choose_best(self, turn_id: str, take_id: str) -> None:
        """Choose the take that a review found best, unless a person has chosen one.

        Raises
        ------
        ProjectError
            If it is not a take of this turn.
        """
        with self._store.mutex:
            record = self._store.record(turn_id)
            if record.picked or record.chosen == take_id:
                return
            with self._store.changing("takes"):
                self._choose(turn_id, take_id, picked=False)

    def star(self, take_id: str, on: bool = True) -> None:
        """Mark a take, or remove the mark.

        Raises
        ------
        ProjectError
        """
        with self._store.changing("takes") as state:
            self._find(take_id)
            state.starred = [other for other in state.starred if other != take_id] + [take_id] * bool(on)

    def delete(self, take_id: str) -> None:
        """Delete a take; `undo` restores it. If it was chosen, the latest other take becomes the chosen one.

        Raises
        ------
        ProjectError
        """
        with self._store.changing("takes") as state:
            turn_id = self._find(take_id).turn_id
            record = self._record_of(self._find(take_id))
            self._store.reverts.callback(_move_back, self._store.folder.restore_take, take_id)
            self._store.folder.move_to_trash(take_id)
            back: list[list[Any]] = [["restore", take_id], ["chosen", turn_id, record.chosen]]
            if take_id in state.starred:
                back.append(["starred", take_id])
                state.starred.remove(take_id)
            if take_id in state.trims:
                back.append(["trim", take_id, state.trims.pop(take_id)])
            del self._store.takes[take_id]
            if record.chosen == take_id:
                record.chosen = self._store.latest(turn_id)
            self._history.record(f"deleted a take of {quoted(record)}", *back)

    def begin(self, turn_id: str) -> TakeWriter:
        """Begin a take of a turn; its audio is saved while it is being generated.

        Raises
        ------
        ProjectError
            If the turn is not in the script, or the project can't be changed.
        """
        with self._store.mutex:
            self._store.check_writable()
            record = self._store.record(turn_id)
            member = self._cast[record.speaker]
            earlier = self._store.takes_by_turn().get(turn_id, [])
            begun = TakeManifest(
                turn_id=turn_id,
                speaker=record.speaker,
                text=record.text,
                voice=None if member.voice is None else VoiceEntry(sha256=member.voice.sha256),
                number=1 + max((take.number for take in earlier), default=0),
            )
            take_id = f"{turn_id}-{secrets.token_hex(3)}"
            hooks = WriterHooks(self._store.check_writable, self._publish, self._store.drafts.discard)
            writer = TakeWriter(self._store.folder, take_id, begun, hooks)
            self._store.drafts.add(take_id)
            return writer

    @contextlib.contextmanager
    def keep_audio(self) -> Iterator[Draft]:
        """Keep audio of several turns on disk until it is cut into takes.

        It is deleted when the block ends; after an exception it stays as one of the `unfinished` takes.

        Raises
        ------
        ProjectError
        """
        self._store.check_writable()
        draft_id = f"whole-{secrets.token_hex(3)}"
        self._store.drafts.add(draft_id)
        try:
            with Draft(self._store.folder, draft_id, DraftFacts("", "", "")) as draft:
                yield draft
        finally:
            self._store.drafts.discard(draft_id)

    @property
    def unfinished(self) -> list[Take]:
        """Audio of generations that a crash or an error ended; it can be played and saved."""
        if self._store.read_only:
            return []
        found = (unfinished_take(self._store.folder, path) for path in self._stale_drafts())
        return [take for take in found if take is not None]

    def discard_unfinished(self) -> None:
        """Delete all `unfinished` audio.

        Raises
        ------
        ProjectError
        """
        with self._store.mutex:
            self._store.check_writable()
            for path in self._stale_drafts():
                remove_folder(path)

    def _publish(self, take: Take, choose: bool | None) -> Take:
        """Add a take that is complete on disk to the project."""
        try:
            with self._store.changing("takes"):
                self._store.takes[take.id] = take
                self._store.drafts.discard(take.id)
                record = self._record_of(take)
                now = self._store.takes.get(record.chosen or "")
                if choose is None:
                    choose = take.ended != "cancelled" or now is None or now.ended == "cancelled"
                if choose:
                    record.chosen, record.picked = take.id, False
        except BaseException:
            with self._store.mutex:  # the take is on disk, even if choosing it failed
                self._store.takes[take.id] = take
                self._store.adopt_takes()
            self._store.notify("takes")
            raise
        for path in self._stale_drafts():
            if path.name.startswith(f"{DRAFT}{record.id}-"):
                remove_folder(path)
        return self._shown(take)

    def _find(self, take_id: str) -> Take:
        try:
            return self._store.takes[take_id]
        except (KeyError, TypeError):  # TypeError: a list, an array
            got = f"the take {shown(take_id)} is not in {self._store.name}"
            raise ProjectError(got, "the id of a take", "see project.takes") from None

    def _record_of(self, take: Take) -> TurnRecord:
        """Return the turn of a take, even if it was deleted from the script."""
        record = self._store.state.turn(take.turn_id)
        if record is None:
            words = take.turns[0]
            record = TurnRecord(take.turn_id, words.label, words.text)
            self._store.state.retired.append(record)
        return record

    def _shown(self, take: Take) -> Take:
        """Return a take with the colors of its speakers, and the times of its words if it was reviewed."""
        colors = {member.label: member.color for member in self._store.state.cast}
        turns = (replace(turn, color=colors.get(turn.label, "")) for turn in take.turns)
        return self._reviews.with_words(replace(take, turns=tuple(turns)))

    def _stale_drafts(self) -> list[Path]:
        """Return the folders of drafts that are not being written."""
        drafts, active = self._store.folder.drafts(), self._store.drafts
        return [path for path in drafts if path.name.removeprefix(DRAFT) not in active]


def _check_id(key: str) -> Kept:
    checked_id(key)
    return Kept()


def _check_choice(key: str, before: str | None) -> Kept:
    checked_id(key)
    if before is not None:
        checked_id(before)
    return Kept()


@inverse("restore", lambda key: Kept(takes=frozenset([checked_id(key)])))
def _restore(store: ProjectStore, key: str) -> bool:
    """Restore a deleted take from the trash."""
    if key not in store.takes:
        store.reverts.callback(_move_back, store.folder.move_to_trash, key)
    take = store.takes.get(key) or store.folder.restore_take(key)
    if take is not None:
        store.takes[key] = take
    return take is not None


@inverse("starred", _check_id)
def _mark(store: ProjectStore, key: str) -> bool:
    """Mark a restored take as it was marked."""
    if key in store.takes:
        store.state.starred.append(key)
    return True


@inverse("chosen", _check_choice)
def _choose_earlier(store: ProjectStore, key: str, before: str | None) -> bool:
    """Choose the take that was chosen before, if it still exists."""
    record = store.state.turn(key)
    if record is not None and before in store.takes:
        record.chosen, record.picked = before, False
    return True


def _move_back(move: Callable[[str], object], take_id: str) -> None:
    """Move a take back to where it was before a change that failed."""
    with contextlib.suppress(VibeVoiceError):  # opening the project moves it, too
        move(take_id)
