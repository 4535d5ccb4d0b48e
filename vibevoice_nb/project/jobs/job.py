"""Work that goes on in a thread while the notebook stays usable: start, cancel, wait, await."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections.abc import Generator
from concurrent.futures import CancelledError, Future
from typing import Any, Generic, Literal, TypeVar

from vibevoice_nb.errors import VibeVoiceError

from . import interrupts

State = Literal["queued", "loading", "speaking", "finished", "cancelled", "failed"]
OVER: tuple[State, ...] = ("finished", "cancelled", "failed")

Result = TypeVar("Result")
_Self = TypeVar("_Self", bound="Job[Any]")

_speaking = threading.Lock()
"""Held by the work that speaks: two at once would only slow each other down."""

_log = logging.getLogger(__name__)


class Job(Generic[Result]):
    """Work in a thread of its own, one at a time in this process.

    Subclasses say what the work is (`work`), and are told of every state (`entered`).

    Attributes
    ----------
    id : str
    state : {"queued", "loading", "speaking", "finished", "cancelled", "failed"}
    error : BaseException or None
        What went wrong.
    """

    def __init__(self) -> None:
        self.id = uuid.uuid4().hex[:12]
        self.state: State = "queued"
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._future: Future[Result] = Future()
        self._thread = threading.Thread(target=self._run, name=f"vibevoice-{self.id}", daemon=True)

    def work(self) -> None:
        """Do it; ask `cancelled` often, and return when it says so."""
        raise NotImplementedError

    def outcome(self) -> Result:
        """What whoever waits gets, also when the work was cancelled."""
        raise NotImplementedError

    def entered(self) -> None:
        """`state` has changed."""

    def start(self: _Self) -> _Self:
        """Begin."""
        self._future.set_running_or_notify_cancel()
        interrupts.watch(self)
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Stop within one frame; what was made is kept. Nothing happens once it is over."""
        self._stop.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._stop.is_set()

    @property
    def done(self) -> bool:
        """Whether it is over, however it ended."""
        return self.state in OVER

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the end and return what came of it; an interrupt of the kernel cancels the work.

        Raises
        ------
        VibeVoiceError
            What went wrong.
        TimeoutError
            It is not over after `timeout` seconds.
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
            self._wait_for_others()
            try:
                self._enter("loading")
                self.work()
            finally:
                _speaking.release()
            outcome = self.outcome()
            state: State = "cancelled" if self.cancelled else "finished"
        except CancelledError:
            state, outcome = "cancelled", self.outcome()
        except BaseException as error:  # whoever waits gets it
            self.error, state = error, "failed"
            if not isinstance(error, VibeVoiceError):
                _log.exception("speaking failed")
        interrupts.release(self)
        self._enter(state)
        if self.error is not None:
            self._future.set_exception(self.error)
        else:
            self._future.set_result(outcome)  # type: ignore[arg-type]

    def _wait_for_others(self) -> None:
        while not _speaking.acquire(timeout=0.05):
            if self.cancelled:
                raise CancelledError
        if self.cancelled:
            _speaking.release()
            raise CancelledError
