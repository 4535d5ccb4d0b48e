"""Waveform as a small picture, drawn without matplotlib: every displayed widget has one."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import to_float32
from vibevoice_nb.audio.sources import AudioSource

from .colors import Labelled, colors_of
from .style import GRAY

_HAIRLINE = 0.6
"""Height in pixels of the line that silence is drawn as."""
_LOWEST_TOP = 0.01
"""Smallest level that fills the height of the picture."""


class StripTurn(Labelled, Protocol):
    """Turn to draw; `start` and `stop` in samples."""

    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...


def waveform_strip(source: AudioSource, turns: Sequence[StripTurn], width: int, height: int) -> bytes:
    """Draw a waveform in the colors of its speakers, as a transparent PNG for dark and light pages.

    Parameters
    ----------
    source : AudioSource
        At least one sample.
    turns : sequence of StripTurn
    width, height : int
        Size in pixels.

    Returns
    -------
    bytes

    Examples
    --------
    >>> from vibevoice_nb.audio.sources import ArraySource
    >>> waveform_strip(ArraySource(np.zeros(100, np.float32)), [], 20, 10)[1:4]
    b'PNG'
    """
    from PIL import Image

    columns = min(width, source.samples)
    peaks = to_float32(source.peaks(0, source.samples, columns))[np.arange(width) * columns // width]
    picture = np.empty((height, width, 4), np.uint8)
    picture[..., :3] = _inks(source.samples, turns, width)
    picture[..., 3] = np.rint(255 * _coverage(peaks, height))
    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="png")
    return file.getvalue()


def _inks(samples: int, turns: Sequence[StripTurn], width: int) -> NDArray[np.uint8]:
    """Return the color of each column, [width, 3]: that of the turn at its middle."""
    middles = (np.arange(width) + 0.5) * (samples / width)
    inks = np.tile(_rgb(GRAY), (width, 1))
    colors = {label: _rgb(color) for label, color in colors_of(turns).items()}
    for turn in turns:
        first, last = np.searchsorted(middles, (turn.start, turn.stop))
        inks[first:last] = colors[turn.label]
    return inks


def _coverage(peaks: NDArray[np.float32], height: int) -> NDArray[np.float32]:
    """Return the fraction of each pixel that lies between the peaks of its column, [height, width]."""
    low, high = peaks.min(axis=1), peaks.max(axis=1)
    top = max(float(np.abs(peaks).max(initial=0.0)), _LOWEST_TOP)
    middle, reach = (low + high) / 2, (high - low) / 2
    scale = height / (2 * top)  # pixels for each unit
    reach = np.maximum(reach * scale, _HAIRLINE / 2)
    center = height / 2 - middle * scale
    edges = np.arange(height + 1, dtype=np.float32)[:, None]
    covered = np.clip(edges, center - reach, center + reach)
    return np.diff(covered, axis=0)


def _rgb(color: str) -> NDArray[np.uint8]:
    return np.frombuffer(bytes.fromhex(color[1:]), np.uint8)
