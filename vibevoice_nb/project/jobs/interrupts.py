"""Interrupts of the Jupyter kernel, for jobs in background threads.

An interrupt is a SIGINT. Python raises KeyboardInterrupt for it in the main thread only, and ipykernel
ignores it while no cell runs. During background jobs the kernel's event loop therefore handles the signal as
well: any SIGINT wakes the loop, also one that ends the running cell.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Protocol

CHECK_EVERY = 0.2
"""Seconds between checks of the handler: ipykernel restores its own after every message."""

_log = logging.getLogger(__name__)


class Cancellable(Protocol):
    """Job that can be stopped from another thread."""

    def cancel(self) -> None: ...


def watch(work: Cancellable) -> None:
    """Cancel this job at the kernel's next interrupt; do nothing outside a Jupyter kernel."""
    _listener.add(work)


def release(work: Cancellable) -> None:
    """Stop watching a job, which has ended."""
    _listener.remove(work)


class _Listener:
    """Running jobs, and the signal handler of the kernel's loop while there are any."""

    def __init__(self, loop_of_kernel: Callable[[], asyncio.AbstractEventLoop | None]) -> None:
        self._loop_of_kernel = loop_of_kernel
        self._lock = threading.Lock()
        self._works: list[Cancellable] = []
        self._checks = self._installed = False

    def add(self, work: Cancellable) -> None:
        loop = self._loop_of_kernel()
        if loop is None:
            return
        with self._lock:
            self._works.append(work)
            begins, self._checks = not self._checks, True
        if begins and threading.current_thread() is threading.main_thread():
            self._check(loop)  # at once: the cell may block the loop until its end
        elif begins:
            loop.call_soon_threadsafe(self._check, loop)

    def remove(self, work: Cancellable) -> None:
        with self._lock:
            if work in self._works:
                self._works.remove(work)

    def _check(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep the signal handler installed while there are jobs; runs in the main thread."""
        with self._lock:
            self._checks = bool(self._works)
        try:
            if self._checks:
                self._listen(loop)
            elif self._installed:
                self._stop_listening(loop)
        except (NotImplementedError, RuntimeError, ValueError):  # Windows, or a loop in another thread
            _log.debug("interrupts of the kernel don't reach background jobs", exc_info=True)
            with self._lock:
                self._checks = False
        if self._checks:
            loop.call_later(CHECK_EVERY, self._check, loop)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        current = signal.getsignal(signal.SIGINT)
        if not self._installed:
            loop.add_signal_handler(signal.SIGINT, self._interrupted)
            self._installed = True
            # During a cell, its own handler ends it, and the signal wakes the loop too.
            if current is not signal.SIG_IGN:
                signal.signal(signal.SIGINT, current)
        elif current is signal.SIG_IGN:
            signal.signal(signal.SIGINT, _wake_only)

    def _stop_listening(self, loop: asyncio.AbstractEventLoop) -> None:
        current = signal.getsignal(signal.SIGINT)
        loop.remove_signal_handler(signal.SIGINT)
        self._installed = False
        # Keep the handler of a running cell; replace ours and asyncio's by the one used between cells.
        ours = current is _wake_only or getattr(current, "__module__", "").startswith("asyncio")
        signal.signal(signal.SIGINT, signal.SIG_IGN if ours else current)

    def _interrupted(self) -> None:
        with self._lock:
            works = list(self._works)
        for work in works:
            work.cancel()


def _wake_only(number: int, frame: FrameType | None) -> None:
    """Only let the signal wake the loop."""


def _kernel_loop() -> asyncio.AbstractEventLoop | None:
    """Return the event loop of this process's kernel; None outside a kernel."""
    module = sys.modules.get("ipykernel.kernelapp")
    if module is None or not module.IPKernelApp.initialized():
        return None
    with contextlib.suppress(AttributeError):
        loop = module.IPKernelApp.instance().kernel.io_loop.asyncio_loop
        return loop if isinstance(loop, asyncio.AbstractEventLoop) else None
    return None


_listener = _Listener(_kernel_loop)
