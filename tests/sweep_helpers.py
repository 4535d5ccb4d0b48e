"""Sweeps without a model: each cell is a melody as long as its number of steps."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
from told import melody

from vibevoice_nb.export.take_manifest import TakeManifest
from vibevoice_nb.project.jobs.sweep import Sweep
from vibevoice_nb.script import parse_script

SCRIPT = "Anna: Good morning everybody.\nBen: How nice to hear you."
WORDS = "Good morning everybody How nice to hear you"


class Melodies:
    """Engine that generates melodies of `num_steps` seconds; waits for `go_on` before each but the first."""

    workers = 1

    def __init__(self) -> None:
        self.defaults = SimpleNamespace(seeded=lambda: SimpleNamespace(seed=1))
        self.calls, self.go_on = 0, threading.Event()
        self.go_on.set()

    def speak(self, script: Any, voices: Any, **options: Any) -> Any:
        self.calls += 1
        while self.calls > 1 and not self.go_on.wait(0.01) and not options["cancelled"]():
            pass
        stopped = options["cancelled"]()
        audio = np.zeros(0, np.float32) if stopped else melody(float(options["num_steps"]))
        return SimpleNamespace(
            audio=audio,
            elapsed=0.1,
            ttfa=0.1,
            ended="cancelled" if stopped else "finished",
            manifest=TakeManifest(),
            run=SimpleNamespace(turns=script.turns),
        )


def sweep_of(engine: Melodies, steps: list[int], **options: Any) -> Sweep:
    """Return a sweep of a conversation; its cells last as many seconds as they have steps."""
    return Sweep(lambda: engine, parse_script(SCRIPT), None, {"num_steps": steps}, {"seed": 1}, **options)  # type: ignore[arg-type, return-value]
