"""Matrices kept in 8 or 4 bits, for when memory is short. Activations stay as they are.

Shapes: matrix [out, in], x [..., in], G values of a row share a scale.

torch multiplies by such matrices itself on CPUs and, depending on the card, on CUDA; whether it does is tried
once per matrix. Elsewhere the matrix is widened for each product: as small, but slow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from .kernels import Kernel, choose_kernel

Quantize = Literal["int8", "int4"]

GROUP = 64
"""Values that share a scale at 4 bits."""
_ALIGNED = 32
_TILES = 8
"""How CUDA's 4-bit layout interleaves rows."""
_MIDDLE = 8


class Int8Kernel(Kernel):
    """Rows of 8-bit integers with a scale each."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        wide = weight.float()
        scale = wide.abs().amax(1).clamp(min=torch.finfo(torch.float32).tiny) / 127
        self.values = (wide / scale[:, None]).round().to(torch.int8)
        self.scale, self.bias = scale.to(weight.dtype), bias
        self.dtype = _inner_dtype(weight)
        self.fused = _runs(self._multiply, weight)

    def times(self, x: Tensor) -> Tensor:
        if self.fused:
            return _flat(self._multiply, x, self.dtype, self.bias)
        return F.linear(x, self.values.to(x.dtype) * self.scale[:, None].to(x.dtype), self.bias)

    def _multiply(self, x: Tensor) -> Tensor:
        return torch._weight_int8pack_mm(x, self.values, self.scale.to(self.dtype))


class Int4Kernel(Kernel):
    """Rows of 4-bit integers, 64 of them with a scale and an offset."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        groups = weight.float().unflatten(1, (-1, GROUP))
        low, high = groups.aminmax(dim=-1, keepdim=True)
        scale = ((high - low) / 15).clamp(min=torch.finfo(torch.float32).tiny)
        levels = ((groups - low) / scale).round().clamp(0, 15).flatten(1).to(torch.uint8)  # [out, in]
        # A value is (level - 8) * scale + offset.
        self.scale, self.offset = scale[..., 0], (low + _MIDDLE * scale)[..., 0]  # [out, in / G]
        self.bias, self.dtype = bias, _inner_dtype(weight)
        self.levels, self.fused = levels, True
        try:
            self.packed, self.affine = self._pack(levels)
            self.fused = _runs(self._multiply, weight)
        except (RuntimeError, AttributeError):
            self.fused = False
        if self.fused:
            del self.levels, self.scale, self.offset
        else:
            self.packed = levels[:, ::2] | levels[:, 1::2] << 4
            del self.levels
            self.scale, self.offset = self.scale.to(weight.dtype), self.offset.to(weight.dtype)

    def times(self, x: Tensor) -> Tensor:
        if self.fused:
            return _flat(self._multiply, x, self.dtype, self.bias)
        return F.linear(x, self._widened(x.dtype), self.bias)

    def _pack(self, levels: Tensor) -> tuple[Tensor, Tensor]:
        affine = torch.stack((self.scale, self.offset), -1).transpose(0, 1).contiguous()
        if levels.device.type == "cpu":
            packed = torch._convert_weight_to_int4pack_for_cpu(levels.int(), 1)
        else:
            packed = torch._convert_weight_to_int4pack(levels[:, ::2] << 4 | levels[:, 1::2], _TILES)
        return packed, affine.to(self.dtype)

    def _multiply(self, x: Tensor) -> Tensor:
        if x.device.type == "cpu":
            return torch._weight_int4pack_mm_for_cpu(x, self.packed, GROUP, self.affine)
        return torch._weight_int4pack_mm(x, self.packed, GROUP, self.affine)

    def _widened(self, dtype: torch.dtype) -> Tensor:
        levels = torch.stack((self.packed & 15, self.packed >> 4), -1).flatten(1)
        groups = (levels.to(dtype) - _MIDDLE).unflatten(1, (-1, GROUP))
        return (groups * self.scale[..., None].to(dtype) + self.offset[..., None].to(dtype)).flatten(1)


def choose_quantized(quantize: Quantize) -> Callable[[Tensor, Tensor | None], Kernel]:
    """Say how a matrix is kept: in 8 or 4 bits if its shape allows."""

    def choose(weight: Tensor, bias: Tensor | None) -> Kernel:
        if weight.is_meta or (quantize == "int4" and weight.shape[1] % GROUP):
            return choose_kernel(weight, bias)
        return Int8Kernel(weight, bias) if quantize == "int8" else Int4Kernel(weight, bias)

    return choose


def _inner_dtype(weight: Tensor) -> torch.dtype:
    """What the fused products compute in: on CPUs they are quick in bfloat16 alone."""
    return torch.bfloat16 if weight.device.type == "cpu" else weight.dtype


def _flat(multiply: Callable[[Tensor], Tensor], x: Tensor, inner: torch.dtype, bias: Tensor | None) -> Tensor:
    out = multiply(x.reshape(-1, x.shape[-1]).to(inner)).to(x.dtype).view(*x.shape[:-1], -1)
    return out if bias is None else out + bias


def _runs(multiply: Callable[[Tensor], Tensor], weight: Tensor) -> bool:
    """Try whether this torch, device and shape have the fused product, and whether it is right."""
    if weight.shape[0] % _ALIGNED or weight.shape[1] % _ALIGNED:
        return False  # torch's CPU product reads beyond the end of others
    probe = torch.ones(2, weight.shape[1], device=weight.device, dtype=_inner_dtype(weight))
    try:
        got = multiply(probe)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    wanted = weight.float().sum(1)
    return bool((got.float() - wanted).norm() < 0.5 * wanted.norm() + weight.float().norm())
