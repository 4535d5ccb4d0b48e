"""True peaks: the audio between its samples, found by oversampling four times.

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
    """Largest oversampled value from each sample to the next; `REACH` samples at both ends are only context.

    Where none can be beyond `least`, which is in most places, nothing is oversampled and the result is 0.
    """
    from scipy.signal import upfirdn

    count = max(0, audio.size - 2 * REACH)
    peaks = np.zeros(count, dtype=np.float32)
    if not count:
        return peaks
    taps, overshoot = _interpolator()
    starts = np.arange(0, count, _STRETCH)
    highest = np.maximum.reduceat(np.abs(audio), starts)
    around = np.pad(highest, 1, mode="edge")
    around = np.maximum(np.maximum(around[:-2], around[2:]), highest)
    first = _OVERSAMPLING * 2 * REACH  # the filter's own delay, and the context
    for start in starts[around * overshoot > least]:
        stop = min(start + _STRETCH, count)
        fine = upfirdn(taps, audio[start : stop + 2 * REACH], up=_OVERSAMPLING)
        fine = np.abs(fine[first : first + _OVERSAMPLING * (stop - start)])
        np.maximum.reduce(
            [fine[phase::_OVERSAMPLING] for phase in range(_OVERSAMPLING)], out=peaks[start:stop]
        )
    return peaks


@functools.cache
def _interpolator() -> tuple[NDArray[np.float32], float]:
    """The oversampling filter, and how far its values can at most go beyond the samples'."""
    from scipy.signal import firwin

    taps = _OVERSAMPLING * firwin(2 * _OVERSAMPLING * REACH + 1, 1 / _OVERSAMPLING, window=("kaiser", 5.0))
    phases = np.abs(np.pad(taps, (0, -taps.size % _OVERSAMPLING))).reshape(-1, _OVERSAMPLING)
    return taps.astype(np.float32), float(phases.sum(axis=0).max())
