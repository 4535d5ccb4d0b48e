"""Count of steps without audio, which ends a generation that produces none."""

from __future__ import annotations

from dataclasses import dataclass

MAX_SILENT_STEPS = 64
"""Steps without a frame, in a row or beyond `_PER_FRAME` for each frame, after which a model has stalled."""

_PER_FRAME = 4
"""A turn takes two steps without a frame (end and start of speech) and has at least one with."""


@dataclass(frozen=True)
class SilentSteps:
    """Count of steps without a frame.

    So a run of N frames takes fewer than 65 + 5 N steps, whatever the model emits.

    Examples
    --------
    >>> count = SilentSteps()
    >>> for _ in range(MAX_SILENT_STEPS):
    ...     count = count.after(made_frame=False)
    >>> count.stalled, SilentSteps().stalled
    (True, False)
    """

    in_row: int = 0
    excess: int = 0

    def after(self, *, made_frame: bool) -> SilentSteps:
        """Return the count after one more step."""
        if made_frame:
            return SilentSteps(0, self.excess - _PER_FRAME)
        return SilentSteps(self.in_row + 1, self.excess + 1)

    @property
    def stalled(self) -> bool:
        """True once the model has made too many steps without audio."""
        return max(self.in_row, self.excess) >= MAX_SILENT_STEPS
