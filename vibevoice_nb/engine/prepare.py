"""From weights as published to weights as the device likes them, once, after loading."""

from __future__ import annotations

import torch
from torch import nn

from .conv import CausalConv, Downsample, Upsample
from .linear import LinearWeights, derived_values
from .model import VibeVoiceModel
from .threads import is_small


def prepare(model: VibeVoiceModel) -> None:
    """Fuse, fold and pack every matrix for inference, and let go of the originals.

    The model computes the same as before, without gradients. The originals' memory is freed, part after part:
    they become tensors on the meta device, which keep their names and shapes and are not computed with any
    more.
    """
    model.max_threads = 1 if is_small(model) else None
    for part in (*model.language_model.layers, *model.children()):
        for value in derived_values(part):
            if not value.prepared:
                value.prepare()
        for module in part.modules():
            if isinstance(module, (LinearWeights, CausalConv, Downsample, Upsample)):
                weight = torch.empty_like(module.weight, device="meta")
                module.weight = nn.Parameter(weight, requires_grad=False)
