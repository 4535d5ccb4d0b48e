"""Pieces of an episode: takes as they are played, trimmed, at a pace and with a gain.

A piece is a stage of the assembly: takes and their adjustments become pieces, and a `Timeline` places these
one after the other. Positions are samples at 24 kHz; those of a piece count from its first sample.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import FULL_SCALE
from vibevoice_nb.audio.sources import AudioSource, Excerpt, blocks_of
from vibevoice_nb.audio.stretch import Stretched
from vibevoice_nb.engine.frames import LEAD_SAMPLES
from vibevoice_nb.errors import AudioError
from vibevoice_nb.voices.checks import active_span

from .take import Take, TakeTurn

HEADROOM_DB = -0.1
"""Level that the peak of a piece reaches at most by its gain."""


@dataclass(frozen=True, eq=False)
class Piece:
    """Take as it is played, and the silence after it.

    Attributes
    ----------
    take : Take
    gap : int
        Samples of silence after it.
    start, stop : int
        Samples of the take that are played; a negative `stop` is its end.
    pace : float
        Speed at constant pitch.
    gain_db : float
        Requested gain; `applied_db` is the one applied.

    Examples
    --------
    >>> piece = Piece(Take.from_audio(np.full(24000, 0.5, np.float32)), start=2400, pace=1.2, gain_db=-6)
    >>> piece.samples, piece.read(0, 2).round(2).tolist()
    (18000, [0.25, 0.25])
    """

    take: Take
    gap: int = 0
    start: int = 0
    stop: int = -1
    pace: float = 1.0
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        if self.stop < 0:
            object.__setattr__(self, "stop", self.take.samples)

    @property
    def key(self) -> tuple[object, ...]:
        """Value that differs if the audio of the piece does."""
        return (self.take.id, self.gap, self.start, self.stop, self.pace, self.gain_db)

    @cached_property
    def source(self) -> AudioSource:
        """Its audio before the gain."""
        if self.pace == 1.0 and self.stop - self.start == self.take.samples:
            return self.take.source
        return Excerpt(self._whole, round(self.start / self.pace), round(self.stop / self.pace))

    @property
    def _whole(self) -> AudioSource:
        """The whole take at the pace: a trim that is moved changes no sample inside."""
        stretched: Callable[..., AudioSource] = _stretched  # sources are hashable
        return self.take.source if self.pace == 1.0 else stretched(self.take.source, self.pace)

    @property
    def samples(self) -> int:
        """Length in samples, without the gap."""
        return self.source.samples

    @cached_property
    def applied_db(self) -> float:
        """The gain in dB, or less if the peak would exceed full scale."""
        if self.gain_db <= 0.0:
            return self.gain_db
        return min(self.gain_db, max(0.0, headroom_db(self.take.source)))

    @cached_property
    def gain(self) -> np.float32:
        """Factor of the samples."""
        return np.float32(10 ** (self.applied_db / 20))

    @property
    def begins_inside(self) -> bool:
        """True if it begins in the middle of a sound: trimmed, or cut out of a longer recording."""
        return self.start > 0 or bool(self.take.follows)

    @property
    def ends_inside(self) -> bool:
        """True if its end is trimmed."""
        return self.stop < self.take.samples

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read samples `[start, start + count)`; samples beyond the ends are left out."""
        audio = self.source.read(start, count)
        return audio if self.gain == 1.0 else audio * self.gain

    def peaks(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int16]:
        """Return minimum and maximum of the samples `[first, last)`, int16 [n, 2]; see `Blocks.between`."""
        found = blocks_of(self.source).between(first, last)
        if self.gain == 1.0:
            return found
        return np.clip(np.rint(found * self.gain), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)

    @property
    def lead(self) -> NDArray[np.float32]:
        """The 20 ms of audio directly before its first sample, float32 [480]."""
        at = round(self.start / self.pace)
        before = self._whole.read(max(0, at - LEAD_SAMPLES), min(at, LEAD_SAMPLES))
        return np.concatenate([self.take.lead, before])[-LEAD_SAMPLES:] * self.gain

    @property
    def turns(self) -> tuple[TakeTurn, ...]:
        """The turns of the take, at positions in the piece."""
        return tuple(turn.moved(self.place) for turn in self.take.turns)

    def continues(self, before: Piece) -> bool:
        """Return True if its audio is the continuation of another piece, apart from the gain."""
        whole = not before.ends_inside and self.start == 0 and before.pace == self.pace == 1.0
        return whole and before.gap == 0 and self.take.follows == before.take.id

    def place(self, sample: int) -> int:
        """Return the position in the piece of a sample of its take; samples outside go to its ends."""
        inside = min(max(sample, self.start), self.stop)
        return round(inside / self.pace) - round(self.start / self.pace)


@lru_cache(maxsize=1024)
def _stretched(source: AudioSource, pace: float) -> AudioSource:
    """Return a source at a pace; kept, as the positions in it take time to compute."""
    return Stretched(source, pace)


_headroom: weakref.WeakKeyDictionary[AudioSource, float] = weakref.WeakKeyDictionary()
_active: weakref.WeakKeyDictionary[AudioSource, tuple[int, int]] = weakref.WeakKeyDictionary()


def headroom_db(source: AudioSource) -> float:
    """Return the largest gain, in dB, with which the peak of a source stays below full scale.

    Examples
    --------
    >>> round(headroom_db(Take.from_audio(np.full(100, 0.5, np.float32)).source), 1)
    5.9
    """
    known = _headroom.get(source)
    if known is None:
        try:
            blocks = blocks_of(source)
        except AudioError:  # a damaged file: playing it reports the error
            return 0.0
        peak = max(int(blocks.high.max(initial=1)), -int(blocks.low.min(initial=-1))) / FULL_SCALE
        known = _headroom[source] = HEADROOM_DB - 20 * float(np.log10(peak))
    return known


def without_silence(take: Take, start: int, stop: int, longest: int) -> tuple[int, int]:
    """Shorten the silence at both ends of `[start, stop)` of a take; return the new range.

    Silence is measured as in recordings of voices: 20 ms at least 40 dB below the loudest part, or below
    -60 dBFS. A take without speech stays as it is.

    Parameters
    ----------
    take : Take
    start, stop : int
    longest : int
        Samples of silence to leave at each end.

    Examples
    --------
    >>> speech = np.sin(np.arange(24000, dtype=np.float32))
    >>> take = Take.from_audio(np.pad(speech, (12000, 9600)))
    >>> without_silence(take, 0, take.samples, 2400)
    (9600, 38400)
    """
    span = _active.get(take.source)
    if span is None:
        try:
            span = _active[take.source] = active_span(take.audio, margin=0)
        except AudioError:  # a damaged file: playing it reports the error
            return start, stop
    first, last = span
    if first == last:
        return start, stop
    low, high = max(start, first - longest), min(stop, last + longest)
    return (low, high) if low < high else (start, stop)
