"""Prepared products: exact, whatever way they take."""

from __future__ import annotations

import pytest
import torch
from checkpoints import random_model
from engine_helpers import audio_of, begun, sampler_of, small_config, small_prompt, walk
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vibevoice_nb.engine.codec import Block
from vibevoice_nb.engine.kernels import (
    _HALF_FROM,
    HalfKernel,
    Kernel,
    OneDnnKernel,
    RoundingKernel,
    choose_for_many_rows,
    choose_kernel,
)
from vibevoice_nb.engine.prepare import prepare

BIG = (192, 160)
"""Enough elements to be worth keeping as float16."""


def _weight(shape: tuple[int, int] = BIG, *, published: bool, scale: float = 1.0, seed: int = 0) -> Tensor:
    weight = scale * torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return weight.bfloat16().float() if published else weight


def _error(kernel: Kernel, weight: Tensor, bias: Tensor | None, rows: int = 2) -> float:
    """Largest relative error of all three forms, against float64."""
    x = torch.randn(rows, weight.shape[1], generator=torch.Generator().manual_seed(1))
    residual = torch.randn(rows, weight.shape[0], generator=torch.Generator().manual_seed(2))
    before = residual.clone()
    wide = x.double() @ weight.double().T + (0 if bias is None else bias.double())
    pairs = [
        (kernel.product(x), wide),
        (kernel.gelu(x), torch.nn.functional.gelu(wide)),
        (kernel.add_to(residual, x), residual.double() + wide),
    ]
    assert torch.equal(residual, before), "the residual is not written to"
    return max(float((got - wanted).norm() / wanted.norm()) for got, wanted in pairs)


def test_published_weights_are_kept_at_half_the_size_and_others_whole() -> None:
    has_half = "fbgemm" in torch.backends.quantized.supported_engines
    assert isinstance(choose_kernel(_weight(published=True), None), HalfKernel) == has_half
    assert isinstance(choose_kernel(_weight(published=False), None), OneDnnKernel)
    assert isinstance(choose_kernel(_weight((8, 8), published=True), None), OneDnnKernel), (
        "too small to matter"
    )
    assert type(choose_kernel(_weight(published=True).to("meta"), None)) is Kernel


@settings(max_examples=30)
@given(
    published=st.booleans(),
    exponent=st.integers(-20, 20),
    biased=st.booleans(),
    rows=st.integers(1, 5),
    seed=st.integers(0, 5),
)
def test_every_kernel_is_exact(published: bool, exponent: int, biased: bool, rows: int, seed: int) -> None:
    weight = _weight(published=published, scale=2.0**exponent, seed=seed)
    bias = torch.randn(weight.shape[0]) * 2.0**exponent if biased else None
    assert _error(choose_kernel(weight, bias), weight, bias, rows) < 1e-6


@pytest.mark.parametrize("outlier", [0.0, 1e-30, 2.0**-30, 3e4])
def test_outliers_are_not_lost(outlier: float) -> None:
    """A single huge or tiny weight must not cost the others their digits."""
    weight = _weight(published=True)
    weight[3, 5] = torch.tensor(outlier).bfloat16().float()
    kernel = choose_kernel(weight, None)
    x = torch.zeros(1, BIG[1])
    x[0, 5] = 1
    torch.testing.assert_close(kernel.product(x)[0], weight[:, 5], rtol=1e-5, atol=1e-9 * max(outlier, 1))
    x = torch.zeros(1, BIG[1])
    x[0, 6] = 1
    torch.testing.assert_close(kernel.product(x)[0], weight[:, 6], rtol=1e-5, atol=1e-9)


def test_a_large_bfloat16_matrix_is_multiplied_in_float32() -> None:
    weight = _weight((1024, 640), published=True).bfloat16()
    kernel = choose_kernel(weight, torch.ones(1024).bfloat16())
    assert isinstance(kernel, HalfKernel) == ("fbgemm" in torch.backends.quantized.supported_engines)
    x = torch.randn(2, 640, generator=torch.Generator().manual_seed(1)).bfloat16()
    wide = x.double() @ weight.double().T + 1
    got = kernel.product(x)
    assert got.dtype == torch.bfloat16
    assert float((got.double() - wide).norm() / wide.norm()) < 2**-8
    assert isinstance(choose_kernel(_weight(published=True).bfloat16(), None), OneDnnKernel)


