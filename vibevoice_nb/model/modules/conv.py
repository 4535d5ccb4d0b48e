"""Causal convolutions over time-major activations, with their state passed in.

Shapes: B rows, T time steps, C channels, r resampling ratio, k kernel width. Activations are [B, T, C], so a
dense convolution is one matrix product. Weights keep the published shapes.

State: a `StreamState` is a list of buffers [B, context, C], one per convolution; each convolution has
its index in the list (`slot`) and updates its buffer in place. Without a state the past is silence (zeros),
which is the offline pass: chunk after chunk with a state gives the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..kernels import cuda
from ..kernels.base import Norm
from .linear import Affine, Dense

KERNEL = 7

StreamState = list[Tensor]


class TwofoldState(StreamState):
    """Buffers and, in separate memory, their values before the current chunk."""

    def __init__(self, buffers: Iterable[Tensor], before: Iterable[Tensor]) -> None:
        super().__init__(buffers)
        self.before = list(before)


class StreamingConv(nn.Module):
    """Convolution with a buffer of `context` past steps of `channels` channels."""

    context: int
    channels: int
    slot: int = -1

    def extend(self, x: Tensor, state: StreamState | None) -> Tensor:
        """Prepend the past to x [B, T, C] and keep the end in the buffer.

        Returns
        -------
        Tensor [B, context + T, C]
        """
        if state is None:
            return F.pad(x, (0, 0, self.context, 0))
        past = state[self.slot]
        extended = torch.cat((past, x), dim=1)
        past.copy_(extended[:, -self.context :])
        return extended


class CausalConv(StreamingConv):
    """Dense convolution, stride 1: [B, T, C_in] -> [B, T, C_out]."""

    def __init__(self, channels_in: int, channels_out: int) -> None:
        super().__init__()
        self.context, self.channels = KERNEL - 1, channels_in
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, KERNEL))
        self.bias = nn.Parameter(torch.empty(channels_out))
        # One output channel: a product per tap, summed along diagonals, copies nothing.
        self.single = channels_out == 1
        self.dense = Dense(self._matrix)

    def _matrix(self) -> Affine:
        if self.single:
            return self.weight[0].t(), None
        return self.weight.flatten(1), self.bias

    def forward(self, x: Tensor, state: StreamState | None = None) -> Tensor:
        x = self.extend(x, state)
        if self.single:
            taps = self.dense.product(x).contiguous()  # [B, T + 6, 7]
            batch, steps = len(taps), taps.shape[1] - self.context
            stride = taps.stride()
            diagonals = taps.as_strided((batch, steps, KERNEL), (stride[0], stride[1], stride[1] + 1))
            return diagonals.sum(-1, keepdim=True) + self.bias
        windows = x.unfold(1, KERNEL, 1).flatten(2)  # [B, T, C_in * 7]
        return self.dense.product(windows)


class DepthwiseConv(StreamingConv):
    """One filter per channel, stride 1: [B, T, C] -> [B, T, C].

    The caller passes the filters: those of this module, with the neighboring factors folded in.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.context, self.channels = KERNEL - 1, channels
        self.weight = nn.Parameter(torch.empty(channels, 1, KERNEL))
        self.bias = nn.Parameter(torch.empty(channels))

    def add_to(self, x: Tensor, norm: Norm, filters: Affine, state: StreamState | None = None) -> Tensor:
        """Norm and filter x [B, T, C], and add the result to x."""
        weight, bias = filters
        if cuda.active() and isinstance(state, TwofoldState):
            from ..kernels.cuda.mixer import mix

            assert bias is not None
            return mix(x, norm.eps, weight, bias, state.before[self.slot], state[self.slot])
        extended = self.extend(norm(x), state)
        # [B, T, C] in memory is the channels-last picture [B, C, 1, T]: no copy on either side.
        # Filters may be kept wider than x (see `prepare`).
        image = extended.transpose(1, 2).unsqueeze(2).to(weight.dtype)
        out = F.conv2d(image, weight.unsqueeze(2), bias, groups=self.channels)
        return (x + out.squeeze(2).transpose(1, 2)).to(x.dtype)


class Downsample(StreamingConv):
    """Strided convolution, kernel 2r, stride r: [B, T, C_in] -> [B, ceil(T / r), C_out]."""

    def __init__(self, channels_in: int, channels_out: int, ratio: int) -> None:
        super().__init__()
        self.context, self.channels, self.ratio = ratio, channels_in, ratio
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, 2 * ratio))
        self.bias = nn.Parameter(torch.empty(channels_out))
        self.dense = Dense(self._matrix)

    def _matrix(self) -> Affine:
        return self.weight.transpose(1, 2).flatten(1), self.bias

    def forward(self, x: Tensor, state: StreamState | None = None) -> Tensor:
        # The reference fills an incomplete last block with zeros at every strided convolution.
        if lacking := -x.shape[1] % self.ratio:
            x = F.pad(x, (0, 0, 0, lacking))
        x = self.extend(x, state)
        blocks = x.reshape(len(x), -1, self.ratio * self.channels)  # [B, 1 + T / r, r * C_in]
        return self.dense.product(torch.cat((blocks[:, :-1], blocks[:, 1:]), dim=-1))


class Upsample(StreamingConv):
    """Transposed convolution, kernel 2r, stride r, cut to be causal: [B, T, C_in] -> [B, T * r, C_out].

    Every input gives two blocks of r outputs; the second one overlaps the first one of the next input. The
    state is that second block, so nothing is computed twice (the reference recomputes 2r - 1 past inputs).
    """

    def __init__(self, channels_in: int, channels_out: int, ratio: int) -> None:
        super().__init__()
        self.context, self.channels, self.ratio = ratio, channels_out, ratio
        self.weight = nn.Parameter(torch.empty(channels_in, channels_out, 2 * ratio))
        self.bias = nn.Parameter(torch.empty(channels_out))
        self.dense = Dense(self._matrix)

    def _matrix(self) -> Affine:
        return self.weight.permute(2, 1, 0).flatten(0, 1), None

    def forward(self, x: Tensor, state: StreamState | None = None) -> Tensor:
        batch, steps, _ = x.shape
        pair = self.dense.product(x).view(batch, steps, 2, self.ratio, self.channels)
        blocks = torch.cat(
            (x.new_zeros(batch, 1, self.ratio, self.channels), pair[:, :-1, 1])
            if state is None
            else (state[self.slot].unsqueeze(1), pair[:, :-1, 1]),
            dim=1,
        )
        if state is not None:
            state[self.slot].copy_(pair[:, -1, 1])
        return (blocks + pair[:, :, 0] + self.bias).flatten(1, 2)


def number_slots(stack: nn.Module) -> None:
    """Set the slot of every convolution under `stack`."""
    for slot, conv in enumerate(streaming_convs(stack)):
        conv.slot = slot


def streaming_convs(stack: nn.Module) -> list[StreamingConv]:
    """Return all convolutions with a buffer, in slot order."""
    return [module for module in stack.modules() if isinstance(module, StreamingConv)]
