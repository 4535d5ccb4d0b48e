"""Waveform peaks: minimum and maximum of every 256 samples, cached beside the audio file.

Shapes: audio float32 [N]; B = ceil(N / 256) blocks; peaks int16 [buckets, 2], minimum and maximum. One level
is enough: 90 minutes have half a million blocks, which are reduced in a millisecond.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError, OptionError
from ..files import write_atomically
from .pcm import to_int16

BLOCK = 256
MAX_BUCKETS = 1 << 16
MAX_PEAKS_BYTES = 64 * 1024**2  # 37 hours
_FORMAT = "vibevoice-nb peaks 2"  # version 1 scaled samples by 32767


def edges(start: int, stop: int, buckets: int) -> NDArray[np.int64]:
    """Return the first sample of each bucket, and the end of the last one; int64 [buckets + 1].

    Raises
    ------
    OptionError
        If there are no or too many buckets, or the stop is before the start.

    Examples
    --------
    >>> edges(0, 10, 4).tolist()
    [0, 2, 5, 7, 10]
    """
    if not 1 <= buckets <= MAX_BUCKETS:
        raise OptionError(f"{buckets} buckets", f"1 to {MAX_BUCKETS}", "use one per pixel")
    if stop < start:
        raise OptionError(f"samples {start} to {stop}", "a stop not before the start", "swap them")
    return start + np.arange(buckets + 1, dtype=np.int64) * (stop - start) // buckets


@dataclass(frozen=True, eq=False)
class Blocks:
    """Minimum and maximum of every 256 samples.

    Attributes
    ----------
    low, high : int16 [B]
    """

    low: NDArray[np.int16]
    high: NDArray[np.int16]

    @classmethod
    def of(cls, chunks: Iterable[NDArray[np.float32]]) -> Blocks:
        """Return the blocks of audio given in chunks.

        Parameters
        ----------
        chunks : iterable of float32 [n]
            Audio; the length of each chunk but the last is a multiple of 256.

        Examples
        --------
        >>> blocks = Blocks.of([np.full(512, 0.5, np.float32), np.zeros(10, np.float32)])
        >>> blocks.high.tolist()
        [16384, 16384, 0]
        """
        low, high = [np.zeros(0, np.int16)], [np.zeros(0, np.int16)]
        for chunk in chunks:
            samples = to_int16(chunk)
            whole = len(samples) // BLOCK * BLOCK
            rows = samples[:whole].reshape(-1, BLOCK)  # [n / 256, 256]
            low.append(rows.min(axis=1))
            high.append(rows.max(axis=1))
            if whole < len(samples):
                low.append(samples[whole:].min(keepdims=True))
                high.append(samples[whole:].max(keepdims=True))
        return cls(np.concatenate(low), np.concatenate(high))

    def between(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int16]:
        """Return the peaks of the samples [first, last), widened to whole blocks; silence outside the audio.

        Parameters
        ----------
        first, last : int64 [n]

        Returns
        -------
        int16 [n, 2]
        """
        count = len(self.low)
        begin = np.clip(first // BLOCK, 0, count)
        end = np.clip(-(-last // BLOCK), 0, count)
        pairs = np.stack([begin, end], axis=1).ravel()
        # `reduceat` reduces from each index to the next; every other result belongs to a gap.
        silence = np.zeros(1, np.int16)
        low = np.minimum.reduceat(np.concatenate([self.low, silence]), pairs)[::2]
        high = np.maximum.reduceat(np.concatenate([self.high, silence]), pairs)[::2]
        found = np.stack([low, high], axis=1)
        found[begin >= end] = 0
        return found

    def save(self, path: Path, about: str) -> None:
        """Write the peaks to a file (safetensors) atomically; `about` identifies the audio.

        Raises
        ------
        AudioError
            If the write fails, for example on a full disk.
        """
        from safetensors.numpy import save

        tensors = {"low": self.low, "high": self.high}
        write_atomically(path, save(tensors, metadata={"format": _FORMAT, "about": about}), force=True)

    @classmethod
    def load(cls, path: Path, about: str, samples: int) -> Blocks | None:
        """Load a file of `save`; None if it is missing, damaged, or of other audio."""
        from safetensors import SafetensorError, safe_open

        try:
            if not path.is_file() or path.stat().st_size > MAX_PEAKS_BYTES:
                return None
            with safe_open(path, "np") as file:
                if file.metadata() != {"format": _FORMAT, "about": about}:
                    return None
                low, high = file.get_tensor("low"), file.get_tensor("high")
        except (OSError, SafetensorError, ValueError, TypeError, KeyError):
            return None
        shape = (-(-samples // BLOCK),)
        fits = low.shape == high.shape == shape and low.dtype == high.dtype == np.int16
        return cls(low, high) if fits else None


def exact_peaks(audio: NDArray[np.float32], marks: NDArray[np.int64]) -> NDArray[np.int16]:
    """Return the peaks of `audio[marks[i]:marks[i + 1]]`; an empty bucket shows its first sample.

    Parameters
    ----------
    audio : float32 [n]
    marks : int64 [buckets + 1]
        The last one is n.

    Returns
    -------
    int16 [buckets, 2]

    Examples
    --------
    >>> exact_peaks(np.array([0.0, 1.0, -1.0], np.float32), np.array([0, 2, 3])).tolist()
    [[0, 32767], [-32768, -32768]]
    """
    if not len(audio):
        return np.zeros((len(marks) - 1, 2), np.int16)
    samples = to_int16(audio)
    return np.stack([np.minimum.reduceat(samples, marks[:-1]), np.maximum.reduceat(samples, marks[:-1])], 1)


def file_mark(path: Path) -> str:
    """Return a fingerprint of a file's content without reading all of it.

    A FLAC has the hash of its samples in the first 42 bytes, so its fingerprint survives copying; any other
    file is identified by its size and modification time.

    Raises
    ------
    AudioError
        If the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(42)
            facts = os.fstat(file.fileno())
    except OSError as exc:
        got = f"{path}: {exc.strerror or exc}"
        raise AudioError(got, "a file that can be read", "check the path") from exc
    if head[:4] == b"fLaC" and any(head[26:42]):
        return f"flac {facts.st_size} {head[8:42].hex()}"
    return f"file {facts.st_size} {facts.st_mtime_ns}"
