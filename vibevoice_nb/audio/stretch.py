"""Time stretch: audio at another pace with its pitch unchanged, read in pieces.

Shapes: audio is float32 [N], 24 kHz mono; the result is float32 [round(N / pace)].

WSOLA (waveform similarity overlap-add; Verhelst and Roelands, 1993): windows are taken from the input at
`pace` times the distance at which they are written, each moved by up to 10 ms to where it continues the
one before best. Only the positions of the windows are computed in order and kept, 67 integers per second;
audio is then read anywhere, as a player does, and the length is exact. Libraries offer neither: FFmpeg's
`atempo`, the only maintained one for speech with a permissive license, is a stream that is up to 25 ms too
long or short, and `librosa.effects.time_stretch` is a phase vocoder, which smears speech.
"""

from __future__ import annotations

import threading
from array import array
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .pcm import SAMPLE_RATE
from .peaks import BLOCK, Blocks
from .sources import AudioSource, BlockSource, blocks_of, read_padded

_HOP = 15 * SAMPLE_RATE // 1000
"""Half a window, written per step. With 15 ms, a window holds two periods of a low voice."""
_SEARCH = 10 * SAMPLE_RATE // 1000
"""Search range around the nominal position of a window: a period of a low voice."""
_PLANNED = 256
"""Steps planned at a time (4 s), always the same ones, so that every reader gets the same positions."""
_READ = 1024
"""Most steps joined at a time (15 s), which bounds the memory."""
_BIAS = 1e-3
"""Similarity that the largest move costs: among equals, as in silence, the nominal position is taken."""


@lru_cache
def _rise() -> NDArray[np.float32]:
    angle = np.pi * (np.arange(_HOP) + 0.5) / _HOP
    return (0.5 - 0.5 * np.cos(angle)).astype(np.float32)


def planned_samples(received: int, pace: float) -> int:
    """Return the samples of the result that the first `received` samples of a growing source determine.

    >>> planned_samples(24_000, 1.25), planned_samples(240_000, 1.25)
    (0, 184680)
    """
    groups = int((received - _SEARCH - 2 * _HOP) / (_PLANNED * _HOP * pace)) if received > 0 else 0
    return (1 + _PLANNED * groups) * _HOP if groups > 0 else 0


class Stretched(BlockSource):
    """Audio at another pace with its pitch unchanged.

    Parameters
    ----------
    source : AudioSource
        Mono audio at 24 kHz.
    pace : float
        1.1 is 10 % faster, so that the result is shorter.

    Examples
    --------
    >>> from vibevoice_nb.audio.sources import ArraySource
    >>> tone = np.sin(2 * np.pi * 200 * np.arange(24000) / 24000).astype(np.float32)
    >>> faster = Stretched(ArraySource(tone), 1.25)
    >>> crossings = np.diff(np.sign(faster.read(0, 19200))) > 0
    >>> faster.samples, int(crossings.sum())  # 0.8 s of 200 Hz
    (19200, 160)
    """

    def __init__(self, source: AudioSource, pace: float) -> None:
        super().__init__()
        self.source, self.pace = source, pace
        self.sample_rate = source.sample_rate
        self.samples = round(source.samples / pace)
        self._positions = array("q", [0])
        self._planning = threading.Lock()

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        first = min(max(0, start), self.samples)
        last = max(first, min(start + count, self.samples))
        begin, end = first // _HOP, -(-last // _HOP)
        pieces = [self._steps(at, min(at + _READ, end)) for at in range(begin, end, _READ)]
        audio = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        return audio[first - begin * _HOP : last - begin * _HOP]

    def _steps(self, begin: int, end: int) -> NDArray[np.float32]:
        """Return the audio of the steps `[begin, end)`."""
        positions = self._planned(begin, end)  # [end - begin + 1], of the step before the first one, too
        low = int(positions.min())
        audio = read_padded(self.source, low, int(positions.max()) + 2 * _HOP)
        at = positions[:, None] - low + np.arange(_HOP)  # [steps + 1, hop]
        rise = _rise()
        steps = audio[at[:-1] + _HOP] * (1 - rise) + audio[at[1:]] * rise
        if begin == 0:
            steps[0] = audio[at[1]]
        return steps.ravel()

    def _planned(self, begin: int, end: int) -> NDArray[np.int64]:
        """Return the positions of the windows `[begin - 1, end)`; that before the first is the first."""
        with self._planning:  # a thread that waits finds the positions computed
            while len(self._positions) < end:
                self._plan()
            known = self._positions[max(0, begin - 1) : end]
        return np.array(known if begin else [0, *known], np.int64)

    def _plan(self) -> None:
        """Find the positions of the next windows, each the most similar continuation of the one before."""
        first, steps = len(self._positions), -(-self.samples // _HOP)
        nominal = [round(step * _HOP * self.pace) for step in range(first, min(first + _PLANNED, steps))]
        last = max(0, self.source.samples - 2 * _HOP)  # a later window would end in silence, with a click
        low = min(self._positions[-1] + _HOP, nominal[0] - _SEARCH, last)
        audio = read_padded(self.source, low, nominal[-1] + _SEARCH + 2 * _HOP)
        energy = np.concatenate([[0.0], np.cumsum(np.square(audio, dtype=np.float64))])
        for center in nominal:
            natural = self._positions[-1] + _HOP - low
            right = min(center + _SEARCH, last)
            left = min(center - _SEARCH, right)
            window = audio[left - low : right - low + _HOP]
            products = np.correlate(window, audio[natural : natural + _HOP], "valid")
            powers = energy[left - low + _HOP : right - low + _HOP + 1] - energy[left - low : right - low + 1]
            power = energy[natural + _HOP] - energy[natural]
            likeness = products / np.sqrt(np.maximum(powers * power, 1e-12))
            moves = np.abs(np.arange(left - center, right - center + 1))
            self._positions.append(left + int(np.argmax(likeness - _BIAS / _SEARCH * moves)))

    def _measure(self) -> Blocks:
        """Return the blocks of the source around the same place, which needs no stretching."""
        marks = np.arange(-(-self.samples // BLOCK) + 1, dtype=np.int64) * BLOCK
        first = (marks[:-1] * self.pace).astype(np.int64) - _SEARCH
        last = (marks[1:] * self.pace).astype(np.int64) + _SEARCH + _HOP
        found = blocks_of(self.source).between(np.maximum(first, 0), last)
        return Blocks(found[:, 0], found[:, 1])
