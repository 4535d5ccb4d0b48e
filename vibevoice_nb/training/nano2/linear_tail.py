"""Decoder with its last two layers merged: the same output in two thirds of the training time.

Where the last stage has no blocks, nothing lies between its transposed convolution and the decoder's last
convolution. Together they are one transposed convolution with one output channel.

Shapes: B rows, T steps into the last stage, C channels into it, r its ratio, N = r T samples.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from vibevoice_nb.model.codec import Decoder, Stage
from vibevoice_nb.model.modules.conv import KERNEL, Upsample


def decode(decoder: Decoder, latents: Tensor) -> Tensor:
    """Return ``decoder(latents)``: audio [B, 1, N] of latents [B, F, 64]."""
    *stages, last = (cast(Stage, stage) for stage in decoder.stages)
    if last.blocks or not isinstance(last.entry, Upsample):
        return cast(Tensor, decoder(latents))
    x = latents
    for stage in stages:
        x = stage(x, None)
    entry, head = last.entry, decoder.head
    kernel = F.conv1d(entry.weight, head.weight, padding=KERNEL - 1).squeeze(1)  # [C, 2 r + 6]
    blocks = -(-kernel.shape[1] // entry.ratio)
    kernel = F.pad(kernel, (0, blocks * entry.ratio - kernel.shape[1]))
    taps = (x @ kernel).unflatten(-1, (blocks, entry.ratio))  # [B, T, blocks, r]
    steps = x.shape[1]
    audio = torch.stack(
        [F.pad(taps[:, : steps - late, late], (0, 0, late, 0)) for late in range(min(blocks, steps))]
    ).sum(0)
    # The first samples get less of the transposed convolution's bias: silence precedes them.
    heard = (entry.bias @ head.weight[0]).flip(0).cumsum(0)
    bias = torch.cat((heard[:-1], heard[-1:].expand(steps * entry.ratio - KERNEL + 1))) + head.bias
    return (audio.flatten(1) + bias).unsqueeze(1)
