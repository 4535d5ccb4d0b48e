"""How many bytes a model's weights take once prepared, told from its shapes alone.

The model may be on the meta device. Sizes are of what `prepare` keeps: see `kernels` and `quantized`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .codec import Block
from .conv import CausalConv, Downsample, Upsample
from .kernels import half_from
from .linear import Dense, LinearWeights, derived_values
from .lm import Layer
from .model import VibeVoiceModel
from .quantized import GROUP, Quantize

_REPLACED = (LinearWeights, CausalConv, Downsample, Upsample)
"""Modules whose weight is let go of once it is prepared."""


def kept_bytes(
    model: nn.Module,
    dtype: torch.dtype,
    *,
    device_type: str = "cpu",
    published_half: bool = True,
    quantize: Quantize | None = None,
) -> int:
    """Add up what a prepared model, or a part of one, holds.

    Parameters
    ----------
    model : Module
        Not prepared yet.
    dtype : torch.dtype
        What it will compute in.
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
        if not (name == "weight" and isinstance(module, _REPLACED))
    )
    for value in derived_values(model):
        weight, bias = value()
        total += 0 if bias is None else bias.numel() * dtype.itemsize
        if not isinstance(value, Dense):
            total += weight.numel() * dtype.itemsize
        elif quantize and id(value) in layers:
            total += _quantized_bytes(weight, dtype, quantize)
        else:
            half = device_type == "cpu" and published_half and id(value) not in folded
            half = half and weight.numel() >= half_from(dtype)
            total += weight.numel() * (2 if half else dtype.itemsize)
    return total


def largest_part(model: VibeVoiceModel) -> int:
    """Elements of the largest part that is loaded at once beside what is kept: see `weights.load_model`."""
    layers: list[nn.Module] = [m for m in model.modules() if isinstance(m, (Layer, Block))]
    within = {id(parameter) for layer in layers for parameter in layer.parameters()}
    rest = [p.numel() for child in model.children() for p in child.parameters() if id(p) not in within]
    return max([*rest, *(sum(p.numel() for p in layer.parameters()) for layer in layers)])


def _quantized_bytes(weight: Tensor, dtype: torch.dtype, quantize: Quantize) -> int:
    if quantize == "int8":
        return weight.numel() + weight.shape[0] * dtype.itemsize
    if weight.shape[1] % GROUP:
        return weight.numel() * dtype.itemsize
    # Half a byte each, and a scale and an offset of 16 bits for every group.
    return weight.numel() // 2 + weight.numel() // GROUP * 4
