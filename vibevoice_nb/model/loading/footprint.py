"""Size of a model's prepared weights in bytes, computed from shapes; the model may be on the meta device.

Sizes are those of the weights that `prepare` stores: see `kernels.choice` and `kernels.quantized`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from ..codec import Block
from ..kernels.choice import computes, kept_width
from ..kernels.quantized import GROUP, Quantize
from ..language_model import Layer
from ..modules.conv import CausalConv, Downsample, Upsample
from ..modules.linear import Dense, Linear, LinearWeights, derived_values
from ..vibevoice import TokenScores

_REPLACED = (LinearWeights, CausalConv, Downsample, Upsample)
"""Modules whose weight is dropped once it is prepared."""
VALID_TOKENS = 4
"""Tokens that a model may emit and that are scored."""


def kept_bytes(
    model: nn.Module,
    dtype: torch.dtype,
    *,
    device_type: str = "cpu",
    published_half: bool = True,
    quantize: Quantize | None = None,
) -> int:
    """Return the bytes of a prepared model, or of a part of one.

    Parameters
    ----------
    model : Module
        Not prepared yet.
    dtype : torch.dtype
        Dtype of the computation.
    device_type : str
        ``"cpu"`` or ``"cuda"``, ...
    published_half : bool
        Whether the weights are stored in 16 bits, and so can be kept in 16 bits on a CPU whatever `dtype` is.
    quantize : {"int8", "int4"}, optional
    """
    layers = {
        id(value) for layer in model.modules() if isinstance(layer, Layer) for value in derived_values(layer)
    }
    folded = {
        id(value)
        for block in model.modules()
        if isinstance(block, Block) and block.folded
        for value in derived_values(block)
    }
    total = sum(
        parameter.numel() * dtype.itemsize
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if not (name == "weight" and isinstance(module, (*_REPLACED, TokenScores)))
    )
    on_cpu = device_type == "cpu"
    filters_width = 4 if on_cpu and not computes(dtype) else dtype.itemsize
    scores = [module for module in model.modules() if isinstance(module, TokenScores)]
    total += sum(VALID_TOKENS * module.weight.shape[1] * dtype.itemsize for module in scores)
    for value in derived_values(model):
        weight, bias = value()
        total += 0 if bias is None else bias.numel() * dtype.itemsize
        if not isinstance(value, Dense):
            total += weight.numel() * filters_width
        elif quantize and id(value) in layers:
            total += _quantized_bytes(weight, dtype, quantize)
        else:
            half = published_half and id(value) not in folded
            width = kept_width(dtype, weight.numel(), published_half=half) if on_cpu else dtype.itemsize
            total += weight.numel() * width
    return total


def loading_bytes(
    model: nn.Module,
    kept: Callable[[nn.Module], int],
    dtype: torch.dtype,
    *,
    device_type: str = "cpu",
    stored_width: int = 2,
) -> int:
    """Return the peak memory of a device while weights are read, beyond the prepared weights.

    Layers and blocks are read first, one by one, while most memory is free. The peak is reached in the rest
    of the model's children, in their order (see `weights.load_model`): their file, which is mapped into main
    memory, and the matrices as read beside the prepared ones.

    Parameters
    ----------
    kept : callable
        Bytes of a prepared part, see `kept_bytes`.
    stored_width : int
        Bytes of a stored number.
    """
    on_cpu = device_type == "cpu"
    most = later = 0
    for child in reversed(list(model.children())):
        inner = [module for module in child.modules() if isinstance(module, (Layer, Block))]
        elsewhere = {id(parameter) for module in inner for parameter in module.parameters()}
        mine = [parameter.numel() for parameter in child.parameters() if id(parameter) not in elsewhere]
        replaced = [
            module.weight.numel()
            for module in child.modules()
            if isinstance(module, (*_REPLACED, TokenScores))
            and id(module.weight) not in elsewhere
            # On a GPU, the matrix of a single layer is used unchanged.
            and (on_cpu or not isinstance(module, Linear))
        ]
        beside = sum(replaced) * dtype.itemsize + (sum(mine) * stored_width if on_cpu else 0)
        most = max(most, beside - later)
        later += kept(child) - sum(map(kept, inner))
    return most


def _quantized_bytes(weight: Tensor, dtype: torch.dtype, quantize: Quantize) -> int:
    if quantize == "int8":
        return weight.numel() + weight.shape[0] * dtype.itemsize
    if weight.shape[1] % GROUP:
        return weight.numel() * dtype.itemsize
    # Half a byte each, and a scale and an offset of 16 bits for every group.
    return weight.numel() // 2 + weight.numel() // GROUP * 4
