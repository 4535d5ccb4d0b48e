"""Loudness normalization with one gain for the whole audio, and a limiter for the peaks.

Shapes: audio is float32 [N], 24 kHz mono; gains are float32 [n], to be multiplied with it.

The limiter looks ahead: the gain falls before a peak and then rises at a constant rate. In dB, this is a
running minimum (look-ahead), a cumulative minimum against a slope (release) and two moving averages (smooth
attack), without a loop over samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import AudioSource, BlockSource, Readable, blocks_of, read_padded
from vibevoice_nb.errors import AudioError, OptionError

from .meter import Loudness
from .pcm import BLOCK, FULL_SCALE
from .peaks import Blocks
from .true_peak import REACH, true_peaks

_ATTACK = 120  # samples: 5 ms; even, as each of two averages takes a half
_HOLD = 2 * REACH  # the gain is steady where the oversampling filter looks at it
_RELEASE = 60.0 / SAMPLE_RATE  # dB per sample


@dataclass(frozen=True)
class Levelling:
    """Gain plan that brings audio to a target loudness: one gain, and a limiter for the peaks.

    Attributes
    ----------
    before : Loudness
    target_lufs, limit_db : float
        Requested loudness and limit.
    gain_db : float
        Gain; 0 if the loudness is undefined.
    limiting : bool
        True if a peak would exceed the limit, so the limiter is active.
    """

    before: Loudness
    target_lufs: float
    limit_db: float
    gain_db: float
    limiting: bool

    @staticmethod
    def check(lufs: float, true_peak_db: float) -> None:
        """Raise OptionError for a loudness outside -40 to -5 LUFS or a limit outside -20 to 0 dBTP."""
        if not -40.0 <= lufs <= -5.0:
            raise OptionError(f"loudness={lufs}", "from -40 to -5 LUFS", "use -16 or -14")
        if not -20.0 <= true_peak_db <= 0.0:
            raise OptionError(f"true_peak_db={true_peak_db}", "from -20 to 0 dBTP", "use -1")

    @classmethod
    def plan(cls, before: Loudness, lufs: float, true_peak_db: float = -1.0) -> Levelling:
        """Decide the gain from what was measured."""
        gain = 0.0 if before.lufs is None else lufs - before.lufs
        return cls(before, lufs, true_peak_db, gain, before.true_peak_db + gain > true_peak_db)

    def gains(
        self, source: Readable, start: int, stop: int, release: float
    ) -> tuple[NDArray[np.float32], float]:
        """Compute the gain over [start, stop).

        Parameters
        ----------
        source : Readable
        start, stop : int
            Samples; called for one block after the other.
        release : float
            What the call for the block before returned; 0.0 for the first.

        Returns
        -------
        gains : float32 [stop - start]
        release : float
            Gain reduction at `stop - attack`, in dB.
        """
        steady = np.full(stop - start, 10 ** (self.gain_db / 20), dtype=np.float32)
        if not self.limiting:
            return steady, 0.0
        first = start - _ATTACK  # the moving averages look one attack back
        audio = read_padded(source, first - _HOLD - REACH, stop + _ATTACK + _HOLD + REACH)
        needed = _needed_db(audio * steady[0], self.limit_db)
        if release == 0.0 and not needed.any():
            return steady, 0.0
        down = _ahead(needed)  # for [first, stop), like all following arrays
        slope = _RELEASE * np.arange(down.size)
        lowest = np.minimum.accumulate(np.concatenate([[release + _RELEASE], down - slope]))[1:]
        fallen = np.minimum(lowest + slope, 0.0)
        smooth = _averaged(_averaged(fallen, _ATTACK // 2), _ATTACK // 2)[2:]
        return steady * (10 ** (smooth / 20)).astype(np.float32), float(fallen[stop - start - 1])


class Levelled(BlockSource):
    """Audio with the gains that normalize its loudness, as `levelled` yields them, read anywhere.

    Parameters
    ----------
    source : AudioSource
    plan : Levelling

    Examples
    --------
    >>> from vibevoice_nb.audio.loudness import level
    >>> from vibevoice_nb.audio.meter import measure
    >>> from vibevoice_nb.audio.sources import ArraySource
    >>> tone = ArraySource(0.01 * np.sin(2 * np.pi * 997 * np.arange(72000) / 24000).astype(np.float32))
    >>> loud = Levelled(tone, level(tone, -16.0))
    >>> round(measure(loud.read(0, loud.samples)).lufs, 1)
    -16.0
    """

    def __init__(self, source: AudioSource, plan: Levelling) -> None:
        super().__init__()
        self.source, self.plan = source, plan
        self.samples, self.sample_rate = source.samples, source.sample_rate
        # An earlier peak has no effect on the gain after the longest release.
        most = max(0.0, plan.before.true_peak_db + plan.gain_db - plan.limit_db)
        self._settled = int(most / _RELEASE) + 2 * _ATTACK

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        first = min(max(0, start), self.samples)
        last = max(first, min(start + count, self.samples))
        if first == last:
            return np.zeros(0, np.float32)
        begin = max(0, first - self._settled)
        gains, _ = self.plan.gains(self.source, begin, last, 0.0)
        return self.source.read(first, last - first) * gains[first - begin :]

    def _measure(self) -> Blocks:
        """Return the blocks of the source with the steady gain, up to the limit."""
        blocks, gain = blocks_of(self.source), 10 ** (self.plan.gain_db / 20)
        most = round((FULL_SCALE - 1) * 10 ** (self.plan.limit_db / 20))
        low, high = (np.clip(np.rint(part * gain), -most, most) for part in (blocks.low, blocks.high))
        return Blocks(low.astype(np.int16), high.astype(np.int16))


def levelled(
    source: Readable, levelling: Levelling | None
) -> Iterator[tuple[int, NDArray[np.float32], NDArray[np.float32] | float]]:
    """Read a source block by block, with the gains that normalize its loudness.

    Yields
    ------
    start : int
    audio : float32 [n]
        Audio of the source, unchanged.
    gains : float32 [n] or float
        Gains to multiply the audio with.
    """
    release = 0.0
    for start in range(0, source.samples, BLOCK):
        stop = min(start + BLOCK, source.samples)
        audio = source.read(start, stop - start)
        if audio.size != stop - start:
            raise AudioError(
                f"the source has {audio.size} samples instead of {stop - start}",
                "complete audio",
                "open it again",
            )
        gains: NDArray[np.float32] | float = 1.0
        if levelling is not None:
            gains, release = levelling.gains(source, start, stop, release)
        yield start, audio, gains


def _needed_db(audio: NDArray[np.float32], limit_db: float) -> NDArray[np.float64]:
    """Return the gain in dB, at most 0, for each sample; `REACH` samples at both ends are only context."""
    limit = 10 ** (limit_db / 20)
    peaks = true_peaks(audio, limit)
    needed = np.zeros(peaks.size)
    beyond = peaks > limit
    needed[beyond] = limit_db - 20 * np.log10(peaks[beyond], dtype=np.float64)
    return needed


def _ahead(needed: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lowest gain from a hold before each sample to an attack and a hold after it."""
    from scipy.ndimage import minimum_filter1d

    reach = _ATTACK // 2 + _HOLD
    return minimum_filter1d(needed, 2 * reach + 1)[reach : needed.size - reach]


def _averaged(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the mean of each run of `count` values, limited to 0."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    return np.minimum((sums[count:] - sums[:-count]) / count, 0.0)