def test_many_rows_are_rounded_on_their_way_into_a_bfloat16_product() -> None:
    weight, bias = _weight(published=True).bfloat16(), torch.ones(BIG[0]).bfloat16()
    kernel = choose_for_many_rows(weight, bias)
    assert isinstance(kernel, RoundingKernel)
    x = torch.randn(20, BIG[1], generator=torch.Generator().manual_seed(1))
    wide = x.bfloat16().double() @ weight.double().T + 1
    got = kernel.product(x)
    assert got.dtype == torch.float32
    assert float((got.double() - wide).norm() / wide.norm()) < 2**-8
    assert not isinstance(choose_for_many_rows(weight.float(), None), RoundingKernel)


@pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="needs fbgemm")
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@torch.inference_mode()
def test_the_head_of_a_narrow_model_computes_in_float32(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, fast: bool
) -> None:
    monkeypatch.setattr("vibevoice_nb.engine.prepare.cpu_has_fast_bfloat16", lambda: fast)
    config = small_config()
    config["decoder_config"] |= {"hidden_size": 192}
    config["diffusion_head_config"] |= {"hidden_size": 192}
    model = random_model(config).to(dtype)
    wide = random_model(config).to(dtype).float()
    prepare(model)
    assert model.head.dtype == torch.float32
    assert model.language_model.norm.weight.dtype == dtype
    cond = torch.randn(2, 192, generator=torch.Generator().manual_seed(1)).to(dtype)
    noise = torch.randn(1, model.config.head.latent_size, generator=torch.Generator().manual_seed(2))
    got, wanted = (sampler_of(m)(c[:1], c[1:], noise) for m, c in ((model, cond), (wide, cond.float())))
    assert got.dtype == dtype
    rounded = fast and dtype == torch.bfloat16
    assert float((got.float() - wanted).norm() / wanted.norm()) < (0.02 if rounded else 2**-8)


@pytest.mark.skipif("fbgemm" not in torch.backends.quantized.supported_engines, reason="needs fbgemm")
@pytest.mark.parametrize("fast", [True, False])
def test_blocks_of_several_steps_multiply_in_bfloat16_where_that_is_fast(
    monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    monkeypatch.setattr("vibevoice_nb.engine.prepare.cpu_has_fast_bfloat16", lambda: fast)
    monkeypatch.setitem(_HALF_FROM, torch.bfloat16, 0)
    model = random_model(small_config()).bfloat16()
    prepare(model)
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    assert {block.widest for block in blocks} == {True, False}
    for block in blocks:
        if fast and not block.widest:
            assert isinstance(block.up._kernel, OneDnnKernel)
            assert isinstance(block.down._kernel, OneDnnKernel)
        elif not block.folded:
            assert isinstance(block.up._kernel, HalfKernel)


def test_a_matrix_of_zeros() -> None:
    weight = torch.zeros(BIG)
    out = choose_kernel(weight, torch.ones(BIG[0])).product(torch.randn(2, BIG[1]))
    assert torch.equal(out, torch.ones(2, BIG[0]))


def test_shapes_with_more_axes_and_views() -> None:
    for published in (True, False):
        weight = _weight(published=published)
        kernel = choose_kernel(weight, None)
        x = torch.randn(2, 3, 2 * BIG[1])[..., ::2]
        wanted = torch.nn.functional.linear(x, weight)
        torch.testing.assert_close(kernel.product(x), wanted, rtol=1e-4, atol=1e-4)
        assert kernel.product(x[:, :0]).shape == (2, 0, BIG[0])


@torch.inference_mode()
def test_a_model_of_published_precision_speaks_the_same_prepared() -> None:
    """Wide enough for every kind of kernel and block, weights rounded to bfloat16 as the published ones."""
    config = small_config()
    config["decoder_config"] |= {"hidden_size": 192, "intermediate_size": 256}
    config["diffusion_head_config"] |= {"hidden_size": 192}
    config["acoustic_tokenizer_config"] |= {"decoder_n_filters": 48}
    config["semantic_tokenizer_config"] |= {"encoder_n_filters": 40}

    def published() -> torch.nn.Module:
        model = random_model(config)
        return model.to(torch.bfloat16).to(torch.float32)

    sounds = []
    for ready in (False, True):
        model = published()
        if ready:
            prepare(model)
        asked = iter(range(4))
        steps = walk(
            model,
            [begun(model, small_prompt())],
            sampler_of(model),
            stop=lambda row: next(asked) > 2,  # noqa: B023
        )
        sounds.append(audio_of(steps))
    assert sounds[0].shape == (3 * 240,)
    assert (sounds[0] - sounds[1]).norm() < 2e-5 * sounds[0].norm()
