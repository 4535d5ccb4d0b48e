"""Turns of a project: the lines of the script with their takes, states and contexts."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.engine.frames import Spoken
from vibevoice_nb.errors import AudioError, OptionError, VoiceError
from vibevoice_nb.ranges import shown, whole
from vibevoice_nb.script import Diagnostic, Turn
from vibevoice_nb.script.frontends import Frontend
from vibevoice_nb.script.passages import check_passages
from vibevoice_nb.script.pronunciation import Pronunciation
from vibevoice_nb.script.speakable import check_script, place_of, reason
from vibevoice_nb.voices.resolve import resolve_voice

from .adjustments import Adjustments, ProjectAdjustments
from .cast import Cast
from .current import Current, texts_of
from .history import History, inverse
from .settings import ProjectSettings
from .storage.schema import MAX_GAP_MS, checked_id, is_gap
from .storage.undo import Kept
from .store import ProjectStore, quoted, shortened
from .take import Take
from .takes import ProjectTakes

if TYPE_CHECKING:
    from vibevoice_nb.voices.voice import Voice

TurnState = Literal["unspoken", "spoken", "changed", "unspeakable"]


@dataclass(frozen=True)
class ProjectTurn:
    """Turn of a project: a line of the script, and the state of its takes.

    Attributes
    ----------
    id : str
        Stays the same when the script is edited.
    turn : Turn
    state : {"unspoken", "spoken", "changed", "unspeakable"}
        Changed: text, its pronunciation or voice differ from those of the chosen take. Unspeakable: the model
        can speak nothing in it; it is skipped.
    context_changed : bool
        The turns before it now have other takes or texts than the context of the chosen take.
    chosen : str or None
        Id of the take that is played.
    takes : tuple of str
        Ids of its takes, the oldest first.
    gap_ms : int or None
        Silence after it, if set for this turn.
    adjustments : Adjustments
        Gain, pause and pace.
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
    adjustments: Adjustments = field(default_factory=Adjustments)
    reason: str = ""
    """Reason why it is unspeakable; else empty."""

    def __repr__(self) -> str:
        takes = "1 take" if len(self.takes) == 1 else f"{len(self.takes)} takes"
        return f"<ProjectTurn {shortened(f'{self.turn.label}: {self.turn.text}')!r}: {self.state}, {takes}>"


@dataclass(frozen=True)
class ContextTurn:
    """Turn generated before another: context for the model."""

    turn_id: str
    take_id: str
    spoken: Spoken


@dataclass(frozen=True)
class ReadWord:
    """Word of the script that is read in another way; lines and columns count as in `Diagnostic`."""

    line: int
    column: int
    end_column: int
    word: str
    reading: str


