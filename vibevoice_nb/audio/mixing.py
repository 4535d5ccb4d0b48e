"""Parts of a mix: gains over time, and audio that is repeated.

Positions are samples at 24 kHz. Every sample depends on its position only, so that audio read in blocks of
any size is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .peaks import BLOCK, Blocks
from .sources import AudioSource, BlockSource, blocks_of


class Envelope:
    """Gain over time: straight lines between points; constant before the first and after the last.

    Parameters
    ----------
    points : sequence of (int, float)
        Positions, which increase, and gains.

    Examples
    --------
    >>> fade_in = Envelope([(0, 0.0), (4, 1.0)])
    >>> fade_in.read(2, 4).tolist()
    [0.5, 0.75, 1.0, 1.0]
    """

    def __init__(self, points: Sequence[tuple[int, float]]) -> None:
        self._times = np.array([time for time, _ in points], np.float64)
        self._gains = np.array([gain for _, gain in points], np.float64)

    @classmethod
    def fades(cls, start: int, stop: int, fade_in: int, fade_out: int) -> Envelope:
        """Return fades at both ends of `[start, stop)`; ones that would overlap are shortened alike."""
        length = stop - start
        scale = min(1.0, length / max(1, fade_in + fade_out))
        risen, falling = start + round(fade_in * scale), stop - round(fade_out * scale)
        points = {start: 0.0 if fade_in else 1.0, stop: 0.0 if fade_out else 1.0}
        points |= {max(risen, falling): 1.0, min(risen, falling): 1.0}
        return cls(sorted(points.items()))

    @classmethod
    def ducking(cls, spans: Sequence[tuple[int, int]], gain: float, attack: int, release: int) -> Envelope:
        """Return a gain that is lower during spans.

        It falls in the `attack` before a span, so that no first word is covered, and rises in the `release`
        after it. Between two spans that are too close for both, it stays low.

        Parameters
        ----------
        spans : sequence of (int, int)
            `[start, stop)` of the spans, in order.
        gain : float
            Factor during the spans.
        attack, release : int
            Samples, at least 1.

        Examples
        --------
        >>> low = Envelope.ducking([(4, 6), (9, 10)], 0.5, attack=2, release=2)
        >>> low.read(0, 14).tolist()
        [1.0, 1.0, 1.0, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.75, 1.0, 1.0]
        """
        merged: list[tuple[int, int]] = []
        for start, stop in spans:
            if merged and start - attack <= merged[-1][1] + release:
                merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
            elif start < stop:
                merged.append((start, stop))
        points: list[tuple[int, float]] = []
        for start, stop in merged:
            points += [(start - attack, 1.0), (start, gain), (stop, gain), (stop + release, 1.0)]
        return cls(points or [(0, 1.0)])

    def at(self, positions: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the gains at positions, float32 [n]."""
        return np.interp(positions, self._times, self._gains).astype(np.float32)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Return the gains of `[start, start + count)`, float32 [count]."""
        return self.at(np.arange(start, start + count))


class Looped(BlockSource):
    """Audio repeated to a length, each end crossfaded with the next beginning at equal power.

    Parameters
    ----------
    source : AudioSource
    samples : int
        Length of the result.
    fade : int
        Samples of the crossfade; at most a quarter of the source.

    Examples
    --------
    >>> from vibevoice_nb.audio.sources import ArraySource
    >>> Looped(ArraySource(np.arange(8) / 8), 20, 0).read(6, 4).tolist()
    [0.75, 0.875, 0.0, 0.125]
    """

    def __init__(self, source: AudioSource, samples: int, fade: int) -> None:
        super().__init__()
        self.source, self.samples, self.sample_rate = source, samples, source.sample_rate
        fade = min(fade, source.samples // 4)
        self._period = source.samples - fade
        angle = (np.arange(fade) + 0.5) / max(1, fade) * (np.pi / 2)
        self._rise, self._fall = np.sin(angle).astype(np.float32), np.cos(angle).astype(np.float32)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        first = min(max(0, start), self.samples)
        last = max(first, min(start + count, self.samples))
        audio = np.zeros(last - first, np.float32)
        fade = len(self._rise)
        at = first
        while at < last:
            turn, inside = divmod(at, self._period)
            end = min(last, (turn + 1) * self._period)
            piece = self.source.read(inside, end - at)
            if turn and inside < fade:
                here = slice(inside, min(fade, inside + len(piece)))
                length = here.stop - here.start
                tail = self.source.read(self._period + inside, length)
                piece[:length] = piece[:length] * self._rise[here] + tail * self._fall[here]
            audio[at - first : end - first] = piece
            at = end
        return audio

    def _measure(self) -> Blocks:
        """Return the blocks of the source at their places; crossfades are left out."""
        marks = np.arange(-(-self.samples // BLOCK), dtype=np.int64) * BLOCK % self._period
        found = blocks_of(self.source).between(marks, np.minimum(marks + BLOCK, self.source.samples))
        return Blocks(found[:, 0], found[:, 1])
