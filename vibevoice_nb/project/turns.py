"""Turns of a project: the lines of the script with their takes, states and contexts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.errors import AudioError, OptionError, VoiceError
from vibevoice_nb.ranges import shown, whole
from vibevoice_nb.script import Diagnostic, Turn
from vibevoice_nb.script.frontends import Frontend
from vibevoice_nb.script.speakable import check_script, reason

from .cast import Cast
from .history import History, inverse
from .settings import ProjectSettings
from .storage.schema import MAX_GAP_MS, checked_id, is_gap
from .storage.undo import Kept
from .store import ProjectStore, quoted, shortened
from .take import Take
from .takes import ProjectTakes

if TYPE_CHECKING:
    from vibevoice_nb.engine.frames import Spoken
    from vibevoice_nb.voices.voice import Voice

TurnState = Literal["unspoken", "spoken", "changed", "unspeakable"]


@dataclass(frozen=True)
class ProjectTurn:
    """A turn of the script and what became of it.

    Attributes
    ----------
    id : str
        Stays with the turn through edits.
    turn : Turn
    state : {"unspoken", "spoken", "changed", "unspeakable"}
        Changed: the chosen take says other words, or in another voice. Unspeakable: there is nothing in it
        that the chosen model can speak; it is skipped.
    context_changed : bool
        The chosen take was spoken after other takes or texts than come before it now.
    chosen : str or None
        Id of the take that is heard.
    takes : tuple of str
        All of them, the oldest first.
    gap_ms : int or None
        Silence after it, if set for this turn.
    partial : bool
        The chosen take was stopped before its end.
    """

    id: str
    turn: Turn
    state: TurnState
    context_changed: bool
    chosen: str | None
    takes: tuple[str, ...]
    gap_ms: int | None
    partial: bool = False
    reason: str = ""
    """The reason why it is unspeakable."""

    def __repr__(self) -> str:
        takes = "1 take" if len(self.takes) == 1 else f"{len(self.takes)} takes"
        return f"<ProjectTurn {shortened(f'{self.turn.label}: {self.turn.text}')!r}: {self.state}, {takes}>"


@dataclass(frozen=True)
class ContextTurn:
    """A turn that was spoken before another: what the model is given to go on from."""

    turn_id: str
    take_id: str
    spoken: Spoken


class ProjectTurns:
    """Turns in the order of the script."""

    def __init__(
        self,
        store: ProjectStore,
        history: History,
        cast: Cast,
        takes: ProjectTakes,
        settings: ProjectSettings,
    ) -> None:
        self._store, self._history, self._cast, self._takes = store, history, cast, takes
        self._settings = settings

    def snapshot(self) -> list[ProjectTurn]:
        """Return the turns as they are now."""
        with self._store.mutex:
            lanes, voices = self._store.lanes(), self._voice_hashes()
            return [
                self._turn(index, lanes.get(record.id, []), voices)
                for index, record in enumerate(self._store.state.turns)
            ]

    def __iter__(self) -> Iterator[ProjectTurn]:
        return iter(self.snapshot())

    def find(self, turn_id: str) -> ProjectTurn:
        """Return the turn with an id.

        Raises
        ------
        ProjectError
            If it is not in the script.
        """
        with self._store.mutex:
            index = self._store.index(turn_id)
            return self._turn(index, self._store.lanes().get(turn_id, []), self._voice_hashes())

    @property
    def model(self) -> str:
        """Model of the settings, whose limits decide which turns are unspeakable."""
        return self._settings.current.model

    @property
    def frontend(self) -> Frontend:
        """Text front end of the model, as far as it is known without loading it."""
        return known_settings(self.model).frontend

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Diagnostics of the script, and of everything in it that the model cannot speak."""
        script = self._store.script
        found = (*script.diagnostics, *check_script(script, self.frontend, self.model))
        return tuple(sorted(found, key=lambda item: (item.line, item.column)))

    def missing(self) -> list[str]:
        """Ids of the turns to speak: without a take, with one that was stopped, or changed since."""
        unspoken = ("unspoken", "changed")
        return [turn.id for turn in self if turn.state in unspoken or turn.partial]

    def context_changed(self, take_id: str) -> bool:
        """Whether a take was spoken after other takes or texts than come before its turn now."""
        with self._store.mutex:
            take = self._takes.find(take_id)
            ids = [record.id for record in self._store.state.turns]
            turn_id = take.manifest["turn_id"]
            return turn_id in ids and self._differs(take, ids.index(turn_id))

    def set_gap(self, turn_id: str, gap_ms: int | None) -> None:
        """Set the silence after a turn, in milliseconds; None leaves it to the script and the settings.

        Raises
        ------
        OptionError
            Not 0 to 60,000 whole milliseconds.
        ProjectError
        """
        given, gap_ms = gap_ms, whole(gap_ms)
        if given is not None and not is_gap(gap_ms):
            raise OptionError(
                f"gap_ms={shown(given)}", f"whole milliseconds, 0 to {MAX_GAP_MS}", "0 is no gap"
            )
        with self._store.changing("gaps"):
            record = self._store.record(turn_id)
            self._history.record(f"set the gap after {quoted(record)}", ["gap_ms", turn_id, record.gap_ms])
            record.gap_ms = gap_ms

    def check_voices(self, turn_ids: Iterable[str] | None = None) -> dict[int, Voice]:
        """Return the voices by the model's index, or say who has none.

        Parameters
        ----------
        turn_ids : iterable of str, optional
            Ask only for the speakers of these turns.

        Raises
        ------
        VoiceError
        """
        with self._store.mutex:
            wanted = None if turn_ids is None else set(checked_ids(turn_ids))
            pairs = zip(self._store.state.turns, self._store.script.turns, strict=True)
            speakers = {
                turn.label: turn.speaker_index
                for record, turn in pairs
                if wanted is None or record.id in wanted
            }
            cast = self._cast.snapshot()
        mute = [label for label in speakers if cast[label].voice is None]
        if mute:
            several = len(mute) > 1
            raise VoiceError(
                f"{', '.join(mute)} {'have' if several else 'has'} no voice",
                "a voice for every speaker",
                f"give {'them' if several else mute[0]} one: a built-in voice, a file or a recording",
            )
        return {index: voice for label, index in speakers.items() if (voice := cast[label].voice) is not None}

    def context_for(
        self,
        turn_id: str,
        model: str | None = None,
        frontend: Frontend | None = None,
        weights: str | None = None,
    ) -> list[ContextTurn]:
        """What was spoken before a turn, the oldest first, back to the first turn that isn't complete.

        A turn that the model cannot speak is passed over, as if it were not in the script.

        Parameters
        ----------
        turn_id : str
        model : str, optional
            Also stop at a take of another model, whose frames this one can't go on from.
        frontend : Frontend, optional
            The model's; by default that of the project's setting.
        weights : str, optional
            Fingerprint of the model's weights: also stop, with a warning, at a take made when the model of
            that name had other weights. Takes of earlier versions, which name none, are accepted.

        Raises
        ------
        ProjectError
            No such turn.
        """
        from vibevoice_nb.engine.frames import Spoken

        with self._store.mutex:
            index = self._store.index(turn_id)
            turns = zip(self._store.state.turns[:index], self._store.script.turns, strict=False)
            before = [(record, turn, self._store.takes.get(record.chosen or "")) for record, turn in turns]
        context = []
        for record, turn, take in reversed(before):
            if take is None and (frontend or self.frontend).check(turn.text).empty:
                continue
            if take is None or take.ended == "cancelled":
                break
            if model is not None and take.manifest.get("model") != model:
                break
            if weights is not None and take.manifest.get("weights", weights) != weights:
                warnings.warn(
                    f"{quoted(record)} is not used as context: {model} had other weights when it was made",
                    stacklevel=2,
                )
                break
            try:
                frames = take.frames
            except AudioError as exc:
                warnings.warn(f"no context before {quoted(record)}: {exc}", stacklevel=2)
                break
            if frames is None or not len(frames):
                break
            said = replace(turn, text=take.turns[0].text)
            context.append(ContextTurn(record.id, take.id, Spoken(said, frames)))
        return context[::-1]

    def _turn(self, index: int, takes: Sequence[Take], voices: dict[str, str | None]) -> ProjectTurn:
        record = self._store.state.turns[index]
        take = self._store.takes.get(record.chosen or "")
        state: TurnState = "unspoken"
        if take is not None:
            voice = take.manifest.get("voice")
            said = (take.turns[0].text, voice.get("sha256") if isinstance(voice, dict) else None)
            state = "spoken" if said == (record.text, voices[record.speaker]) else "changed"
        why = "" if state == "spoken" else reason(self._store.script.turns[index], self.frontend, self.model)
        if why:
            state = "unspeakable"
        return ProjectTurn(
            id=record.id,
            turn=self._store.script.turns[index],
            state=state,
            context_changed=take is not None and self._differs(take, index),
            chosen=None if take is None else take.id,
            takes=tuple(other.id for other in takes),
            gap_ms=record.gap_ms,
            partial=take is not None and take.ended == "cancelled",
            reason=why,
        )

    def _differs(self, take: Take, index: int) -> bool:
        """Whether the turns before turn `index` are others than the take's context."""
        context = take.manifest.get("context")
        if not isinstance(context, list) or not context:
            return False
        frontend = self.frontend
        heard = [
            record
            for record in self._store.state.turns[:index]
            if record.chosen is not None or not frontend.check(record.text).empty
        ]
        now = heard[max(0, len(heard) - len(context)) :]
        before = [
            (entry.get("turn_id"), entry.get("take_id"), entry.get("text")) if isinstance(entry, dict) else ()
            for entry in context
        ]
        return before != [(record.id, record.chosen, record.text) for record in now]

    def _voice_hashes(self) -> dict[str, str | None]:
        return {
            label: None if member.voice is None else member.voice.sha256
            for label, member in self._cast.snapshot().items()
        }


def _check_gap(key: str, before: int | None) -> Kept:
    checked_id(key)
    if before is not None and not is_gap(before):
        raise ValueError("an undo step can't be read")
    return Kept()


@inverse("gap_ms", _check_gap)
def _restore_gap(store: ProjectStore, key: str, before: int | None) -> bool:
    """Set the silence after a turn as it was before."""
    if record := store.state.turn(key):
        record.gap_ms = before
    return True


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
