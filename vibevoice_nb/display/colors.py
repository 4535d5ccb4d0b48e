"""Colors of speakers, for the interface, plots and pages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

_HEX = re.compile(r"#[0-9a-fA-F]{6}")

# fmt: off
PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#767676", "#8040b8", "#107000",
    "#b82048", "#7078f8", "#007068", "#80a000", "#b060d8", "#885078", "#4098b0", "#a84808",
    "#b03898", "#e85068", "#8070b0", "#5058d0", "#0098f0", "#c08870", "#508048", "#586088",
    "#009010", "#805848", "#909868", "#c88800", "#a85860", "#008880", "#586818", "#c83878",
)
# fmt: on
"""One color for each speaker of a script, each at least 3:1 on white and on JupyterLab's dark.

The first six are Okabe-Ito colors, distinct for color-blind people. Each of the others is as far as possible,
in OKLab, from all before it.
"""


class Labelled(Protocol):
    """Turn with the label of its speaker, and a color as in CSS, or empty."""

    @property
    def label(self) -> str: ...
    @property
    def color(self) -> str: ...


def colors_of(turns: Sequence[Labelled]) -> dict[str, str]:
    """Return each speaker's color as #rrggbb, by label: that of the turns, or one from the palette.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> colors_of([SimpleNamespace(label="Ada", color="#123456"), SimpleNamespace(label="Eve", color="")])
    {'Ada': '#123456', 'Eve': '#0072b2'}
    """
    colors: dict[str, str] = {}
    for turn in turns:
        if turn.label not in colors:
            colors[turn.label] = _hex(turn.color) or free_color(colors.values())
    return colors


def _hex(color: str) -> str:
    """Return a color as #rrggbb; empty if it is none."""
    if not color or _HEX.fullmatch(color):
        return color.lower()
    from matplotlib.colors import is_color_like, to_hex  # takes half a second

    return to_hex(color) if is_color_like(color) else ""


def free_color(taken: Iterable[str]) -> str:
    """Return the first of the least used colors of the palette.

    Examples
    --------
    >>> free_color([]), free_color(["#0072b2"])
    ('#0072b2', '#d55e00')
    """
    return min(PALETTE, key=list(taken).count)
