"""A reentrant lock that postpones calls until it is released."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Mutex:
    """A reentrant lock, used in `with` blocks."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._postponed: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        postponed: list[Callable[[], None]] = []
        if not self._depth:
            postponed, self._postponed = self._postponed, []
        self._lock.release()
        for call in postponed:
            call()

    def call_after(self, call: Callable[[], None]) -> None:
        """Call a function as soon as this thread has left its outermost `with` block."""
        with self:
            self._postponed.append(call)
