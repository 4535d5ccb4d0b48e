"""Timeline: pieces one after the other and music as one audio source, which reads from their files.

Positions are samples at 24 kHz. A piece that continues the one before it follows directly. Any other is
joined in the 20 ms before its first sample: the audio there (the end of the piece before, or silence) fades
out while its lead, the audio that the codec generated before the take, fades in, at equal power. A join
changes only the last 20 ms before it. Before a gap a piece fades out over its last 20 ms. If a piece
continues the one before it with another gain, the lead is the same audio as the end before it, and the fade
is linear: the level changes without a bump.

The pieces are the voice track, which begins after the part of an intro that is heard alone. Music is added to
it; see `soundtrack`.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import FULL_SCALE, SAMPLE_RATE
from vibevoice_nb.audio.peaks import BLOCK, Blocks
from vibevoice_nb.audio.sources import BlockSource, Readable, read_padded
from vibevoice_nb.engine.frames import LEAD_SAMPLES

from .pieces import Piece
from .soundtrack import MusicFile, Soundtrack, lead_of
from .take import Take, TakeTurn


@dataclass(frozen=True)
class Segment:
    """Piece at its place in a timeline.

    Attributes
    ----------
    piece : Piece
    start : int
        Its first sample.
    """

    piece: Piece
    start: int

    @property
    def take(self) -> Take:
        """The take of the piece."""
        return self.piece.take

    @property
    def stop(self) -> int:
        """One past its last sample."""
        return self.start + self.piece.samples

    @property
    def gap(self) -> int:
        """Samples of silence after it."""
        return self.piece.gap


@dataclass(frozen=True)
class _Join:
    """Crossfade of samples `[start, stop)`: they fade out, and the lead of a piece fades in."""

    start: int
    stop: int
    piece: Piece | None
    linear: bool = False

    def apply(self, audio: NDArray[np.float32], at: int) -> None:
        """Apply the part of it that is in `audio`, which begins at sample `at`."""
        first, last = max(self.start, at), min(self.stop, at + len(audio))
        if first >= last:
            return
        here, there = slice(first - at, last - at), slice(first - self.start, last - self.start)
        fade_out, fade_in = _fades(self.stop - self.start, self.linear)
        audio[here] *= fade_out[there]
        if self.piece is not None:
            audio[here] += (self.piece.lead[LEAD_SAMPLES - len(fade_in) :] * fade_in)[there]


@lru_cache
def _fades(length: int, linear: bool) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    part = (np.arange(length) + 0.5) / length
    if linear:
        return (1 - part).astype(np.float32), part.astype(np.float32)
    angle = part * (np.pi / 2)
    return np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)


class VoiceTrack(BlockSource):
    """Speech of an episode, assembled from takes.

    Parameters
    ----------
    parts : sequence of Piece or (Take, int)
        Pieces in order; or whole takes, each with the number of silent samples after it.
    begin : int
        Samples of silence before them.

    Attributes
    ----------
    segments : tuple of Segment
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, parts: Sequence[Piece | tuple[Take, int]], begin: int = 0) -> None:
        super().__init__()
        self.begin = begin
        pieces = [part if isinstance(part, Piece) else Piece(*part) for part in parts]
        segments: list[Segment] = []
        self._joins: list[_Join] = []
        # a first piece that begins in the middle of a sound: its lead is faded in
        at = begin
        if pieces and pieces[0].begins_inside:
            at += LEAD_SAMPLES
            self._joins.append(_Join(begin, at, pieces[0]))
        for piece in pieces:
            before = segments[-1] if segments else None
            if before is not None:
                same = piece.continues(before.piece)
                if not same or piece.gain != before.piece.gain:
                    self._joins.append(_Join(max(before.start, at - LEAD_SAMPLES), at, piece, linear=same))
            segments.append(Segment(piece, at))
            end = at + piece.samples
            if piece.gap or (piece is pieces[-1] and piece.ends_inside):
                self._joins.append(_Join(max(at, end - LEAD_SAMPLES), end, None))
            at = end + piece.gap
        self.segments = tuple(segments)
        self.samples = at
        self._starts = [segment.start for segment in segments]
        self._join_stops = [join.stop for join in self._joins]

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        first = min(max(0, start), self.samples)
        last = max(first, min(start + count, self.samples))
        audio = np.zeros(last - first, np.float32)
        for segment in self._between(first, last):
            begin, end = max(first, segment.start), min(last, segment.stop)
            if begin < end:
                audio[begin - first : end - first] = segment.piece.read(begin - segment.start, end - begin)
        for join in self._joins[bisect.bisect_right(self._join_stops, first) :]:
            if join.start >= last:
                break
            join.apply(audio, first)
        return audio

    def _between(self, first: int, last: int) -> Sequence[Segment]:
        begin = max(0, bisect.bisect_right(self._starts, first) - 1)
        return self.segments[begin : bisect.bisect_left(self._starts, last)]

    def _measure(self) -> Blocks:
        """Combine the blocks of the pieces; joins, shorter than a few blocks, are left out."""
        count = -(-self.samples // BLOCK)
        low, high = np.full(count, 32767, np.int16), np.full(count, -32768, np.int16)
        for segment in self.segments:
            first, last = segment.start // BLOCK, -(-segment.stop // BLOCK)
            marks = np.arange(first, last + 1, dtype=np.int64) * BLOCK - segment.start
            marks = np.clip(marks, 0, segment.piece.samples)
            found = segment.piece.peaks(marks[:-1], marks[1:])
            np.minimum(low[first:last], found[:, 0], out=low[first:last])
            np.maximum(high[first:last], found[:, 1], out=high[first:last])
        silent = low > high
        low[silent] = high[silent] = 0
        return Blocks(low, high)


class Timeline(BlockSource):
    """An episode: speech assembled from takes, with music.

    Parameters
    ----------
    parts : sequence of Piece or (Take, int)
        See `VoiceTrack`.
    music : sequence of MusicFile
        Without parts, it is left out.

    Attributes
    ----------
    voice : VoiceTrack
    music : Soundtrack or None

    Examples
    --------
    >>> one = Take.from_audio(np.full(1000, 0.5, np.float32))
    >>> timeline = Timeline([(one, 2400), (one, 0)])
    >>> timeline.samples, timeline.read(999, 3).round(2).tolist()
    (4400, [0.0, 0.0, 0.0])
    """

    sample_rate = SAMPLE_RATE

    def __init__(self, parts: Sequence[Piece | tuple[Take, int]], music: Sequence[MusicFile] = ()) -> None:
        super().__init__()
        files = music if parts else ()
        self.voice = VoiceTrack(parts, lead_of(files))
        spans = [(segment.start, segment.stop) for segment in self.voice.segments]
        self.music = Soundtrack(files, self.voice.begin, self.voice.samples, spans) if files else None
        self.samples = max(self.voice.samples, self.music.samples if self.music else 0)

    def __repr__(self) -> str:
        count = len(self.segments)
        music = ", ".join(cue.music.role for cue in self.music.cues) if self.music else ""
        seconds = self.samples / self.sample_rate
        about = f"{count} {'take' if count == 1 else 'takes'}{music and f', with {music}'}"
        return f"<Timeline: {seconds:.1f} s, {about}>"

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The pieces at their places."""
        return self.voice.segments

    @property
    def key(self) -> tuple[object, ...]:
        """Value that differs if the audio does."""
        return (*(segment.piece.key for segment in self.segments), *(self.music.key if self.music else ()))

    @property
    def turns(self) -> tuple[TakeTurn, ...]:
        """Turns at their positions."""
        return tuple(
            turn.moved(segment.start.__add__) for segment in self.segments for turn in segment.piece.turns
        )

    @property
    def layers(self) -> Mapping[str, Readable]:
        """Speech and music apart, if there is music; their sum is the timeline."""
        return {"speech": self.voice, "music": self.music} if self.music else {}

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        if self.music is None:
            return self.voice.read(start, count)
        first = min(max(0, start), self.samples)
        last = max(first, min(start + count, self.samples))
        return read_padded(self.voice, first, last) + read_padded(self.music, first, last)

    def _measure(self) -> Blocks:
        """Add the blocks of speech and music."""
        if self.music is None:
            return self.voice.blocks
        sums = np.zeros((2, -(-self.samples // BLOCK)), np.int32)
        for blocks in (self.voice.blocks, self.music.blocks):
            sums[0, : len(blocks.low)] += blocks.low
            sums[1, : len(blocks.high)] += blocks.high
        low, high = np.clip(sums, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
        return Blocks(low, high)
