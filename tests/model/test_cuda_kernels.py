"""Fused kernels against the operations that they replace, run by Triton's interpreter on the CPU.

Compilation for real GPUs, which the interpreter does not cover, is tested separately: Triton needs no GPU for
it.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import random_model
from model_helpers import (
    SPECIAL,
    begun,
    both,
    close,
    forced,
    sampler_of,
    small_config,
    small_prompt,
)
from torch import Tensor, nn

from vibevoice_nb.model.generation import cuda_graphs as graphs
from vibevoice_nb.model.generation.cuda_graphs import GraphPool
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.generation.static_frame import StaticFrame
from vibevoice_nb.model.kernels import cuda
from vibevoice_nb.model.kernels.base import Kernel
from vibevoice_nb.model.language_model import rotate
from vibevoice_nb.model.loading import prepare
from vibevoice_nb.model.modules.attention import attend_step
from vibevoice_nb.model.modules.conv import DepthwiseConv, TwofoldState
from vibevoice_nb.model.modules.layers import Modulated, Normalized, RMSNorm
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.vibevoice import VibeVoiceModel

pytest.importorskip("triton")

from vibevoice_nb.model.kernels.cuda import attention, product, solver

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
"""On a GPU the kernels are compiled and run there."""

Norms = dict[str, Any]


def _randn(*shape: int) -> Tensor:
    return torch.randn(*shape).to(DEVICE)


def _near(got: Tensor, wanted: Tensor, bound: float = 5e-6) -> bool:
    assert got.shape == wanted.shape and got.dtype == wanted.dtype
    return float((got.double() - wanted.double()).norm()) <= bound * float(wanted.double().norm())


def _norms(rows: int, depth: int) -> Norms:
    weighted = RMSNorm(depth, 1e-6)
    nn.init.normal_(weighted.weight, 1.0, 0.2)
    modulation = _randn(rows, 3 * depth)  # the parts lie in a larger tensor, as in the head
    scale, shift, _ = modulation.split(depth, -1)
    return {
        "none": None,
        "plain": Normalized(1e-5),
        "weighted": weighted.requires_grad_(False).to(DEVICE),
        "modulated": Modulated(1e-5, scale, shift),
    }


@pytest.mark.parametrize("norm", ["none", "plain", "weighted", "modulated"])
@pytest.mark.parametrize("rows, columns, depth", [(2, 48, 40), (1, 64, 64), (70, 100, 96), (5, 34, 300)])
@pytest.mark.parametrize("with_bias", [False, True])
def test_products(rows: int, columns: int, depth: int, norm: str, with_bias: bool) -> None:
    torch.manual_seed(rows)
    weight = _randn(columns, depth) / depth**0.5
    bias = _randn(columns) if with_bias else None
    plain, fused = Kernel(weight, bias), product.FusedKernel(weight, bias)
    x = 3 * _randn(rows, depth)
    before = _norms(rows, depth)[norm]
    residual, by_row = _randn(rows, columns), _randn(rows, 2 * columns)[:, columns:]
    calls: list[Callable[[Kernel], Tensor]] = [
        lambda kernel: kernel.product(x, before),
        lambda kernel: kernel.gelu(x, before),
        lambda kernel: kernel.swiglu(x, before),
    ]
    if before is None:
        gains = (None, _randn(columns), by_row)
        calls += [lambda kernel, gain=gain: kernel.add_to(residual, x, gain) for gain in gains]
    for call in calls:
        wanted = call(plain)
        assert torch.equal(call(fused), wanted), "outside of `fusing` it is the plain one"
        with cuda.fusing():
            assert _near(call(fused), wanted)


def test_products_of_more_dimensions_and_without_a_fused_kernel() -> None:
    weight, x = _randn(32, 24), _randn(2, 5, 24)
    fused = product.FusedKernel(weight, None)
    with cuda.fusing():
        assert _near(fused.product(x), x @ weight.t())
        assert _near(fused.product(x.transpose(0, 1)), x.transpose(0, 1) @ weight.t())
        narrow = product.FusedKernel(weight[:3], None)
        assert torch.equal(narrow.product(x), Kernel(weight[:3], None).product(x))
        half = product.FusedKernel(weight.half(), None)
        assert torch.equal(half.product(x.half()), Kernel(weight.half(), None).product(x.half()))


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 7, 40])
@pytest.mark.parametrize("batch, channels", [(1, 3), (3, 32)])
def test_mixing(steps: int, batch: int, channels: int) -> None:
    torch.manual_seed(steps)
    conv = DepthwiseConv(channels)
    conv.slot = 0
    filters = _randn(channels, 1, 7), _randn(channels)
    # Streams lie apart, as in the buffers of a frame.
    room = _randn(2, batch, 6 * channels + 5)
    before, after = (half[:, : 6 * channels].unflatten(1, (6, channels)) for half in room)
    norm, plain = Normalized(1e-5), [before.clone()]
    for _ in range(3):
        x = _randn(batch, steps, channels)
        wanted = conv.add_to(x, norm, filters, plain)
        with cuda.fusing():
            got = conv.add_to(x, norm, filters, TwofoldState([after], [before]))
        assert _near(got, wanted)
        assert _near(after, plain[0])
        before.copy_(after)


@pytest.mark.parametrize("lengths", [(0,), (5, 0), (63, 64), (511, 130), (700, 1)])
@pytest.mark.parametrize("heads, kv_heads, size", [(6, 2, 16), (4, 4, 64)])
def test_attention(lengths: tuple[int, ...], heads: int, kv_heads: int, size: int) -> None:
    torch.manual_seed(0)
    rows, room = len(lengths), 768
    assert attention.attends(size) and not attention.attends(24)
    projected = _randn(rows, 1, heads + 2 * kv_heads, size)
    cos, sin = _randn(2, rows, 1, 1, size)
    keys, values = _randn(2, rows, kv_heads, room, size)
    qk, v = projected.transpose(1, 2).split((heads + kv_heads, kv_heads), dim=1)
    q, k = rotate(qk, cos, sin).split((heads, kv_heads), dim=1)
    live, ahead = [], []
    for row, length in enumerate(lengths):
        live.append(
            tuple(torch.cat((old[row, :, :length], new[row]), 1) for old, new in ((keys, k), (values, v)))
        )
        ahead.append(keys[row, :, length + 1 :].clone())
    got = attention.attend(projected, cos, sin, torch.tensor(lengths, device=DEVICE), keys, values)
    assert _near(got, attend_step(q, live))
    for row, length in enumerate(lengths):
        assert _near(keys[row, :, : length + 1], live[row][0])
        assert _near(values[row, :, : length + 1], live[row][1])
        assert torch.equal(keys[row, :, length + 1 :], ahead[row]), "what is not live isn't touched"


@pytest.mark.parametrize("kind", ["dpmsolver++", "sde-dpmsolver++"])
@pytest.mark.parametrize("cfg_scale", [1.0, 1.3])
def test_solver(kind: str, cfg_scale: float) -> None:
    torch.manual_seed(0)
    rows = 3 * (2 if cfg_scale != 1.0 else 1)
    previous = None
    x = _randn(3, 8).repeat(rows // 3, 1)
    for step in solver_steps(5, kind):  # type: ignore[arg-type]
        v, noise = _randn(rows, 8), _randn(3, 8)
        wanted = Sampler._solve(v, x, previous, noise if step.noise else None, step, cfg_scale)
        got = solver.solve(v, x, previous, noise, step, cfg_scale)
        assert all(map(_near, got, wanted))
        x, previous = wanted


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> VibeVoiceModel:
    """Return a model prepared as on a GPU, with a head size that the kernels support."""
    config = small_config()
    config["decoder_config"] |= {"num_attention_heads": 3, "num_key_value_heads": 1}
    model = random_model(config)
    assert attention.attends(model.config.language.head_dim)
    model = model.to(DEVICE)
    monkeypatch.setattr(prepare, "choose_kernel", product.FusedKernel)
    prepare.prepare(model)
    return model


@pytest.fixture
def fused_pool() -> GraphPool:
    pool = GraphPool()
    pool.fused = True
    return pool


def test_a_fused_frame_speaks_like_the_loop(model: VibeVoiceModel, fused_pool: GraphPool) -> None:
    """Several scripts that end at different times, by tokens of all kinds."""
    frame, end, start, eos = SPECIAL.frame, SPECIAL.end, SPECIAL.start, SPECIAL.eos
    plans = [[frame, end, frame, eos], [frame, start, eos]]
    plain, fused = both(
        model,
        fused_pool,
        sampler_of(model, num_steps=2),
        lambda: [begun(model, small_prompt(seed, text=5 + 4 * seed), seed) for seed in range(2)],
        lambda: {"choose": forced(*plans)},
    )
    assert [step.token for step in fused if step.row == 0] == plans[0]
    assert close(plain, fused)


def _slow(monkeypatch: pytest.MonkeyPatch, fused: bool) -> None:
    """Make a trial of fused or plain frames appear slow."""
    trial = graphs._trial

    def tried(frame: StaticFrame) -> graphs.Trial:
        return dataclasses.replace(trial(frame), seconds=2.0 if frame.fused == fused else 1.0)

    monkeypatch.setattr(graphs, "_trial", tried)
    monkeypatch.setattr(graphs, "_TRIAL_FRAMES", 1)
    monkeypatch.setattr(graphs, "WARM_UPS", 1)


@pytest.mark.parametrize("slow", [False, True])
def test_fused_kernels_are_used_where_they_are_faster(
    model: VibeVoiceModel, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    _slow(monkeypatch, fused=slow)
    pool, sampler, state = GraphPool(), sampler_of(model, num_steps=1), begun(model, small_prompt())
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # Triton's interpreter has others, of numpy's
        pool.warm_up(model, sampler, SPECIAL)
    assert pool.fused is not slow
    with torch.inference_mode(), pool.borrow(model, [state], sampler, SPECIAL) as graphed:
        assert graphed is not None and graphed.frame.fused is not slow


@pytest.mark.parametrize("fault", ["raises", "nan"])
def test_fused_kernels_that_fail_are_left_alone(
    model: VibeVoiceModel, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    right = attention.attend

    def attend(*args: Any) -> Tensor:
        if fault == "raises":
            raise RuntimeError("PTX of another driver")
        return right(*args) * float("nan")

    _slow(monkeypatch, fused=False)
    monkeypatch.setattr(attention, "attend", attend)
    pool = GraphPool()
    with pytest.warns(UserWarning, match="PTX of another driver" if fault == "raises" else "wrong by"):
        pool.warm_up(model, sampler_of(model, num_steps=1), SPECIAL)
    assert not pool.fused


@pytest.mark.slow
def test_every_kernel_of_a_published_model_compiles_for_a_real_card(tmp_path: Path) -> None:
    """Compile in bfloat16, within the shared memory of the GPU."""
    program = Path(__file__).with_name("compile_kernels.py")
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, program, "1.5b", "bfloat16", "90"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    launches = json.loads(done.stdout.splitlines()[-1])
    assert launches["_mix"] == 52 and launches["_attend"] == 28
    assert launches["all"] < 650, "the original makes 5,051"
