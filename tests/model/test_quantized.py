"""Matrices in 8 and 4 bits: how far off they are, wherever they are multiplied."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from checkpoints import random_model
from machines import machine
from model_helpers import SPECIAL, audio_of, begun, sampler_of, small_config, small_prompt, walk
from torch import Tensor

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.kernels import quantized
from vibevoice_nb.model.kernels.base import Kernel
from vibevoice_nb.model.kernels.quantized import Int4Kernel, Int8Kernel, choose_quantized
from vibevoice_nb.model.loading.footprint import kept_bytes
from vibevoice_nb.model.loading.prepare import prepare
from vibevoice_nb.model.modules.linear import Dense, derived_values
from vibevoice_nb.model.vibevoice import VibeVoiceModel

__all__ = ["machine"]  # a fixture

KINDS: dict[str, tuple[type[Kernel], float]] = {"int8": (Int8Kernel, 0.015), "int4": (Int4Kernel, 0.12)}

FUSED = {"int8": "_weight_int8pack_mm", "int4": "_weight_int4pack_mm_for_cpu"}
"""torch's products on a CPU."""


def _weight(rows: int = 96, columns: int = 192, seed: int = 0) -> Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


def _error(got: Tensor, wanted: Tensor) -> float:
    return float((got.double() - wanted.double()).norm() / wanted.double().norm())


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_products_are_near(
    bits: str, biased: bool, dtype: torch.dtype, fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fused:
        monkeypatch.setattr(quantized, "_is_right", lambda *_: False)
    kind, bound = KINDS[bits]
    weight, bias = _weight().to(dtype), torch.ones(96, dtype=dtype) if biased else None
    kernel = choose_quantized(bits)(weight, bias)  # type: ignore[arg-type]
    assert isinstance(kernel, kind)
    for shape in ((192,), (2, 192), (2, 3, 192)):
        x = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(dtype)
        got = kernel.product(x)
        assert got.shape == (*shape[:-1], 96)
        assert got.dtype == dtype
        assert _error(got, x.double() @ weight.double().T + (1 if biased else 0)) < bound


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_both_ways_of_multiplying_agree(bits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weight, x = _weight(), torch.randn(3, 192).bfloat16().float()
    ways = []
    for runs in (None, False):
        if runs is not None:
            monkeypatch.setattr(quantized, "_is_right", lambda *_: False)
        ways.append(choose_quantized(bits)(weight, None).product(x))  # type: ignore[arg-type]
    assert _error(ways[0], ways[1]) < 0.01


WRONG: dict[str, Callable[[Tensor], Tensor]] = {
    "zeros": torch.zeros_like,
    "half": lambda out: out / 2,
    "negative": torch.neg,
    "not a number": lambda out: out * float("nan"),
    "rows rolled": lambda out: out.roll(1, -1),
    "two rows exchanged": lambda out: out[..., [1, 0, *range(2, out.shape[-1])]],
    "one row missing": lambda out: out * (torch.arange(out.shape[-1]) > 0),
    "the last tile missing": lambda out: out * (torch.arange(out.shape[-1]) < out.shape[-1] - 32),
    "one input for all": lambda out: out[:1].expand_as(out),
}


@pytest.mark.parametrize("fault", list(WRONG))
@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_a_fused_product_that_is_wrong_is_not_used(
    bits: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = FUSED[bits]
    product = getattr(torch, name)
    monkeypatch.setattr(torch, name, lambda x, *packed: WRONG[fault](product(x, *packed)))
    weight = _weight(512, 256)
    x = torch.randn(3, 256, generator=torch.Generator().manual_seed(1))
    got = choose_quantized(bits)(weight, None).product(x)  # type: ignore[arg-type]
    assert _error(got, x.double() @ weight.double().T) < KINDS[bits][1]


@pytest.mark.parametrize("fault", ["columns permuted", "columns reversed", "half the scale", "no offset"])
@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_a_layout_read_otherwise_is_not_used(bits: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a device that orders values or tiles in another way."""
    name = FUSED[bits]
    product = getattr(torch, name)
    shuffled = torch.randperm(256, generator=torch.Generator().manual_seed(3))

    def misread(x: Tensor, packed: Tensor, *rest: Any) -> Tensor:
        *sizes, affine = rest
        if fault == "columns permuted":
            x = x[:, shuffled]
        elif fault == "columns reversed":
            x = x.flip(1)
        elif fault == "half the scale" or bits == "int8":
            affine = affine / 2
        else:
            affine = affine * torch.tensor([1, 0], dtype=affine.dtype)
        return product(x, packed, *sizes, affine)

    monkeypatch.setattr(torch, name, misread)
    weight = _weight(128, 256)
    x = torch.randn(3, 256, generator=torch.Generator().manual_seed(1))
    got = choose_quantized(bits)(weight, None).product(x)  # type: ignore[arg-type]
    assert _error(got, x.double() @ weight.double().T) < KINDS[bits][1]


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_without_a_fused_product_the_matrix_is_widened(bits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for absent in (AttributeError("no such operator"), NotImplementedError("not on this device")):

        def refuse(*_: Any, error: Exception = absent) -> Tensor:
            raise error

        for name in (FUSED[bits], "_convert_weight_to_int4pack_for_cpu"):
            monkeypatch.setattr(torch, name, refuse)
        weight, x = _weight(96, 192), torch.randn(3, 192)
        got = choose_quantized(bits)(weight, None).product(x)  # type: ignore[arg-type]
        assert _error(got, x.double() @ weight.double().T) < KINDS[bits][1]


@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_rows_of_zeros_and_of_one_value(bits: str) -> None:
    weight = torch.zeros(64, 128)
    weight[1] = 0.5
    got = choose_quantized(bits)(weight, None).product(torch.ones(1, 128))[0]  # type: ignore[arg-type]
    assert got[0] == 0
    assert float(got[1]) == pytest.approx(64, rel=0.01)


def test_layers_that_do_not_fit_into_groups_are_not_quantized() -> None:
    assert not isinstance(choose_quantized("int4")(_weight(8, 100), None), Int4Kernel)
    assert isinstance(choose_quantized("int8")(_weight(8, 100), None), Int8Kernel)


def _model() -> VibeVoiceModel:
    config = small_config()
    config["decoder_config"] |= {"hidden_size": 192, "intermediate_size": 256}
    config["diffusion_head_config"] |= {"hidden_size": 192}
    return random_model(config)


def test_only_the_layers_of_the_language_model_are_touched() -> None:
    model = _model()
    prepare(model, quantize="int8")
    layers = {id(v) for layer in model.language_model.layers for v in derived_values(layer)}
    dense = [value for value in derived_values(model) if isinstance(value, Dense)]
    assert {isinstance(v._kernel, Int8Kernel) for v in dense if id(v) in layers} == {True}
    assert {isinstance(v._kernel, Int8Kernel) for v in dense if id(v) not in layers} == {False}


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("bits", ["int8", "int4"])
def test_a_frame_is_near_that_of_float32(bits: str) -> None:
    heard = []
    for quantize in (None, bits):
        model = _model()
        prepare(model, quantize=quantize)  # type: ignore[arg-type]
        asked, frame = iter(range(4)), SPECIAL.valid_tokens.index(SPECIAL.frame)
        steps = walk(
            model,
            [begun(model, small_prompt())],
            sampler_of(model),
            choose=lambda row, logits: frame,  # noqa: B023
            stop=lambda row: next(asked) > 2,  # noqa: B023
        )
        heard.append(audio_of(steps))
    assert 0 < _error(heard[1], heard[0]) < (0.1 if bits == "int8" else 0.5)


@torch.inference_mode()
def test_sizes_are_reported_beforehand() -> None:
    for quantize in (None, "int8", "int4"):
        model = _model()
        whole = kept_bytes(model, torch.float32, published_half=False, quantize=quantize)  # type: ignore[arg-type]
        if quantize is None:
            assert whole == pytest.approx(sum(p.numel() * 4 for p in model.parameters()), rel=0.05)
            plain = whole
        else:
            layers = sum(p.numel() for p in model.language_model.layers.parameters())
            assert plain - whole == pytest.approx(layers * (3 if quantize == "int8" else 3.44), rel=0.05)


def test_other_words_are_refused() -> None:
    with pytest.raises(OptionError, match="quantize='int2'"):
        Engine.load("nano", quantize="int2")  # type: ignore[arg-type]
