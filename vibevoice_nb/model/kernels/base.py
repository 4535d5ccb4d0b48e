"""Interface of a kernel: the product of activations with a matrix, and the operations fused with it.

Shapes: x [..., in], matrix [out, in], bias and residual [..., out].
"""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from .apart import each_apart


class Norm(Protocol):
    """Root-mean-square norm applied to the input of a product."""

    @property
    def eps(self) -> float: ...

    @property
    def scale(self) -> Tensor | None:
        """Factor of the normed channels, [C] or [..., C]."""

    @property
    def shift(self) -> Tensor | None:
        """Term added to the scaled channels, [..., C]."""

    def __call__(self, x: Tensor) -> Tensor: ...


class Kernel:
    """Plain matrix product, with the operations before and after it in a model."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.weight, self.bias = weight, bias

    def times(self, x: Tensor) -> Tensor:
        """Multiply: [..., in] -> [..., out]."""
        return each_apart(lambda rows: F.linear(rows, self.weight, self.bias), x)

    def product(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """Apply `norm`, if given, and multiply."""
        return self.times(x if norm is None else norm(x))

    def gelu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """Multiply and apply the exact GELU."""
        return F.gelu(self.product(x, norm))

    def swiglu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """Multiply by the stacked matrices of gate and layer, and gate: [..., in] -> [..., out / 2]."""
        gate, up = self.product(x, norm).chunk(2, dim=-1)
        return F.silu(gate) * up

    def add_to(self, residual: Tensor, x: Tensor, gain: Tensor | None = None) -> Tensor:
        """Multiply, scale by `gain` [out] or [..., out], and add to `residual`."""
        if gain is None:
            return residual + self.times(x)
        return torch.addcmul(residual, gain, self.times(x))
