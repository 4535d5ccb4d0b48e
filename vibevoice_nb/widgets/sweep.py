"""`SweepGrid`: the takes of a sweep side by side, to play and to compare."""

from __future__ import annotations

import threading
from typing import ClassVar

import traitlets

from vibevoice_nb import display
from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.display.html import player_html
from vibevoice_nb.display.static import MAX_BYTES, Html, Static, paragraph, table, text_table
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project.jobs.sweep import Sweep
from vibevoice_nb.project.jobs.sweep import SweepCell as Cell
from vibevoice_nb.ranges import shown
from vibevoice_nb.texts import duration

from . import payloads
from .audio_requests import AudioRequests
from .base import VibeVoiceWidget, call


class SweepGrid(VibeVoiceWidget):
    """Grid of players, one for each combination of settings, filled while the sweep runs.

    Parameters
    ----------
    sweep : Sweep
        A sweep that is running or not yet started.

    Attributes
    ----------
    sweep : Sweep
        `await grid.sweep`; `grid.sweep.cancel()`; `grid.sweep.to_dataframe()`; `grid.sweep.cells[0].take`.
    """

    _page: ClassVar[str] = "sweep"

    cells = payloads.payload_list(payloads.SweepCell)
    axes = traitlets.Dict().tag(sync=True)

    def __init__(self, sweep: Sweep) -> None:
        if not isinstance(sweep, Sweep):
            raise OptionError(f"SweepGrid({shown(sweep)})", "a Sweep", "use studio.sweep(num_steps=[5, 10])")
        self.sweep = sweep
        self._lock = threading.RLock()
        super().__init__(axes=sweep.axes)
        self.add_parts(AudioRequests(self.audio_source))
        sweep.changed = lambda cell: self._show()
        self._show()

    def audio_source(self, name: str) -> AudioSource:
        """Return the audio of a cell."""
        kind, _, number = name.partition(":")
        index = int(number) if kind == "take" and number.isdecimal() else len(self.sweep.cells)
        take = self.sweep.cells[index].take if index < len(self.sweep.cells) else None
        if take is None:
            raise VibeVoiceError(
                f"no audio {name!r}", "the source of a finished cell", "wait until it is finished"
            )
        return take.source

    def _repr_details(self) -> str:
        finished = sum(cell.state == "finished" for cell in self.sweep.cells)
        return f"{' x '.join(self.sweep.axes)}, {finished} of {len(self.sweep.cells)} cells finished"

    def _static(self) -> Static:
        with self._lock:
            cells = list(self.sweep.cells)
        finished = [cell for cell in cells if cell.take is not None]
        room = min(display.default_budget, MAX_BYTES) // max(1, len(finished))
        columns = list(self.sweep.axes)[-1]
        across = len(self.sweep.axes[columns])
        rows = [cells[start : start + across] for start in range(0, len(cells), across)]
        grid = table(
            ["", *(f"{columns} {value}" for value in self.sweep.axes[columns])],
            [[_row_title(row[0], columns), *(_cell_html(cell, room) for cell in row)] for row in rows],
            ["", *["w"] * across],
        )
        note = f"Audio in this output: MP3, at most {MAX_BYTES / 1e6:g} MB in all."
        if len(finished) < len(cells):
            note += f" {len(finished)} of {len(cells)} cells were finished when it was displayed."
        text = text_table(
            [*self.sweep.axes, "state", "length", "RTF"],
            [[*(str(value) for value in cell.options.values()), *_facts(cell)] for cell in cells],
        )
        return Static(grid + paragraph(note, "q"), text)

    @call("cancel")
    def _cancel(self) -> None:
        self.sweep.cancel()

    def _show(self) -> None:
        with self._lock:  # the sweep may change a cell in its thread meanwhile
            self.cells = [self._row(index, cell) for index, cell in enumerate(self.sweep.cells)]

    def _row(self, index: int, cell: Cell) -> payloads.SweepCell:
        options = {**self.sweep.fixed, **cell.options}
        return {
            "source": f"take:{index}",
            "num_steps": options.get("num_steps"),
            "cfg_scale": options.get("cfg_scale"),
            "seed": options.get("seed"),
            "solver": options.get("solver"),
            "temperature": options.get("temperature"),
            "seconds": round(cell.seconds, 3),
            "elapsed": round(cell.elapsed, 3),
            "rtf": round(cell.rtf, 4),
            "loudness": cell.lufs,
            "state": cell.state,
        }


def _row_title(cell: Cell, columns: str) -> str:
    """Return the values of the other axes."""
    return ", ".join(f"{name} {value}" for name, value in cell.options.items() if name != columns)


def _facts(cell: Cell) -> list[str]:
    """Return state, length and RTF for people."""
    if cell.take is None:
        return [cell.state, "", ""]
    return [cell.state, duration(cell.seconds), f"{cell.rtf:.2f}"]


def _cell_html(cell: Cell, room: int) -> Html:
    if cell.take is None:
        return paragraph(cell.state, "q")
    _, length, rtf = _facts(cell)
    facts = paragraph(f"{length} · RTF {rtf}", "q")
    return Html(facts + player_html(cell.take, room - len(facts)))
