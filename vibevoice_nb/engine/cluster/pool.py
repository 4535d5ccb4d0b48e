"""Workers on a Ray cluster: started, handed out one task at a time, and replaced when they are lost."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ... import __version__
from ...errors import OptionError, ServerError, VibeVoiceError
from ...model.loading.checkpoint import NANO
from .tasks import ModelSource, Task, WorkerFacts

MAX_LOSSES = 3
"""Workers in a row that may be lost before one of them has loaded the model."""


@dataclass(frozen=True)
class Resources:
    """CPUs and GPUs of a worker."""

    cpus: int
    gpus: int


def resources_for(nodes: Sequence[dict[str, float]], source: ModelSource) -> tuple[Resources, int]:
    """Return the resources of a worker, and the number of workers that fit on the nodes.

    One worker for each GPU. On CPUs, one for each core with nano, which computes on one thread; with larger
    models, one for each node, on all of its cores.

    Examples
    --------
    >>> nano, large = ModelSource("nano", device="cpu"), ModelSource("microsoft/VibeVoice-1.5B")
    >>> resources_for([{"CPU": 4}, {"CPU": 2}], nano)
    (Resources(cpus=1, gpus=0), 6)
    >>> resources_for([{"CPU": 8}, {"CPU": 16, "GPU": 2}], large)
    (Resources(cpus=1, gpus=1), 2)
    >>> resources_for([{"CPU": 8}, {"CPU": 4}], large)
    (Resources(cpus=4, gpus=0), 3)
    """
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if gpus and source.device != "cpu":
        return Resources(1, 1), gpus
    cores = [int(node.get("CPU", 0)) for node in nodes if node.get("CPU", 0) >= 1]
    each = 1 if source.model == NANO else min(cores, default=1)
    return Resources(each, 0), sum(count // each for count in cores)


class WorkerHandle:
    """Worker on the cluster.

    Attributes
    ----------
    facts : WorkerFacts or None
        None until its model is loaded.
    """

    def __init__(self, ray: Any, kind: Any, source: ModelSource) -> None:
        self._actor = kind.remote()
        self.loading = self._actor.load.remote(source)
        self.facts: WorkerFacts | None = None
        self._ray = ray

    def generate(self, number: int, tasks: Sequence[Task]) -> Any:
        """Begin to generate tasks; return the iterator over the references of parcels."""
        return self._actor.generate.options(num_returns="streaming").remote(number, tasks)

    def cancel(self, number: int) -> None:
        """Stop `generate` after its current frame."""
        self._actor.cancel.remote(number)

    def stop(self) -> None:
        """End the process."""
        self._ray.kill(self._actor)


class WorkerPool:
    """Workers with one model. Its methods may be called in several threads.

    Parameters
    ----------
    ray : module
        Connected to the cluster.
    source : ModelSource
    count : int, optional
        Number of workers; by default, as many as fit on the nodes. If there are more, a cluster that scales
        adds nodes for them.

    Raises
    ------
    ServerError
        If the cluster has no CPU.
    """

    def __init__(self, ray: Any, source: ModelSource, count: int | None = None) -> None:
        from .worker import Worker

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        each, fit = resources_for(nodes, source)
        self.count = count or fit
        if not self.count:
            raise ServerError("a Ray cluster without CPUs", "a cluster with nodes that compute", "add a node")
        self._ray, self._source = ray, source
        # The second thread of a worker answers `cancel` while the first one generates.
        self._kind = ray.remote(Worker).options(
            num_cpus=each.cpus, num_gpus=each.gpus, max_concurrency=2, max_restarts=0
        )
        self._changed = threading.Lock()
        self._numbers = itertools.count(1)
        self._losses = 0
        self._failure: VibeVoiceError | None = None
        self._closed = False
        self._loading = [self._new() for _ in range(self.count)]
        self._free: list[WorkerHandle] = []
        self._leaving: list[tuple[WorkerHandle, Any]] = []
        self._busy: set[WorkerHandle] = set()

    def _new(self) -> WorkerHandle:
        return WorkerHandle(self._ray, self._kind, self._source)

    def number(self) -> int:
        """Return a new number for a call of a worker."""
        with self._changed:
            return next(self._numbers)

    @property
    def ready(self) -> int:
        """Number of workers that have loaded the model."""
        with self._changed:
            self._update(0.0)
            return len(self._free) + len(self._busy) + len(self._leaving)

    def facts(self) -> WorkerFacts | None:
        """Return the facts of the model once the first worker has loaded it."""
        with self._changed:
            self._update(0.1)
            return next((worker.facts for worker in self._free), None)

    def acquire(self, timeout: float = 0.0) -> WorkerHandle | None:
        """Return a free worker, which `release`, `leave` or `lost` takes back; None if there is none.

        Raises
        ------
        VibeVoiceError
            If no worker is left: the model cannot be loaded, or workers were lost again and again.
        """
        with self._changed:
            self._update(0.0 if self._free else timeout)
            if not self._free:
                return None
            worker = self._free.pop()
            self._busy.add(worker)
            return worker

    def release(self, worker: WorkerHandle) -> None:
        """Take back a worker whose call has ended."""
        with self._changed:
            self._busy.discard(worker)
            self._free.append(worker)

    def leave(self, worker: WorkerHandle, parcels: Any) -> None:
        """Take back a worker whose call was cancelled and has not ended."""
        with self._changed:
            self._busy.discard(worker)
            self._leaving.append((worker, parcels))

    def lost(self, worker: WorkerHandle) -> None:
        """Replace a worker whose process or node has ended."""
        with self._changed:
            self._busy.discard(worker)
            if not self._closed:
                self._loading.append(self._new())

    def close(self) -> None:
        """End all workers."""
        with self._changed:
            self._closed = True
            leaving = [worker for worker, _ in self._leaving]
            for worker in [*self._loading, *self._free, *self._busy, *leaving]:
                worker.stop()
            self._loading, self._free, self._leaving, self._busy = [], [], [], set()
            self._failure = ServerError(
                "a pool of workers that was closed", "an open one", "open another one"
            )

    def _update(self, timeout: float) -> None:
        """Account for workers that have loaded their model, or ended a cancelled call."""
        for worker, parcels in list(self._leaving):
            if self._has_ended(worker, parcels):
                self._leaving.remove((worker, parcels))
        references = {worker.loading: worker for worker in self._loading}
        if references:
            ready, _ = self._ray.wait(list(references), num_returns=len(references), timeout=0)
            if not ready and timeout:
                ready, _ = self._ray.wait(list(references), timeout=timeout)
            for reference in ready:
                self._loaded(references[reference])
        if not (self._loading or self._free or self._busy or self._leaving):
            assert self._failure is not None
            raise self._failure

    def _has_ended(self, worker: WorkerHandle, parcels: Any) -> bool:
        """Drop what is left of a cancelled call; return true, and keep the worker, once it has ended."""
        while self._ray.wait([parcels], timeout=0, fetch_local=False)[0]:
            try:
                self._ray.get(next(parcels))
            except StopIteration:
                self._free.append(worker)
                return True
            except self._ray.exceptions.RayActorError:
                self._loading.append(self._new())
                return True
            except self._ray.exceptions.RayTaskError:
                continue
        return False

    def _loaded(self, worker: WorkerHandle) -> None:
        """Account for a worker that has loaded its model, or could not."""
        self._loading.remove(worker)
        errors = self._ray.exceptions
        try:
            facts: WorkerFacts = self._ray.get(worker.loading)
            _check_package(facts.package)
        except errors.RayActorError as error:
            self._failure = _lost_while_loading(error)
            self._losses += 1
            if self._losses < MAX_LOSSES * self.count:
                self._loading.append(self._new())
        except (errors.RayError, VibeVoiceError) as error:
            cause = cause_of(error)
            self._failure = cause if isinstance(cause, VibeVoiceError) else _lost_while_loading(error)
            worker.stop()  # the next one would fail as well
        else:
            worker.facts, self._losses = facts, 0
            self._free.append(worker)


def cause_of(error: BaseException) -> BaseException:
    """Return the exception that was raised in a worker, where there is one."""
    while True:
        inner = getattr(error, "cause", None) or error.__cause__
        if not isinstance(inner, BaseException) or inner is error:
            return error
        error = inner


def _check_package(version: str) -> None:
    if version != __version__:
        raise OptionError(
            f"vibevoice-nb {version} on a node of the cluster",
            f"{__version__}, as here",
            "install the same version on all nodes",
        )


def _lost_while_loading(error: BaseException) -> ServerError:
    reason = " ".join(str(error).split())[:400]
    return ServerError(
        f"a worker ended while it loaded the model ({reason})",
        "nodes with vibevoice-nb and enough memory for the model",
        "check the installation and the memory of the nodes",
    )
