"""Timeline: takes one after the other as one audio source, which reads from their files.

Positions are samples at 24 kHz. A take that continues the one before it follows directly. Any other is joined
in the 20 ms before its first sample: the audio there (the end of the take before, or silence) fades out while
its lead, the audio that the codec generated before the take, fades in, at equal power. A join changes only
the last 20 ms before it. Before a gap a take fades out over its last 20 ms.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.peaks import BLOCK, Blocks
from vibevoice_nb.audio.sources import BlockSource, blocks_of
from vibevoice_nb.engine.frames import LEAD_SAMPLES

from .take import Take, TakeTurn


@dataclass(frozen=True)
class Segment:
    """Take at its place in a timeline.

    Attributes
    ----------
    take : Take
    start, stop : int
        Range of its samples.
    gap : int
        Samples of silence after it.
    """

    take: Take
    start: int
    stop: int
    gap: int


@dataclass(frozen=True)
class _Join:
    """Crossfade of samples `[start, stop)`: they fade out, and the lead of a take fades in."""

    start: int
    stop: int
    take: Take | None

    def apply(self, audio: NDArray[np.float32], at: int) -> None:
        """Apply the part of it that is in `audio`, which begins at sample `at`."""
        first, last = max(self.start, at), min(self.stop, at + len(audio))
        if first >= last:
            return
        here, there = slice(first - at, last - at), slice(first - self.start, last - self.start)
        fade_out, fade_in = _fades(self.stop - self.start)
        audio[here] *= fade_out[there]
        if self.take is not None:
            audio[here] += (self.take.lead[LEAD_SAMPLES - len(fade_in) :] * fade_in)[there]


@lru_cache
def _fades(length: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    angle = (np.arange(length) + 0.5) * (np.pi / 2 / length)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


class Timeline(BlockSource):
    """An episode assembled from takes.

    Parameters
    ----------
    parts : sequence of (Take, int)
        Takes in order, each with the number of silent samples after it.

    Attributes
    ----------
    segments : tuple of Segment

    Examples
    --------
    >>> one = Take.from_audio(np.full(1000, 0.5, np.float32))
    >>> timeline = Timeline([(one, 2400), (one, 0)])
    >>> timeline.samples, timeline.read(999, 3).round(2).tolist()
    (4400, [0.0, 0.0, 0.0])
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, parts: Sequence[tuple[Take, int]]) -> None:
        super().__init__()
        segments: list[Segment] = []
        self._joins: list[_Join] = []
        # a first take that continues another one begins in the middle of a sound: its lead is faded in
        at = LEAD_SAMPLES if parts and parts[0][0].follows else 0
        if at:
            self._joins.append(_Join(0, at, parts[0][0]))
        for take, gap in parts:
            before = segments[-1] if segments else None
            if before is not None and (before.gap or take.follows != before.take.id):
                self._joins.append(_Join(max(before.start, at - LEAD_SAMPLES), at, take))
            segments.append(Segment(take, at, at + take.samples, gap))
            if gap:
                self._joins.append(_Join(max(at, at + take.samples - LEAD_SAMPLES), at + take.samples, None))
            at += take.samples + gap
        self.segments = tuple(segments)
        self.samples = at
        self._starts = [segment.start for segment in segments]
        self._join_stops = [join.stop for join in self._joins]

    def __repr__(self) -> str:
        count = len(self.segments)
        seconds = self.samples / self.sample_rate
        return f"<Timeline: {seconds:.1f} s, {count} {'take' if count == 1 else 'takes'}>"

    @property
    def turns(self) -> tuple[TakeTurn, ...]:
        """Turns at their positions."""
        return tuple(
            TakeTurn(
                turn.turn_id,
                turn.label,
                turn.text,
                turn.start + segment.start,
                turn.stop + segment.start,
                turn.confidence,
                turn.color,
            )
            for segment in self.segments
            for turn in segment.take.turns
        )

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        first = min(max(0, start), self.samples)
        last = max(first, min(start + count, self.samples))
        audio = np.zeros(last - first, np.float32)
        for segment in self._between(first, last):
            begin, end = max(first, segment.start), min(last, segment.stop)
            if begin < end:
                audio[begin - first : end - first] = segment.take.read(begin - segment.start, end - begin)
        for join in self._joins[bisect.bisect_right(self._join_stops, first) :]:
            if join.start >= last:
                break
            join.apply(audio, first)
        return audio

    def _between(self, first: int, last: int) -> Sequence[Segment]:
        begin = max(0, bisect.bisect_right(self._starts, first) - 1)
        return self.segments[begin : bisect.bisect_left(self._starts, last)]

    def _measure(self) -> Blocks:
        """Combine the blocks of the takes; joins, shorter than a few blocks, are left out."""
        count = -(-self.samples // BLOCK)
        low, high = np.full(count, 32767, np.int16), np.full(count, -32768, np.int16)
        for segment in self.segments:
            first, last = segment.start // BLOCK, -(-segment.stop // BLOCK)
            marks = np.arange(first, last + 1, dtype=np.int64) * BLOCK - segment.start
            marks = np.clip(marks, 0, segment.take.samples)
            found = blocks_of(segment.take.source).between(marks[:-1], marks[1:])
            np.minimum(low[first:last], found[:, 0], out=low[first:last])
            np.maximum(high[first:last], found[:, 1], out=high[first:last])
        silent = low > high
        low[silent] = high[silent] = 0
        return Blocks(low, high)
