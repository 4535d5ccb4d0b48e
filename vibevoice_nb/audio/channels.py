"""Phase check: detection of channels that cancel each other when averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CANCELLED = 0.1
"""Power of the average, relative to independent channels, below which channels cancel: -10 dB."""


class ChannelPowers:
    """Powers of the channels and of their average, without offsets, accumulated block by block.

    Independent channels of powers P keep sum(P) / channels^2 in their average, and so does a single one among
    silent ones; channels of opposite phase (one wired the wrong way round) keep next to nothing.

    Examples
    --------
    >>> tone = np.sin(np.arange(1000, dtype=np.float32))
    >>> powers = ChannelPowers()
    >>> powers.add(np.stack([tone, -0.9 * tone], axis=1), 0.05 * tone)
    >>> powers.cancelled()
    0
    """

    def __init__(self) -> None:
        self._count = 0
        self._sums: NDArray[np.float64] = np.zeros(0)
        self._squares: NDArray[np.float64] = np.zeros(0)
        self._alike = True

    def add(self, block: NDArray[np.float32], mono: NDArray[np.float32]) -> None:
        """Add samples [n, channels] and their average [n]."""
        channels = np.concatenate([block, mono[:, None]], axis=1, dtype=np.float64)  # [n, channels + 1]
        if not self._count:
            self._sums = np.zeros(channels.shape[1])
            self._squares = np.zeros(channels.shape[1])
        self._count += len(channels)
        self._alike = self._alike and channels.shape[1] == self._sums.size
        if self._alike:
            self._sums += channels.sum(axis=0)
            self._squares += np.square(channels).sum(axis=0)

    def cancelled(self) -> int | None:
        """Return the loudest channel if the average cancels them; else None."""
        if not self._count or not self._alike:
            return None
        powers = np.maximum(0.0, self._squares / self._count - np.square(self._sums / self._count))
        *channels, average = powers
        independent = sum(channels) / len(channels) ** 2
        if average >= CANCELLED * independent:
            return None
        return int(np.argmax(np.array(channels) > 0.99 * max(channels)))  # the first of equally loud ones
