"""Small layers shared by codec, language model and head.

Shapes: x is [..., C] throughout.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .linear import Linear, LinearWeights, fused

_HEADROOM = 256.0
"""By how much the product inside a feed-forward layer may exceed float16's range."""


def rms_normalise(x: Tensor, eps: float) -> Tensor:
    """Divide x [..., C] by its root mean square over C, computed in fp32 as the reference does."""
    return F.rms_norm(x, x.shape[-1:], None, eps)


class RMSNorm(nn.Module):
    """Root-mean-square norm with a weight: Zhang and Sennrich, 2019 (arXiv 1910.07467)."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(size))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        # x may be wider than the weights: see `lm.widened`.
        return F.rms_norm(x, x.shape[-1:], self.weight.to(x.dtype), self.eps).to(self.weight.dtype)


class SwiGLU(nn.Module):
    """Gated feed-forward layer: Shazeer, 2020 (arXiv 2002.05202)."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = LinearWeights(size, hidden, bias=False)
        self.up_proj = LinearWeights(size, hidden, bias=False)
        self.down_proj = Linear(hidden, size, bias=False)
        self.gate_and_up = fused(self.gate_proj, self.up_proj)

    def forward(self, x: Tensor) -> Tensor:
        gate, up = self.gate_and_up.product(x).chunk(2, dim=-1)
        return self.down_proj(F.silu(gate) * up)

    def widened(self, x: Tensor) -> Tensor:
        """The same of float16, in float32 where it might exceed its range: within, and in what comes out."""
        gate, up = self.gate_and_up.product(x).chunk(2, dim=-1)
        product = F.silu(gate.float()) * up.float() / _HEADROOM
        return self.down_proj(product.to(x.dtype)).float() * _HEADROOM


class Connector(nn.Module):
    """From codec space to the language model: [..., size_in] -> [..., size_out]."""

    def __init__(self, size_in: int, size_out: int) -> None:
        super().__init__()
        self.fc1 = Linear(size_in, size_out, bias=True)
        self.norm = RMSNorm(size_out, eps=1e-6)
        self.fc2 = Linear(size_out, size_out, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.norm(self.fc1(x)))
