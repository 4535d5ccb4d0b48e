"""How a prepared matrix is multiplied: the fastest exact way the device has.

Shapes: x [..., in], matrix [out, in], bias and residual [..., out].

On a CPU, speech is generated a row or two at a time, so a product costs what it takes to read its matrix. Two
things help. Published weights are bfloat16, and every one of them is also a float16 once the matrix is scaled
by a power of two: kept so and widened inside the product, they are read in half the time, and the arithmetic
is still float32. What is no float16 (a norm folded into a matrix, say) is packed for oneDNN, which reads it
once however few the rows are and finishes the product while its result is in the processor's cache.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from . import cuda

_HALF_FROM = {torch.float32: 1 << 14, torch.bfloat16: 1 << 19}
"""Elements from which a matrix of this type is worth keeping as float16. Smaller ones stay in the cache
anyway; bfloat16 takes no less room, but from memory it is read more slowly."""

_HALF_EXPONENT = 14
_HALF_ROUNDING = 2.0**-25
"""Scaled to have its largest element in [2^14, 2^15), a bfloat16 matrix differs from float16 at most by this:
2^-39 of the largest element, far below what float32 sums keep."""


_ROWS_COMPARED = 512


class Norm(Protocol):
    """A root-mean-square norm of activations on their way into a product."""

    @property
    def eps(self) -> float: ...

    @property
    def scale(self) -> Tensor | None:
        """[C] or [..., C], what normed channels are multiplied by."""

    @property
    def shift(self) -> Tensor | None:
        """[..., C], what is added then."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Kernel:
    """Plain multiplication, with what stands before and behind it in a model."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias

    def times(self, x: Tensor) -> Tensor:
        """Multiply: [..., in] -> [..., out]."""
        return F.linear(x, self.weight, self.bias)

    def product(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """Norm, if asked to, and multiply."""
        return self.times(x if norm is None else norm(x))

    def gelu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """Multiply and apply the exact GELU."""
        return F.gelu(self.product(x, norm))

    def swiglu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """Multiply by a gate's and a layer's matrix, one above the other: [..., in] -> [..., out / 2]."""
        gate, up = self.product(x, norm).chunk(2, dim=-1)
        return F.silu(gate) * up

    def add_to(self, residual: Tensor, x: Tensor, gain: Tensor | None = None) -> Tensor:
        """Multiply, scale by `gain` [out] or [..., out], and add to `residual`."""
        if gain is None:
            return residual + self.times(x)
        return torch.addcmul(residual, gain, self.times(x))


class OneDnnKernel(Kernel):
    """A matrix in oneDNN's own layout."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(torch.ops.mkldnn._reorder_linear_weight(weight), bias)

    def times(self, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise.default(x, self.weight, self.bias, "none", [], "")

    def gelu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        x = x if norm is None else norm(x)
        return torch.ops.mkldnn._linear_pointwise.default(x, self.weight, self.bias, "gelu", [], "none")

    def add_to(self, residual: Tensor, x: Tensor, gain: Tensor | None = None) -> Tensor:
        if gain is not None:
            return super().add_to(residual, x, gain)
        return torch.ops.mkldnn._linear_pointwise.binary(x, residual, self.weight, self.bias, "add")


class HalfKernel(Kernel):
    """A matrix kept, without loss, as float16 times a power of two; the product is float32 within."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        scale = _half_scale(weight)
        self.unscale = 1 / scale
        scaled_bias = None if bias is None else bias.float() * scale
        self.packed = torch.ops.quantized.linear_prepack_fp16(weight.float() * scale, scaled_bias)

    def times(self, x: Tensor) -> Tensor:
        return self._scaled(x).mul_(self.unscale).to(x.dtype)

    def add_to(self, residual: Tensor, x: Tensor, gain: Tensor | None = None) -> Tensor:
        if gain is None:
            wide = torch.add(residual, self._scaled(x), alpha=self.unscale)
        else:
            wide = torch.addcmul(residual, gain, self._scaled(x), value=self.unscale)
        return wide.to(residual.dtype)

    def _scaled(self, x: Tensor) -> Tensor:
        return torch.ops.quantized.linear_dynamic_fp16(x.float(), self.packed)


class RoundingKernel(Kernel):
    """A bfloat16 matrix in oneDNN's layout for wider activations, which are rounded on their way in.

    Where the processor multiplies bfloat16 itself, many rows take half the time they take with any other
    kernel; a row or two take longer.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        assert weight.dtype == torch.bfloat16
        self._inner = OneDnnKernel(weight, bias)

    def times(self, x: Tensor) -> Tensor:
        return self._inner.times(x.to(torch.bfloat16)).to(x.dtype)


def choose_kernel(weight: Tensor, bias: Tensor | None) -> Kernel:
    """Take the fastest kernel that multiplies by exactly this matrix."""
    if weight.device.type == "cpu":
        if _fits_half(weight):
            return HalfKernel(weight, bias)
        if fits_onednn(weight):
            return OneDnnKernel(weight, bias)
    if weight.device.type == "cuda" and cuda.available():
        from .cuda.product import FusedKernel

        return FusedKernel(weight, bias)
    return Kernel(weight, bias)


def choose_for_many_rows(weight: Tensor, bias: Tensor | None) -> Kernel:
    """Take the fastest kernel for float32 activations, many rows of them, that may be rounded to bfloat16."""
    if weight.device.type == "cpu" and weight.dtype == torch.bfloat16 and fits_onednn(weight):
        return RoundingKernel(weight, bias)
    return choose_widened(weight, bias)


def choose_widened(weight: Tensor, bias: Tensor | None) -> Kernel:
    """Take the fastest kernel for float32 activations, whatever the matrix was."""
    return choose_kernel(weight.float(), None if bias is None else bias.float())


def half_from(dtype: torch.dtype) -> float:
    """Elements from which a published matrix is kept as float16 on a CPU; infinity where it never is."""
    there = "fbgemm" in torch.backends.quantized.supported_engines
    return _HALF_FROM.get(dtype, math.inf) if there else math.inf


def _half_scale(weight: Tensor) -> float:
    low, high = weight.aminmax()
    largest = max(-float(low), float(high))
    return 2.0 ** (_HALF_EXPONENT - math.frexp(largest)[1] + 1) if largest else 1.0


def _fits_half(weight: Tensor) -> bool:
    if weight.numel() < half_from(weight.dtype):
        return False
    scale = _half_scale(weight)
    # In parts, since the comparison takes several times the room of what is compared.
    return all(_is_half(part.float() * scale) for part in weight.split(_ROWS_COMPARED))


def _is_half(scaled: Tensor) -> bool:
    return bool((scaled.half().float() - scaled).abs().max() <= _HALF_ROUNDING)


def fits_onednn(weight: Tensor) -> bool:
    """Whether oneDNN is there and multiplies matrices of this type."""
    return (
        weight.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
