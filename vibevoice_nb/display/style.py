"""Style of the project's figures: the palette of the speakers, no frame, small type.

>>> import matplotlib.pyplot as plt
>>> with plt.style.context(STYLE):  # in a notebook: plt.style.use(STYLE)
...     figure, axes = plt.subplots()
...     axes.plot([0, 1])[0].get_color() == PALETTE[0]
True
>>> plt.close(figure)
"""

from __future__ import annotations

from typing import Any

from cycler import cycler  # type: ignore[import-untyped, unused-ignore]

from .colors import PALETTE

INK, GRAY = "#3a4250", "#7d899b"
"""Colors of text and of guide lines, legible on white."""

STYLE: dict[str, Any] = {
    "axes.prop_cycle": cycler(color=PALETTE[:8]),
    "axes.edgecolor": GRAY,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.constrained_layout.use": True,
    "figure.dpi": 110,
    "figure.figsize": (7.2, 3.2),
    "image.cmap": "magma",
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.title_fontsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4,
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 8,
    "ytick.color": INK,
    "ytick.labelsize": 8,
}
"""Settings of matplotlib for figures that look like `plot_waveform` and the Studio."""
