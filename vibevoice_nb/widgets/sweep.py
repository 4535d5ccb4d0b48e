"""`SweepGrid`: the takes of a sweep side by side, to play, to review and to compare."""

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
from vibevoice_nb.project.jobs.sweep_review import SweepReview
from vibevoice_nb.ranges import shown
from vibevoice_nb.review.recognizers import default_recognizer
from vibevoice_nb.review.report import shown_figures, shown_loudness
from vibevoice_nb.texts import duration

from . import payloads
from .audio_requests import AudioRequests
from .base import VibeVoiceWidget, call
from .recognizer_part import RecognizerPart
from .review_traits import difference_row

MAX_DIFFERENCES = 10
"""Differences of a cell that are shown: a sweep can have hundreds of cells."""


class SweepGrid(VibeVoiceWidget):
    """Grid of players, one for each combination of settings, filled while the sweep runs.

    "Listen back" reviews the cells in the background. The best one is marked, and the table can be sorted by
    word errors, likeness of the voice, pace and loudness.

    Parameters
    ----------
    sweep : Sweep
        A sweep that is running or not yet started.
    recognizer : str, optional
        Recognizer of the reviews, see `review.load_recognizer`.

    Attributes
    ----------
    sweep : Sweep
        `await grid.sweep`; `grid.sweep.cancel()`; `grid.sweep.to_dataframe()`; `grid.sweep.cells[0].take`.
    """

    _page: ClassVar[str] = "sweep"

    cells = payloads.payload_list(payloads.SweepCell)
    axes = traitlets.Dict().tag(sync=True)
    review_state = payloads.payload(payloads.ReviewState)

    def __init__(self, sweep: Sweep, *, recognizer: str | None = None) -> None:
        if not isinstance(sweep, Sweep):
            raise OptionError(f"SweepGrid({shown(sweep)})", "a Sweep", "use studio.sweep(num_steps=[5, 10])")
        self.sweep = sweep
        self._lock = threading.RLock()
        self._recognizer = RecognizerPart(
            name=lambda: recognizer or default_recognizer(),
            changed=self._show_review,
            stop=self._cancel_review,
            lock=self._lock,
        )
        super().__init__(axes=sweep.axes)
        self.add_parts(AudioRequests(self.audio_source), self._recognizer)
        sweep.changed = lambda cell: self._show()
        sweep.review_changed = self._review_changed
        self._show()
        self._show_review()

    def review(self) -> SweepReview:
        """Compare the words of the cells with the script in the background; see `Sweep.review`.

        Raises
        ------
        OptionError, VibeVoiceError
            If the recognizer is not installed, or has to be downloaded first.
        """
        name = self._recognizer.ready()
        self._recognizer.failed()
        return self.sweep.review(name)

    def review_if_ready(self) -> None:
        """Review the cells if the recognizer needs no download."""
        if self._recognizer.is_here:
            self.review()

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
        best = self.sweep.best
        room = min(display.default_budget, MAX_BYTES) // max(1, len(finished))
        columns = list(self.sweep.axes)[-1]
        across = len(self.sweep.axes[columns])
        rows = [cells[start : start + across] for start in range(0, len(cells), across)]
        grid = table(
            ["", *(f"{columns} {value}" for value in self.sweep.axes[columns])],
            [
                [_row_title(row[0], columns), *(_cell_html(cell, room, cell is best) for cell in row)]
                for row in rows
            ],
            ["", *["w"] * across],
        )
        note = f"Audio in this output: MP3, at most {MAX_BYTES / 1e6:g} MB in all."
        if len(finished) < len(cells):
            note += f" {len(finished)} of {len(cells)} cells were finished when it was displayed."
        reviewed = best is not None
        text = text_table(
            [*self.sweep.axes, "state", "length", "RTF", "LUFS", *(_REVIEW_TITLES if reviewed else ())],
            [
                [
                    *(str(value) for value in cell.options.values()),
                    *_facts(cell),
                    *(_review_facts(cell) if reviewed else ()),
                ]
                for cell in cells
            ],
        )
        return Static(grid + paragraph(note, "q"), text)

    @call("cancel")
    def _cancel(self) -> None:
        self.sweep.cancel()

    @call("review")
    def _review(self, takes: list[str] | None = None) -> None:
        """Review the cells; `takes` is for widgets that review single takes."""
        self.review()

    @call("cancel_review")
    def _cancel_review(self) -> None:
        if self.sweep.reviewing is not None:
            self.sweep.reviewing.cancel()

    def close(self) -> None:
        """Close the widget, and stop the review; the sweep is unchanged."""
        if "sweep" in vars(self):  # otherwise the constructor failed
            self._cancel_review()
        super().close()

    def _show(self) -> None:
        with self._lock:  # the sweep may change a cell in its thread meanwhile
            self.cells = [self._row(index, cell) for index, cell in enumerate(self.sweep.cells)]

    def _review_changed(self) -> None:
        """Handle the progress or the end of a review; called in its thread."""
        job = self.sweep.reviewing
        if job is not None and job.done and job.error is not None:
            self._recognizer.failed(self._recognizer.name, str(job.error))
        self._show_review()

    def _show_review(self) -> None:
        with self._lock:
            shown = self._recognizer.state(self.sweep.reviewing)
            if self.review_state != shown:
                self.review_state = shown

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
            "review": _review_row(cell),
        }


def _review_row(cell: Cell) -> payloads.CellReview | None:
    if cell.review is None:
        return None
    figures = cell.review.figures()
    certain = [one for row in cell.review for one in row.review.certain]
    return {
        "wer": figures["wer"],
        "score": figures["score"],
        "similarity": figures["similarity"],
        "words_per_minute": figures["words_per_minute"],
        "recognizer": cell.reviewed_by,
        "differences": [difference_row(one) for one in certain[:MAX_DIFFERENCES]],
        "count": len(certain),
    }


def _row_title(cell: Cell, columns: str) -> str:
    """Return the values of the other axes."""
    return ", ".join(f"{name} {value}" for name, value in cell.options.items() if name != columns)


def _facts(cell: Cell) -> list[str]:
    """Return state, length, RTF and loudness for people."""
    if cell.take is None:
        return [cell.state, "", "", ""]
    return [cell.state, duration(cell.seconds), f"{cell.rtf:.2f}", shown_loudness(cell.lufs)]


_REVIEW_TITLES = ("errors", "voice", "words/min")


def _review_facts(cell: Cell) -> list[str]:
    """Return word errors, likeness of the voice and pace for people; empty without a review."""
    if cell.review is None:
        return ["", "", ""]
    return list(shown_figures(cell.review))


def _cell_html(cell: Cell, room: int, best: bool) -> Html:
    if cell.take is None:
        return paragraph(cell.state, "q")
    _, length, rtf, loudness = _facts(cell)
    errors, voice, pace = _review_facts(cell)
    about = [
        length,
        f"RTF {rtf}",
        loudness and f"{loudness} LUFS",
        errors and f"{errors} errors",
        voice and f"voice {voice}",
        pace and f"{pace} words/min",
        "best" if best else "",
    ]
    facts = paragraph(" · ".join(filter(None, about)), "q")
    return Html(facts + player_html(cell.take, room - len(facts)))
