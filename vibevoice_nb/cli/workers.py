"""Scripts of the command line in workers on a Ray cluster: `speak --ray`, and several GPUs at once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import TYPE_CHECKING

from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.batch import Outcome, Settings, batch, speak_batch, without_reported_warnings
from vibevoice_nb.cli.requests import SpeechRequest
from vibevoice_nb.engine.cluster.model import on_ray
from vibevoice_nb.engine.cluster.session import INSTALL, is_installed
from vibevoice_nb.engine.remote.address import is_address as is_server
from vibevoice_nb.errors import OptionError, ServerError

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine

Report = Callable[[Outcome], None]


def address_for(requests: int, settings: Settings, given: str | None) -> str | None:
    """Return the address of the cluster to use; None to generate in this process.

    Without `--ray`, several scripts and several GPUs use a local cluster, if ray is installed.
    """
    if (
        given is not None
        or requests < 2
        or is_server(settings.model)
        or settings.device not in ("auto", "cuda")
    ):
        return given
    import torch

    gpus = torch.cuda.device_count()
    if gpus < 2:
        return None
    if not is_installed():
        terminal.say(f"one of {gpus} GPUs is used; to use all of them, install ray: {INSTALL}")
        return None
    return "local"


def speak_on_ray(
    requests: Sequence[SpeechRequest],
    settings: Settings,
    address: str,
    workers: int | None,
    report: Report,
) -> list[Outcome]:
    """Generate requests on a cluster; this process writes the files, and reports each when it is complete.

    After an interrupt the remaining requests are left out.
    """
    if not requests:
        return []
    if is_server(settings.model):
        raise OptionError(
            f"--ray with the server {settings.model}",
            "a model that the workers load, or a server",
            "leave out --ray: the server has workers of its own",
        )
    size = 1 if settings.review else settings.batch_size
    with (
        redirect_stdout(sys.stderr),  # Ray prints errors of nodes; stdout is for results
        terminal.Interrupt() as interrupt,
        _engine(address, workers, size, settings, interrupt) as engine,
    ):
        each = max(1, min(size, -(-len(requests) // engine.workers)))
        groups = list(batch(requests, each))
        outcomes: list[Outcome] = []
        label = f"{len(requests)} scripts"
        # One group more than workers: it waits while a file is encoded.
        pool = ThreadPoolExecutor(engine.workers + 1, "vibevoice-ray")
        with without_reported_warnings(engine, settings), terminal.CountBar(label, len(requests)) as bar:
            jobs = [pool.submit(_speak_group, engine, group, settings, interrupt) for group in groups]
            try:
                for made in _results(jobs):
                    outcomes += made
                    bar(len(outcomes))
                    for outcome in made:
                        report(outcome)
            except BaseException:
                interrupt.requested = True
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            pool.shutdown()
        return outcomes


def _results(jobs: Sequence[Future[list[Outcome]]]) -> Iterator[list[Outcome]]:
    """Yield results as they come; the main thread wakes up for Ctrl-C."""
    open_jobs = set(jobs)
    while open_jobs:
        done, open_jobs = wait(open_jobs, timeout=0.2, return_when=FIRST_COMPLETED)
        yield from (job.result() for job in done)


def _speak_group(
    engine: Engine, requests: Sequence[SpeechRequest], settings: Settings, interrupt: terminal.Interrupt
) -> list[Outcome]:
    """Generate a group; scripts whose worker was lost are generated again, from their first frame."""
    if interrupt():
        return []
    made = []
    for request, outcome in zip(
        requests, speak_batch(engine, requests, settings, lambda progress: None, interrupt), strict=True
    ):
        if isinstance(outcome.error, ServerError) and not interrupt():
            if outcome.file is not None and outcome.file != outcome.target:
                outcome.file.unlink(missing_ok=True)
            (outcome,) = speak_batch(engine, [request], settings, lambda progress: None, interrupt)
        made.append(outcome)
    return made


@contextmanager
def _engine(
    address: str, workers: int | None, batch_size: int, settings: Settings, interrupt: terminal.Interrupt
) -> Iterator[Engine]:
    """Start the workers, and yield their engine when the first one is ready."""

    def waiting(ready: int, count: int) -> None:
        if interrupt():
            raise KeyboardInterrupt

    with ExitStack() as stack:
        with terminal.phase(f"starting workers with {settings.model}"):
            engine = stack.enter_context(
                on_ray(
                    settings.model,
                    address=address,
                    workers=workers,
                    batch_size=batch_size,
                    device=settings.device,
                    dtype=settings.dtype,
                    quantize=settings.quantize,  # type: ignore[arg-type]
                    revision=settings.revision,
                    mirrors=settings.mirrors,
                    waiting=waiting,
                )
            )
        count = f"{engine.workers} worker{'s' if engine.workers > 1 else ''}"
        terminal.say(f"{count} on {engine.device} in {engine.dtype}, attention by {engine.attention}")
        yield engine
