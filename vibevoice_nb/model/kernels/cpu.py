"""Prepared matrices and their products.

Shapes: x [..., in], matrix [out, in], bias and residual [..., out].

On a CPU, speech is generated in one or two rows, so a product takes the time to read its matrix. Two layouts
help. Published weights are bfloat16, and every one of them is also a float16 once the matrix is
scaled by a power of two: stored as float16 and widened inside the product, they are read in half the time,
and the arithmetic is still float32. Other matrices (with a norm folded in, say) are packed for oneDNN, which
reads them once however few the rows are and finishes the product while its result is in the CPU's cache.

`kernel_choice` decides which kernel a matrix gets on this machine.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from .apart import each_apart
from .base import Kernel, Norm

_HALF_EXPONENT = 14
_HALF_ROUNDING = 2.0**-25
"""Scaled to have its largest element in [2^14, 2^15), a bfloat16 matrix differs from float16 at most by this:
2^-39 of the largest element, far below what float32 sums keep."""
_ROWS_COMPARED = 512
_BLOCK = 1 << 16
"""Elements widened at a time: 256 kB in float32, which stay in a core's cache."""
_HALF_ENGINES = ("fbgemm", "x86")
"""torch's quantized engines that pack float16 matrices."""
_packing = threading.Lock()


class OneDnnKernel(Kernel):
    """A matrix in oneDNN's own layout."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__(torch.ops.mkldnn._reorder_linear_weight(weight), bias)

    def times(self, x: Tensor) -> Tensor:
        return _apart_if_needed(lambda rows: self._pointwise(rows, "none", ""), x)

    def gelu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        x = x if norm is None else norm(x)
        return _apart_if_needed(lambda rows: self._pointwise(rows, "gelu", "none"), x)

    def add_to(self, residual: Tensor, x: Tensor, gain: Tensor | None = None) -> Tensor:
        if gain is not None:
            return super().add_to(residual, x, gain)
        return _apart_if_needed(self._added, x, residual)

    def _pointwise(self, x: Tensor, operation: str, algorithm: str) -> Tensor:
        pointwise = torch.ops.mkldnn._linear_pointwise.default
        return pointwise(x, self.weight, self.bias, operation, [], algorithm)

    def _added(self, x: Tensor, residual: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise.binary(x, residual, self.weight, self.bias, "add")


def _apart_if_needed(product: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    return product(*inputs) if onednn_sums_alike() else each_apart(product, *inputs)


@functools.cache
def onednn_sums_alike() -> bool:
    """Return True if oneDNN's float32 products have the same sums for any number of rows, as tried here."""
    generator = torch.Generator("cpu").manual_seed(0)
    for out, width in ((7, 24), (96, 160), (192, 64), (192, 768), (768, 192)):
        weight = torch.randn(out, width, generator=generator)
        x = torch.randn(131, width, generator=generator)
        packed = torch.ops.mkldnn._reorder_linear_weight(weight)

        def times(rows: Tensor, packed: Tensor = packed) -> Tensor:
            return torch.ops.mkldnn._linear_pointwise.default(rows, packed, None, "none", [], "")

        whole = times(x)
        for rows in (1, 2, 3, 5, 40):
            alone = [times(x[start : start + rows]) for start in range(0, len(x), rows)]
            if not torch.equal(torch.cat(alone), whole):
                return False
    return True


class HalfKernel(Kernel):
    """A matrix kept, without loss, as float16 times a power of two; the product is float32 within."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        scale = _half_scale(weight)
        self.unscale = 1 / scale
        scaled_bias = None if bias is None else bias.float() * scale
        with _half_engine():
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
        return each_apart(lambda rows: torch.ops.quantized.linear_dynamic_fp16(rows, self.packed), x.float())


class WideningKernel(Kernel):
    """A 16-bit matrix multiplied in float32, a block of rows at a time: half the memory, more time."""

    def times(self, x: Tensor) -> Tensor:
        return multiply_by_blocks(x, self.weight.shape, lambda rows: self.weight[rows], self.bias)


class CastKernel(Kernel):
    """Wrapper of a kernel for activations of any dtype: casts input and output."""

    def __init__(self, inner: Kernel, dtype: torch.dtype) -> None:
        self.inner, self.dtype = inner, dtype

    def times(self, x: Tensor) -> Tensor:
        return self.inner.times(x.to(self.dtype)).to(x.dtype)


def multiply_by_blocks(
    x: Tensor, shape: torch.Size, rows_of: Callable[[slice], Tensor], bias: Tensor | None
) -> Tensor:
    """Multiply in float32 by a matrix [out, in] of any dtype; `rows_of` returns a slice of its rows."""
    count, width = shape
    flat = x.reshape(-1, width).float()
    out = flat.new_empty(len(flat), count)
    step = max(1, _BLOCK // width)
    block = flat.new_empty(min(step, count), width)
    for start in range(0, count, step):
        rows = slice(start, min(start + step, count))
        wide = block[: rows.stop - start].copy_(rows_of(rows))
        torch.mm(flat, wide.t(), out=out[:, rows])
    if bias is not None:
        out += bias
    return out.to(x.dtype).view(*x.shape[:-1], count)


def fits_half(weight: Tensor) -> bool:
    """Return whether `HalfKernel` keeps a matrix without loss."""
    scale = _half_scale(weight)
    # In parts, since the comparison takes several times the memory of its input.
    return all(_is_half(part.float() * scale) for part in weight.split(_ROWS_COMPARED))


def _half_scale(weight: Tensor) -> float:
    low, high = weight.aminmax()
    largest = max(-float(low), float(high))
    return 2.0 ** (_HALF_EXPONENT - math.frexp(largest)[1] + 1) if largest else 1.0


def _is_half(scaled: Tensor) -> bool:
    return bool((scaled.half().float() - scaled).abs().max() <= _HALF_ROUNDING)


@contextmanager
def _half_engine() -> Iterator[None]:
    """Select, within the context, a quantized engine of torch that packs float16.

    The engine is a setting of the process, which another model in the notebook may have changed.
    """
    settings = torch.backends.quantized
    with _packing:
        before = settings.engine
        if before in _HALF_ENGINES:
            yield
            return
        settings.engine = _HALF_ENGINES[0]
        try:
            yield
        finally:
            settings.engine = before
