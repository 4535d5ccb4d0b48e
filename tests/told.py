"""A recognizer that is given its transcripts, audio for it, and the priority of its threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np
import pytest

from vibevoice_nb.review import HeardWord


class Told:
    """Recognizer that hears the transcripts it was given, in turn; the last one for ever.

    `threads` are the native ids of the threads that it was called in.
    """

    name, note, nbytes = "told", "", 0

    def __init__(self, *transcripts: str) -> None:
        self.transcripts, self.calls, self.threads = list(transcripts), 0, set[int]()
        self.holds: threading.Event | None = None

    def hear(
        self, audio: np.ndarray, language: str, cancelled: Callable[[], bool] | None = None
    ) -> list[HeardWord]:
        if self.holds is not None:
            self.holds.wait(600)  # a limit for a test that fails; a generation meanwhile may be slow
        words = self.transcripts[min(self.calls, len(self.transcripts) - 1)].split()
        self.calls += 1
        self.threads.add(threading.get_native_id())
        step = len(audio) / 24_000 / max(1, len(words))
        return [HeardWord(word, at * step, (at + 1) * step, 0.9) for at, word in enumerate(words)]


def melody(seconds: float = 6.0) -> np.ndarray:
    """A melody that comes and goes: no silence, no steady sound, nothing twice."""
    count = int(24_000 * seconds)
    pitch = np.repeat(np.random.default_rng(1).integers(100, 2000, count // 1200 + 1), 1200)[:count]
    swell = 0.5 + 0.45 * np.sin(2 * np.pi * 4 * np.arange(count) / 24_000)
    return (0.1 * np.sin(2 * np.pi * np.cumsum(pitch / 24_000)) * swell).astype(np.float32)


@pytest.fixture(autouse=True)
def priorities(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Priorities that threads asked for, by native id; they do not get them: on a busy machine a thread with
    the lowest priority hardly runs."""
    asked: dict[int, int] = {}
    monkeypatch.setattr(
        os, "setpriority", lambda which, thread, level: asked.update({thread: level}), raising=False
    )
    return asked
