"""Sweep: its cells and their reviews."""

from __future__ import annotations

from typing import Literal, TypedDict

from .review import ReviewDifference

CellStatus = Literal["waiting", "speaking", "finished", "cancelled"]


class CellReview(TypedDict):
    """Review of a cell of a sweep, of its whole script."""

    wer: float
    """Word error rate in percent."""
    score: float
    similarity: float | None
    words_per_minute: float | None
    recognizer: str
    differences: list[ReviewDifference]
    """The first ones that are certain, without places in the script and the episode."""
    count: int
    """Number of all that are certain."""


class SweepCell(TypedDict):
    """Cell of a sweep."""

    source: str
    num_steps: int | None
    cfg_scale: float | None
    seed: int | None
    solver: str | None
    temperature: float | None
    seconds: float
    elapsed: float
    rtf: float
    loudness: float | None
    state: CellStatus
    review: CellReview | None
