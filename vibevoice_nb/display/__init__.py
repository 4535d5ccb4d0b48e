"""Display: a take as HTML for a saved notebook, and plots of waveforms and spectrograms.

The names below are imported on first use, because plots need matplotlib.

>>> from vibevoice_nb import display
>>> display.default_budget = 500_000  # for all takes displayed from now on
>>> display.default_budget = display.DEFAULT_BUDGET
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .html import TAKE_MIME, mimebundle
    from .plots import Plot, plot_spectrogram, plot_waveform
    from .style import STYLE

__all__ = [
    "DEFAULT_BUDGET",
    "STYLE",
    "TAKE_MIME",
    "Plot",
    "default_budget",
    "mimebundle",
    "plot_spectrogram",
    "plot_waveform",
]

DEFAULT_BUDGET = 2_000_000
default_budget: int = DEFAULT_BUDGET
"""Maximum bytes of HTML that displaying one take adds to a notebook; may be changed."""

_HOME = {
    "STYLE": "style",
    "TAKE_MIME": "html",
    "mimebundle": "html",
    "Plot": "plots",
    "plot_spectrogram": "plots",
    "plot_waveform": "plots",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
