"""Waveform and spectrogram for papers and notebooks, with matplotlib and librosa.

Without axes, the functions return a `Plot`: a figure outside pyplot, which need not be closed and which a
notebook shows once, as the value of its cell. With axes, they draw there and return the axes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, overload

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE, as_samples, to_float32
from vibevoice_nb.audio.sources import ArraySource, AudioSource
from vibevoice_nb.audio.spectrogram import Scale, decibels, row_hz
from vibevoice_nb.errors import AudioError
from vibevoice_nb.texts import clock

from .colors import colors_of
from .style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP_HZ = 12_000.0

_SIZE = (7.2, 2.4)  # inches: the text width of a paper with two columns
_COLUMNS, _ROWS = 1800, 360
_SHOWN_DB = 80.0  # below the loudest point
_MINUTES_FROM = 120.0  # seconds; the axis of longer takes is in minutes
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MEL_TICKS = (0, 250, 500, 1000, 2000, 4000, 8000, 12_000)


class PlotTurn(Protocol):
    """Turn to plot; `start` and `stop` in samples, `color` as in CSS, or empty."""

    @property
    def label(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...
    @property
    def color(self) -> str: ...


class Plot(Figure):
    """Figure that is displayed in a notebook, and not managed by pyplot."""

    def __init__(self, width: float = _SIZE[0], height: float = _SIZE[1]) -> None:
        super().__init__(figsize=(width, height), dpi=160, layout="constrained")

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png")
        return file.getvalue()


@overload
def plot_waveform(
    audio: NDArray[np.float32] | AudioSource,
    sample_rate: int = ...,
    turns: Sequence[PlotTurn] = ...,
    ax: None = ...,
) -> Plot: ...
@overload
def plot_waveform(
    audio: NDArray[np.float32] | AudioSource, sample_rate: int, turns: Sequence[PlotTurn], ax: Axes
) -> Axes: ...
@overload
def plot_waveform(
    audio: NDArray[np.float32] | AudioSource,
    sample_rate: int = ...,
    turns: Sequence[PlotTurn] = ...,
    ax: Axes | None = ...,
) -> Plot | Axes: ...
def plot_waveform(
    audio: NDArray[np.float32] | AudioSource,
    sample_rate: int = SAMPLE_RATE,
    turns: Sequence[PlotTurn] = (),
    ax: Axes | None = None,
) -> Plot | Axes:
    """Draw the waveform, each turn in its speaker's color.

    Parameters
    ----------
    audio : float32 [N] or AudioSource
        A source is drawn from its peaks, so 90 minutes need not be in memory.
    sample_rate : int
        Sample rate of an array, in Hz.
    turns : sequence of TakeTurn
    ax : Axes, optional
        Axes to draw in.

    Returns
    -------
    Plot or Axes
        A new figure; `ax` if it was given.

    Raises
    ------
    AudioError
        If the audio has no samples.

    Examples
    --------
    >>> figure = plot_waveform(np.sin(np.arange(48000) / 20).astype(np.float32))
    >>> figure.axes[0].get_xlabel()
    'Time (s)'
    """
    source = _source(audio, sample_rate)
    figure = Plot() if ax is None else None
    axes = figure.add_subplot() if figure is not None else ax
    assert axes is not None
    colors = colors_of(turns)
    top = _waves(axes, source, turns, colors, min(_COLUMNS, source.samples), INK)
    for turn in turns:
        span = turn.start / source.sample_rate, turn.stop / source.sample_rate
        axes.axvspan(*span, color=colors[turn.label], alpha=0.1, linewidth=0)
    limit = next((step for step in (0.05, 0.1, 0.2, 0.5) if top <= step), 1.0)
    axes.set_ylim(-limit, limit)
    axes.set_yticks(np.linspace(-limit, limit, 5))
    axes.set_ylabel("Amplitude (full scale = 1)")
    axes.spines[["top", "right"]].set_visible(False)
    _finish(axes, source, turns, colors, small=figure is not None)
    return axes if figure is None else figure


@overload
def plot_spectrogram(
    audio: NDArray[np.float32] | AudioSource,
    sample_rate: int = ...,
    turns: Sequence[PlotTurn] = ...,
    ax: None = ...,
    scale: Scale = ...,
) -> Plot: ...
@overload
def plot_spectrogram(
    audio: NDArray[np.float32] | AudioSource,
    sample_rate: int,
    turns: Sequence[PlotTurn],
    ax: Axes,
    scale: Scale = ...,
) -> Axes: ...
@overload
def plot_spectrogram(
    audio: NDArray[np.float32] | AudioSource,
    sample_rate: int = ...,
    turns: Sequence[PlotTurn] = ...,
    ax: Axes | None = ...,
    scale: Scale = ...,
) -> Plot | Axes: ...
def plot_spectrogram(
    audio: NDArray[np.float32] | AudioSource,
    sample_rate: int = SAMPLE_RATE,
    turns: Sequence[PlotTurn] = (),
    ax: Axes | None = None,
    scale: Scale = "mel",
) -> Plot | Axes:
    """Draw the spectrogram up to 12 kHz, the turns as a band above it in their speakers' colors.

    Parameters
    ----------
    audio : float32 [N] or AudioSource
    sample_rate : int
        Sample rate of an array, in Hz.
    turns : sequence of TakeTurn
    ax : Axes, optional
        Axes to draw in; a color bar is added beside them.
    scale : {"mel", "linear"}

    Returns
    -------
    Plot or Axes
        A new figure; `ax` if it was given.

    Raises
    ------
    AudioError
        If the audio has no samples.
    OptionError
        If the scale is unknown.

    Examples
    --------
    >>> figure = plot_spectrogram(np.sin(np.arange(48000) / 20).astype(np.float32), scale="linear")
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['Frequency (kHz)', 'Level (dBFS)']
    """
    source = _source(audio, sample_rate)
    top_hz = min(TOP_HZ, source.sample_rate / 2)
    level = decibels(source, 0, source.samples, min(_COLUMNS, source.samples), _ROWS, scale, top_hz)
    figure = Plot(height=3.0) if ax is None else None
    axes = figure.add_subplot() if figure is not None else ax
    assert axes is not None
    loudest = 5 * np.ceil(float(level.max()) / 5)
    drawn = axes.imshow(
        level,
        origin="lower",
        aspect="auto",
        extent=(0, source.samples / source.sample_rate, 0, _ROWS),
        cmap="magma",
        vmin=loudest - _SHOWN_DB,
        vmax=loudest,
        interpolation="bilinear",
    )
    hertz = _MEL_TICKS if scale == "mel" else np.arange(0, top_hz + 1, 2000)
    hertz = np.array([tick for tick in hertz if tick <= top_hz])
    places = np.interp(hertz, row_hz(_ROWS, scale, top_hz), np.arange(_ROWS) + 0.5)
    axes.set_yticks(places, [f"{tick / 1000:g}" for tick in hertz])
    axes.set_ylabel("Frequency (kHz)")
    bar = axes.figure.colorbar(drawn, ax=axes, pad=0.015, aspect=24)
    bar.set_label("Level (dBFS)", size=8 if figure is not None else None)
    bar.outline.set_visible(False)
    if figure is not None:
        bar.ax.tick_params(labelsize=7.5, length=2.5)
    _finish(axes, source, turns, colors_of(turns), small=figure is not None)
    return axes if figure is None else figure


def _source(audio: NDArray[np.float32] | AudioSource, sample_rate: int) -> AudioSource:
    source = audio if isinstance(audio, AudioSource) else ArraySource(as_samples(audio), sample_rate)
    if not source.samples:
        raise AudioError("no audio to draw", "at least one sample", "generate the audio first")
    return source


def _waves(
    axes: Axes,
    source: AudioSource,
    turns: Sequence[PlotTurn],
    colors: Mapping[str, str],
    columns: int,
    ink: str,
) -> float:
    """Fill the waveform in the speakers' colors, elsewhere in `ink`; return the largest sample."""
    peaks = to_float32(source.peaks(0, source.samples, columns)).astype(np.float64)
    low, high = peaks.min(axis=1), peaks.max(axis=1)
    middles = (np.arange(columns) + 0.5) * (source.samples / columns)

    def fill(where: NDArray[np.bool_], color: str) -> None:
        # A hairline keeps silence visible.
        axes.fill_between(middles / source.sample_rate, low, high, where=where, color=color, linewidth=0.35)

    free = np.ones(columns, dtype=bool)
    for label, color in colors.items():
        spoken = np.zeros(columns, dtype=bool)
        for turn in turns:
            if turn.label == label:
                spoken |= (middles >= turn.start) & (middles < turn.stop)
        fill(spoken, color)
        free &= ~spoken
    fill(free, ink)
    return float(np.abs(peaks).max(initial=0.0))


