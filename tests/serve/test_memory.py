"""Memory of the requests of a worker: needed beyond what is held, with and without shared buffers."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from vibevoice_nb.engine.batch import Batch
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.model.generation.cuda_graphs import GraphPool
from vibevoice_nb.model.generation.static_frame import StaticFrame
from vibevoice_nb.model.generation.threads import at_most_threads
from vibevoice_nb.script import parse_script
from vibevoice_nb.serve import memory
from vibevoice_nb.serve.memory import RunMemory, fits_another, held_bytes, missing_bytes

TEXTS = ["Hello.", "Good morning, and welcome to the show."]
MOST = 16


def made(nano: Engine, text: str, **options: Any) -> SpeechRun:
    turns = parse_script(f"Ann: {text}").turns
    return SpeechRun.whole(
        nano.loaded, turns, {}, nano.defaults.updated({"seed": 1, "num_steps": 1, **options})
    )


def advanced(nano: Engine, runs: list[SpeechRun], steps: int) -> Batch:
    batch = Batch(nano.loaded, growing=True)
    for run in runs:
        batch.join(run)
    with at_most_threads(1):  # more of them wait for each other on a busy machine
        batch.begin(runs)
        for _ in range(steps):
            batch.step()
    return batch


@pytest.fixture
def frames(nano: Engine) -> Iterator[list[StaticFrame]]:
    """Static frames, as CUDA graphs have them, on the CPU."""
    found: list[StaticFrame] = []

    def make(*arguments: Any, fused: bool) -> StaticFrame:
        found.append(StaticFrame(*arguments, live=True))
        return found[-1]

    nano.loaded.graph_pool = GraphPool(make)
    yield found
    nano.loaded.graph_pool = None


@pytest.mark.parametrize("guidance", [1.0, 1.3])
def test_caches_never_exceed_the_estimate(nano: Engine, guidance: float) -> None:
    run = made(nano, TEXTS[1], cfg_scale=guidance, max_seconds=4.0)
    need = RunMemory.of(run)
    for _ in run:
        assert held_bytes([run.state]) == run.state.nbytes() <= need.own
    assert (need.uncond > 0) == (guidance != 1.0) and need.uncond < need.cond


def test_what_runs_hold_is_not_counted_again(nano: Engine) -> None:
    runs = [made(nano, text) for text in TEXTS]
    needs = [RunMemory.of(run) for run in runs]

    def missing() -> int:
        held = [(need, run.state) for need, run in zip(needs, runs, strict=True)]
        return missing_bytes(held, MOST, shared=False)

    largest = max(need.own for need in needs)
    assert missing() + sum(run.state.nbytes() for run in runs) == largest + sum(need.own for need in needs)
    before, held = missing(), sum(run.state.nbytes() for run in runs)
    batch = advanced(nano, runs, 3)
    grown = sum(run.state.nbytes() for run in runs) - held
    assert grown > 0 and missing() == before - grown
    batch.close()


def test_shared_buffers_are_counted_once(nano: Engine, frames: list[StaticFrame]) -> None:
    runs = [made(nano, TEXTS[index % 2]) for index in range(3)]
    needs = [RunMemory.of(run) for run in runs]
    batch = advanced(nano, runs, 2)
    (frame,) = frames
    assert (frame.batch, frame.rows) == (4, 8)
    buffers = [*frame.keys, *frame.values, frame.acoustic.flat, frame.semantic.flat]
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in buffers}
    held = held_bytes([run.state for run in runs])
    assert held == sum(storages.values())

    def missing(count: int) -> int:
        return missing_bytes([(needs[i], runs[i].state) for i in range(count)], MOST, shared=True)

    # A fourth run fits into the buffers, which grow to the length of the longest at most.
    longest = max(need.cond for need in needs)
    assert (
        0
        <= missing(3)
        <= 8 * memory._capacity(longest) * needs[0].position
        - sum(tensor.nbytes for tensor in (*frame.keys, *frame.values))
    )
    frame.reserve(memory._capacity(longest))
    assert missing(3) == 0
    # Buffers for eight scripts would be new ones, beside these.
    more = [(needs[i % 3], runs[i % 3].state) for i in range(4)]
    assert missing_bytes(more, MOST, shared=True) > held
    assert missing_bytes(more, 4, shared=True) == 0, "a fifth run has to wait"
    batch.close()


def test_a_run_that_left_holds_its_own(nano: Engine, frames: list[StaticFrame]) -> None:
    runs = [made(nano, TEXTS[0]) for _ in range(2)]
    batch = advanced(nano, runs, 2)
    shared = held_bytes([run.state for run in runs])
    batch.leave(runs[0])
    batch.close()
    other = advanced(nano, [made(nano, TEXTS[1]), made(nano, TEXTS[1])], 1)  # takes over the buffers
    assert memory._rows(runs[0].state) == 1 and held_bytes([runs[0].state]) == runs[0].state.nbytes() < shared
    other.close()


def test_another_run_fits_while_memory_is_free(nano: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [made(nano, text) for text in TEXTS]
    held = [(RunMemory.of(run), run.state) for run in runs]
    needed = missing_bytes(held, MOST, shared=False)
    for free, fits in ((2 * needed, True), (2 * needed - 4, False)):
        monkeypatch.setattr(memory, "main_memory", lambda free=free: (1 << 40, free))
        assert fits_another(nano, held, MOST) == fits
    assert fits_another(nano, [], MOST), "one request always runs"


def test_memory_that_torch_keeps_for_itself_is_free(nano: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 9000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 700)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200)
    engine: Any = SimpleNamespace(device=torch.device("cuda"))
    assert memory.free_bytes(engine) == pytest.approx(0.8 * 1500)
