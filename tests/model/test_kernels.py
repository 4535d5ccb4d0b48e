"""Prepared products: accuracy on every machine, and the choice of kernels."""

from __future__ import annotations

import pytest
import torch
from checkpoints import random_model
from hypothesis import given, settings
from hypothesis import strategies as st
from machines import PretendedHalf, PretendedOneDnn, machine, pretend
from model_helpers import audio_of, begun, sampler_of, small_config, small_prompt, walk
from torch import Tensor

from vibevoice_nb.model.codec import Block
from vibevoice_nb.model.kernels import choice as kernel_choice
from vibevoice_nb.model.kernels.base import Kernel
from vibevoice_nb.model.kernels.choice import (
    choose_for_many_rows,
    choose_kernel,
    choose_widened,
    computes,
    has_half_packing,
    has_onednn,
    kept_width,
)
from vibevoice_nb.model.kernels.cpu import CastKernel, WideningKernel
from vibevoice_nb.model.loading.prepare import prepare

__all__ = ["machine"]  # a fixture

BIG = (192, 160)
"""Enough elements to be stored as float16."""


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


FLOAT32, BFLOAT16, FLOAT16 = torch.float32, torch.bfloat16, torch.float16
SMALL, LARGE = (8, 8), (1024, 640)


def _kind(weight: Tensor) -> type[Kernel]:
    kernel = choose_kernel(weight, torch.zeros(len(weight), dtype=weight.dtype))
    return type(kernel.inner) if isinstance(kernel, CastKernel) else type(kernel)


def test_float32_matrices_are_packed_where_that_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, onednn=[FLOAT32], half=True)
    assert _kind(_weight(published=True)) is PretendedHalf
    assert _kind(_weight(published=False)) is PretendedOneDnn
    assert _kind(_weight(SMALL, published=True)) is PretendedOneDnn, "too small to matter"
    pretend(monkeypatch, onednn=[FLOAT32])
    assert _kind(_weight(published=True)) is PretendedOneDnn
    pretend(monkeypatch)
    assert _kind(_weight(published=True)) is Kernel


@pytest.mark.parametrize("shape", [SMALL, BIG, LARGE])
@pytest.mark.parametrize("dtype", [BFLOAT16, FLOAT16])
def test_16_bits_without_hardware_are_multiplied_in_float32(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, shape: tuple[int, int]
) -> None:
    weight = _weight(shape, published=True).to(dtype)
    pretend(monkeypatch, onednn=[FLOAT32], half=True)
    assert _kind(weight) is PretendedHalf
    pretend(monkeypatch, onednn=[FLOAT32])
    assert _kind(weight) is (WideningKernel if shape == LARGE else PretendedOneDnn)
    pretend(monkeypatch)
    assert _kind(weight) is (WideningKernel if shape == LARGE else Kernel)


def test_bfloat16_in_hardware_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, onednn=[FLOAT32, BFLOAT16], half=True)
    assert _kind(_weight(published=True).bfloat16()) is PretendedOneDnn
    assert _kind(_weight(LARGE, published=True).bfloat16()) is PretendedHalf, "read faster from memory"
    pretend(monkeypatch, onednn=[FLOAT32, BFLOAT16])
    assert _kind(_weight(LARGE, published=True).bfloat16()) is PretendedOneDnn


def test_a_matrix_without_numbers_is_left_alone() -> None:
    assert type(choose_kernel(_weight(published=True).to("meta"), None)) is Kernel


@pytest.mark.parametrize("shape", [SMALL, BIG, LARGE])
@pytest.mark.parametrize("dtype", [FLOAT32, BFLOAT16, FLOAT16])
@pytest.mark.parametrize("published", [True, False])
def test_memory_is_reported_as_it_is_kept(
    machine: str, dtype: torch.dtype, shape: tuple[int, int], published: bool
) -> None:
    kernel = choose_kernel(_weight(shape, published=published).to(dtype), None)
    kernel = kernel.inner if isinstance(kernel, CastKernel) else kernel
    kept = getattr(kernel, "weight", None)
    width = 2 if kept is None else kept.element_size()
    assert width == kept_width(dtype, shape[0] * shape[1], published_half=published)


# What is computed, on every machine.


@pytest.mark.usefixtures("machine")
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


