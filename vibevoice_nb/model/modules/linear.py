"""Matrix products, plain for training and prepared for inference.

Shapes: [..., in] -> [..., out]. Modules hold parameters in their published shape. A `Derived` value
computes the effective weights from parameters: several matrices side by side, with a norm's weight and a
layer scale folded in. Unprepared it is derived at every call, so gradients flow to the parameters; that is
also the oracle of the prepared path. `prepare` derives it once, in the layout that the device multiplies
fastest.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn

from ..kernels.base import Kernel, Norm
from ..kernels.choice import choose_kernel

Affine = tuple[Tensor, Tensor | None]
"""A weight and a bias."""


class Derived:
    """Weight and bias derived from parameters, stored once prepared.

    `derive` is a method of the module or a partial over modules, never a closure: a copy of the model then
    derives from its own parameters.
    """

    def __init__(self, derive: Callable[[], Affine]) -> None:
        self._derive = derive
        self._kept: Affine | None = None

    def prepare(self) -> None:
        """Derive once and store."""
        weight, bias = self._derive()
        self._kept = (weight.detach().contiguous(), None if bias is None else bias.detach().contiguous())

    def cast(self, dtype: torch.dtype) -> None:
        """Store it in another dtype than that of the parameters."""
        assert self._kept is not None
        weight, bias = self._kept
        self._kept = (weight.to(dtype), None if bias is None else bias.to(dtype))

    @property
    def prepared(self) -> bool:
        """True once the value is stored."""
        return self._kept is not None

    def __call__(self) -> Affine:
        return self._derive() if self._kept is None else self._kept


class Dense(Derived):
    """Product of activations with a derived matrix [out, in]; see `kernels`."""

    _kernel: Kernel | None = None

    @property
    def prepared(self) -> bool:
        return self._kernel is not None

    def prepare(self, choose: Callable[[Tensor, Tensor | None], Kernel] = choose_kernel) -> None:
        """Derive once and store in the chosen kernel."""
        super().prepare()
        assert self._kept is not None
        self._kernel = choose(*self._kept)
        # The kernel holds the matrix in its own layout: a second copy would only take memory.
        self._kept = None

    @property
    def kernel(self) -> Kernel:
        """The prepared kernel, or a plain one with the current parameters."""
        return self._kernel or Kernel(*self())

    def product(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """Multiply: [..., in] -> [..., out]; see `Kernel.product`."""
        return self.kernel.product(x, norm)

    def gelu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """See `Kernel.gelu`."""
        return self.kernel.gelu(x, norm)

    def swiglu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        """See `Kernel.swiglu`."""
        return self.kernel.swiglu(x, norm)

    def add_to(self, residual: Tensor, x: Tensor, gain: Tensor | None = None) -> Tensor:
        """See `Kernel.add_to`."""
        return self.kernel.add_to(residual, x, gain)


class LinearWeights(nn.Module):
    """Parameters of a linear layer that is only used within a fused product."""

    def __init__(self, features_in: int, features_out: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features_out, features_in))
        self.bias = nn.Parameter(torch.empty(features_out)) if bias else None


class Linear(LinearWeights):
    """Plain linear layer [..., in] -> [..., out] whose product can be prepared."""

    def __init__(self, features_in: int, features_out: int, *, bias: bool) -> None:
        super().__init__(features_in, features_out, bias=bias)
        self.dense = Dense(self._own)

    def _own(self) -> Affine:
        return self.weight, self.bias

    def forward(self, x: Tensor) -> Tensor:
        return self.dense.product(x)


def fused(*layers: LinearWeights) -> Dense:
    """Return one product for several layers of the same input, with outputs side by side."""
    return Dense(functools.partial(_side_by_side, layers))


def _side_by_side(layers: Sequence[LinearWeights]) -> Affine:
    weights: list[Tensor] = [layer.weight for layer in layers]
    biases: list[Tensor] = [layer.bias for layer in layers if layer.bias is not None]
    return torch.cat(weights), torch.cat(biases) if biases else None


def derived_values(model: nn.Module) -> Iterator[Derived]:
    """Yield every derived value under `model`."""
    for module in model.modules():
        yield from (value for value in vars(module).values() if isinstance(value, Derived))
