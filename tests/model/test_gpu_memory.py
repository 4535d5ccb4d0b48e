"""Published sizes on simulated GPUs: loading and generation, with every byte counted.

No GPU is needed and nothing is computed: see `fake_gpu`.
"""

from __future__ import annotations

import gzip
import itertools
import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from fake_gpu import GpuMemory, fake_gpus, gpu, read_nothing

from vibevoice_nb.bench.model import bench_config, special_tokens
from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.model.generation import prompt_cache as remembering
from vibevoice_nb.model.generation.cuda_graphs import GraphPool
from vibevoice_nb.model.generation.loop import generate, prefill
from vibevoice_nb.model.generation.prompt_cache import PromptCache
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.generation.static_frame import StaticFrame
from vibevoice_nb.model.kernels import quantized
from vibevoice_nb.model.kernels.quantized import Quantize
from vibevoice_nb.model.loading import weights
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.loading.prepare import load_prepared
from vibevoice_nb.model.prompt import Prompt, VoiceSlot
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.vibevoice import VibeVoiceModel
from vibevoice_nb.system.memory_estimate import memory_need

MINUTES = 10
VOICE_SECONDS = 10
"""Of each of two speakers."""
TOKENS_PER_MINUTE = 225
"""150 words, a token and a half each."""
CONTEXT = 500_000_000
"""Memory of CUDA's context, outside tensors."""
PUBLISHED = {"1.5b": "original_1.5b", "7b": "original_7b"}
STEPS = solver_steps(2, "dpmsolver++")


def _skeleton(size: str) -> VibeVoiceModel:
    with torch.device("meta"):
        # Every published file has a matrix of scores, that of the 1.5B although it is that of the embeddings.
        return VibeVoiceModel(parse_config(bench_config(size)), tied=False)


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use weights without contents, and answer value queries like a GPU."""

    def right(multiply: Any, widened: Any, shape: torch.Size, dtype: torch.dtype) -> bool:
        some = widened(slice(0, quantized._ROWS_TRIED), torch.float32)
        x = torch.ones(2, shape[1], device=some.device, dtype=dtype)
        return multiply(x) is not None and (x.float() @ some.T).norm() is not None

    count = itertools.count()
    monkeypatch.setattr(remembering, "_digest", lambda *_: next(count).to_bytes(32, "big"))
    monkeypatch.setattr(weights, "read_config", lambda size: parse_config(bench_config(size.name)))
    monkeypatch.setattr(weights, "list_tensors", lambda size: size.name)
    monkeypatch.setattr(weights, "build_model", lambda config, size: _skeleton(size))
    monkeypatch.setattr(weights, "_read", read_nothing)
    monkeypatch.setattr(quantized, "_is_right", right)


def _talk(model: VibeVoiceModel, size: str) -> None:
    """Prefill a long conversation, and generate its first frames and its last one."""
    special = special_tokens(bench_config(size))
    ids, slots = [0] * 40, []
    for _ in range(2):
        slots.append(VoiceSlot(len(ids), torch.zeros(VOICE_SECONDS * SAMPLE_RATE)))
        ids += [special.frame] * -(-VOICE_SECONDS * SAMPLE_RATE // model.config.hop_length)
    ids += [0] * (MINUTES * TOKENS_PER_MINUTE) + [special.start]
    sampler = Sampler(model.head, STEPS, 1.3)
    pool, state, memory = GraphPool(), GenerationState.new(model, seed=0), PromptCache()
    prefill(model, Prompt(tuple(ids), tuple(slots)), state, prompt_cache=memory)
    frame = special.valid_tokens.index(special.frame)
    walk = generate(
        model,
        [state],
        sampler,
        special,
        choose=lambda row, logits: frame,
        draw=lambda row, state: torch.zeros(model.config.head.latent_size),
        graph_pool=pool,
    )
    next(walk)
    (graphed,) = pool._kept.values()
    last = len(ids) + round(MINUTES * 60 * model.config.frame_rate)
    for position in range(state.cond.length, last, 64):
        graphed.frame.reserve(position)
    state.cond.length = last
    assert next(walk).frame is not None
    assert memory.nbytes > 0 and graphed.frame.capacity >= last


@pytest.mark.slow
@pytest.mark.usefixtures("no_files")
@pytest.mark.parametrize(
    ("size", "quantize", "gigabytes"),
    [
        ("1.5b", None, 8),
        ("7b", "int8", 16),
        ("7b", "int4", 12),
    ],
)
def test_memory_that_a_gpu_must_have(size: str, quantize: Quantize | None, gigabytes: int) -> None:
    """`info` predicts the peak within 5 %, and loading never exceeds it."""
    need = memory_need(_skeleton(size), torch.bfloat16, device="cuda", published_half=True, quantize=quantize)
    where = gpu()
    with fake_gpus(where) as (memory,), torch.no_grad():
        scored = special_tokens(bench_config(size)).valid_tokens
        model = load_prepared(Path(size), where, torch.bfloat16, quantize=quantize, scored=scored)
        loaded = memory.live
        assert loaded == pytest.approx(need.weights, rel=0.01)
        assert memory.peak + CONTEXT < need.total(MINUTES) * 1.01
        _talk(model, size)
    peak = memory.peak + CONTEXT
    told = need.total(MINUTES)
    figures = " ".join(f"{value / 1e9:.2f}" for value in (loaded, peak, told))
    print(f"{size} {quantize}: {figures} GB loaded, at most and estimated")
    assert told == pytest.approx(peak, rel=0.05)
    assert peak < 0.95e9 * gigabytes and need.gpu_size(MINUTES) == gigabytes


@pytest.mark.parametrize("size", list(PUBLISHED))
def test_sizes_are_those_published(size: str) -> None:
    file = Path(__file__).parents[1] / "data" / "keys" / f"{PUBLISHED[size]}.json.gz"
    shapes = json.loads(gzip.decompress(file.read_bytes()))
    parameters = sum(parameter.numel() for parameter in _skeleton(size).parameters())
    assert "lm_head.weight" in shapes
    assert parameters == sum(prod(shape) for shape in shapes.values())


@pytest.mark.usefixtures("no_files")
def test_a_cache_moves_layer_by_layer() -> None:
    """Old and new buffers are never in memory together, although states refer to the old."""
    size, where = "mid", gpu()
    special = special_tokens(bench_config(size))
    with fake_gpus(where) as (memory,), torch.no_grad():
        model = load_prepared(Path(size), where, torch.bfloat16, scored=special.valid_tokens)
        frame = StaticFrame(model, Sampler(model.head, STEPS, 1.3), special, 1)
        state = GenerationState.new(model, seed=0)
        before = memory.live
        frame.attach([state])
        frame.reserve(10_000)
        small, memory.peak = memory.live - before, memory.live
        frame.reserve(20_000)
        large = memory.live - before
        assert large > 1.9 * small
        layers = 2 * model.config.language.num_layers
        assert memory.peak - memory.live < 1.1 * small / layers
        assert state.cond.capacity == state.uncond.capacity == frame.capacity


def test_memory_is_followed() -> None:
    where = gpu()
    with fake_gpus(where) as (memory,):
        kept = torch.empty(1000, device=where)
        view = kept[:10]
        assert (memory.live, memory.peak) == (4000, 4000)
        torch.empty(500, device=where).double()
        assert (memory.live, memory.peak) == (4000, 4000 + 2000 + 4000)
        del kept
        assert memory.live == 4000
        del view
        assert memory.live == 0
    assert isinstance(memory, GpuMemory)
