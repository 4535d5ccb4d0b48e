"""A recognizer that is given its transcripts."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np

from vibevoice_nb.review import HeardWord


class Told:
    """Recognizer that hears the transcripts it was given, in turn; the last one for ever."""

    name, note, nbytes = "told", "", 0

    def __init__(self, *transcripts: str) -> None:
        self.transcripts, self.calls, self.threads = list(transcripts), 0, set[int]()
        self.holds: threading.Event | None = None

    def hear(
        self, audio: np.ndarray, language: str, cancelled: Callable[[], bool] | None = None
    ) -> list[HeardWord]:
        if self.holds is not None:
            self.holds.wait(20)
        words = self.transcripts[min(self.calls, len(self.transcripts) - 1)].split()
        self.calls += 1
        self.threads.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        step = len(audio) / 24_000 / max(1, len(words))
        return [HeardWord(word, at * step, (at + 1) * step, 0.9) for at, word in enumerate(words)]
