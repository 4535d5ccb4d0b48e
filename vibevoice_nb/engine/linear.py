"""Matrix products, plain for training and prepared for inference.

Shapes: [..., in] -> [..., out]. Modules hold parameters in their published shape; a `Dense` is told how they
make one matrix [out, in]. Unprepared, the matrix is derived at every call, so gradients flow to the
parameters; that is also the oracle for the prepared path. `Dense.prepare` derives it once, in the layout the
device multiplies fastest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Matrix = tuple[Tensor, Tensor | None]
"""Weight [out, in] and bias [out]."""


class Dense:
    """The product of activations with a matrix that parameters make."""

    def __init__(self, matrix: Callable[[], Matrix]) -> None:
        self._matrix = matrix
        self._prepared: Matrix | None = None
        self._packed = False

    def prepare(self) -> None:
        """Derive the matrix once. On a CPU it is also packed for oneDNN, which then reads it once per call
        however few the rows are.
        """
        weight, bias = self._matrix()
        weight = weight.detach().contiguous()
        bias = None if bias is None else bias.detach().contiguous()
        self._packed = _can_pack(weight)
        if self._packed:
            weight = torch.ops.mkldnn._reorder_linear_weight(weight)
        self._prepared = (weight, bias)

    def __call__(self, x: Tensor) -> Tensor:
        if self._prepared is None or torch.is_grad_enabled():
            weight, bias = self._matrix()
            return F.linear(x, weight, bias)
        weight, bias = self._prepared
        if self._packed:
            return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
        return F.linear(x, weight, bias)


class Linear(nn.Module):
    """Plain linear layer [..., in] -> [..., out] whose product can be prepared."""

    def __init__(self, features_in: int, features_out: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features_out, features_in))
        self.bias = nn.Parameter(torch.empty(features_out)) if bias else None
        self.dense = Dense(lambda: (self.weight, self.bias))

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x)


def fused(*layers: Linear) -> Dense:
    """One product for several layers of the same input; outputs side by side."""

    def matrix() -> Matrix:
        weights: list[Tensor] = [layer.weight for layer in layers]
        weight = torch.cat(weights)
        biases: list[Tensor] = [layer.bias for layer in layers if layer.bias is not None]
        return weight, torch.cat(biases) if biases else None

    return Dense(matrix)


def dense_products(model: nn.Module) -> Iterator[tuple[nn.Module, Dense]]:
    """Every product under `model` with the module that holds it."""
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Dense):
                yield module, value


def _can_pack(weight: Tensor) -> bool:
    return (
        weight.device.type == "cpu"
        and weight.dtype in (torch.float32, torch.bfloat16)
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )
