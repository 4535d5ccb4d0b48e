"""CPU time of a piece of work, for tests that limit it."""

from __future__ import annotations

import time
from collections.abc import Callable


def least_seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the CPU time of `work` in this thread, in seconds: the least of some rounds.

    Other threads do not count, and a garbage collection of the whole test run (up to a second) falls
    into one round at most.
    """
    times = []
    for _ in range(rounds):
        began = time.thread_time()
        work()
        times.append(time.thread_time() - began)
    return min(times)
