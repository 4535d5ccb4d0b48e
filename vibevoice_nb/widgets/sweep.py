"""`SweepGrid`: the takes of a sweep side by side, to play and to compare."""

from __future__ import annotations

from typing import ClassVar

import traitlets

from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project.jobs.sweep import Sweep
from vibevoice_nb.project.jobs.sweep import SweepCell as Cell
from vibevoice_nb.ranges import shown

from . import payloads
from .audio_requests import AudioRequests
from .base import VibeVoiceWidget, call


class SweepGrid(AudioRequests, VibeVoiceWidget):
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
        super().__init__(axes=sweep.axes)
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

    @call("cancel")
    def _cancel(self) -> None:
        self.sweep.cancel()

    def _show(self) -> None:
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
