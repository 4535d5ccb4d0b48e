"""PCM: the package's sampling rate, and the one conversion between float samples and 16-bit integers.

Shapes: audio is float32 [N], 24 kHz mono, nominally in [-1, 1].

Full scale is 32768 in both directions, as in libsndfile and FFmpeg, so a sample read from a 16-bit file
and written again keeps its value. Integers are rounded half to even; samples beyond full scale are clipped
to -32768 and 32767. Files, live audio, waveform peaks and recognizers all use `to_int16`; FLAC files hold
24 bits (`to_int24`). Encoders are given integers, because libsndfile truncates floats.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import AudioError
from ..model.config import SAMPLE_RATE

__all__ = ["BLOCK", "FULL_SCALE", "SAMPLE_RATE", "as_samples", "to_float32", "to_int16", "to_int24"]

FULL_SCALE = 32768
"""Integer value of a float sample of 1.0."""

BLOCK = 10 * SAMPLE_RATE
"""Samples processed at a time when audio is read from end to end (10 s)."""


def as_samples(audio: ArrayLike) -> NDArray[np.float32]:
    """Return `audio` as contiguous float32 [N]; raise if it is not valid audio.

    Raises
    ------
    AudioError
        If it is not a one-dimensional array of finite floating-point samples.

    Examples
    --------
    >>> as_samples(np.array([0.0, 0.5])).dtype
    dtype('float32')
    """
    audio = np.asarray(audio)
    if audio.ndim != 1 or not np.issubdtype(audio.dtype, np.floating):
        raise AudioError(
            f"audio of shape {list(audio.shape)} and type {audio.dtype}",
            "floating-point samples of shape [N], mono, in [-1, 1], at 24 kHz",
            "average the channels, and divide integer samples by their full scale (32768 for int16)",
        )
    audio = np.ascontiguousarray(audio, dtype=np.float32)
    bad = audio.size - int(np.isfinite(audio).sum())
    if bad:
        raise AudioError(
            f"audio with {bad} of {audio.size} samples NaN or infinite",
            "finite samples",
            "look for broken weights or an overflow in half precision; try float32",
        )
    return audio


def to_int16(audio: NDArray[np.floating]) -> NDArray[np.int16]:
    """Convert float samples to 16-bit integers: scale by 32768, round half to even, clip.

    Examples
    --------
    >>> to_int16(np.array([0.5, 1.0, -1.0, -2.0], dtype=np.float32)).tolist()
    [16384, 32767, -32768, -32768]
    """
    return np.clip(np.rint(audio * np.float32(FULL_SCALE)), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def to_int24(audio: NDArray[np.floating]) -> NDArray[np.int32]:
    """Convert float samples to 24-bit integers in the upper bits of int32, as encoders of FLAC expect them.

    Examples
    --------
    >>> (to_int24(np.array([0.5, 1.0], dtype=np.float32)) >> 8).tolist()
    [4194304, 8388607]
    """
    full = 2**23
    wide = np.rint(audio.astype(np.float64) * full)
    return np.clip(wide, -full, full - 1).astype(np.int32) << 8


def to_float32(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Convert 16-bit integers to float samples; exact, so `to_int16` restores them.

    Examples
    --------
    >>> to_float32(np.array([16384, -32768], dtype=np.int16)).tolist()
    [0.5, -1.0]
    """
    return samples.astype(np.float32) / np.float32(FULL_SCALE)
