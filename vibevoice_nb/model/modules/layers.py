"""Small layers shared by codec, language model and head.

Shapes: x is [..., C] throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..kernels.base import Norm
from .linear import Linear, LinearWeights, fused

_HEADROOM = 256.0
"""Factor by which the product inside a feed-forward layer may exceed float16's range."""


def rms_normalize(x: Tensor, eps: float) -> Tensor:
    """Divide x [..., C] by its root mean square over C, computed in fp32 as the reference does."""
    return F.rms_norm(x, x.shape[-1:], None, eps)


class RMSNorm(nn.Module):
    """Root-mean-square norm with a weight: Zhang and Sennrich, 2019 (arXiv 1910.07467)."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.eps = eps

    @property
    def scale(self) -> Tensor:
        return self.weight

    @property
    def shift(self) -> None:
        return None

    def forward(self, x: Tensor) -> Tensor:
        # x may be wider than the weights: see `language_model.widened`.
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.eps).to(self.weight.dtype)


@dataclass(frozen=True)
class Normalized:
    """Root-mean-square norm without a weight."""

    eps: float
    scale: None = None
    shift: None = None

    def __call__(self, x: Tensor) -> Tensor:
        return rms_normalize(x, self.eps)


@dataclass(frozen=True)
class Modulated:
    """Root-mean-square norm with a scale and a shift per row (adaLN)."""

    eps: float
    scale: Tensor
    """[..., C]"""
    shift: Tensor
    """[..., C]"""

    def __call__(self, x: Tensor) -> Tensor:
        # x may be wider: see `language_model.widened`.
        return torch.addcmul(self.shift, rms_normalize(x, self.eps).to(self.shift.dtype), self.scale)


class SwiGLU(nn.Module):
    """Gated feed-forward layer: Shazeer, 2020 (arXiv 2002.05202)."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = LinearWeights(size, hidden, bias=False)
        self.up_proj = LinearWeights(size, hidden, bias=False)
        self.down_proj = Linear(hidden, size, bias=False)
        self.gate_and_up = fused(self.gate_proj, self.up_proj)

    def add_to(self, residual: Tensor, x: Tensor, norm: Norm, gain: Tensor | None = None) -> Tensor:
        """Norm x, compute, scale by `gain` and add to `residual`, which is float32 if x is float16."""
        if self.down_proj.weight.dtype == torch.float16:
            wide = self._widened(x, norm)
            return residual + wide if gain is None else torch.addcmul(residual, gain.float(), wide)
        return self.down_proj.dense.add_to(residual, self.gate_and_up.swiglu(x, norm), gain)

    def _widened(self, x: Tensor, norm: Norm) -> Tensor:
        """Norm and compute in float16, and in float32 where values may exceed float16's range."""
        gate, up = self.gate_and_up.product(x, norm).chunk(2, dim=-1)
        product = F.silu(gate.float()) * up.float() / _HEADROOM
        return self.down_proj(product.to(gate.dtype)).float() * _HEADROOM


class Connector(nn.Module):
    """From codec space to the language model: [..., size_in] -> [..., size_out]."""

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__()
        self.fc1 = Linear(size_in, size_out, bias=True)
        self.norm = RMSNorm(size_out, eps=1e-6)
        self.fc2 = Linear(size_out, size_out, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2.dense.product(self.fc1(x), self.norm)
