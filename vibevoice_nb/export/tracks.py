"""The audio files an export is made of: the whole, one for each turn, or one stem for each speaker."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.encode import Encoder

from .files import safe_name
from .subtitles import SpokenTurn

_FADE = 120  # samples: 5 ms, in which one speaker's stem goes over into the next one's

Share = Callable[[int, int], NDArray[np.float32]]


@dataclass
class Track:
    """One audio file of an export.

    Attributes
    ----------
    stem : str
        Name of the file, without suffix.
    title : str
    start, stop : int
        What part of the take goes into it.
    turns : sequence of SpokenTurn
        What is said in it, in the file's own time.
    share : callable or None
        From `(start, stop)`, samples of the take, to float32 [stop - start]: how much of each is in it.
    """

    stem: str
    title: str
    start: int
    stop: int
    turns: Sequence[SpokenTurn]
    share: Share | None = None
    _encoder: Encoder | None = field(default=None, repr=False)
    _file: BinaryIO | None = field(default=None, repr=False)

    def write(
        self, start: int, audio: NDArray[np.float32], begin: Callable[[Track], tuple[BinaryIO, Encoder]]
    ) -> None:
        """Take what belongs here of a block of the take; the file is begun and ended on the way."""
        low, high = max(start, self.start), min(start + audio.size, self.stop)
        if low >= high:
            return
        if self._encoder is None:
            self._file, self._encoder = begin(self)
        piece = audio[low - start : high - start]
        self._encoder.write(piece if self.share is None else piece * self.share(low, high))
        if high == self.stop:
            assert self._file is not None
            self._encoder.close()
            self._file.close()

    def abandon(self) -> None:
        """Let go of the file, complete or not."""
        if self._encoder is not None and self._file is not None and not self._file.closed:
            self._encoder.abandon()
            with contextlib.suppress(OSError):
                self._file.close()


@dataclass(frozen=True)
class _Moved:
    """A turn in a file that begins with it."""

    label: str
    text: str
    start: int
    stop: int


def turn_tracks(turns: Sequence[SpokenTurn], samples: int) -> list[Track]:
    """One track for each turn that has audio, numbered in their order."""
    digits = max(3, len(str(len(turns))))
    tracks = []
    for number, turn in enumerate(turns, 1):
        start, stop = max(0, turn.start), min(samples, turn.stop)
        if start < stop:
            stem = f"{number:0{digits}d}-{safe_name(turn.label)}".rstrip("-")
            moved = _Moved(turn.label, turn.text, 0, stop - start)
            tracks.append(Track(stem, f"{number}. {turn.label}", start, stop, [moved]))
    return tracks


def stem_tracks(turns: Sequence[SpokenTurn], samples: int) -> list[Track]:
    """One track for each speaker, as long as the whole; together they are the whole.

    What lies between two turns belongs to the one before; in the last 5 ms before a turn, one speaker's share
    falls as the next one's rises.
    """
    ordered = [turn for turn in sorted(turns, key=lambda turn: turn.start) if turn.start < turn.stop]
    if not ordered:
        return []
    labels = list(dict.fromkeys(turn.label for turn in ordered))
    times, owners = [0], [ordered[0].label]
    for turn in ordered[1:]:
        if turn.label != owners[-1]:
            times += [max(times[-1], turn.start - _FADE), max(times[-1], turn.start)]
            owners += [owners[-1], turn.label]
    tracks = []
    for number, label in enumerate(labels, 1):
        levels = [float(owner == label) for owner in owners]
        own = [turn for turn in ordered if turn.label == label]
        stem = f"{number}-{safe_name(label)}".rstrip("-")
        tracks.append(Track(stem, label, 0, samples, own, _share(times, levels)))
    return tracks


def _share(times: Sequence[int], levels: Sequence[float]) -> Share:
    def share(start: int, stop: int) -> NDArray[np.float32]:
        return np.interp(np.arange(start, stop), times, levels).astype(np.float32)

    return share