class ProjectTurns:
    """Turns in the order of the script."""

    def __init__(
        self,
        store: ProjectStore,
        history: History,
        cast: Cast,
        takes: ProjectTakes,
        settings: ProjectSettings,
        adjustments: ProjectAdjustments,
    ) -> None:
        self._store, self._history, self._cast, self._takes = store, history, cast, takes
        self._settings, self._adjustments = settings, adjustments

    def snapshot(self) -> list[ProjectTurn]:
        """Return the turns as they are now."""
        with self._store.mutex:
            takes_by_turn, now = self._store.takes_by_turn(), self._now()
            return [
                self._turn(index, takes_by_turn.get(record.id, []), now)
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
            return self._turn(index, self._store.takes_by_turn().get(turn_id, []), self._now())

    @property
    def model(self) -> str:
        """Model of the settings, whose limits decide which turns are unspeakable."""
        return self._settings.current.model

    @property
    def frontend(self) -> Frontend:
        """Text front end of the model, as far as it is known without loading it."""
        return known_settings(self.model).frontend

    @property
    def pronunciation(self) -> Pronunciation:
        """Lexicon and spoken forms of the project."""
        return Pronunciation(self._store.state.lexicon, self._settings.current.spoken_forms)

    def read_as(self, turn_id: str, readings: Mapping[str, str | None] | None = None) -> str:
        """Return the words that the model of the settings reads for a turn.

        Parameters
        ----------
        turn_id : str
        readings : mapping from word to reading, optional
            Added to the lexicon; None leaves a word as it is written.

        Raises
        ------
        ProjectError
            If the turn is not in the script.
        LexiconError
            If a reading is not valid.
        """
        said = self.pronunciation.with_readings(readings or {})
        with self._store.mutex:
            turn = self._store.script.turns[self._store.index(turn_id)]
            return said.words(turn.text, self.frontend)

    @property
    def read_words(self) -> list[ReadWord]:
        """Words with a reading that the model of the settings uses, where their place is known exactly."""
        said, frontend, found = self.pronunciation, self.frontend, []
        for turn in self._store.script.turns:
            for use in said.read(turn.text, frontend).uses:
                (line, column, end), exact = place_of(turn, use.start, use.stop - use.start)
                if exact:
                    found.append(ReadWord(line, column, end, use.word, use.reading))
        return found

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Diagnostics of the script, of what the model cannot speak, and of where a whole script is cut."""
        script, said, settings = self._store.script, self.pronunciation, known_settings(self.model)
        found = (*script.diagnostics, *check_script(script, settings.frontend, self.model, said))
        if self._settings.current.mode == "whole":
            # The timeline inserts the pauses, so that they end no passage.
            read = said.script(script, settings.frontend)
            turns = [replace(turn, pause_after_ms=0) for turn in read.turns]
            found += check_passages(turns, settings.options.passage_seconds, settings.frontend)
        return tuple(sorted(found, key=lambda item: (item.line, item.column)))

    def missing(self) -> list[str]:
        """Return the ids of the turns to generate: without a take, with a partial one, or changed since."""
        unspoken = ("unspoken", "changed")
        return [turn.id for turn in self if turn.state in unspoken or turn.partial]

    def context_changed(self, take_id: str) -> bool:
        """Return True if the turns before a take's turn now have other takes or texts than its context."""
        with self._store.mutex:
            take = self._takes.find(take_id)
            ids = [record.id for record in self._store.state.turns]
            return take.turn_id in ids and self._differs(take, ids.index(take.turn_id), self._now())

    def set_gap(self, turn_id: str, gap_ms: int | None) -> None:
        """Set the silence after a turn, in milliseconds; None uses that of the script or the settings.

        Raises
        ------
        OptionError
            If it is not a whole number from 0 to 60,000.
        ProjectError
        """
        given, gap_ms = gap_ms, whole(gap_ms)
        if given is not None and not is_gap(gap_ms):
            raise OptionError(
                f"gap_ms={shown(given)}", f"whole milliseconds from 0 to {MAX_GAP_MS}", "use 0 for no gap"
            )
        with self._store.changing("gaps"):
            record = self._store.record(turn_id)
            self._history.record(f"set the gap after {quoted(record)}", ["gap_ms", turn_id, record.gap_ms])
            record.gap_ms = gap_ms

    def check_voices(self, turn_ids: Iterable[str] | None = None) -> dict[int, Voice]:
        """Return the voices by the model's speaker index; a speaker without one has a built-in default.

        Parameters
        ----------
        turn_ids : iterable of str, optional
            Only the speakers of these turns.

        Raises
        ------
        VoiceError
            If a recording is missing.
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
            defaults = self._cast.default_voices()
        voices = {
            label: resolve_voice(defaults[label]) if label in defaults else cast[label].voice
            for label in speakers
        }
        mute = [label for label, voice in voices.items() if voice is None]
        if mute:
            several = len(mute) > 1
            raise VoiceError(
                f"{', '.join(mute)} {'have' if several else 'has'} no voice assigned",
                "a voice for every speaker",
                f"assign {'them' if several else mute[0]} a built-in voice, a file or a recording",
            )
        return {speakers[label]: voice for label, voice in voices.items() if voice is not None}

    def context_for(
        self,
        turn_id: str,
        model: str | None = None,
        frontend: Frontend | None = None,
        weights: str | None = None,
    ) -> list[ContextTurn]:
        """Return the context of a turn: the turns before it, back to the first one that is not complete.

        Turns that the model cannot speak are skipped, as if they were not in the script.

        Parameters
        ----------
        turn_id : str
        model : str, optional
            Also stop at a take of another model, whose frames this model cannot use.
        frontend : Frontend, optional
            That of the model; by default of the model in the settings.
        weights : str, optional
            Fingerprint of the model's weights: also stop, with a warning, at a take generated with other
            weights of the same name. Takes of earlier versions, which have no fingerprint, are accepted.

        Raises
        ------
        ProjectError
            If the turn is not in the script.
        """
        with self._store.mutex:
            index = self._store.index(turn_id)
            turns = zip(self._store.state.turns[:index], self._store.script.turns, strict=False)
            before = [(record, turn, self._store.takes.get(record.chosen or "")) for record, turn in turns]
            said = self.pronunciation
        reader, context = frontend or self.frontend, []
        for record, turn, take in reversed(before):
            if take is None and reader.check(said.read(turn.text, reader).text).empty:
                continue
            if take is None or take.ended == "cancelled":
                break
            if model is not None and take.model != model:
                break
            if weights is not None and (take.manifest.weights or weights) != weights:
                warnings.warn(
                    f"{quoted(record)} is not used as context: {model} had other weights then",
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
            written = take.turns[0].text
            spoken = replace(turn, text=take.manifest.read_as or written, written=written)
            context.append(ContextTurn(record.id, take.id, Spoken(spoken, frames)))
        return context[::-1]

    def _turn(self, index: int, takes: Sequence[Take], now: Current) -> ProjectTurn:
        record = self._store.state.turns[index]
        take = self._store.takes.get(record.chosen or "")
        state: TurnState = "unspoken"
        if take is not None:
            voice = take.manifest.voice
            said = (*texts_of(take), voice and voice.sha256)
            wanted = (record.text, now.text_for(take.model, record.text), now.voices[record.speaker])
            state = "spoken" if said == wanted else "changed"
        turn = self._store.script.turns[index]
        read = now.pronunciation.turn(turn, now.frontend)
        why = "" if state == "spoken" else reason(read, now.frontend, now.model)
        if why:
            state = "unspeakable"
        return ProjectTurn(
            id=record.id,
            turn=turn,
            state=state,
            context_changed=take is not None and self._differs(take, index, now),
            chosen=None if take is None else take.id,
            takes=tuple(other.id for other in takes),
            gap_ms=record.gap_ms,
            adjustments=self._adjustments.of_turn(record),
            partial=take is not None and take.ended == "cancelled",
            reason=why,
        )

    def _differs(self, take: Take, index: int, now: Current) -> bool:
        """Return True if the turns before turn `index` differ from the take's context."""
        context = take.manifest.context
        if not context:
            return False
        heard = [
            record
            for record in self._store.state.turns[:index]
            if record.chosen is not None or now.speaks(record.text)
        ]
        last = heard[max(0, len(heard) - len(context)) :]
        before = [(entry.turn_id, entry.take_id, entry.text) for entry in context]
        return before != [(record.id, record.chosen, record.text) for record in last]

    def _now(self) -> Current:
        voices = {
            label: None if member.voice is None else member.voice.sha256
            for label, member in self._cast.snapshot().items()
        }
        return Current(self.model, self.pronunciation, voices)


def _check_gap(key: str, before: int | None) -> Kept:
    checked_id(key)
    if before is not None and not is_gap(before):
        raise ValueError("an undo step is not valid")
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
        If it is a single id, or not a list of strings.
    """
    try:
        ids = [] if isinstance(turn_ids, (str, bytes, Mapping)) else list(turn_ids)  # type: ignore[call-overload]
        listed = not isinstance(turn_ids, (str, bytes, Mapping)) and all(isinstance(one, str) for one in ids)
    except Exception:  # a number, a zero-dimensional array
        listed = False
    if not listed:
        raise OptionError(f"turns={shown(turn_ids)}", "a list of turn ids", "see project.turns")
    return ids
