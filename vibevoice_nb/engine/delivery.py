"""Delivery of audio: runs generated into their sinks, with progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..audio.sinks import Sink
from ..errors import OptionError
from ..ranges import shown
from .interface import Cancelled, Run, SpeechModel, never
from .options import Pace, Progress

Report = Callable[[Progress], None]


def fill_sinks(
    model: SpeechModel,
    runs: Sequence[Run],
    sinks: Sequence[Sink],
    progress: Report | None = None,
    cancelled: Cancelled | None = None,
) -> None:
    """Generate runs of a model into their sinks until they end or `cancelled` returns True.

    `progress` is called after every frame, `cancelled` before every step of the model, also of those without
    audio.
    """
    _check_arguments(sinks, cancelled)
    sink_of = {id(run): sink for run, sink in zip(runs, sinks, strict=True)}
    before = sum(run.seconds for run in runs)
    started, pace = time.perf_counter(), Pace()
    for run, audio in model.advance(runs, cancelled or never):
        sink_of[id(run)].write(audio)
        if progress is not None:
            done = sum(run.seconds for run in runs)
            estimated = sum(max(run.estimated_seconds, run.seconds) for run in runs)
            seconds, elapsed = done - before, time.perf_counter() - started
            progress(Progress(seconds, estimated - before, elapsed, pace.at(elapsed, seconds)))


def _check_arguments(sinks: Sequence[Sink], cancelled: object) -> None:
    """Check, before generation starts, what will be called during it."""
    if cancelled is not None and not callable(cancelled):
        raise OptionError(f"cancelled={shown(cancelled)}", "a function", "leave it out")
    for sink in sinks:
        if not callable(getattr(sink, "write", None)):
            remedy = "use one of `vibevoice_nb.audio.sinks`, or save the result with `save(path)`"
            raise OptionError(f"the sink {shown(sink)}", "an object with `write` and `close`", remedy)
