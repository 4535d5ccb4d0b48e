"""Audio sinks: memory, a WAV file, a queue.

Shapes: a chunk is float32 [n], 24 kHz mono, nominally in [-1, 1].
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
from collections import deque
from concurrent.futures import CancelledError
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, TypeVar, runtime_checkable

import numpy as np

from vibevoice_nb.audio.pcm import SAMPLE_RATE, as_samples, to_int16
from vibevoice_nb.errors import AudioError
from vibevoice_nb.files import (
    check_target,
    create,
    create_beside,
    disk_error,
    exists_error,
    publish,
    write_all,
)

# RIFF keeps its size in 32 bits; 4 GB are 24.8 hours of our audio.
MAX_WAV_BYTES = 0xFFFFFFFF
_Self = TypeVar("_Self", bound="Sink")
_WAV_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


@runtime_checkable
class Sink(Protocol):
    """Receives audio as it is generated. Use it in a `with` block, or call `close` at the end."""

    def write(self, chunk: np.ndarray) -> None:
        """Receive float32 [n]."""

    def close(self) -> None:
        """Complete the audio. May be called twice."""

    def abandon(self, reason: BaseException) -> None:
        """Abandon the audio because of `reason`; called by a `with` block on an exception."""
        self.close()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        if reason is None:
            self.close()
        else:
            self.abandon(reason)


class MemorySink(Sink):
    """Sink that stores the audio in memory.

    Examples
    --------
    >>> with MemorySink() as sink:
    ...     sink.write(np.zeros(3200, dtype=np.float32))
    ...     sink.write(np.zeros(3200, dtype=np.float32))
    >>> sink.audio.shape
    (6400,)
    """

    def __init__(self) -> None:
        self._chunks: list[np.ndarray] = []

    def write(self, chunk: np.ndarray) -> None:
        """Store a copy of float32 [n], as the generator may reuse its buffer."""
        self._chunks.append(as_samples(chunk).copy())

    def close(self) -> None:
        """Do nothing."""

    @property
    def audio(self) -> np.ndarray:
        """Audio written so far, float32 [N]."""
        if len(self._chunks) > 1:
            self._chunks = [np.concatenate(self._chunks)]
        return self._chunks[0] if self._chunks else np.zeros(0, dtype=np.float32)


class WavSink(Sink):
    """Sink that writes a 16-bit WAV during generation, with constant memory.

    The header is updated after every chunk, so the file is playable at any time: during the run, after an
    exception, after `kill -9`. It is created with the first audio. A new file is written under its own name.
    If `force` replaces an existing file, the audio is written to `NAME.part.wav` beside it (`NAME.part2.wav`
    if that exists) and renamed by `close`. After a failed run, the old file is unchanged, and the audio is
    in the part file, `working_path`.

    Parameters
    ----------
    path : path
        File name that ends in `.wav`.
    force : bool
        Replace an existing file.

    Attributes
    ----------
    path : Path
        The finished file.
    working_path : Path or None
        File that currently has the audio; None before the first audio.
    samples : int
        Samples written; `seconds` is the same in seconds.
    clipped : int
        Number of clipped samples, which exceeded full scale.

    Raises
    ------
    AudioError
        If the file cannot be written, checked at once; raised by `write` if the disk is full (the audio so
        far remains playable), 4 GB (24.8 hours) are reached, or samples are not finite.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with WavSink(Path(folder) / "episode.wav") as sink:
    ...         sink.write(np.zeros(3200, dtype=np.float32))
    ...     sink.path.name, sink.path.stat().st_size
    ('episode.wav', 6444)
    """

    def __init__(self, path: str | os.PathLike[str], force: bool = False) -> None:
        self.path = check_target(path, suffixes=(".wav",), force=force)
        self.working_path: Path | None = None
        self.samples = 0
        self.clipped = 0
        self._force = force
        self._file: BinaryIO | None = None
        self._closed = False

    @property
    def seconds(self) -> float:
        """Seconds of audio written."""
        return self.samples / SAMPLE_RATE

    def write(self, chunk: np.ndarray) -> None:
        """Append float32 [n]; on return, it is in the file on disk, which is playable."""
        chunk = as_samples(chunk)
        if self._closed:
            raise AudioError(
                f"audio was written to {self.path}, which is closed", "an open sink", "open a new one"
            )
        if not chunk.size:
            return
        samples = self.samples + chunk.size
        if _WAV_HEADER.size + 2 * samples > MAX_WAV_BYTES:
            self._end()
            raise AudioError(
                f"{self.working_path} is full after {self.seconds / 3600:.1f} hours",
                "a WAV file of at most 4 GB",
                "split the script; the audio so far is in that file",
            )
        pcm = to_int16(chunk).astype("<i2").tobytes()
        try:
            if self._file is None:
                self._file = self._open()
                write_all(self._file, _wav_header(samples) + pcm)  # in one write, so never without a header
            else:
                self._file.seek(_WAV_HEADER.size + 2 * self.samples)
                write_all(self._file, pcm)
                self._file.seek(0)
                write_all(self._file, _wav_header(samples))
        except OSError as exc:
            self._closed = True
            raise disk_error(self.path, exc, self._salvage()) from exc
        self.samples = samples
        self.clipped += int(np.count_nonzero(np.abs(chunk) > 1.0))

    def close(self) -> None:
        """Flush to the disk and rename the file. Without audio, there is no file."""
        if self._closed:
            return
        self._end()
        if self.working_path is not None and self.working_path != self.path:
            try:
                publish(self.working_path, self.path, force=True)
            except OSError as exc:
                raise disk_error(self.path, exc, f"the audio is in {self.working_path}") from exc
            self.working_path = self.path

    def abandon(self, reason: BaseException) -> None:
        """Keep the audio in `working_path`; an existing file is not replaced."""
        if not self._closed:
            self._end()

    def _open(self) -> BinaryIO:
        if self._force and self.path.exists():
            self.working_path, file = create_beside(self.path, f".part{self.path.suffix}")
            return file
        try:
            file = create(self.path)
        except FileExistsError:
            raise exists_error(self.path) from None
        self.working_path = self.path
        return file

    def _end(self) -> None:
        self._closed = True
        if self._file is None:
            return
        try:
            with self._file:
                os.fsync(self._file.fileno())
        except OSError as exc:
            raise disk_error(self.path, exc, f"the audio is in {self.working_path}") from exc

    def _salvage(self) -> str:
        """Remove the partial chunk of a failed write; return the error, which describes the rest."""
        if self._file is None:
            return "nothing was written"
        assert self.working_path is not None
        with contextlib.suppress(OSError), self._file:
            self._file.truncate(_WAV_HEADER.size + 2 * self.samples)
            self._file.seek(0)
            write_all(self._file, _wav_header(self.samples))
        if not self.samples:
            self.working_path.unlink(missing_ok=True)
            self.working_path = None
            return "nothing was written"
        return f"the first {self.seconds:.1f} s are in {self.working_path}"


class QueueSink(Sink):
    """Sink that passes chunks from the generating thread to a reading one; iterate to receive them.

    The queue is bounded: `write` waits while `max_chunks` are unread. `close` ends the iteration after the
    last chunk. An exception on the generating side is raised again on the reading side, so a crash is not
    mistaken for the end. `cancel`, from any thread, stops both: the iteration ends, and `write`, even a
    waiting one, raises `concurrent.futures.CancelledError`.

    Examples
    --------
    >>> with QueueSink() as sink:
    ...     sink.write(np.zeros(3200, dtype=np.float32))
    >>> [chunk.shape for chunk in sink]
    [(3200,)]
    """

    def __init__(self, max_chunks: int = 64) -> None:
        self.max_chunks = max_chunks
        self.cancelled = False
        self._chunks: deque[np.ndarray] = deque()
        self._ended = False
        self._reason: BaseException | None = None
        self._changed = threading.Condition()

    def write(self, chunk: np.ndarray) -> None:
        """Enqueue float32 [n]; wait while the queue is full."""
        chunk = as_samples(chunk).copy()
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._chunks) < self.max_chunks)
            if self.cancelled:
                raise CancelledError("the reader has stopped")
            if self._ended:
                raise AudioError("audio was written to a closed queue", "an open sink", "open a new one")
            self._chunks.append(chunk)
            self._changed.notify_all()

    def close(self) -> None:
        """Mark the end, after the last chunk."""
        with self._changed:
            self._end()

    def abandon(self, reason: BaseException) -> None:
        """Raise `reason` on the reading side, after the chunks in the queue."""
        with self._changed:
            if not self._ended:
                self._reason = reason
            self._end()

    def cancel(self) -> None:
        """Stop both sides; unread chunks are dropped."""
        with self._changed:
            self.cancelled = True
            self._chunks.clear()
            self._end()

    def __iter__(self) -> QueueSink:
        return self

    def __next__(self) -> np.ndarray:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or len(self._chunks) > 0)
            if self._chunks:
                self._changed.notify_all()
                return self._chunks.popleft()
            if self._reason is not None and not self.cancelled:
                raise self._reason
            raise StopIteration

    def _end(self) -> None:
        self._ended = True
        self._changed.notify_all()


def _wav_header(samples: int) -> bytes:
    size = 2 * samples
    return _WAV_HEADER.pack(
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16, b"data", size
    )
