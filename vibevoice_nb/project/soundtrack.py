"""Soundtrack: the music of an episode as one audio source, placed around its speech.

Positions are samples at 24 kHz. The intro begins the episode: `alone` of it is heard before the speech, and
`overlap` under its beginning. The outro is placed in the same way at the end. The bed lasts as long as the
speech, and is quieter while somebody speaks. Music is added to the speech, whose samples stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.mixing import Envelope, Looped
from vibevoice_nb.audio.pcm import FULL_SCALE, SAMPLE_RATE
from vibevoice_nb.audio.peaks import BLOCK, Blocks
from vibevoice_nb.audio.sources import AudioSource, BlockSource, blocks_of

from .storage.music import Music

LOOP_FADE = SAMPLE_RATE // 2
"""Samples of the crossfade from the end of a bed to its beginning."""


@dataclass(frozen=True, eq=False)
class MusicFile:
    """Music and its audio.

    Attributes
    ----------
    music : Music
    source : AudioSource
    """

    music: Music
    source: AudioSource

    @property
    def alone(self) -> int:
        """Samples that are heard without speech."""
        return min(_samples(self.music.alone), self.source.samples)


def lead_of(files: Sequence[MusicFile]) -> int:
    """Return the samples of the intro before the speech begins."""
    return max((file.alone for file in files if file.music.role == "intro"), default=0)


@dataclass(frozen=True, eq=False)
class Cue:
    """Music at its place in an episode.

    Attributes
    ----------
    music : Music
    source : AudioSource
        Its audio, from the first sample that is played.
    start, stop : int
        Its samples in the episode.
    gains : tuple of Envelope
        Multiplied; at positions in the episode.
    """

    music: Music
    source: AudioSource
    start: int
    stop: int
    gains: tuple[Envelope, ...]

    @cached_property
    def level(self) -> np.float32:
        """Factor of the samples."""
        return np.float32(10 ** (self.music.gain / 20))

    def add_to(self, audio: NDArray[np.float32], at: int) -> None:
        """Add the part of it that is in `audio`, which begins at sample `at`."""
        first, last = max(self.start, at), min(self.stop, at + len(audio))
        if first < last:
            part = self.source.read(first - self.start, last - first) * self.level
            for gain in self.gains:
                part *= gain.read(first, last - first)
            audio[first - at : last - at] += part

    def peaks(self, count: int) -> NDArray[np.float64]:
        """Return minimum and maximum of the first `count` blocks of the episode, [count, 2]."""
        marks = np.clip(np.arange(count + 1, dtype=np.int64) * BLOCK, self.start, self.stop)
        found = blocks_of(self.source).between(marks[:-1] - self.start, marks[1:] - self.start)
        level = np.full(count + 1, self.level)
        for gain in self.gains:
            level *= gain.at(marks)
        return found.astype(np.float64) * np.maximum(level[:-1], level[1:])[:, None]


class Soundtrack(BlockSource):
    """Music of an episode.

    Parameters
    ----------
    files : sequence of MusicFile
        At most one for each role.
    begin, end : int
        First sample of the speech, and one past its last.
    spans : sequence of (int, int)
        Samples in which somebody speaks, in order.

    Attributes
    ----------
    cues : tuple of Cue

    Examples
    --------
    >>> from vibevoice_nb.audio.sources import ArraySource
    >>> music = Music("bed", "music-0123456789ab", "0" * 64, "hum", 24000, gain=0, fade_in=0, fade_out=0)
    >>> hum = MusicFile(music, ArraySource(np.full(24000, 0.5)))
    >>> track = Soundtrack([hum], 0, 120000, [(48000, 72000)])
    >>> track.read(0, 2).tolist(), round(float(track.read(60000, 1)[0]), 3)  # 12 dB quieter under speech
    ([0.5, 0.5], 0.126)
    """

    sample_rate = SAMPLE_RATE

    def __init__(
        self, files: Sequence[MusicFile], begin: int, end: int, spans: Sequence[tuple[int, int]]
    ) -> None:
        super().__init__()
        cues = [_cue(file, begin, end, spans) for file in files]
        self.cues = tuple(cue for cue in cues if cue.start < cue.stop)
        self.samples = max((cue.stop for cue in self.cues), default=0)

    @property
    def key(self) -> tuple[object, ...]:
        """Value that differs if the audio does; the places depend on the speech."""
        return tuple(cue.music for cue in self.cues)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        first = min(max(0, start), self.samples)
        last = max(first, min(start + count, self.samples))
        audio = np.zeros(last - first, np.float32)
        for cue in self.cues:
            cue.add_to(audio, first)
        return audio

    def _measure(self) -> Blocks:
        """Combine the blocks of the files, each with the largest gain at its ends."""
        count = -(-self.samples // BLOCK)
        peaks = np.zeros((count, 2))
        for cue in self.cues:
            peaks += cue.peaks(count)
        low, high = np.clip(np.rint(peaks), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16).T
        return Blocks(low, high)


def _cue(file: MusicFile, begin: int, end: int, spans: Sequence[tuple[int, int]]) -> Cue:
    """Place music; each kind begins with the first sample of its file."""
    music, source = file.music, file.source
    fades = _samples(music.fade_in), _samples(music.fade_out)
    overlap = min(_samples(music.overlap), end - begin)
    if music.role == "bed":
        length = end - begin
        source = Looped(source, length, LOOP_FADE) if music.loop and source.samples < length else source
        start, stop = begin, begin + min(source.samples, length)
        duck = 10 ** (-music.ducking / 20)
        ducking = Envelope.ducking(spans, duck, _samples(music.attack), _samples(music.release))
        return Cue(music, source, start, stop, (Envelope.fades(start, stop, *fades), ducking))
    if music.role == "intro":
        start, stop = begin - file.alone, begin + overlap
    else:
        start, stop = end - min(overlap, source.samples - file.alone), end + file.alone
    stop = min(stop, start + source.samples)
    return Cue(music, source, start, stop, (Envelope.fades(start, stop, *fades),))


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE)
