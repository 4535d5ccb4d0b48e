"""Tracks of an export: the whole episode, one file per turn, or stems of speakers and music."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.sinks import Sink
from vibevoice_nb.audio.sources import Readable
from vibevoice_nb.audio.turns import TurnWord

from .files import safe_name
from .subtitles import SpokenTurn, words_of

_FADE = 120  # samples (5 ms) of the crossfade from one speaker's stem to the next

NO_LAYERS: Mapping[str, Readable] = {}

Gain = Callable[[int, int], NDArray[np.float32]]


@dataclass
class Track:
    """One audio file of an export.

    Attributes
    ----------
    stem : str
        File name without suffix.
    title : str
    start, stop : int
        Samples of the take that it contains.
    turns : sequence of SpokenTurn
        Its turns, at positions in the file.
    gain : callable or None
        From `(start, stop)`, samples of the take, to float32 [stop - start]: the gain of each sample.
    layer : Readable or None
        Layer of the take that it contains; None is the whole.
    """

    stem: str
    title: str
    start: int
    stop: int
    turns: Sequence[SpokenTurn]
    gain: Gain | None = None
    layer: Readable | None = None
    _encoder: Sink | None = field(default=None, repr=False)
    _file: BinaryIO | None = field(default=None, repr=False)

    def write(
        self, start: int, audio: NDArray[np.float32], begin: Callable[[Track], tuple[BinaryIO, Sink]]
    ) -> None:
        """Write the samples of a block that belong to this track; open and close the file as needed."""
        low, high = max(start, self.start), min(start + audio.size, self.stop)
        if low >= high:
            return
        if self._encoder is None:
            self._file, self._encoder = begin(self)
        piece = audio[low - start : high - start]
        self._encoder.write(piece if self.gain is None else piece * self.gain(low, high))
        if high == self.stop:
            assert self._file is not None
            self._encoder.close()
            self._file.close()

    def abandon(self, reason: BaseException) -> None:
        """Close an incomplete file."""
        if self._encoder is not None and self._file is not None and not self._file.closed:
            self._encoder.abandon(reason)
            with contextlib.suppress(OSError):
                self._file.close()


@dataclass(frozen=True)
class _Moved:
    """Turn at the beginning of its own file."""

    label: str
    text: str
    start: int
    stop: int
    words: tuple[TurnWord, ...]


def turn_tracks(
    turns: Sequence[SpokenTurn], samples: int, layers: Mapping[str, Readable] = NO_LAYERS
) -> list[Track]:
    """Return one track per turn with audio, numbered in order; music is left out."""
    digits = max(3, len(str(len(turns))))
    tracks = []
    for number, turn in enumerate(turns, 1):
        start, stop = max(0, turn.start), min(samples, turn.stop)
        if start < stop:
            stem = f"{number:0{digits}d}-{safe_name(turn.label)}".rstrip("-")
            words = tuple(
                replace(word, start=word.start - start, stop=word.stop - start) for word in words_of(turn)
            )
            moved = _Moved(turn.label, turn.text, 0, stop - start, words)
            title = f"{number}. {turn.label}"
            tracks.append(Track(stem, title, start, stop, [moved], layer=layers.get("speech")))
    return tracks


def stem_tracks(
    turns: Sequence[SpokenTurn], samples: int, layers: Mapping[str, Readable] = NO_LAYERS
) -> list[Track]:
    """Return one track per speaker and one of the music, as long as the episode; their sum is the episode.

    Audio between two turns belongs to the earlier one; in the last 5 ms before a turn the two speakers' stems
    are crossfaded.
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
        tracks.append(Track(stem, label, 0, samples, own, _gain(times, levels), layer=layers.get("speech")))
    if "music" in layers:
        stem = f"{len(tracks) + 1}-music"
        tracks.append(Track(stem, "Music", 0, samples, [], layer=layers["music"]))
    return tracks


def _gain(times: Sequence[int], levels: Sequence[float]) -> Gain:
    def gain(start: int, stop: int) -> NDArray[np.float32]:
        return np.interp(np.arange(start, stop), times, levels).astype(np.float32)

    return gain
