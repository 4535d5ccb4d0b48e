"""Static frame, as CUDA graphs replay it: it equals the plain loop's frame.

Without a GPU its operations are recorded once and replayed from the recording, which a graph does too.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import pytest
import torch
from launches import Launches
from model_helpers import (
    SPECIAL,
    begun,
    both,
    close,
    forced,
    limited,
    prepared_model,
    restless_model,
    same_steps,
    sampler_of,
    small_config,
    small_model,
    small_prompt,
    walk,
)
from torch.fx.experimental.proxy_tensor import make_fx

from vibevoice_nb.model.generation.cuda_graphs import GraphedFrame, GraphPool
from vibevoice_nb.model.generation.loop import Step
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.generation.static_frame import StaticFrame
from vibevoice_nb.model.generation.step import from_seed, likeliest
from vibevoice_nb.model.kernels import cuda
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.loading.prepare import prepare
from vibevoice_nb.model.modules.kv_cache import BLOCK
from vibevoice_nb.model.vibevoice import VibeVoiceModel

START, END, FRAME, EOS = (SPECIAL.start, SPECIAL.end, SPECIAL.frame, SPECIAL.eos)
MIXED = [FRAME, FRAME, END, START, FRAME, FRAME, FRAME, END, FRAME, EOS]
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


class _LivePool(GraphPool):
    """Pool of frames that attend like the plain loop, so that both can be compared bit for bit."""

    live = True

    def __init__(self) -> None:
        super().__init__(functools.partial(StaticFrame, live=self.live))


class _MaskedPool(_LivePool):
    live = False


@pytest.mark.parametrize("solver", ["dpmsolver++", "sde-dpmsolver++"])
@pytest.mark.parametrize("cfg_scale", [1.0, 1.3])
def test_one_script_by_forced_tokens(cfg_scale: float, solver: str) -> None:
    """With a custom choice: tokens of all kinds, noise drawn only for frames."""
    model = prepared_model()
    plain, fixed = both(
        model,
        _LivePool(),
        sampler_of(model, cfg_scale, solver=solver),
        lambda: [begun(model, small_prompt())],
        lambda: {"choose": forced(MIXED)},
    )
    assert [step.token for step in plain] == MIXED
    assert same_steps(plain, fixed)


@pytest.mark.parametrize("pool", [_LivePool, _MaskedPool])
@pytest.mark.parametrize("cfg_scale", [1.0, 1.3])
def test_one_script_left_to_itself(cfg_scale: float, pool: type[_LivePool]) -> None:
    """Without a custom choice: frames, ends and starts of speech; unused noise is not consumed."""
    model = restless_model()
    prepare(model)
    ended: list[GenerationState] = []

    def states() -> list[GenerationState]:
        ended.append(begun(model, small_prompt(3), 3))
        return ended[-1:]

    plain, fixed = both(model, pool(), sampler_of(model, cfg_scale), states, limited(60))
    assert {step.token for step in plain} == {START, END, FRAME, EOS}
    assert same_steps(plain, fixed) if pool.live else close(plain, fixed, 1e-3)
    left, right = ended
    assert torch.equal(left.generator.get_state(), right.generator.get_state())
    for name in ("steps", "frames", "finished"):
        assert getattr(left, name) == getattr(right, name)
    assert (left.cond.length, left.uncond.length) == (right.cond.length, right.uncond.length)
    if pool.live:
        assert all(map(torch.equal, left.acoustic + left.semantic, right.acoustic + right.semantic))


def test_several_scripts_that_end_at_different_times() -> None:
    model = prepared_model()
    plans = [MIXED, [FRAME] * 4 + [EOS], [FRAME, END, START, FRAME, FRAME, FRAME, EOS]]
    prompts = [small_prompt(seed, text=5 + 4 * seed) for seed in range(3)]
    plain, fixed = both(
        model,
        _LivePool(),
        sampler_of(model),
        lambda: [begun(model, prompt, seed) for seed, prompt in enumerate(prompts)],
        lambda: {"choose": forced(*plans)},
    )
    assert [(step.row, step.token) for step in plain] == [(step.row, step.token) for step in fixed]
    assert close(plain, fixed)


def test_buffers_that_grow() -> None:
    model = prepared_model()
    pool = _LivePool()
    count = BLOCK + 20
    plain, fixed = both(
        model,
        pool,
        sampler_of(model, num_steps=1),
        lambda: [begun(model, small_prompt())],
        lambda: {"choose": forced([FRAME] * count + [EOS])},
    )
    (graphed,) = pool._kept.values()
    assert graphed.frame.capacity > BLOCK
    assert same_steps(plain, fixed)


def test_states_keep_their_data_when_others_use_the_buffers() -> None:
    model, pool = prepared_model(), _LivePool()
    sampler = sampler_of(model)

    def go(state: GenerationState, graph_pool: GraphPool | None, count: int) -> list[Step]:
        return walk(
            model,
            [state],
            sampler,
            graph_pool=graph_pool,
            choose=forced([FRAME] * count + [EOS]),
            **limited(count)(),
        )

    first, second = begun(model, small_prompt(), 1), begun(model, small_prompt(1), 2)
    wanted = [(go(s.clone(), None, 3), go(s.clone(), None, 6)[3:]) for s in (first, second)]
    copy = None
    for state, (early, _) in zip((first, second), wanted, strict=True):
        assert same_steps(go(state, pool, 3), early)
        copy = copy or state.clone()
    assert copy is not None
    assert same_steps(go(first, pool, 3), wanted[0][1])
    assert same_steps(go(second, None, 3), wanted[1][1]), "the plain loop goes on from attached states"
    assert same_steps(go(copy, pool, 3), wanted[0][1])
    assert len(pool._kept) == 1


def test_a_frame_is_lent_to_one_generation_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "available", lambda: False)
    model, pool, sampler = prepared_model(), GraphPool(), sampler_of(prepared_model())
    states = [begun(model, small_prompt()) for _ in range(2)]
    with pool.borrow(model, states[:1], sampler, SPECIAL) as mine:
        assert mine is not None
        with pool.borrow(model, states[1:], sampler, SPECIAL) as other:
            assert other is None
        with pool.borrow(model, states, sampler, SPECIAL) as wider:
            assert wider is not None and wider is not mine
    with pool.borrow(model, states[1:], sampler, SPECIAL) as again:
        assert again is mine
    pool.warm_up(model, sampler, SPECIAL)


class _Watch(Launches):
    """Reject operations that a graph cannot hold: host synchronization, and data from the host."""

    _FORBIDDEN = (
        "_local_scalar_dense",
        "lift_fresh",
        "nonzero",
        "equal",
        "is_nonzero",
        "masked_select",
        "unique",
    )

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        assert name not in self._FORBIDDEN, name
        out = super().__torch_dispatch__(func, types, args, kwargs)
        flat = torch.utils._pytree.tree_leaves((args, kwargs, out))
        devices = {tensor.device.type for tensor in flat if isinstance(tensor, torch.Tensor)}
        assert devices <= {"meta"}, (name, devices)
        return out


@pytest.mark.parametrize("batch", [1, 4])
def test_a_frame_never_synchronizes_with_the_host(batch: int) -> None:
    """On the meta device, operations that need a value fail, and data from the host is detected."""
    with torch.device("meta"):
        model = VibeVoiceModel(parse_config(small_config()), tied=True)
    prepare(model)
    with torch.inference_mode():
        frame = StaticFrame(model, sampler_of(model, num_steps=10), SPECIAL, batch)
        frame.reserve(3 * BLOCK)
        with _Watch() as watch:
            frame.frame()
    assert 300 < watch.seen.total() < 1200


def test_a_recording_of_the_frame_speaks_like_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded once, at rest, then replayed step after step without any of its Python, as a graph is."""
    model = small_model(tied=False)
    sampler = sampler_of(model)
    state = begun(model, small_prompt())
    plain = walk(model, [state.clone()], sampler, **limited(5)())
    with torch.no_grad():
        frame = StaticFrame(model, sampler, SPECIAL, 1)
        graphed = GraphedFrame(frame)
        graphed.attach([state])
        frame.active.fill_(False)
        before = [buffer.clone() for buffer in state.acoustic + state.semantic]
        recording = make_fx(lambda nothing: (frame.frame(), nothing)[1])(torch.zeros(1))
        assert all(map(torch.equal, before, state.acoustic + state.semantic)), "at rest nothing moves"
        monkeypatch.setattr(graphed, "_run", lambda name, part: recording(torch.zeros(1)))
        replayed = [graphed.step([0], 1.0, likeliest, from_seed)[0] for _ in range(5)]
    assert any(step.frame is not None for step in plain)
    assert close(plain, replayed)
    assert math.isfinite(float(replayed[-1].hidden.sum()))


@CUDA
@pytest.mark.gpu
@pytest.mark.parametrize("cfg_scale", [1.0, 1.3])
def test_graphs_on_a_card(cfg_scale: float) -> None:
    model = restless_model().to("cuda")
    prepare(model)
    plain, graphed = both(
        model, GraphPool(), sampler_of(model, cfg_scale), lambda: [begun(model, small_prompt())], limited(60)
    )
    assert close(plain, graphed, 1e-3)
