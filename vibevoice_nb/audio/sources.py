"""Audio sources for reading in pieces: an array, a file of any length, any object with `read` and `peaks`.

Positions count samples; audio is float32 [N], mono.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from .pcm import SAMPLE_RATE, as_samples
from .peaks import BLOCK, Blocks, edges, exact_peaks, file_mark

_CHUNK = BLOCK * 4096  # 44 s
_KEEP_BEYOND = 60 * SAMPLE_RATE  # shorter files are measured faster than cached peaks are loaded


class Readable(Protocol):
    """Audio of known length that can be read in pieces."""

    @property
    def samples(self) -> int:
        """Number of samples."""

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read `[start, start + count)`; what lies beyond the ends is left out."""


@runtime_checkable
class AudioSource(Protocol):
    """Audio of known length, read in pieces from any thread."""

    @property
    def samples(self) -> int:
        """Number of samples."""

    @property
    def sample_rate(self) -> int:
        """Sample rate in Hz."""

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        """Read `[start, start + count)`; what lies beyond the ends is left out."""

    def peaks(self, start: int, stop: int, buckets: int) -> NDArray[np.int16]:
        """Return the minimum and maximum of equal parts of `[start, stop)`, int16 [buckets, 2].

        Fast at any zoom. Buckets of 256 samples and more are widened to whole blocks of 256, smaller ones
        are exact. Beyond the ends there is silence.
        """


@runtime_checkable
class Layered(Protocol):
    """Audio that is the sum of layers."""

    @property
    def layers(self) -> Mapping[str, Readable]:
        """The layers by name, such as "speech" and "music"; none if there is only one.

        Each begins with the audio, and may end before it.
        """


class BlockSource:
    """Mixin with peaks for a source: stored as blocks of 256 samples, measured on first use."""

    samples: int
    sample_rate: int

    def __init__(self) -> None:
        self._blocks: Blocks | None = None
        self._measuring = threading.Lock()

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        raise NotImplementedError

    @property
    def blocks(self) -> Blocks:
        """Minimum and maximum of every 256 samples."""
        with self._measuring:  # only one thread measures 90 minutes
            if self._blocks is None:
                self._blocks = self._measure()
            return self._blocks

    def _measure(self) -> Blocks:
        return Blocks.of(chunks_of(self))

    def peaks(self, start: int, stop: int, buckets: int) -> NDArray[np.int16]:
        """See `AudioSource.peaks`."""
        marks = edges(start, stop, buckets)
        if stop - start >= buckets * BLOCK:
            return self.blocks.between(marks[:-1], marks[1:])
        audio = self.read(max(0, start), max(0, stop - max(0, start)))
        before, after = max(0, -start), stop - max(0, start) - len(audio)
        audio = np.pad(audio, (min(before, stop - start), min(max(0, after), stop - start)))
        return exact_peaks(audio, marks - start)


class ArraySource(BlockSource):
    """Audio in memory.

    Parameters
    ----------
    audio : float32 [N]
        Samples, not copied.
    sample_rate : int

    Raises
    ------
    AudioError
        If it is not a one-dimensional array of finite samples.

    Examples
    --------
    >>> source = ArraySource(np.array([0.0, 0.5, -0.5, 0.25]))
    >>> source.read(1, 2).tolist(), source.peaks(0, 4, 2).tolist()
    ([0.5, -0.5], [[0, 16384], [-16384, 8192]])
    """

    def __init__(self, audio: NDArray[np.float32], sample_rate: int = SAMPLE_RATE) -> None:
        super().__init__()
        self._audio = as_samples(audio)
        self.samples, self.sample_rate = len(self._audio), sample_rate

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        first = max(0, start)
        return self._audio[first : max(first, start + count)].copy()


