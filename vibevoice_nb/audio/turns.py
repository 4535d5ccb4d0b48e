"""`TakeTurn`: a turn of the script inside generated audio."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TakeTurn:
    """A turn inside audio: samples [start, stop), and the confidence of these boundaries, from 0 to 1."""

    turn_id: str
    label: str
    text: str
    start: int
    stop: int
    confidence: float = 1.0
    color: str = ""