@pytest.mark.usefixtures("machine")
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


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("rows", [1, 2, 20])
@pytest.mark.parametrize("shape", [SMALL, BIG, LARGE])
@pytest.mark.parametrize("dtype", [BFLOAT16, FLOAT16])
def test_a_16_bit_matrix_loses_nothing_but_the_rounding_of_the_result(
    dtype: torch.dtype, shape: tuple[int, int], rows: int
) -> None:
    weight, bias = _weight(shape, published=True).to(dtype), torch.ones(shape[0], dtype=dtype)
    generator = torch.Generator().manual_seed(1)
    x, residual = (torch.randn(rows, size, generator=generator).to(dtype) for size in shape[::-1])
    kernel = choose_kernel(weight, bias)
    wide = x.double() @ weight.double().T + 1
    gelu = torch.nn.functional.gelu(wide)
    pairs = ((kernel.product(x), wide), (kernel.gelu(x), gelu), (kernel.add_to(residual, x), residual + wide))
    for got, wanted in pairs:
        assert got.dtype == dtype
        assert float((got.double() - wanted).norm() / wanted.norm()) < 2 * torch.finfo(dtype).eps


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("shape", [SMALL, BIG, LARGE])
@pytest.mark.parametrize("dtype", [BFLOAT16, FLOAT16])
def test_matrices_for_float32_activations(dtype: torch.dtype, shape: tuple[int, int]) -> None:
    weight, bias = _weight(shape, published=True).to(dtype), torch.ones(shape[0], dtype=dtype)
    rounded = computes(dtype) and not has_half_packing()
    assert _error(choose_widened(weight, bias), weight, bias) < (2**-7 if rounded else 1e-6)


@pytest.mark.usefixtures("machine")
def test_many_rows_may_be_rounded_on_their_way_into_a_bfloat16_product() -> None:
    weight, bias = _weight(published=True).bfloat16(), torch.ones(BIG[0]).bfloat16()
    x = torch.randn(20, BIG[1], generator=torch.Generator().manual_seed(1))
    got = choose_for_many_rows(weight, bias).product(x)
    rounded = x.bfloat16() if computes(BFLOAT16) else x
    wide = rounded.double() @ weight.double().T + 1
    assert got.dtype == FLOAT32
    assert float((got.double() - wide).norm() / wide.norm()) < (2**-8 if computes(BFLOAT16) else 1e-6)
    assert _error(choose_for_many_rows(weight.float(), None), weight.float(), None) < 1e-6


# Trials: an optional kernel is used only if its result is right.


def test_a_build_that_promises_too_much_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Tensor:
        raise RuntimeError("illegal instruction, nearly")

    def shuffled(weight: Tensor, bias: Tensor | None) -> object:
        return pack(weight.flip(0), bias)

    pack = torch.ops.quantized.linear_prepack_fp16
    weight = _weight(published=True)
    for broken in (refuse, shuffled):
        monkeypatch.setattr(torch.ops.quantized, "linear_prepack_fp16", broken)
        assert not has_half_packing()
        assert _error(choose_kernel(weight, None), weight, None) < 1e-6
    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", refuse)
    assert not has_onednn(FLOAT32) and not has_onednn(BFLOAT16)
    assert _error(choose_kernel(weight, None), weight, None) < 1e-6


def test_a_product_that_is_not_a_number_is_refused() -> None:
    class Broken(Kernel):
        def times(self, x: Tensor) -> Tensor:
            return super().times(x) * float("nan")

    for dtype in (FLOAT32, BFLOAT16):
        assert kernel_choice._is_right(Kernel, dtype, "plain")
        assert not kernel_choice._is_right(Broken, dtype, "broken")


def test_bfloat16_hardware_is_that_which_torch_and_onednn_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_choice, "_is_right", lambda *_: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_linear_weight", lambda weight: weight)
    for processor, x86, onednn, wanted in (
        ("x86_64", True, True, True),
        ("x86_64", True, False, False),  # oneDNN is held to AVX2
        ("x86_64", False, True, False),  # oneDNN emulates it
        ("aarch64", False, True, True),
        ("arm64", False, True, True),
        ("aarch64", False, False, False),
    ):
        monkeypatch.setattr("platform.machine", lambda name=processor: name)
        for name in kernel_choice._X86_BFLOAT16:
            monkeypatch.setattr(torch.cpu, name, lambda has=x86: has, raising=False)
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda may=onednn: may)
        assert has_onednn(BFLOAT16) is wanted, (processor, x86, onednn)
        assert has_onednn(FLOAT32)