class FileSource(BlockSource):
    """WAV or FLAC file, read in pieces; several channels are averaged.

    The file is opened for each read, so that any number of threads can read and nothing stays open. The peaks
    of a long one are kept beside it as `NAME.peaks`, where that can be written.

    Parameters
    ----------
    path : path

    Raises
    ------
    AudioError
        If there is no such file, or it is not audio in a format that can be read in pieces.

    Examples
    --------
    >>> import soundfile, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     soundfile.write(f"{folder}/ramp.wav", np.arange(8) / 8, 24000)
    ...     FileSource(f"{folder}/ramp.wav").read(2, 3).tolist()
    [0.25, 0.375, 0.5]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__()
        self.path = Path(path)
        with self._open() as file:
            if file.format not in ("WAV", "WAVEX", "RF64", "FLAC") or not file.seekable():
                raise AudioError(
                    f"{path} is a file of type {file.format}", "WAV or FLAC", "convert it, or read it whole"
                )
            self.samples, self.sample_rate = int(file.frames), int(file.samplerate)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        first = min(max(0, start), self.samples)
        count = min(max(0, start + count - first), self.samples - first)
        if not count:
            return np.zeros(0, np.float32)
        import soundfile

        try:
            with self._open() as file:
                file.seek(first)
                audio = file.read(count, "float32", always_2d=True)  # [n, channels]
        except soundfile.LibsndfileError as exc:
            raise _unreadable(self.path, exc) from exc
        if len(audio) < count:
            raise _unreadable(self.path, f"it ends at sample {first + len(audio)} of {self.samples}")
        mono = audio[:, 0] if audio.shape[1] == 1 else audio.mean(axis=1, dtype=np.float32)
        return np.ascontiguousarray(mono)

    @property
    def peaks_path(self) -> Path:
        """Path of the cached peaks."""
        return self.path.with_name(f"{self.path.name}.peaks")

    def _measure(self) -> Blocks:
        mark = file_mark(self.path)
        kept = Blocks.load(self.peaks_path, mark, self.samples)
        if kept is None:
            kept = super()._measure()
            if self.samples > _KEEP_BEYOND and os.access(self.path.parent, os.W_OK):
                with contextlib.suppress(AudioError):  # a full disk: they are measured again next time
                    kept.save(self.peaks_path, mark)
        return kept

    def _open(self):  # type: ignore[no-untyped-def]  # soundfile has no types
        import soundfile

        try:
            if not self.path.is_file():  # a pipe or a device would wait for ever
                raise AudioError(f"{self.path}: no such file", "a WAV or FLAC file", "check the path")
            return soundfile.SoundFile(self.path)
        except (soundfile.LibsndfileError, TypeError, OSError, ValueError) as exc:
            raise _unreadable(self.path, exc) from exc


class Excerpt(BlockSource):
    """Samples `[start, stop)` of a source.

    Examples
    --------
    >>> Excerpt(ArraySource(np.arange(8) / 8), 2, 6).read(1, 9).tolist()
    [0.375, 0.5, 0.625]
    """

    def __init__(self, source: AudioSource, start: int, stop: int) -> None:
        super().__init__()
        self.source, self.start = source, start
        self.samples, self.sample_rate = stop - start, source.sample_rate

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        first = min(max(0, start), self.samples)
        last = max(first, min(start + count, self.samples))
        return self.source.read(self.start + first, last - first)

    def _measure(self) -> Blocks:
        marks = np.arange(-(-self.samples // BLOCK) + 1, dtype=np.int64) * BLOCK
        marks = self.start + np.minimum(marks, self.samples)
        found = blocks_of(self.source).between(marks[:-1], marks[1:])
        return Blocks(found[:, 0], found[:, 1])


def chunks_of(source: AudioSource | BlockSource) -> Iterator[NDArray[np.float32]]:
    """All of a source, 44 s at a time.

    Examples
    --------
    >>> [len(chunk) for chunk in chunks_of(ArraySource(np.zeros(1_100_000)))]
    [1048576, 51424]
    """
    for start in range(0, source.samples, _CHUNK):
        yield source.read(start, _CHUNK)


def read_padded(source: Readable, start: int, stop: int) -> NDArray[np.float32]:
    """Read `[start, stop)` in full, with silence before the beginning and after the end.

    Examples
    --------
    >>> read_padded(ArraySource(np.ones(2)), -1, 4).tolist()
    [0.0, 1.0, 1.0, 0.0, 0.0]
    """
    low = min(max(start, 0), stop)
    audio = source.read(low, stop - low) if stop > 0 else np.zeros(0, np.float32)
    return np.pad(audio, (low - start, stop - low - len(audio)))


def blocks_of(source: AudioSource) -> Blocks:
    """The blocks of any source; measured where it keeps none."""
    return source.blocks if isinstance(source, BlockSource) else Blocks.of(chunks_of(source))


def _unreadable(path: Path, reason: object) -> AudioError:
    return AudioError(f"{path}: {reason}", "a WAV or FLAC file that can be read", "copy or export it again")
