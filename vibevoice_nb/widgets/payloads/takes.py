"""Turns of the script, their takes, and turns of audio."""

from __future__ import annotations

from typing import Literal, TypedDict

from vibevoice_nb.engine.model_limits import OddLength

TurnStatus = Literal["unspoken", "queued", "speaking", "spoken", "changed", "unspeakable"]


class TurnState(TypedDict):
    """Turn of the script and the state of its takes."""

    id: str
    speaker: str
    speaker_index: int
    line: int
    end_line: int
    text_column: int
    """Column of its first word in `line`; columns count as in `ScriptDiagnostic`."""
    end_column: int
    """Column after its last word in `end_line`."""
    state: TurnStatus
    reason: str
    """Reason why it is unspeakable; else empty."""
    partial: bool
    """True if the chosen take was stopped before its end."""
    context_changed: bool
    estimated: float
    seconds: float | None
    gap_ms: int | None
    pause_ms: int
    gain: float
    """In dB, without that of the speaker."""
    gain_limit: float | None
    """Gain of turn and speaker that is applied, if their sum would exceed full scale; else None."""
    pace: float
    takes: list[str]
    chosen: str | None


class TakeState(TypedDict):
    """Take of a turn."""

    id: str
    turn: str
    speaker: str
    text: str
    earlier: bool
    """Its words are not those of its turn now."""
    voice: str
    """Name of the voice that it was generated with."""
    created: str
    seed: int | None
    num_steps: int | None
    cfg_scale: float | None
    solver: str | None
    model: str
    seconds: float
    rtf: float | None
    samples: int
    trim_start: int
    """First sample that is played."""
    trim_stop: int
    """One past the last sample that is played."""
    starred: bool
    follows: str | None
    context_changed: bool
    ended: str
    odd_length: OddLength


class TakeTurn(TypedDict):
    """Turn of audio: samples `[start, stop)`."""

    turn: str
    label: str
    text: str
    color: str
    start: int
    stop: int
    confidence: float
    """Confidence in the boundaries, 0 to 1."""
    words: list[int]
    """Words, four numbers each: range of the text in UTF-16 units, and samples [start, stop); empty if their
    times are unknown."""


class TakeSummary(TypedDict):
    """Audio source with its turns: the `take` trait, and the reply to `describe`."""

    source: str
    name: str
    samples: int
    sample_rate: int
    revision: int
    """Changes with the audio."""
    turns: list[TakeTurn]
