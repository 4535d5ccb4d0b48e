"""Spectrogram image of any stretch of audio, from one word to 90 minutes, fast enough for interactive zoom.

Shapes: an image is [rows, columns], row 0 lowest in frequency, column 0 earliest.

Each column covers an equal part of the range. If columns are narrower than the window, a column is the
spectrum of one window around its middle. Otherwise it is the mean power of windows spread over it: all of
them if affordable, else a few, so the cost depends on the image size and not on the length of the audio.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.sources import read_padded
from vibevoice_nb.errors import OptionError

if TYPE_CHECKING:
    from vibevoice_nb.audio.sources import AudioSource

Scale = Literal["mel", "linear"]

RANGE_DB = 90.0
"""Dynamic range of an image in dB, below 0 dB (a sine at full scale)."""

_WINDOW_SECONDS = 0.040  # resolves a voice's harmonics
_CLOSE_WINDOW_SECONDS = 0.012  # and, close up, its single pulses
_CLOSE_SECONDS = 0.002  # per column
_WINDOWS = 2500  # per image, or one for each column
_APART_SECONDS = (
    0.5  # columns further apart are read separately, which is cheaper than decoding everything between
)
_PLACES = 500  # read separately; with more columns, neighbors show the same one
_BATCH = 256  # windows per transform, to fit the processor's cache
_MAX_SIDE = 4096
_FLOOR = 1e-12


def image(
    source: AudioSource,
    start: int,
    stop: int,
    columns: int,
    rows: int,
    scale: Scale = "mel",
    top_hz: float = 12_000.0,
) -> NDArray[np.uint8]:
    """Draw the spectrogram of [start, stop) in a fixed range of levels.

    Parameters
    ----------
    source : AudioSource
    start, stop : int
        Samples; beyond the audio's ends there is silence.
    columns, rows : int
        Size of the picture.
    scale : {"mel", "linear"}
        Distribution of the rows over frequencies.
    top_hz : float
        Upper end of the highest row.

    Returns
    -------
    uint8 [rows, columns]
        0 is -90 dB and less, 255 is 0 dB and more; a sine at full scale has 0 dB.

    Raises
    ------
    OptionError
        If the range is empty, the image has no or too many pixels, or the scale is unknown.

    Examples
    --------
    >>> from vibevoice_nb.audio.sources import ArraySource
    >>> tone = np.sin(2 * np.pi * 3000 * np.arange(24000) / 24000).astype(np.float32)
    >>> picture = image(ArraySource(tone), 0, 24000, 100, 64, "linear")
    >>> picture.shape, int(picture[:, 50].argmax())  # 3 kHz lies between rows 15 and 16 of 64
    ((64, 100), 15)
    """
    level = decibels(source, start, stop, columns, rows, scale, top_hz)
    return np.clip(np.rint((level + RANGE_DB) * (255 / RANGE_DB)), 0, 255).astype(np.uint8)


def decibels(
    source: AudioSource,
    start: int,
    stop: int,
    columns: int,
    rows: int,
    scale: Scale = "mel",
    top_hz: float = 12_000.0,
) -> NDArray[np.float32]:
    """Compute the levels for `image` in dB, float32 [rows, columns]."""
    if stop <= start or not 1 <= columns <= _MAX_SIDE or not 1 <= rows <= _MAX_SIDE:
        raise OptionError(
            f"samples {start} to {stop} in {columns} x {rows} pixels",
            f"at least one sample, and 1 to {_MAX_SIDE} pixels each way",
            "request another range or size",
        )
    rate = source.sample_rate
    if scale not in ("mel", "linear") or not 0 < top_hz <= rate / 2:
        raise OptionError(
            f"scale={scale!r}, top_hz={top_hz}", f"mel or linear, up to {rate // 2} Hz", "use mel and 12000"
        )
    apart = stop - start > columns * _APART_SECONDS * rate
    distinct = min(columns, _PLACES) if apart else columns
    hop = (stop - start) / distinct
    size = round(rate * (_CLOSE_WINDOW_SECONDS if hop < _CLOSE_SECONDS * rate else _WINDOW_SECONDS))
    fft, bands = _bands(scale, rows, size, rate, top_hz)
    starts = _window_starts(start, hop, distinct, size, apart)
    per_batch = max(1, _BATCH // starts.shape[1])
    level = np.empty((rows, distinct), dtype=np.float32)
    for first in range(0, distinct, per_batch):
        batch = starts[first : first + per_batch]
        power = _spectra(_windows(source, batch, size, apart), fft)
        power = power.reshape(*batch.shape, -1).mean(axis=1)
        level[:, first : first + len(batch)] = 10 * np.log10(np.maximum(bands @ power.T, _FLOOR))
    return level if distinct == columns else level[:, np.arange(columns) * distinct // columns]


def row_hz(rows: int, scale: Scale = "mel", top_hz: float = 12_000.0) -> NDArray[np.floating[Any]]:
    """Return the frequency in Hz at the middle of each row, float [rows].

    Examples
    --------
    >>> row_hz(4, "linear").tolist()
    [1500.0, 4500.0, 7500.0, 10500.0]
    """
    return _corners(rows, scale, top_hz)[1:-1]


def _corners(rows: int, scale: Scale, top_hz: float) -> NDArray[np.floating[Any]]:
    """Return frequencies [rows + 2]: a row's triangle begins at one, peaks at the next, ends at the third."""
    if scale == "mel":
        import librosa

        return librosa.mel_frequencies(rows + 2, fmin=0.0, fmax=top_hz)
    return (np.arange(rows + 2) - 0.5) * (top_hz / rows)


