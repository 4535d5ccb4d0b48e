"""Background jobs in a thread: start, cancel, wait, await."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, Literal, TypeVar

from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.progress import progress_bar

from . import interrupts

State = Literal["queued", "loading", "speaking", "finished", "cancelled", "failed"]
OVER: tuple[State, ...] = ("finished", "cancelled", "failed")

Result = TypeVar("Result")
_Self = TypeVar("_Self", bound="Job[Any]")

_generating = threading.Lock()
"""Held while generating: concurrent generations only slow each other down."""

_log = logging.getLogger(__name__)


class Job(Generic[Result]):
    """Job in its own thread; one that is `exclusive` runs only if no other such job does.

    Subclasses implement `work` and `outcome`; `entered` is called after every change of state.

    Attributes
    ----------
    id : str
    state : {"queued", "loading", "speaking", "finished", "cancelled", "failed"}
    error : BaseException or None
        Reason of a failure.
    """

    label = "Generating"
    unit = ""
    """Text and unit of the progress bar."""
    exclusive = True
    """False for a job that works beside a generation."""

    def __init__(self, progress: bool | Callable[[Any], None] | None = None) -> None:
        self._bar = progress
        self._report: Callable[[Any], None] | None = None
        self.id = uuid.uuid4().hex[:12]
        self.state: State = "queued"
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._future: Future[Result] = Future()
        self._thread = threading.Thread(target=self._run, name=f"vibevoice-{self.id}", daemon=True)

    def work(self) -> None:
        """Do the work; check `cancelled` often, and return when it is True."""
        raise NotImplementedError

    def outcome(self) -> Result:
        """Return the value of `result()`, also after cancellation."""
        raise NotImplementedError

    def measure(self, progress: Any) -> tuple[float, float]:
        """Return how much is done and the total, for the progress bar."""
        raise NotImplementedError

    def reported(self, progress: Any) -> None:
        """Pass the progress to the bar or the callable; its errors must not abort the job."""
        if self._report is not None:
            try:
                self._report(progress)
            except Exception:
                _log.exception("a progress callback failed")

    def entered(self) -> None:
        """Handle a change of `state`."""

    def start(self: _Self) -> _Self:
        """Start the job, and return it."""
        self._future.set_running_or_notify_cancel()
        interrupts.watch(self)
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Stop within one frame; the audio generated so far is kept. A finished job is not changed."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """True after `cancel`."""
        return self._stop.is_set()

    @property
    def done(self) -> bool:
        """True if it has finished, failed or been cancelled."""
        return self.state in OVER

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end and return the outcome; an interrupt of the kernel cancels the job.

        Raises
        ------
        VibeVoiceError
            Reason of a failure.
        TimeoutError
            If it has not ended after `timeout` seconds.
        """
        try:
            return self._future.result(timeout)
        except KeyboardInterrupt:
            self.cancel()
            raise

    def __await__(self) -> Generator[Any, None, Result]:
        return asyncio.wrap_future(self._future).__await__()

    def _enter(self, state: State) -> None:
        self.state = state
        self.entered()

    def _run(self) -> None:
        outcome: Result | None = None
        try:
            with self._alone():
                self._enter("loading")
                with progress_bar(self._bar, self.label, self.measure, unit=self.unit) as self._report:
                    self.work()
            outcome = self.outcome()
            state: State = "cancelled" if self.cancelled else "finished"
        except CancelledError:
            state, outcome = "cancelled", self.outcome()
        except BaseException as error:  # raised by `result`
            self.error, state = error, "failed"
            if not isinstance(error, VibeVoiceError):
                _log.exception("the job failed")
        interrupts.release(self)
        try:
            self._enter(state)
        except Exception:  # waiting for the result must end all the same
            _log.exception("the end of a job could not be announced")
        if self.error is not None:
            self._future.set_exception(self.error)
        else:
            self._future.set_result(outcome)  # type: ignore[arg-type]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for the other exclusive jobs."""
        while self.exclusive and not _generating.acquire(timeout=0.05):
            if self.cancelled:
                raise CancelledError
        try:
            if self.cancelled:
                raise CancelledError
            yield
        finally:
            if self.exclusive:
                _generating.release()
