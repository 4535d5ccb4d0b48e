"""Reviews of takes, and the recognizer."""

from __future__ import annotations

from typing import Literal, TypedDict

from vibevoice_nb.review.differences import Kind as DifferenceKind

from .script import ScriptPlace

ReviewStatus = Literal["missing", "download", "available", "loading", "listening", "ready", "failed"]


class ReviewDifference(TypedDict):
    """Difference between the words of a take and those that were heard."""

    kind: DifferenceKind
    said: str
    """Words of the script; empty for extra words, silence and sound."""
    heard: str
    certain: bool
    start: float
    """Place in the take, in seconds."""
    end: float
    offset: int | None
    """Samples after the start of its turn in the episode; None if it is not played there."""
    place: ScriptPlace | None
    """Place in the script; None if the script has other words now, or the place is not known exactly."""


class TakeReview(TypedDict):
    """Review of a take."""

    wer: float
    """Word error rate in percent."""
    score: float
    flagged: bool
    """True if it has a difference that is certain."""
    similarity: float | None
    """Likeness of the voice to its recording, from -1 to 1; None if it was not measured."""
    nearest: str
    """Speaker whose voice is the most similar; empty if it was not measured."""
    words_per_minute: float | None
    relative_pace: float | None
    """Syllables per second, divided by the median of its speaker; None if that is not known."""
    loudness: float | None
    """In LUFS; None for silence, and for less than 0.4 s."""
    recognizer: str
    note: str
    differences: list[ReviewDifference]


class KnownRecognizer(TypedDict):
    """Suggested recognizer."""

    id: str
    note: str


class ReviewState(TypedDict):
    """State of the recognizer and of the reviews in the background."""

    state: ReviewStatus
    recognizer: str
    done: int
    total: int
    """Takes reviewed, and of all, while it is listening."""
    memory: int
    """Bytes; 0 if it is not loaded, or if that is not known."""
    download: int
    """Size of the download in bytes; 0 if it is not known."""
    license: str
    """Empty if it is not known."""
    message: str
    """Command that installs a missing package, or reason of a failure."""
