"""Clock of a live room: takes the playout in real time, and encodes it, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable

from vibevoice_nb.engine.live_text.spoken_words import SpokenWord

from .opus import OpusEncoder
from .playout import Playout

_PERIOD = 0.02  # seconds
_LATE = 0.5
"""Seconds that the clock catches up; a longer break, as of a suspended machine, is skipped."""
_log = logging.getLogger(__name__)


class Clock:
    """Takes a step every 20 ms until `close`. Create it in the event loop.

    A handler that keeps the event loop busy delays sending alone. An error is logged, and the next step is
    taken as usual.

    Parameters
    ----------
    name : str
    playout : Playout
    wanted : callable
        Returns true while there are listeners.
    deliver : callable
        Called in the event loop with the number of the step, its packets, and the words that begin in it.
    """

    def __init__(
        self,
        name: str,
        playout: Playout,
        wanted: Callable[[], bool],
        deliver: Callable[[int, list[bytes], list[SpokenWord]], None],
    ) -> None:
        self._playout, self._wanted, self._deliver = playout, wanted, deliver
        self._loop = asyncio.get_running_loop()
        self._stop, self._failing = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name=f"live-{name}-clock", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stop.set()

    def join(self, timeout: float) -> None:
        """Wait for the end of the thread after `close`."""
        self._thread.join(timeout)

    def _run(self) -> None:
        encoder, due, number = OpusEncoder(), time.monotonic(), 0
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due = max(due + _PERIOD, time.monotonic() - _LATE)
            try:
                self._step(encoder, number)
                self._failing = False
            except Exception:
                if self._loop.is_closed():
                    return
                if not self._failing:
                    _log.exception("a step of a live room failed")
                encoder, self._failing = OpusEncoder(), True
            number += 1  # also without listeners: time goes on for those who reconnect

    def _step(self, encoder: OpusEncoder, number: int) -> None:
        step, words = self._playout.take()
        packets = encoder.encode(step) if self._wanted() else []
        self._loop.call_soon_threadsafe(self._deliver, number, packets, words)
