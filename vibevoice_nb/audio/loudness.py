"""Loudness normalization to a target in LUFS, with a true-peak limiter.

Shapes: audio is float32 [N], 24 kHz mono.

Loudness is integrated and gated after ITU-R BS.1770-4, with pyloudnorm's K-weighting; true peak is the
largest value of the audio oversampled four times. Both are measured block by block, so memory doesn't grow
with the length.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import as_samples
from vibevoice_nb.audio.sources import ArraySource, Readable

from .limiter import Levelling, levelled
from .meter import measure

CORRECTIONS = 2
"""Maximum number of passes that compensate for the limiter's reduction."""

_MOST_CORRECTION, _GOOD_ENOUGH = 3.0, 0.1  # dB


def normalize(
    audio: NDArray[np.floating[Any]], lufs: float = -16.0, true_peak_db: float = -1.0
) -> NDArray[np.float32]:
    """Normalize audio to a loudness, with true peaks below a limit.

    Parameters
    ----------
    audio : float32 [N]
    lufs : float
        -16 is usual for podcasts, -14 for streaming.
    true_peak_db : float
        Limit of the true peaks. If that needs too much reduction, the result is less loud.

    Returns
    -------
    float32 [N]
        A new array. Silence, and audio shorter than 0.4 s, which has no loudness, keep their level (though
        not peaks beyond the limit).

    Raises
    ------
    OptionError
        If a target is out of range.
    AudioError
        If the samples are not finite floats.

    Examples
    --------
    >>> quiet = 0.01 * np.sin(2 * np.pi * 997 * np.arange(72000) / 24000).astype(np.float32)
    >>> print(measure(normalize(quiet, -16.0)))
    -16.0 LUFS, true peak -12.9 dBTP, 3.0 s
    """
    source = ArraySource(as_samples(audio))
    blocks = [block * gains for _, block, gains in levelled(source, level(source, lufs, true_peak_db))]
    return np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)


def level(
    source: Readable,
    lufs: float,
    true_peak_db: float = -1.0,
    passing: Callable[[NDArray[np.float32]], NDArray[np.float32]] = np.asarray,
) -> Levelling:
    """Find the gain that normalizes audio to a loudness.

    Further gain compensates for the limiter's reduction, in up to two more passes and by at most 3 dB, since
    more would be audible.

    Parameters
    ----------
    source : Readable
    lufs, true_peak_db : float
    passing : callable
        Called with every block, which it returns; it may count blocks, or raise an exception to stop.

    Returns
    -------
    Levelling
        For `levelled`.

    Raises
    ------
    OptionError
        If a target is out of range.
    """
    Levelling.check(lufs, true_peak_db)
    plan = first = Levelling.plan(
        measure(passing(audio) for _, audio, _ in levelled(source, None)), lufs, true_peak_db
    )
    for _ in range(CORRECTIONS if plan.limiting and plan.before.lufs is not None else 0):
        reached = measure(passing(audio) * gains for _, audio, gains in levelled(source, plan)).lufs
        missing = 0.0 if reached is None else lufs - reached
        if missing < _GOOD_ENOUGH:
            break
        plan = replace(plan, gain_db=min(plan.gain_db + missing, first.gain_db + _MOST_CORRECTION))
    return plan
