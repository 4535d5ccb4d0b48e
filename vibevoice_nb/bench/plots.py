"""Plots of the figures of `bench`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vibevoice_nb.bench.backends import PARTS

_BACKENDS = {"ours": "#2a6f97", "native": "#b5651d"}
_PART_COLORS = ("#264653", "#2a9d8f", "#8ab17d", "#e9c46a", "#f4a261", "#bbbbbb")


def plot(figures: Mapping[str, Any], folder: Path) -> list[Path]:
    """Draw components side by side, time against context, and throughput where it was measured.

    Parameters
    ----------
    figures : mapping
        Result of `speed.run`.
    folder : Path
        Created if missing.

    Returns
    -------
    list of Path
        PNG files.
    """
    import matplotlib

    matplotlib.use("agg", force=False)
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for name, draw in (("components", _components), ("contexts", _contexts), ("rows", _rows)):
        figure = Figure(figsize=(6.4, 4.0), dpi=150, layout="constrained")
        axes = figure.subplots()
        if draw(axes, figures):
            axes.spines[["top", "right"]].set_visible(False)
            axes.set_title(_title(figures), fontsize=8, loc="left", color="#555555")
            path = folder / f"bench-{figures['model']}-{figures['device'].replace(':', '')}-{name}.png"
            figure.savefig(path)
            made.append(path)
    return made


def _title(figures: Mapping[str, Any]) -> str:
    machine = figures["gpu"] or f"{figures['cpu']}, threads: {figures['threads']}"
    return f"{figures['model']}, {machine}, torch {figures['torch']}, {figures['date']}"


def _measured(figures: Mapping[str, Any], backend: str) -> list[tuple[str, int, float]]:
    """Return every (dtype, context, ms) of a backend."""
    found = (
        (re.fullmatch(rf"{backend}_([a-z]+\d+)_(\d+)_ms", name), value) for name, value in figures.items()
    )
    return [(match[1], int(match[2]), value) for match, value in found if match]


def _components(axes: Any, figures: Mapping[str, Any]) -> bool:
    names = [
        f"{backend}_{width}_{context}"
        for backend in _BACKENDS
        for width, context, _ in _measured(figures, backend)
    ]
    names.sort(key=lambda name: (name.split("_")[1], int(name.split("_")[2]), name.startswith("ours")))
    before = [0.0] * len(names)
    for part, color in zip((*PARTS, "rest"), _PART_COLORS, strict=True):
        widths = [max(0.0, figures[f"{name}_{part}_ms"]) for name in names]
        axes.barh([name.replace("_", " ") for name in names], widths, left=before, color=color, label=part)
        before = [start + width for start, width in zip(before, widths, strict=True)]
    axes.set_xlabel("ms per frame of 133 ms")
    axes.figure.legend(loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    return bool(names)


def _contexts(axes: Any, figures: Mapping[str, Any]) -> bool:
    drawn = False
    for backend, color in _BACKENDS.items():
        measured = _measured(figures, backend)
        for width in dict.fromkeys(width for width, _, _ in measured):
            points = sorted((context, ms) for kind, context, ms in measured if kind == width)
            if len(points) > 1:
                drawn = True
                axes.plot(*zip(*points, strict=True), "o-", color=color, label=f"{backend}, {width}")
    axes.set_xlabel("tokens of context")
    axes.set_ylabel("ms per frame")
    axes.set_ylim(bottom=0)
    if drawn:
        axes.legend(fontsize=8, frameon=False)
    return drawn


def _rows(axes: Any, figures: Mapping[str, Any]) -> bool:
    found = (
        (re.fullmatch(r"ours_([a-z]+\d+)_rows_(\d+)_gain", name), value) for name, value in figures.items()
    )
    points = sorted((int(match[2]), value) for match, value in found if match)
    if not points:
        return False
    axes.plot(*zip(*points, strict=True), "o-", color=_BACKENDS["ours"])
    axes.set_xlabel("scripts at once")
    axes.set_ylabel("frames per second, over one script's")
    axes.set_ylim(bottom=0)
    return True