def _finish(
    axes: Axes, source: AudioSource, turns: Sequence[PlotTurn], colors: Mapping[str, str], *, small: bool
) -> None:
    """Add the time axis, a band of turns above, and a legend; `small` print for a `Plot`."""
    from matplotlib.patches import Patch
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    seconds = source.samples / source.sample_rate
    axes.set_xlim(0, seconds)
    step = next((step for step in _STEPS if seconds / step <= 9), _STEPS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(step))
    if seconds > _MINUTES_FROM:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda time, _: clock(time, hours=seconds >= 3600)))
    axes.set_xlabel("Time (s)" if seconds <= _MINUTES_FROM else f"Time ({'h:' * (seconds >= 3600)}min:s)")
    for turn in turns:
        axes.axvspan(
            max(0.0, turn.start / source.sample_rate),
            min(seconds, turn.stop / source.sample_rate),
            ymin=1.015,
            ymax=1.05,
            color=colors[turn.label],
            linewidth=0,
            clip_on=False,
        )
    if colors:
        axes.legend(
            handles=[Patch(color=color, label=_plain(label)) for label, color in colors.items()],
            loc="lower left",
            bbox_to_anchor=(0.0, 1.075),
            ncols=4,
            frameon=False,
            borderpad=0.0,
            borderaxespad=0.0,
            handlelength=1.0,
            handleheight=0.9,
            columnspacing=1.4,
            fontsize=8 if small else None,
        )
    if small:
        axes.tick_params(labelsize=7.5, length=2.5)
        axes.xaxis.label.set_size(8)
        axes.yaxis.label.set_size(8)


def _plain(label: str) -> str:
    """Escape a label: legends read `$` as mathematics and omit labels that begin with `_`."""
    return ("\u200b" if label.startswith("_") else "") + label.replace("$", r"\$")
