"""Norm, depthwise convolution, residual and update of the convolution's buffer, as one kernel.

Shapes: B streams, T time steps, C channels, kernel width 7, so 6 steps of past. All are [B, steps, C].
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_TILE = 8192
"""Values of x that a program norms together."""
_CHANNELS = 128
_MOST_STEPS = 16


@triton.jit
def _mix(
    x, before, after, weight, bias, out,
    T, C, past_stride, eps,
    TAPS: tl.constexpr, BT: tl.constexpr, BC: tl.constexpr, WHOLE: tl.constexpr,
):  # fmt: skip
    stream = tl.program_id(2)
    steps = tl.program_id(0) * BT + tl.arange(0, BT)
    channels = tl.program_id(1) * BC + tl.arange(0, BC)
    every = tl.arange(0, WHOLE)
    step_there, channel_there = steps < T, channels < C
    own = step_there[:, None] & channel_there[None, :]
    past: tl.constexpr = TAPS - 1
    x += stream.to(tl.int64) * T * C
    before += stream.to(tl.int64) * past_stride
    after += stream.to(tl.int64) * past_stride
    mixed = tl.zeros((BT, BC), tl.float32)
    for tap in tl.static_range(TAPS):
        at = steps + tap - past
        heard = (at >= 0) & step_there
        row = tl.load(
            x + at[:, None] * C + every[None, :], mask=heard[:, None] & (every < C)[None, :], other=0.0
        ).to(tl.float32)
        over = 1.0 / tl.sqrt(tl.sum(row * row, axis=1) / C + eps)
        now = tl.load(x + at[:, None] * C + channels[None, :], mask=heard[:, None] & own, other=0.0)
        now = (now.to(tl.float32) * over[:, None]).to(before.dtype.element_ty).to(tl.float32)
        earlier = (at < 0)[:, None] & own
        old = tl.load(before + (at + past)[:, None] * C + channels[None, :], mask=earlier, other=0.0)
        value = tl.where(earlier, old.to(tl.float32), now)
        factor = tl.load(weight + channels * TAPS + tap, mask=channel_there, other=0.0).to(tl.float32)
        mixed += value * factor[None, :]
        if tap == past:
            kept = steps - (T - past)
            tl.store(
                after + kept[:, None] * C + channels[None, :],
                now.to(after.dtype.element_ty),
                mask=(kept >= 0)[:, None] & own,
            )
    # The part of the past that stays in the buffer after T steps.
    if tl.program_id(0) == 0:
        for index in tl.static_range(TAPS - 1):
            there = channel_there & (tl.full((BC,), index, tl.int32) + T < past)
            shifted = tl.load(before + (index + T) * C + channels, mask=there, other=0.0)
            tl.store(after + index * C + channels, shifted, mask=there)
    now = tl.load(x + steps[:, None] * C + channels[None, :], mask=own, other=0.0).to(tl.float32)
    mixed += tl.load(bias + channels, mask=channel_there, other=0.0).to(tl.float32)[None, :] + now
    places = (stream.to(tl.int64) * T + steps[:, None]) * C + channels[None, :]
    tl.store(out + places, mixed.to(out.dtype.element_ty), mask=own)


def mix(x: Tensor, eps: float, weight: Tensor, bias: Tensor, before: Tensor, after: Tensor) -> Tensor:
    """Norm and filter x, and add the result to x.

    Parameters
    ----------
    x : Tensor [B, T, C]
    eps : float
        Of the norm.
    weight : Tensor [C, 1, 7]
    bias : Tensor [C]
    before : Tensor [B, 6, C]
        The normed steps before; the stride between streams is free.
    after : Tensor [B, 6, C]
        Output: `before` of the next chunk; separate memory, since programs run in any order.

    Returns
    -------
    Tensor [B, T, C]
    """
    batch, steps, size = x.shape
    x, out = x.contiguous(), torch.empty(batch, steps, size, dtype=x.dtype, device=x.device)
    assert before.stride() == after.stride() and before.stride()[1:] == (size, 1)
    whole = triton.next_power_of_2(size)
    block = max(1, min(_MOST_STEPS, triton.next_power_of_2(steps), _TILE // whole))
    channels = min(_CHANNELS, whole)
    _mix[(triton.cdiv(steps, block), triton.cdiv(size, channels), batch)](
        x, before, after, weight, bias, out, steps, size, before.stride(0), eps,
        TAPS=weight.shape[-1], BT=block, BC=channels, WHOLE=whole, num_warps=4,
    )  # fmt: skip
    return out
