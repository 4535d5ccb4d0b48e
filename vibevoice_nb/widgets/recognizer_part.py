"""`RecognizerPart`: the recognizer of a widget, its state, and loading it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project.jobs.review import ReviewJob
from vibevoice_nb.project.jobs.sweep_review import SweepReview
from vibevoice_nb.review.availability import Availability, availability
from vibevoice_nb.review.recognizers import load_recognizer, loaded_recognizers, unload_recognizers

from .base import Part, call
from .payloads import ReviewState
from .review_traits import review_state


class RecognizerPart(Part):
    """Recognizer of a widget. Recognizers are shared by all widgets of the kernel.

    Parameters
    ----------
    name : callable
        Returns the name of the recognizer.
    changed : callable
        Called when the state has changed; in the background while it is loaded.
    stop : callable
        Stops the reviews; called before recognizers are unloaded.
    lock : context manager
        Reentrant lock of the widget.
    """

    def __init__(
        self,
        *,
        name: Callable[[], str],
        changed: Callable[[], None],
        stop: Callable[[], None],
        lock: AbstractContextManager[Any],
    ) -> None:
        self._name, self._changed, self._stop, self._lock = name, changed, stop, lock
        self._loading = ""
        """Name of the recognizer that is being loaded."""
        self._failure = ("", "")
        """Recognizer that failed, and the reason."""

    @property
    def name(self) -> str:
        """Name of the recognizer."""
        return self._name()

    @property
    def is_here(self) -> bool:
        """True if it needs no download."""
        return self._there(self.name).place == "here"

    def ready(self) -> str:
        """Return the name.

        Raises
        ------
        OptionError
            If it is not installed.
        VibeVoiceError
            If it has to be downloaded, which only the person decides.
        """
        name = self.name
        there = self._there(name)
        if there.place == "missing":
            raise OptionError(f"the recognizer {name!r} is not installed", "its package", there.remedy)
        if there.place == "download":
            size = f", {there.nbytes / 1e6:,.0f} MB" if there.nbytes else ""
            about = f" ({there.license} license{size})" if there.license else ""
            raise VibeVoiceError(
                f"the recognizer {name!r} is not on this machine",
                f"a recognizer that was downloaded{about}",
                "download it under Settings, Listen back, or choose another one",
            )
        return name

    def failed(self, name: str = "", reason: str = "") -> None:
        """Remember the reason of a failure, until the next review; without arguments, forget it."""
        self._failure = (name, reason)

    def state(self, job: ReviewJob | SweepReview | None, total: int = 0) -> ReviewState:
        """Describe the recognizer and a review with it.

        Parameters
        ----------
        job : ReviewJob, SweepReview or None
            The latest review.
        total : int
            Number of takes that it was given so far.
        """
        if job is not None and not job.done and not job.cancelled:
            status = "listening" if job.state == "speaking" else "loading"
            done, total = job.progress.done, max(job.progress.total, total)
            shown = job.recognizer if isinstance(job.recognizer, str) else self.name
            return review_state({"state": status, "recognizer": shown, "done": done, "total": total})
        if self._loading:
            return review_state({"state": "loading", "recognizer": self._loading})
        name = self.name
        there, memory = availability(name), loaded_recognizers().get(name)
        about = {"recognizer": name, "download": there.nbytes, "license": there.license}
        if self._failure[0] == name and self._failure[1]:
            return review_state({**about, "state": "failed", "message": self._failure[1]})
        if memory is not None:
            return review_state({**about, "state": "ready", "memory": memory})
        status = "available" if there.place == "here" else there.place
        return review_state({**about, "state": status, "message": there.remedy})

    @call("load_recognizer")
    def _load(self) -> None:
        """Load it in the background, and download it if necessary: the page named its size."""
        with self._lock:
            if self._loading:
                return
            name = self._loading = self.name
            self.failed()
            self._changed()
        threading.Thread(
            target=self._load_now, args=(name,), name="vibevoice-recognizer", daemon=True
        ).start()

    @call("unload_recognizer")
    def _unload(self) -> None:
        self._stop()
        unload_recognizers()
        self._changed()

    def _load_now(self, name: str) -> None:
        failure = ""
        try:
            load_recognizer(name)
        except Exception as error:  # shown in the state; libraries of models raise errors of many kinds
            failure = str(error) or type(error).__name__
        with self._lock:
            self._loading = ""
            self.failed(name, failure)
            self._changed()

    def _there(self, name: str) -> Availability:
        return Availability("here") if name in loaded_recognizers() else availability(name)
