"""Progress of an export, and its cancellation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError

import numpy as np
from numpy.typing import NDArray


class ExportProgress:
    """Progress of an export, and its cancellation."""

    def __init__(
        self,
        samples: int,
        passes: int,
        progress: Callable[[float], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self._samples, self._total, self._done = samples, samples * passes, 0
        self._progress, self._cancelled = progress, cancelled

    def along(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Count a block of audio as completed and return it."""
        self.check()
        self._done += audio.size
        if self._progress is not None:
            self._progress(self._done / self._total)
        return audio

    def check(self) -> None:
        """Raise CancelledError if the export was cancelled."""
        if self._cancelled is not None and self._cancelled():
            raise CancelledError("the export was cancelled")

    def last_pass(self) -> None:
        """Count all passes but the last as completed."""
        self._done = self._total - self._samples