def test_onednn_switched_off_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert not has_onednn(FLOAT32) and not has_onednn(BFLOAT16)
    weight = _weight(published=False)
    assert _error(choose_kernel(weight, None), weight, None) < 1e-6


@pytest.mark.parametrize("engine", torch.backends.quantized.supported_engines)
def test_the_quantized_engine_of_the_process_does_not_matter(engine: str) -> None:
    """Another notebook cell may have changed the setting; a model loads, and does not change it."""
    settings, weight = torch.backends.quantized, _weight(published=True)
    before = settings.engine
    try:
        settings.engine = engine
        packed = has_half_packing()
        assert packed == ("fbgemm" in settings.supported_engines)
        for dtype in (FLOAT32, BFLOAT16, FLOAT16):
            kernel = choose_kernel(weight.to(dtype), None)
            assert settings.engine == engine
            x = torch.randn(2, BIG[1], generator=torch.Generator().manual_seed(1)).to(dtype)
            wide = x.double() @ weight.double().T
            assert float((kernel.product(x) - wide).norm() / wide.norm()) < 1e-6 + 2 * torch.finfo(dtype).eps
    finally:
        settings.engine = before


# Whole parts.


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("dtype", [BFLOAT16, FLOAT16])
@torch.inference_mode()
def test_the_head_of_a_narrow_model_computes_in_float32(dtype: torch.dtype) -> None:
    config = small_config()
    config["decoder_config"] |= {"hidden_size": 192}
    config["diffusion_head_config"] |= {"hidden_size": 192}
    model = random_model(config).to(dtype)
    wide = random_model(config).to(dtype).float()
    prepare(model)
    assert model.head.dtype == FLOAT32
    assert model.language_model.norm.weight.dtype == dtype
    cond = torch.randn(2, 192, generator=torch.Generator().manual_seed(1)).to(dtype)
    noise = torch.randn(1, model.config.head.latent_size, generator=torch.Generator().manual_seed(2))
    got, wanted = (sampler_of(m)(c[:1], c[1:], noise) for m, c in ((model, cond), (wide, cond.float())))
    assert got.dtype == dtype
    assert float((got.float() - wanted).norm() / wanted.norm()) < (0.03 if computes(dtype) else 2**-8)


@pytest.mark.parametrize("fast", [True, False])
def test_blocks_of_several_steps_multiply_in_bfloat16_where_that_is_fast(
    monkeypatch: pytest.MonkeyPatch, fast: bool
) -> None:
    pretend(monkeypatch, onednn=[FLOAT32, BFLOAT16] if fast else [FLOAT32], half=True)
    monkeypatch.setattr(kernel_choice, "_PACKED_BFLOAT16_FROM", 0)
    model = random_model(small_config()).bfloat16()
    prepare(model)
    blocks = [module for module in model.modules() if isinstance(module, Block)]
    assert {block.widest for block in blocks} == {True, False}
    for block in blocks:
        kind = PretendedOneDnn if fast and not block.widest else PretendedHalf
        assert {type(block.up._kernel), type(block.down._kernel)} == {kind}


@pytest.mark.usefixtures("machine")
def test_a_matrix_of_zeros() -> None:
    weight = torch.zeros(BIG)
    out = choose_kernel(weight, torch.ones(BIG[0])).product(torch.randn(2, BIG[1]))
    assert torch.equal(out, torch.ones(2, BIG[0]))


@pytest.mark.usefixtures("machine")
def test_shapes_with_more_axes_and_views() -> None:
    for published in (True, False):
        weight = _weight(published=published)
        kernel = choose_kernel(weight, None)
        x = torch.randn(2, 3, 2 * BIG[1])[..., ::2]
        wanted = torch.nn.functional.linear(x, weight)
        torch.testing.assert_close(kernel.product(x), wanted, rtol=1e-4, atol=1e-4)
        assert kernel.product(x[:, :0]).shape == (2, 0, BIG[0])


@pytest.mark.usefixtures("machine")
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
