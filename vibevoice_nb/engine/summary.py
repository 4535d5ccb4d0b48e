"""Summary of a speech: its facts as plain values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .options import GenerationSettings

if TYPE_CHECKING:
    from ..review.result import ReviewFigures
    from .model_limits import OddLength
    from .options import Ended


class SpeechSummary(GenerationSettings, total=False):
    """Facts of a `Speech` as plain values, with the options as they were used."""

    model: str
    ended: Ended
    seconds: float
    """Length of the generated audio."""
    elapsed: float
    """Seconds of work."""
    rtf: float
    """Seconds of work per second of audio."""
    ttfa: float | None
    """Seconds from the request to the first audio."""
    cast: dict[str, str]
    """From speaker label to voice name."""
    odd_length: OddLength
    attempts: int
    unspoken: list[str]
    """Sentences about text that was not spoken; only if there are some."""
    review: ReviewFigures
    """Only of a speech that was reviewed."""
    left_out: list[str]
    """Diagnostics of the script, without mere information."""
    readings: dict[str, str]
    """From number of the turn to the text that the model was given, where that differs."""
