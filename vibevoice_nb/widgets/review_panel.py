"""`ReviewPanel`: takes reviewed in the background, and better takes of misspoken turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

from vibevoice_nb.project import Project
from vibevoice_nb.project.jobs.review import ReviewJob, ReviewProgress
from vibevoice_nb.project.turns import checked_ids

from .base import Part, call
from .recognizer_part import RecognizerPart
from .review_traits import ReviewTraits, take_reviews

if TYPE_CHECKING:
    from vibevoice_nb.project.jobs.generation import Generation
    from vibevoice_nb.project.jobs.review import Judge

ATTEMPTS = 3
"""New takes of a turn, at most, unless asked for otherwise."""


class Retake(Protocol):
    """Function that generates new takes of turns and lets a judge choose."""

    def __call__(self, turns: Sequence[str], takes: int, judge: Judge) -> Generation: ...


class ReviewPanel(Part):
    """Reviews of a project by the recognizer of a widget.

    They run in one `ReviewJob` at a time, beside a generation; takes that are generated meanwhile are queued.

    Parameters
    ----------
    widget : ReviewTraits
    project : callable
        Returns the project.
    retake : Retake
    lock : context manager
        Reentrant lock of the widget, held while its traits are updated.

    Attributes
    ----------
    recognizer : RecognizerPart
        To be added to the widget, too.
    """

    def __init__(
        self,
        widget: ReviewTraits,
        *,
        project: Callable[[], Project],
        retake: Retake,
        lock: AbstractContextManager[Any],
    ) -> None:
        self._widget, self._project, self._retake, self._lock = widget, project, retake, lock
        self._job: ReviewJob | None = None
        self.recognizer = RecognizerPart(
            name=lambda: widget.recognizer, changed=self.show_state, stop=self._stop, lock=lock
        )
        widget.observe(self._chosen, ["listen_back", "recognizer"])

    def refresh(self) -> None:
        """Update the traits from the project; only changed ones are sent."""
        project = self._project()
        reviews = take_reviews(project, project.timeline())
        if self._widget.reviews != reviews:
            self._widget.reviews = reviews
        self.show_state()

    def show_state(self) -> None:
        """Update `review_state`."""
        with self._lock:
            job = self._job
            shown = self.recognizer.state(job, 0 if job is None else job.added)
            if self._widget.review_state != shown:
                self._widget.review_state = shown

    def took(self, take_id: str) -> None:
        """Review a take that was generated just now, if that is wanted and needs no download."""
        if self._widget.listen_back == "each take" and self.recognizer.is_here:
            self.review([take_id])

    def review(self, takes: Sequence[str] | None = None) -> ReviewJob:
        """Review takes in the background, by default the chosen ones; see `Studio.review`."""
        with self._lock:
            name, project = self.recognizer.ready(), self._project()
            if takes is None:
                takes = [turn.chosen for turn in project.turns if turn.chosen is not None]
            job = self._job
            if job is None or job.recognizer != name or not job.add(takes):
                self._stop()
                self.recognizer.failed()
                job = self._job = project.review(
                    (), takes=takes, recognizer=name, progress=self._progressed, listener=self._reviewed
                )
            self.show_state()
            return job

    def fix(self, turns: Sequence[str] | None = None, attempts: int = ATTEMPTS) -> Generation:
        """Generate misspoken turns again until their words are right; see `Studio.fix`."""
        project = self._project()
        wanted = project.reviews.to_fix() if turns is None else checked_ids(turns)
        return self._retake(wanted, attempts, project.judge(self.recognizer.ready()))

    def best_of(self, turns: Sequence[str], takes: int = ATTEMPTS) -> Generation:
        """Generate new takes of turns and choose the best; see `Studio.best_of`."""
        return self._retake(
            checked_ids(turns), takes, self._project().judge(self.recognizer.ready(), until_right=False)
        )

    def close(self) -> None:
        """Stop reviewing."""
        self._stop()

    @call("review")
    def _review(self, takes: list[str] | None = None) -> None:
        self.review(None if takes is None else checked_ids(takes))

    @call("cancel_review")
    def _cancel_review(self) -> None:
        self._stop()

    @call("fix")
    def _fix(self, turns: list[str], takes: int) -> dict[str, Any]:
        return {"job": self.fix(turns, takes).id}

    @call("best_of")
    def _best_of(self, turns: list[str], takes: int) -> dict[str, Any]:
        return {"job": self.best_of(turns, takes).id}

    def _chosen(self, change: Any) -> None:
        if change["name"] == "listen_back" and change["new"] == "off":
            self._stop()
        self.show_state()

    def _stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _progressed(self, _progress: ReviewProgress) -> None:
        self.show_state()

    def _reviewed(self, take_id: str) -> None:
        """Handle a review that was added, or the end of the job; called in its thread."""
        with self._lock:
            job = self._job
            if take_id or job is None or not job.done:
                return
            if job.error is not None:
                self.recognizer.failed(str(job.recognizer), str(job.error))
            self.show_state()
