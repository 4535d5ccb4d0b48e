"""Adjustments: gain, pause and pace of turns, gain and pace of speakers, trim of takes.

They apply when the episode is assembled (see `pieces`): takes and their frames stay as they were generated,
so a turn that continues another still has the audio of the model as its context, and nothing is regenerated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import ADJUSTMENTS, check_ranges, real, shown

from .history import History, inverse
from .storage.schema import MAX_TRIM, MemberRecord, TurnRecord, checked_id, checked_trim
from .storage.undo import Kept
from .store import ProjectStore, quoted

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from .take import Take

LEAST_SAMPLES = SAMPLE_RATE // 20
"""Least audio that a trim leaves: 50 ms."""
MERGED_SECONDS = 3.0
"""Changes of the same value within this time, as those of a slider that is moved, are one step of undo."""


@dataclass(frozen=True)
class Adjustments:
    """Adjustments of a turn.

    Attributes
    ----------
    gain : float
        In dB, added to that of the speaker. A gain beyond full scale is limited to what the peak allows.
    pause : float or None
        Silence after the turn, in seconds; None leaves it to the script and the settings.
    pace : float
        Speed at constant pitch, multiplied by that of the speaker: 1.1 is 10 % faster.

    Raises
    ------
    OptionError
        If a value is out of its range.

    Examples
    --------
    >>> Adjustments(gain=-3, pace=1.1)
    Adjustments(gain=-3.0, pause=None, pace=1.1)
    """

    gain: float = 0.0
    pause: float | None = None
    pace: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, ADJUSTMENTS)


@dataclass(frozen=True)
class SpeakerAdjustments:
    """Adjustments of all turns of a speaker; see `Adjustments`.

    Attributes
    ----------
    gain, pace : float
    """

    gain: float = 0.0
    pace: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, ADJUSTMENTS)


class TurnChanges(TypedDict, total=False):
    """Adjustments of a turn to change; the others stay."""

    gain: float
    """In dB, from -24 to 12."""
    pause: float | None
    """Silence after the turn, in seconds; None leaves it to the script and the settings."""
    pace: float
    """Speed at constant pitch, from 0.7 to 1.4."""


class SpeakerChanges(TypedDict, total=False):
    """Adjustments of a speaker to change; the others stay."""

    gain: float
    """In dB, from -24 to 12."""
    pace: float
    """Speed at constant pitch, from 0.7 to 1.4."""


class ProjectAdjustments:
    """Adjustments of a project."""

    def __init__(self, store: ProjectStore, history: History) -> None:
        self._store, self._history = store, history

    def of_turn(self, record: TurnRecord) -> Adjustments:
        """Return the adjustments of a turn."""
        pause = None if record.gap_ms is None else record.gap_ms / 1000
        return Adjustments(record.gain, pause, record.pace)

    def of_speaker(self, label: str) -> SpeakerAdjustments:
        """Return the adjustments of a speaker; the neutral ones if it is unknown."""
        member = self._store.state.find_member(label)
        return SpeakerAdjustments() if member is None else SpeakerAdjustments(member.gain, member.pace)

    def trim_of(self, take: Take) -> tuple[int, int]:
        """Return the samples `[start, stop)` of a take that are played."""
        start, stop = self._store.state.trims.get(take.id, (0.0, take.seconds))
        first = min(round(start * SAMPLE_RATE), max(0, take.samples - LEAST_SAMPLES))
        least = min(first + LEAST_SAMPLES, take.samples)
        return first, max(min(round(stop * SAMPLE_RATE), take.samples), least)

    def adjust(self, turn_id: str, **changes: Unpack[TurnChanges]) -> Adjustments:
        """Change the gain, pause or pace of a turn; without values, restore the neutral ones.

        Parameters
        ----------
        turn_id : str
        **changes : Unpack[TurnChanges]

        Returns
        -------
        Adjustments
            All of them, as they are now.

        Raises
        ------
        OptionError
            If a value is out of its range.
        ProjectError
            If the turn is not in the script, or the project can't be changed.

        Examples
        --------
        >>> import tempfile
        >>> from vibevoice_nb import Project
        >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/a", "A: Hi!") as project:
        ...     project.adjust(project.turns[0].id, gain=-3, pace=1.1)
        ...     project.adjust(project.turns[0].id, pause=0.8)
        Adjustments(gain=-3.0, pause=None, pace=1.1)
        Adjustments(gain=-3.0, pause=0.8, pace=1.1)
        """
        with self._store.mutex:
            record = self._store.record(turn_id)
            before, neutral = self.of_turn(record), Adjustments()
            after = replace(before, **changed(changes, neutral)) if changes else neutral
            if after == before:
                return before
            with self._store.changing("adjustments"):
                record = self._store.record(turn_id)
                old = {name: getattr(record, name) for name in ("gain", "pace", "gap_ms")}
                self._history.record(
                    f"adjusted {quoted(record)}", ["adjust_turn", turn_id, old], merge=MERGED_SECONDS
                )
                record.gain, record.pace = after.gain, after.pace
                record.gap_ms = None if after.pause is None else round(after.pause * 1000)
        return after

    def adjust_speaker(self, label: str, **changes: Unpack[SpeakerChanges]) -> SpeakerAdjustments:
        """Change the gain or pace of all turns of a speaker; without values, restore the neutral ones.

        Raises
        ------
        OptionError
            If a value is out of its range, or the speaker is unknown.
        ProjectError
            If the project can't be changed.
        """
        with self._store.mutex:
            member = self._member(label)
            before, neutral = SpeakerAdjustments(member.gain, member.pace), SpeakerAdjustments()
            after = replace(before, **changed(changes, neutral)) if changes else neutral
            if after == before:
                return before
            with self._store.changing("adjustments") as state:
                member = state.member(member.label)
                self._history.record(
                    f"adjusted {member.label}",
                    ["adjust_speaker", member.label, asdict(before)],
                    merge=MERGED_SECONDS,
                )
                member.gain, member.pace = after.gain, after.pace
        return after

    def trim(self, take: Take, start: float | None = None, stop: float | None = None) -> tuple[float, float]:
        """Play only `[start, stop)` of a take, in seconds; see `Project.trim_take`."""
        first = _samples(0.0 if start is None else start)
        last = _samples(take.seconds if stop is None else stop)
        if not 0 <= first <= last - LEAST_SAMPLES or last > take.samples:
            got = f"a trim from {shown(start)} to {shown(stop)}"
            expected = f"at least 0.05 s inside the take's {take.seconds:.2f} s"
            raise OptionError(got, expected, "give start and stop in seconds")
        trim = [first / SAMPLE_RATE, last / SAMPLE_RATE]
        whole = first == 0 and last == take.samples
        with self._store.mutex:
            before = self._store.state.trims.get(take.id)
            if before != (None if whole else trim):
                with self._store.changing("adjustments") as state:
                    words = f"trimmed a take of {take.turns[0].label}" if take.turns else "trimmed a take"
                    self._history.record(words, ["trim", take.id, before], merge=MERGED_SECONDS)
                    set_trim(state.trims, take.id, None if whole else trim)
        return trim[0], trim[1]

    def _member(self, label: object) -> MemberRecord:
        member = self._store.state.find_member(label) if isinstance(label, str) else None
        if member is None:
            known = ", ".join(known.label for known in self._store.state.cast)
            expected = f"one of {known}" if known else "a speaker of the script"
            raise OptionError(f"the speaker {shown(label)}", expected, "see project.cast")
        return member


def _samples(time: object) -> int:
    """Return a time in seconds as samples; -1 if it is not a time."""
    seconds = real(time)
    return round(seconds * SAMPLE_RATE) if seconds is not None and abs(seconds) < MAX_TRIM else -1


def changed(changes: Mapping[str, Any], neutral: Any) -> dict[str, Any]:
    """Return changes whose names are those of a dataclass.

    Raises
    ------
    OptionError
        If there is another name.
    """
    known = asdict(neutral)
    for name in changes:
        if name not in known:
            raise OptionError(f"the adjustment {shown(name)}", f"one of {', '.join(known)}", "leave it out")
    return dict(changes)


def set_trim(trims: dict[str, list[float]], take_id: str, trim: list[float] | None) -> None:
    """Set the trim of a take; None removes it."""
    if trim is None:
        trims.pop(take_id, None)
    else:
        trims[take_id] = trim


def _check_turn(key: str, before: Mapping[str, Any]) -> Kept:
    TurnRecord(checked_id(key), "", "", gain=before["gain"], pace=before["pace"], gap_ms=before["gap_ms"])
    return Kept()


@inverse("adjust_turn", _check_turn, reason="adjustments")
def _restore_turn(store: ProjectStore, key: str, before: Mapping[str, Any]) -> bool:
    """Adjust a turn as it was before."""
    if record := store.state.turn(key):
        record.gain, record.pace, record.gap_ms = before["gain"], before["pace"], before["gap_ms"]
    return True


def _check_speaker(key: str, before: Mapping[str, Any]) -> Kept:
    if not isinstance(key, str):
        raise ValueError("an undo step is not valid")
    SpeakerAdjustments(before["gain"], before["pace"])
    return Kept()


@inverse("adjust_speaker", _check_speaker, reason="adjustments")
def _restore_speaker(store: ProjectStore, key: str, before: Mapping[str, Any]) -> bool:
    """Adjust a speaker as it was before."""
    if member := store.state.find_member(key):
        member.gain, member.pace = before["gain"], before["pace"]
    return True


def _check_trim(key: str, before: Any) -> Kept:
    checked_id(key)
    if before is not None:
        checked_trim(before)
    return Kept()


@inverse("trim", _check_trim, reason="adjustments")
def _restore_trim(store: ProjectStore, key: str, before: list[float] | None) -> bool:
    """Trim a take as it was before."""
    set_trim(store.state.trims, key, before)
    return True
