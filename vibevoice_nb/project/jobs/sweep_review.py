"""Reviews of a sweep's cells in the background."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.review import Recognizer, ReviewReport, availability, review_recording
from vibevoice_nb.review.words import language_of
from vibevoice_nb.voices.casting import cast_voices

from .job import Job
from .review import ReviewProgress, loaded, yield_to_others

if TYPE_CHECKING:
    from vibevoice_nb.review.speakers import VoiceMatcher
    from vibevoice_nb.voices.voice import Voice

    from .sweep import Sweep, SweepCell

_POLL_SECONDS = 0.2
_log = logging.getLogger(__name__)


class SweepReview(Job["Sweep"]):
    """Job that reviews the cells of a sweep; made by `Sweep.review`. Its result is the sweep.

    It works beside a generation, with the lowest priority, and ends with the last cell of the sweep.

    Parameters
    ----------
    sweep : Sweep
    recognizer : str or Recognizer, optional
        See `review.load_recognizer`; it is loaded in the background.
    progress : bool or callable, optional
    listener : callable, optional
        Called in the background when the job or a cell has changed.

    Attributes
    ----------
    recognizer : str, Recognizer or None
        As given.
    progress : ReviewProgress
        Number of cells reviewed, and of all that have audio so far.
    """

    label, unit = "Reviewing", " cells"
    exclusive = False

    def __init__(
        self,
        sweep: Sweep,
        recognizer: str | Recognizer | None = None,
        *,
        progress: bool | Callable[[ReviewProgress], None] | None = None,
        listener: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(progress)
        self.recognizer, self.progress = recognizer, ReviewProgress()
        self._sweep, self._listener = sweep, listener
        self._failed = set[int]()
        """Indices of cells that could not be reviewed."""
        self._matcher: VoiceMatcher | None = None

    def work(self) -> None:
        yield_to_others()
        recognizer = loaded(self.recognizer)
        self._count(recognizer)  # before the page shows the number of cells
        self._enter("speaking")
        voices = self._voices()
        failure: VibeVoiceError | None = None
        while (index := self._next(recognizer)) is not None:
            cell = self._sweep.cells[index]
            try:
                found = self._reviewed(cell, recognizer, voices)
            except VibeVoiceError as error:  # another language, for example: the others can be reviewed
                failure = failure or error
                self._failed.add(index)
                continue
            if self.cancelled:
                return
            cell.review = found
            self._report_progress(recognizer)
            self._tell(lambda cell=cell: self._sweep.changed(cell))  # type: ignore[misc]
        if failure is not None:
            raise failure

    def _next(self, recognizer: Recognizer) -> int | None:
        """Wait for a cell without a review by the recognizer; return its index, or None at the end."""
        while not self.cancelled:
            over = self._sweep.generated.is_set()  # read first: the last cell may finish in between
            for index, cell in enumerate(self._sweep.cells):
                known = cell.reviewed_by == recognizer.name or index in self._failed
                if cell.state == "finished" and cell.spoken and not known:
                    self._report_progress(recognizer)
                    return index
            if over:
                return None
            self._sweep.generated.wait(_POLL_SECONDS)
        return None

    def _reviewed(self, cell: SweepCell, recognizer: Recognizer, voices: dict[str, Voice]) -> ReviewReport:
        assert cell.take is not None  # it is finished
        return review_recording(
            cell.take.audio,
            cell.spoken,
            recognizer=recognizer,
            language=language_of(" ".join(text for _, text in cell.spoken)),
            readings=self._sweep.readings,
            voices=voices,
            matcher=self._matcher,
            cancelled=lambda: self.cancelled,
        )

    def _voices(self) -> dict[str, Voice]:
        """Return the voices of the speakers, if the embedding that compares them is installed."""
        if not availability.has_embedding():
            return {}

        from vibevoice_nb.review import speakers  # loads torch

        self._matcher = speakers.VoiceMatcher()
        labels = {turn.label: turn.speaker_index for turn in self._sweep.script.turns}
        return cast_voices(labels, self._sweep.voices, fill=True)

    def _report_progress(self, recognizer: Recognizer) -> None:
        self._count(recognizer)
        self.reported(self.progress)
        self._tell(self._listener)

    def _count(self, recognizer: Recognizer) -> None:
        cells = [cell for cell in self._sweep.cells if cell.state == "finished" and cell.spoken]
        done = sum(cell.reviewed_by == recognizer.name for cell in cells)
        self.progress = ReviewProgress(done, len(cells))

    def outcome(self) -> Sweep:
        return self._sweep

    def measure(self, progress: ReviewProgress) -> tuple[float, float]:
        return progress.done, progress.total

    def entered(self) -> None:
        self._tell(self._listener)

    def _tell(self, listener: Callable[[], None]) -> None:
        try:
            listener()
        except Exception:  # a failing listener must not abort the review
            _log.exception("a listener of a review failed")

    def __repr__(self) -> str:
        return f"<SweepReview {self.state}, {self.progress.done} of {self.progress.total} cells>"
