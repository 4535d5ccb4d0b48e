"""`Span`: frames of a line. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Span:
    """Frames [start_frame, stop_frame) of a line, with a confidence from 0 to 1."""

    start_frame: int
    stop_frame: int
    confidence: float

    def moved(self, frames: int) -> Span:
        """Return the span shifted by a number of frames."""
        return replace(self, start_frame=self.start_frame + frames, stop_frame=self.stop_frame + frames)