@functools.lru_cache(maxsize=16)
def _bands(scale: Scale, rows: int, size: int, rate: int, top_hz: float) -> tuple[int, NDArray[np.float32]]:
    """Return the length of the transform, and the weight of each bin in each row: float32 [rows, bins]."""
    corners = _corners(rows, scale, top_hz)
    finest = rate / float(np.diff(corners).min())  # every row must contain a bin
    fft = max(1 << (2 * size - 1).bit_length(), 1 << int(np.ceil(finest) - 1).bit_length())
    if scale == "mel":
        import librosa

        bands = librosa.filters.mel(sr=rate, n_fft=fft, n_mels=rows, fmin=0.0, fmax=top_hz, norm=None)
    else:
        bins = np.arange(fft // 2 + 1) * (rate / fft)
        bands = np.maximum(0, 1 - np.abs(bins - corners[1:-1, None]) / (top_hz / rows))
    # A sine at full scale in the middle of a row has 0 dB there, for any width of row and window.
    weights = _weights(size)
    lobe = np.square(np.abs(np.fft.rfft(weights, 16 * fft)) / weights.sum())
    away = np.abs(np.arange(fft // 2 + 1) * 16 - corners[1:-1, None] * (16 * fft / rate))
    response = (bands * lobe[np.rint(away).astype(np.int64)]).sum(axis=1, keepdims=True)
    return fft, (bands / response).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _weights(size: int) -> NDArray[np.float32]:
    return np.hanning(size + 2)[1:-1].astype(np.float32)


def _window_starts(start: int, hop: float, columns: int, size: int, apart: bool) -> NDArray[np.int64]:
    """Return the first samples of each column's windows, [columns, windows]; adjacent if read separately."""
    count = max(1, min(_WINDOWS // columns, int(np.ceil(2 * hop / size))))
    step = size / 2 if apart else hop / count
    middles = start + (np.arange(columns)[:, None] + 0.5) * hop
    offsets = (np.arange(count) - (count - 1) / 2) * step
    return np.rint(middles + offsets - size / 2).astype(np.int64)


def _windows(source: AudioSource, starts: NDArray[np.int64], size: int, apart: bool) -> NDArray[np.float32]:
    """Read the windows of some columns, float32 [columns * windows, size]."""
    groups = starts if apart else starts.reshape(1, -1)
    parts = []
    for group in groups:
        low, high = int(group[0]), int(group[-1]) + size
        audio = read_padded(source, low, high)
        parts.append(np.lib.stride_tricks.sliding_window_view(audio, size)[group - low])
    return np.concatenate(parts)


def _spectra(windows: NDArray[np.float32], fft: int) -> NDArray[np.float32]:
    """Return the power of each window's bins, 1 for a sine at full scale: float32 [windows, bins]."""
    from scipy.fft import rfft

    weights = _weights(windows.shape[1])
    spectrum = rfft(windows * weights, fft)
    return np.square(np.abs(spectrum) * np.float32(2 / weights.sum()))
