"""Matrices stored in 8 or 4 bits, to save memory. Activations are not quantized.

Shapes: matrix [out, in], x [..., in], G values of a row share a scale.

torch has fused products for such matrices on CPUs and, depending on the GPU, on CUDA. Each matrix's fused
product is tried on random input first. If torch has none, or its result is wrong, the matrix is widened for
each product: as small, but slow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import Kernel
from .choice import choose_kernel
from .cpu import multiply_by_blocks

Quantize = Literal["int8", "int4"]
Rows = slice | Tensor

GROUP = 64
"""Values that share a scale at 4 bits."""
_ALIGNED = 32
_TILES = 8
"""Row interleaving of CUDA's 4-bit layout."""
_MIDDLE = 8
_ROWS_TRIED = 256
_TOLERANCE = 0.01
"""Largest relative error of a fused product; bfloat16 inside causes 0.1 to 0.3 %."""


class Int8Kernel(Kernel):
    """Rows of 8-bit integers with a scale each."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        wide = weight.float()
        scale = wide.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / 127
        self.values = (wide / scale[:, None]).round().to(torch.int8)
        self.scale, self.bias = scale.to(weight.dtype), bias
        self.dtype = _inner_dtype(weight)
        self.fused = _is_right(self._multiply, self._widened, weight.shape, self.dtype)

    def times(self, x: Tensor) -> Tensor:
        if self.fused:
            return _flat(self._multiply, x, self.dtype, self.bias)
        return _multiply_widened(x, self.values.shape, self._widened, self.bias)

    def _multiply(self, x: Tensor) -> Tensor:
        return torch._weight_int8pack_mm(x, self.values, self.scale.to(self.dtype))

    def _widened(self, rows: Rows, dtype: torch.dtype) -> Tensor:
        return self.values[rows].to(dtype) * self.scale[rows, None].to(dtype)


class Int4Kernel(Kernel):
    """Rows of 4-bit integers, 64 of them with a scale and an offset."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        groups = weight.float().unflatten(1, (-1, GROUP))
        low, high = groups.aminmax(dim=-1, keepdim=True)
        scale = ((high - low) / 15).clamp(min=torch.finfo(torch.float32).tiny)
        levels = ((groups - low) / scale).round().clamp(0, 15).flatten(1).to(torch.uint8)  # [out, in]
        # A value is (level - 8) * scale + offset.
        self.scale, self.offset = scale[..., 0], (low + _MIDDLE * scale)[..., 0]  # [out, in / G]
        self.bias, self.dtype, self.shape = bias, _inner_dtype(weight), weight.shape
        pairs = levels[:, ::2] | levels[:, 1::2] << 4
        self.packed = pairs
        try:
            fused, self.affine = self._pack(levels)
        except (RuntimeError, AttributeError):
            self.fused = False
        else:
            self.fused = _is_right(
                lambda x: self._multiply(x, fused), self._widened, weight.shape, self.dtype
            )
        if self.fused:
            self.packed = fused
            del self.scale, self.offset
        else:
            self.scale, self.offset = self.scale.to(weight.dtype), self.offset.to(weight.dtype)

    def times(self, x: Tensor) -> Tensor:
        if self.fused:
            return _flat(lambda x: self._multiply(x, self.packed), x, self.dtype, self.bias)
        return _multiply_widened(x, self.shape, self._widened, self.bias)

    def _pack(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        affine = torch.stack((self.scale, self.offset), -1).transpose(0, 1).contiguous()
        if levels.device.type == "cpu":
            packed = torch._convert_weight_to_int4pack_for_cpu(levels.int(), 1)
        else:
            packed = torch._convert_weight_to_int4pack(levels[:, ::2] << 4 | levels[:, 1::2], _TILES)
        return packed, affine.to(self.dtype)

    def _multiply(self, x: Tensor, packed: Tensor) -> Tensor:
        if x.device.type == "cpu":
            return torch._weight_int4pack_mm_for_cpu(x, packed, GROUP, self.affine)
        return torch._weight_int4pack_mm(x, packed, GROUP, self.affine)

    def _widened(self, rows: Rows, dtype: torch.dtype) -> Tensor:
        packed = self.packed[rows]
        levels = torch.stack((packed & 15, packed >> 4), -1).flatten(1)
        groups = (levels.to(dtype) - _MIDDLE).unflatten(1, (-1, GROUP))
        scale, offset = self.scale[rows, :, None], self.offset[rows, :, None]
        return (groups * scale.to(dtype) + offset.to(dtype)).flatten(1)


QUANTIZED: dict[Quantize, type[Int8Kernel] | type[Int4Kernel]] = {"int8": Int8Kernel, "int4": Int4Kernel}


def choose_quantized(quantize: Quantize) -> Callable[[Tensor, Tensor | None], Kernel]:
    """Return the choice of a kernel per matrix: in 8 or 4 bits if its shape allows."""

    def choose(weight: Tensor, bias: Tensor | None) -> Kernel:
        if weight.is_meta or (quantize == "int4" and weight.shape[1] % GROUP):
            return choose_kernel(weight, bias)
        return QUANTIZED[quantize](weight, bias)

    return choose


def _inner_dtype(weight: Tensor) -> torch.dtype:
    """Return the dtype of the fused products: on CPUs only bfloat16 is fast."""
    return torch.bfloat16 if weight.device.type == "cpu" else weight.dtype


def _flat(multiply: Callable[[Tensor], Tensor], x: Tensor, inner: torch.dtype, bias: Tensor | None) -> Tensor:
    out = multiply(x.reshape(-1, x.shape[-1]).to(inner)).to(x.dtype).view(*x.shape[:-1], -1)
    return out if bias is None else out + bias


def _multiply_widened(
    x: Tensor, shape: torch.Size, widened: Callable[[Rows, torch.dtype], Tensor], bias: Tensor | None
) -> Tensor:
    """Multiply by a matrix that is widened for this product; on a CPU in float32, which is faster there."""
    if x.device.type == "cpu":
        return multiply_by_blocks(x, shape, lambda rows: widened(rows, torch.float32), bias)
    return F.linear(x, widened(slice(None), x.dtype), bias)


def _is_right(
    multiply: Callable[[Tensor], Tensor],
    widened: Callable[[Rows, torch.dtype], Tensor],
    shape: torch.Size,
    dtype: torch.dtype,
) -> bool:
    """Try a fused product on random input of `dtype`, and compare it with rows of the widened matrix."""
    count, width = shape
    if count % _ALIGNED or width % _ALIGNED:
        return False  # torch's CPU product reads beyond the end of others
    # Few enough that a single wrong row exceeds the tolerance, spread from first to last.
    rows = torch.linspace(0, count - 1, min(count, _ROWS_TRIED), device="cpu").long()
    matrix = widened(rows, torch.float32)
    generator = torch.Generator("cpu").manual_seed(0)
    random = torch.randn(2, width, generator=generator, device="cpu", dtype=torch.float32)
    x = random.to(matrix.device, dtype)
    try:
        got = multiply(x)[:, rows].float()
    except (RuntimeError, AttributeError, TypeError):
        return False
    wanted = x.float() @ matrix.T
    return bool((got - wanted).norm() <= _TOLERANCE * wanted.norm())
