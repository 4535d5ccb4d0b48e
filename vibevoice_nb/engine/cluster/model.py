"""`RayModel`: a model in workers on a Ray cluster, and `on_ray`, an engine with it."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import ServerError, VibeVoiceError
from ...script import Turn
from ...script.frontends import FRONTENDS
from ...voices.voice import Voice
from ..estimates import in_context_seconds, whole_seconds
from ..frames import Spoken
from ..interface import Audio, Cancelled, QueuePlace
from ..options import GenerationOptions
from . import session
from .pool import WorkerHandle, WorkerPool, cause_of
from .run import RayRun
from .tasks import LoadingOptions, ModelSource, Task, WorkerFacts

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..engine import Engine

POLL_SECONDS = 0.05
MAX_TOGETHER = 4
MAX_TRIES = 3
"""Workers that one script may lose before it is given up: it may be the script that ends them."""


class RayModel:
    """A model in the workers of a pool; a `SpeechModel`.

    Parameters
    ----------
    pool : WorkerPool
    facts : WorkerFacts
    batch_size : int, optional
        Runs that a worker generates together. By default at most 4, and fewer if workers would have none.
    """

    server = "ray"

    def __init__(self, pool: WorkerPool, facts: WorkerFacts, batch_size: int | None = None) -> None:
        self.facts, self._pool, self._batch_size = facts, pool, batch_size
        self.queue_listeners: list[Callable[[QueuePlace | None], None]] = []
        self.name, self.revision, self.mirror = facts.name, facts.revision, facts.mirror
        self.quantize: Any = facts.quantize
        self.defaults, self.frontend, self.limits = facts.defaults, FRONTENDS[facts.frontend], facts.limits
        self.device, self.dtype, self.attention = facts.device, facts.dtype, facts.attention
        self.hop_length, self.max_positions = facts.hop_length, facts.max_positions

    def __repr__(self) -> str:
        bits = f", {self.quantize}" if self.quantize else ""
        return f"<RayModel {self.name!r} in {self.workers} workers on {self.device}, {self.dtype}{bits}>"

    @property
    def workers(self) -> int:
        """Number of workers."""
        return self._pool.count

    def weights_digest(self) -> str:
        """Return the fingerprint of the weights."""
        return self.facts.weights

    def versions(self) -> dict[str, str]:
        """Return the versions of the workers' libraries that affect the audio."""
        return dict(self.facts.versions)

    def nbytes(self) -> int:
        """Return 0: the weights are in the workers."""
        return 0

    def whole(
        self,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
        *,
        pauses: bool = False,
    ) -> RayRun:
        """Return a run of a whole script; see `SpeechRun.whole`.

        Raises
        ------
        ScriptError
            If there is nothing to speak. Other errors of the script are raised by the first iteration.
        """
        estimated = whole_seconds(turns, self.frontend, self.name, pauses=pauses)
        task = Task(tuple(turns), dict(cast), options.seeded(), pauses=pauses)
        return RayRun(self, task, estimated, cancelled)

    def in_context(
        self,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
    ) -> RayRun:
        """Return a run of one turn after others; see `SpeechRun.in_context` and `whole`."""
        estimated = in_context_seconds(turn, self.frontend, self.name, options.passage_seconds)
        task = Task((turn,), dict(cast), options.seeded(), tuple(context))
        return RayRun(self, task, estimated, cancelled)

    def advance(self, runs: Sequence[RayRun], cancelled: Cancelled) -> Iterator[tuple[RayRun, Audio]]:
        """Generate runs in as many workers as are free; yield (run, audio) as it arrives.

        Runs of a lost worker are generated again, one by one, by others.

        Raises
        ------
        VibeVoiceError
            Of the first run that fails.
        """
        each = self._batch_size or max(1, min(MAX_TOGETHER, -(-len(runs) // self.workers)))
        calls = _Calls(self._pool, [list(runs[at : at + each]) for at in range(0, len(runs), each)])
        try:
            while calls.open:
                if cancelled():
                    calls.cancel()
                calls.begin()
                for run, item in calls.received():
                    audio = run.take(item)
                    if audio is not None:
                        yield run, audio
        finally:
            calls.leave()


class _Call:
    """Runs that a worker generates together."""

    def __init__(self, pool: WorkerPool, worker: WorkerHandle, runs: list[RayRun]) -> None:
        self.worker, self.runs, self.number = worker, runs, pool.number()
        self.parcels = worker.generate(self.number, [run.task for run in runs])


class _Calls:
    """Calls of workers for groups of runs: those that wait, and those in progress."""

    def __init__(self, pool: WorkerPool, groups: Sequence[list[RayRun]]) -> None:
        import ray

        self._ray, self._pool = ray, pool
        self._waiting = deque(groups)
        self._active: dict[Any, _Call] = {}
        self._tries: dict[int, int] = {}
        self._cancelled = False

    @property
    def open(self) -> bool:
        """True until all have ended."""
        return bool(self._waiting or self._active)

    def cancel(self) -> None:
        """Stop the calls after their current frame, and begin no more."""
        if not self._cancelled:
            self._cancelled = True
            self._waiting.clear()
            for call in self._active.values():
                call.worker.cancel(call.number)

    def begin(self) -> None:
        """Begin calls while workers are free; without any, wait a moment for one."""
        while self._waiting:
            worker = self._pool.acquire(0.0 if self._active else POLL_SECONDS)
            if worker is None:
                return
            call = _Call(self._pool, worker, self._waiting.popleft())
            self._active[call.parcels] = call

    def received(self) -> Iterator[tuple[RayRun, Any]]:
        """Yield the items that arrive within a moment."""
        if not self._active:
            return
        ready, _ = self._ray.wait(list(self._active), timeout=POLL_SECONDS, fetch_local=False)
        for parcels in ready:
            call = self._active[parcels]
            try:
                items = self._ray.get(next(parcels))
            except StopIteration:
                del self._active[parcels]
                self._pool.release(call.worker)
            except self._ray.exceptions.RayTaskError as error:
                del self._active[parcels]
                self._pool.release(call.worker)
                self._failed(call, cause_of(error))
            except self._ray.exceptions.RayError as error:  # the worker, its node, or a parcel was lost
                del self._active[parcels]
                self._pool.lost(call.worker)
                self._lost(call, error)
            else:
                yield from ((call.runs[at], item) for at, item in items)

    def leave(self) -> None:
        """Stop and leave the calls that have not ended."""
        for parcels, call in self._active.items():
            call.worker.cancel(call.number)
            self._pool.leave(call.worker, parcels)
        self._active = {}

    def _failed(self, call: _Call, error: BaseException) -> None:
        """Raise the error of a call; if it may be due to the batch, such as a full GPU, try runs singly."""
        if isinstance(error, VibeVoiceError):
            raise error
        if len(call.runs) == 1:
            raise ServerError(
                f"a worker failed ({type(error).__name__}: {' '.join(str(error).split())[:300]})",
                "a script that the workers have memory for",
                "use a shorter script, a smaller --batch-size or a smaller model",
            ) from error
        self._again(call)

    def _lost(self, call: _Call, error: BaseException) -> None:
        """Generate the runs of a lost worker again, unless they have cost too many."""
        for run in call.runs:
            self._tries[id(run)] = tries = self._tries.get(id(run), 1) + 1
            if not run.done and tries > MAX_TRIES:
                raise ServerError(
                    f"{MAX_TRIES} workers were lost while they generated this script "
                    f"({' '.join(str(error).split())[:200]})",
                    "workers that stay",
                    "check the memory of the nodes; a shorter script or a smaller model needs less",
                ) from error
        self._again(call)

    def _again(self, call: _Call) -> None:
        if self._cancelled:
            return
        for run in call.runs:
            if not run.done:
                run.restart()
                self._waiting.append([run])


@contextlib.contextmanager
def on_ray(
    model: str | Path = "nano",
    *,
    address: str = "",
    workers: int | None = None,
    batch_size: int | None = None,
    waiting: Callable[[int, int], None] = lambda ready, count: None,
    **loading: Unpack[LoadingOptions],
) -> Iterator[Engine]:
    """Yield an engine whose model runs in workers; see `Engine.on_ray`.

    `waiting` is called with the numbers of workers that are ready and wanted, until the first one is ready;
    it may raise an exception to give up.
    """
    from ..engine import Engine

    mirrors = loading.get("mirrors")
    source = ModelSource(
        str(model),
        loading.get("device", "auto"),
        loading.get("dtype", "auto"),
        loading.get("quantize"),
        loading.get("revision"),
        None if mirrors is None else tuple(mirrors),
    )
    with session.connected(address) as ray:
        pool = WorkerPool(ray, source, workers)
        try:
            while (facts := pool.facts()) is None:
                waiting(pool.ready, pool.count)
            yield Engine(RayModel(pool, facts, batch_size))
        finally:
            pool.close()
