"""A project's takes: made, chosen, deleted and brought back."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vibevoice_nb.errors import OptionError, ProjectError, VibeVoiceError
from vibevoice_nb.ranges import shown

from .casting import CastProject
from .draft import Draft, unfinished_take
from .opened import take_number
from .script_text import bring_back_script
from .storage.folder import DRAFT, remove_folder
from .storage.schema import TurnRecord
from .storage.writer import TakeWriter, WriterHooks
from .take import Take


class TakesProject(CastProject):
    """The part of a `Project` that is about takes."""

    def take(self, take_id: str) -> Take:
        """The take with an id.

        Raises
        ------
        ProjectError
            None has it.
        """
        with self._mutex:
            return self._colored(self._take(take_id))

    def takes(self, turn_id: str) -> list[Take]:
        """The takes of a turn, the oldest first."""
        with self._mutex:
            return [self._colored(take) for take in self._lanes().get(turn_id, [])]

    def is_starred(self, take_id: str) -> bool:
        """Whether somebody marked a take."""
        return take_id in self._state.starred

    def choose(self, turn_id: str, take_id: str) -> None:
        """Let a take be the one that is heard.

        Raises
        ------
        ProjectError
            It is no take of this turn.
        """
        with self._changing("takes"):
            record = self._record(turn_id)
            if self._take(take_id).manifest["turn_id"] != turn_id:
                got = f"the take {take_id} for {quoted(record)}"
                raise ProjectError(got, "one of this turn's takes", "see project.takes")
            if record.chosen != take_id:
                words = f"chose another take of {quoted(record)}"
                self._can_be_undone(words, ["chosen", turn_id, record.chosen])
                record.chosen = take_id

    def star(self, take_id: str, on: bool = True) -> None:
        """Mark a take, or take the mark away.

        Raises
        ------
        ProjectError
        """
        with self._changing("takes") as state:
            self._take(take_id)
            state.starred = [other for other in state.starred if other != take_id] + [take_id] * bool(on)

    def delete_take(self, take_id: str) -> None:
        """Delete a take; `undo` brings it back. If it was the chosen one, the latest other take is chosen.

        Raises
        ------
        ProjectError
        """
        with self._changing("takes") as state:
            turn_id = self._take(take_id).manifest["turn_id"]
            record = self._record_of(self._take(take_id))
            self._reverts.callback(self._move_back, self._folder.bring_back, take_id)
            self._folder.throw_away(take_id)
            back: list[list[Any]] = [["restore", take_id], ["chosen", turn_id, record.chosen]]
            if take_id in state.starred:
                back.append(["starred", take_id])
                state.starred.remove(take_id)
            del self._takes[take_id]
            if record.chosen == take_id:
                record.chosen = self._latest(turn_id)
            self._can_be_undone(f"deleted a take of {quoted(record)}", *back)

    def undo(self) -> str:
        """Take the last deletion, choice, gap, change of a voice or of the script back.

        Returns
        -------
        str
            What was undone, in words; empty if there was nothing.

        Raises
        ------
        ProjectError
            What was deleted is no longer there.
        """
        with self._mutex, self._changing(self._undo_reason()) as state:
            if not state.undo:
                return ""
            step = state.undo.pop()
            gone = [back[1] for back in step.back if not self._take_back(*back)]
        if gone:
            got = f"the take {gone[0]}, which is no longer in the project's trash, or damaged"
            raise ProjectError(got, "a take that was deleted", "speak the turn again")
        return step.words

    def _undo_reason(self) -> str:
        step = self._state.undo[-1] if self._state.undo else None
        return "script" if step is not None and step.back[0][0] == "script" else "undo"

    def begin_take(self, turn_id: str) -> TakeWriter:
        """Begin a take of a turn; its audio is on disk as it is made.

        Raises
        ------
        ProjectError
            No such turn, or the project can't be changed.
        """
        with self._mutex:
            self._check_writable()
            record = self._record(turn_id)
            member = self._shelf.member(self._state.member(record.speaker))
            facts = {
                "turn_id": turn_id,
                "speaker": record.speaker,
                "text": record.text,
                "voice": None if member.voice is None else {"sha256": member.voice.sha256},
                "number": 1 + max(map(take_number, self._lanes().get(turn_id, [])), default=0),
            }
            take_id = f"{turn_id}-{secrets.token_hex(3)}"
            hooks = WriterHooks(self._check_writable, self._publish, self._live.discard)
            writer = TakeWriter(self._folder, take_id, facts, hooks)
            self._live.add(take_id)
            return writer

    @contextlib.contextmanager
    def keep_audio(self) -> Iterator[Draft]:
        """Keep audio of several turns on disk while it is made and cut up.

        It is deleted when the block ends well, and is one of the `unfinished` takes when it doesn't.

        Raises
        ------
        ProjectError
        """
        self._check_writable()
        draft_id = f"whole-{secrets.token_hex(3)}"
        self._live.add(draft_id)
        try:
            with Draft(self._folder, draft_id, {"turn_id": "", "speaker": "", "text": ""}) as draft:
                yield draft
        finally:
            self._live.discard(draft_id)

    @property
    def unfinished(self) -> list[Take]:
        """What was being made when a process died: audio to hear and to save, no takes of the project."""
        if self.read_only:
            return []
        found = (unfinished_take(self._folder, path) for path in self._stale_drafts())
        return [take for take in found if take is not None]

    def discard_unfinished(self) -> None:
        """Delete all `unfinished` audio.

        Raises
        ------
        ProjectError
        """
        with self._mutex:
            self._check_writable()
            for path in self._stale_drafts():
                remove_folder(path)

    def _publish(self, take: Take, choose: bool | None) -> Take:
        """Add a take that is complete on disk to the project."""
        try:
            with self._changing("takes"):
                self._takes[take.id] = take
                self._live.discard(take.id)
                record = self._record_of(take)
                now = self._takes.get(record.chosen or "")
                if choose is None:
                    choose = take.ended != "cancelled" or now is None or now.ended == "cancelled"
                if choose:
                    record.chosen = take.id
        except BaseException:
            with self._mutex:  # the disk has the take, whatever became of the choice
                self._takes[take.id] = take
                self._adopt_takes()
            self._tell("takes")
            raise
        for path in self._stale_drafts():
            if path.name.startswith(f"{DRAFT}{record.id}-"):
                remove_folder(path)
        return self._colored(take)

    @staticmethod
    def _move_back(move: Callable[[str], object], take_id: str) -> None:
        """Move a take back to where it was before a change that failed."""
        with contextlib.suppress(VibeVoiceError):  # opening the project moves it, too
            move(take_id)

    def _take_back(self, what: str, key: str, before: Any = None) -> bool:
        """Do one step of an undo; False if what was deleted is gone."""
        if what == "script":
            self._read(bring_back_script(self._state, before))
            return True
        if what == "restore":
            if key not in self._takes:
                self._reverts.callback(self._move_back, self._folder.throw_away, key)
            take = self._takes.get(key) or self._folder.bring_back(key)
            if take is not None:
                self._takes[key] = take
            return take is not None
        if what == "starred" and key in self._takes:
            self._state.starred.append(key)
        elif what == "member":
            self._put_back(before)
        elif record := self._state.turn(key):
            if what == "gap_ms":
                record.gap_ms = before
            elif what == "chosen" and before in self._takes:
                record.chosen = before
        return True

    def _take(self, take_id: str) -> Take:
        try:
            return self._takes[take_id]
        except (KeyError, TypeError):  # TypeError: a list, an array
            got = f"the take {shown(take_id)}, which isn't in {self.name}"
            raise ProjectError(got, "the id of a take", "see project.takes") from None

    def _record(self, turn_id: str) -> TurnRecord:
        """The turn of the script with an id."""
        return self._state.turns[self._index(turn_id)]

    def _index(self, turn_id: object) -> int:
        for index, record in enumerate(self._state.turns):
            if isinstance(turn_id, str) and record.id == turn_id:
                return index
        got = f"the turn {shown(turn_id)}, which the script of {self.name} hasn't got"
        raise ProjectError(got, "the id of a turn", "see project.turns")

    def _record_of(self, take: Take) -> TurnRecord:
        """The turn of a take, also if it has left the script."""
        turn_id, words = take.manifest["turn_id"], take.turns[0]
        record = self._state.turn(turn_id)
        if record is None:
            record = TurnRecord(turn_id, words.label, words.text)
            self._state.retired.append(record)
        return record

    def _colored(self, take: Take) -> Take:
        colors = {member.label: member.color for member in self._state.cast}
        turns = (replace(turn, color=colors.get(turn.label, "")) for turn in take.turns)
        return replace(take, turns=tuple(turns))

    def _stale_drafts(self) -> list[Path]:
        """Drafts that nobody is writing."""
        return [path for path in self._folder.drafts() if path.name.removeprefix(DRAFT) not in self._live]


def checked_ids(turn_ids: object) -> list[str]:
    """Return ids of turns as a list.

    Raises
    ------
    OptionError
        One id instead of a list of them, or what is no list of texts.
    """
    try:
        ids = [] if isinstance(turn_ids, (str, bytes, Mapping)) else list(turn_ids)  # type: ignore[call-overload]
        listed = not isinstance(turn_ids, (str, bytes, Mapping)) and all(isinstance(one, str) for one in ids)
    except Exception:  # a number, an array without dimensions
        listed = False
    if not listed:
        raise OptionError(f"turns={shown(turn_ids)}", "a list of turn ids", "see project.turns")
    return ids


def quoted(record: TurnRecord) -> str:
    """A turn in a message: its first words."""
    text = record.text if len(record.text) <= 30 else f"{record.text[:29]}…"
    return f"“{record.speaker}: {text}”"
