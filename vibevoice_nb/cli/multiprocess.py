"""Several scripts shared out over processes, one per GPU, with accelerate.

Two ways in: `accelerate launch --module vibevoice_nb speak ...` starts the processes itself; without a
launcher, and with more than one GPU in sight, they are started here.
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
    """Whether a launcher has started several of us."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def rank() -> int:
    """Which of the processes this is; 0 speaks for all."""
    return int(os.environ.get("RANK", "0"))


def processes_for(requests: int, device: str) -> int:
    """How many processes to start: one per visible GPU, not more than there are scripts."""
    if requests < 2 or device not in ("auto", "cuda"):
        return 1
    import torch

    return max(1, min(torch.cuda.device_count(), requests))


def speak_here(requests: Sequence[SpeechRequest], settings: Settings) -> list[Outcome]:
    """Speak requests in this process."""
    if not requests:
        return []
    engine = load_engine(settings)
    with terminal.Interrupt() as interrupt:
        return speak_requests(engine, requests, settings, interrupt)


def speak_launched(requests: Sequence[SpeechRequest], settings: Settings) -> list[Outcome]:
    """Speak this process's share under a launcher; every process returns the outcomes of all."""
    from accelerate.utils import broadcast_object_list, gather_object

    state = _join(settings.device)
    try:
        # The seed that the first one drew. All have checked their files before any appears: this waits.
        (options,) = broadcast_object_list([settings.options])
        state.wait_for_everyone()
        settings = replace(settings, options=options)
        return list(gather_object(_speak_assigned(state, requests, settings)))
    finally:
        state.destroy_process_group()


def speak_on_processes(requests: Sequence[SpeechRequest], settings: Settings, count: int) -> list[Outcome]:
    """Start `count` processes and let each speak its share."""
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
    """What a process does that `speak_on_processes` started."""
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
    """Become one of the processes. gloo is enough: what is exchanged is small."""
    import torch
    from accelerate import PartialState

    return PartialState(cpu=device == "cpu" or not torch.cuda.is_available(), backend="gloo")


def _speak_assigned(
    state: PartialState, requests: Sequence[SpeechRequest], settings: Settings
) -> list[Outcome]:
    by_length = sorted(requests, key=lambda request: -request.script.estimated_seconds)
    with state.split_between_processes(deal(by_length, state.num_processes)) as mine:
        if state.num_processes > 1:
            terminal.say(
                f"{state.num_processes} processes; this one speaks {len(mine)} of {len(requests)} scripts"
            )
        return speak_here(mine, replace(settings, device=str(state.device)))


def deal(items: Sequence[Item], hands: int) -> list[Item]:
    """Deal items out like cards, so that cutting the result into `hands` runs gives everyone a fair share.

    >>> deal([9, 8, 3, 2, 1], 2)
    [9, 3, 1, 8, 2]
    """
    return [item for hand in range(hands) for item in items[hand::hands]]
