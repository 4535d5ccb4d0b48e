"""Worker on a cluster: a process with a loaded engine, which generates tasks together."""

from __future__ import annotations

import platform
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from ... import __version__
from ...script.frontends import FRONTENDS
from ..engine import Engine
from ..interface import Audio, Run
from .tasks import Began, Finished, Frame, Item, ModelSource, Pause, Task, WorkerFacts

SEND_SECONDS = 0.25
"""Least time between two parcels: a message for every frame would cost a small model more than the frame."""


class Worker:
    """Engine in a process of a cluster."""

    def __init__(self) -> None:
        self._cancelled: set[int] = set()
        self._changed = threading.Lock()

    def load(self, source: ModelSource) -> WorkerFacts:
        """Load the model, and return its facts.

        Raises
        ------
        CheckpointError, DeviceError, OptionError
        """
        engine = self._engine = Engine.load(**asdict(source))
        config = engine.model.config
        return WorkerFacts(
            package=__version__,
            name=engine.name,
            revision=engine.revision,
            mirror=engine.mirror,
            quantize=engine.quantize,
            defaults=engine.defaults,
            frontend=next(name for name, one in FRONTENDS.items() if one is engine.frontend),
            limits=engine.limits,
            device=str(engine.device),
            dtype=str(engine.dtype).removeprefix("torch."),
            attention=engine.attention,
            hop_length=engine.hop_length,
            max_positions=engine.max_positions,
            frame_sizes=(config.head.latent_size, config.semantic.size),
            weights=engine.weights_digest(),
            versions=engine.versions(),
            node=platform.node(),
        )

    def cancel(self, number: int) -> None:
        """Stop a call of `generate` after its current frame. Called beside it, in another thread."""
        with self._changed:
            self._cancelled.add(number)

    def generate(self, number: int, tasks: Sequence[Task]) -> Iterator[list[Item]]:
        """Generate tasks in one batch; yield parcels of items, the end of each task last.

        Raises
        ------
        VibeVoiceError
            If a task is not valid.
        """
        runs = [self._run(task) for task in tasks]
        place = {id(run): at for at, run in enumerate(runs)}
        parcel: list[Item] = [(at, _began(run)) for at, run in enumerate(runs)]
        sent, frames = time.perf_counter(), [0] * len(runs)
        for run, audio in self._engine.advance(runs, lambda: number in self._cancelled):
            at = place[id(run)]
            piece = _piece(run, audio, frames[at])
            frames[at] += isinstance(piece, Frame)
            parcel.append((at, piece))
            if time.perf_counter() - sent >= SEND_SECONDS:
                yield parcel
                parcel, sent = [], time.perf_counter()
        yield parcel + [(at, _finished(run)) for at, run in enumerate(runs)]
        with self._changed:
            self._cancelled.discard(number)

    def _run(self, task: Task) -> Run:
        if task.context is None:
            return self._engine.run_whole(task.turns, task.cast, task.options, pauses=task.pauses)
        return self._engine.run_in_context(task.turns[0], task.cast, task.context, task.options)


def _began(run: Run) -> Began:
    return Began(run.max_seconds, run.estimated_seconds, run.context_used, run.prefill_hash)


def _piece(run: Run, audio: Audio, frames_before: int) -> Frame | Pause:
    """Return the latest audio of a run: a frame, unless the run has no more frames than before."""
    frames, at = run.frames, frames_before
    if len(frames) == at:
        return Pause(len(audio))
    lead = run.lead.copy() if at == 0 else None
    return Frame(frames.latent[at].copy(), frames.semantic[at].copy(), audio.copy(), lead)


def _finished(run: Run) -> Finished:
    return Finished(run.ended, run.odd_length, run.context_full, run.spans(), run.turn_samples())
