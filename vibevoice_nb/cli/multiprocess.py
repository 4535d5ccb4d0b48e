"""Distribution of several scripts over processes, one per GPU, with accelerate.

`accelerate launch --module vibevoice_nb speak ...` starts the processes itself; without a launcher and with
more than one visible GPU, they are started here.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from typing import TYPE_CHECKING, TypeVar

from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.batch import Outcome, Settings, load_engine, speak_requests
from vibevoice_nb.cli.requests import SpeechRequest

if TYPE_CHECKING:
    from accelerate import PartialState

Item = TypeVar("Item")


def launched() -> bool:
    """Return true if a launcher has started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank() -> int:
    """Return the rank of this process; rank 0 prints for all."""
    return int(os.environ.get("RANK", "0"))


def processes_for(requests: int, device: str) -> int:
    """Return the number of processes to start: one per visible GPU, at most one per script."""
    if requests < 2 or device not in ("auto", "cuda"):
        return 1
    import torch

    return max(1, min(torch.cuda.device_count(), requests))


def speak_here(requests: Sequence[SpeechRequest], settings: Settings) -> list[Outcome]:
    """Generate requests in this process."""
    if not requests:
        return []
    engine = load_engine(settings)
    with terminal.Interrupt() as interrupt:
        return speak_requests(engine, requests, settings, interrupt)


def speak_launched(requests: Sequence[SpeechRequest], settings: Settings) -> list[Outcome]:
    """Generate the requests of this process under a launcher; every process returns all outcomes."""
    from accelerate.utils import broadcast_object_list, gather_object

    state = _join(settings.device)
    try:
        # All use the seed of the first. The exchange also waits until all have checked their output files.
        (options,) = broadcast_object_list([settings.options])
        state.wait_for_everyone()
        settings = replace(settings, options=options)
        return list(gather_object(_speak_assigned(state, requests, settings)))
    finally:
        state.destroy_process_group()


def speak_on_processes(requests: Sequence[SpeechRequest], settings: Settings, count: int) -> list[Outcome]:
    """Start `count` processes, each for a part of the requests."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        terminal.Interrupt(),
        ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool,
    ):
        jobs = [
            pool.submit(_process, number, count, port, requests, settings, terminal.output)
            for number in range(count)
        ]
        return [outcome for job in jobs for outcome in job.result()]


def _process(
    number: int,
    count: int,
    port: int,
    requests: Sequence[SpeechRequest],
    settings: Settings,
    output: terminal.Output,
) -> list[Outcome]:
    """Main function of a process started by `speak_on_processes`."""
    place = {"RANK": number, "LOCAL_RANK": number, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ.update({name: str(value) for name, value in place.items()})
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    terminal.start(output, silent=number > 0)
    state = _join(settings.device)
    try:
        return _speak_assigned(state, requests, settings)
    finally:
        state.destroy_process_group()


def _join(device: str) -> PartialState:
    """Join the process group. The data exchanged is small, so gloo suffices."""
    import torch
    from accelerate import PartialState

    return PartialState(cpu=device == "cpu" or not torch.cuda.is_available(), backend="gloo")


def _speak_assigned(
    state: PartialState, requests: Sequence[SpeechRequest], settings: Settings
) -> list[Outcome]:
    by_length = sorted(requests, key=lambda request: -request.script.estimated_seconds)
    with state.split_between_processes(distribute(by_length, state.num_processes)) as mine:
        if state.num_processes > 1:
            terminal.say(
                f"{state.num_processes} processes; this one generates {len(mine)} of {len(requests)} scripts"
            )
        return speak_here(mine, replace(settings, device=str(state.device)))


def distribute(items: Sequence[Item], count: int) -> list[Item]:
    """Distribute items round-robin, so that cutting the result into `count` runs balances them.

    >>> distribute([9, 8, 3, 2, 1], 2)
    [9, 3, 1, 8, 2]
    """
    return [item for start in range(count) for item in items[start::count]]
