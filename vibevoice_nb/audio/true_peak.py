"""True peaks: peaks between samples, found by oversampling four times.

Shapes: audio is float32 [N].
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

REACH = 10
"""Samples on each side that an oversampled value depends on."""

_OVERSAMPLING = 4
_STRETCH = 2400  # samples that are oversampled, or left out, at a time


def true_peaks(audio: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    """Return the largest value from each sample to the next; `REACH` samples at both ends are only context.

    Parts that cannot exceed `least`, which is most of the audio, are not oversampled; their result is 0.
    """
    count = max(0, audio.size - 2 * REACH)
    peaks = np.zeros(count, dtype=np.float32)
    if not count:
        return peaks
    phases, overshoot = _interpolator()
    around = np.lib.stride_tricks.sliding_window_view(audio, 2 * REACH + 1)
    starts = np.arange(0, count, _STRETCH)
    highest = np.pad(np.maximum.reduceat(np.abs(audio), starts), 1, mode="edge")
    highest = np.maximum(np.maximum(highest[:-2], highest[2:]), highest[1:-1])  # the neighbors reach in
    for start in starts[highest * overshoot > least]:
        stop = min(start + _STRETCH, count)
        peaks[start:stop] = np.abs(phases @ around[start:stop].T).max(axis=0)
    return peaks


@functools.cache
def _interpolator() -> tuple[NDArray[np.float32], float]:
    """Return the oversampling filter, [4, 21], and the maximum ratio of its output to the samples."""
    from scipy.signal import firwin

    taps = _OVERSAMPLING * firwin(2 * _OVERSAMPLING * REACH + 1, 1 / _OVERSAMPLING, window=("kaiser", 5.0))
    phases = np.pad(taps, (0, _OVERSAMPLING - 1)).reshape(-1, _OVERSAMPLING).T[:, ::-1]
    return np.ascontiguousarray(phases, dtype=np.float32), float(np.abs(phases).sum(axis=1).max())
