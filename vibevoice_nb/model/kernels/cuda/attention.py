"""Attention of one new position per row to its cache: one kernel rotates and writes, two more attend.

Shapes: R rows, K key-value heads, G query heads per key-value head, A = K G, P positions allocated, D
head size, S parts of a row's live positions.

The number of live positions is read from memory, and no other positions are read. A few rows with many
positions would leave most of a GPU idle, so every row is split into parts that are attended to in parallel
and combined by their sums of exponentials (Dao et al., 2023, "Flash-Decoding").
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_PARTS_FROM = 256
"""Allocated positions per part."""
_MOST_PARTS = 64
_BLOCK = 64
_LEAST_HEADS = 16
"""Minimum rows of a product on tensor cores."""


@triton.jit
def _rotate(
    projected, cosines, sines, lengths, queries, keys, values,
    room, A: tl.constexpr, K: tl.constexpr, D: tl.constexpr,
):  # fmt: skip
    head = tl.program_id(0)
    row = tl.program_id(1)
    d = tl.arange(0, D)
    source = projected + (row * (A + 2 * K) + head) * D
    x = tl.load(source + d).to(tl.float32)
    place = tl.load(lengths + row)
    if head < A + K:
        swapped = tl.load(source + (d + D // 2) % D).to(tl.float32)
        cosine = tl.load(cosines + row * D + d).to(tl.float32)
        sine = tl.load(sines + row * D + d).to(tl.float32)
        x = x * cosine + swapped * sine
    if head < A:
        tl.store(queries + (row * A + head) * D + d, x.to(queries.dtype.element_ty))
    elif head < A + K:
        there = ((row * K + head - A).to(tl.int64) * room + place) * D
        tl.store(keys + there + d, x.to(keys.dtype.element_ty))
    else:
        there = ((row * K + head - A - K).to(tl.int64) * room + place) * D
        tl.store(values + there + d, x.to(values.dtype.element_ty))


@triton.jit
def _attend(
    queries, keys, values, lengths, sums, tops, totals,
    room, K, G, parts, factor,
    GP: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    pair = tl.program_id(0)
    part = tl.program_id(1)
    live = (tl.load(lengths + pair // K) + 1).to(tl.int32)
    each = tl.cdiv(tl.cdiv(live, BLOCK), parts) * BLOCK
    begin = part * each
    end = tl.minimum(begin + each, live)
    heads, d = tl.arange(0, GP), tl.arange(0, D)
    head_there = (heads < G)[:, None]
    query = tl.load(queries + (pair * G + heads)[:, None] * D + d[None, :], mask=head_there, other=0.0)
    base = pair.to(tl.int64) * room * D
    top = tl.full((GP,), -1e30, tl.float32)
    total = tl.zeros((GP,), tl.float32)
    summed = tl.zeros((GP, D), tl.float32)
    for start in range(begin, end, BLOCK):
        places = start + tl.arange(0, BLOCK)
        there = places < end
        offsets = base + places[:, None] * D + d[None, :]
        key = tl.load(keys + offsets, mask=there[:, None], other=0.0)
        scores = tl.dot(query, tl.trans(key), input_precision=PRECISION) * factor
        scores = tl.where(there[None, :], scores, float("-inf"))
        higher = tl.maximum(top, tl.max(scores, axis=1))
        before = tl.exp(top - higher)
        shares = tl.exp(scores - higher[:, None])
        total = total * before + tl.sum(shares, axis=1)
        value = tl.load(values + offsets, mask=there[:, None], other=0.0)
        summed = tl.dot(shares.to(value.dtype), value, summed * before[:, None], input_precision=PRECISION)
        top = higher
    out = (pair * G + heads) * parts + part
    tl.store(tops + out, top, mask=heads < G)
    tl.store(totals + out, total, mask=heads < G)
    tl.store(sums + out[:, None] * D + d[None, :], summed, mask=head_there)


@triton.jit
def _join(sums, tops, totals, out, parts, SP: tl.constexpr, D: tl.constexpr):
    head = tl.program_id(0)
    part, d = tl.arange(0, SP), tl.arange(0, D)
    there = part < parts
    top = tl.load(tops + head * parts + part, mask=there, other=-1e30)
    weights = tl.exp(top - tl.max(top, axis=0))
    total = tl.sum(weights * tl.load(totals + head * parts + part, mask=there, other=0.0), axis=0)
    places = (head * parts + part)[:, None] * D + d[None, :]
    summed = tl.sum(weights[:, None] * tl.load(sums + places, mask=there[:, None], other=0.0), axis=0)
    tl.store(out + head * D + d, (summed / total).to(out.dtype.element_ty))


def attends(head_dim: int) -> bool:
    """Return true if the kernels support heads of this size."""
    return 16 <= head_dim <= 256 and head_dim & (head_dim - 1) == 0


def attend(
    projected: Tensor, cos: Tensor, sin: Tensor, lengths: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    """Rotate, append to the live positions, and attend.

    Parameters
    ----------
    projected : Tensor [R, 1, A + 2 K, D]
        Queries, keys and values, not rotated.
    cos, sin : Tensor [R, 1, 1, D]
        As `LanguageModel.rotary` returns them.
    lengths : Tensor [R], int64
        Live positions, not counting the new one.
    keys, values : Tensor [R, K, P, D]
        Written at each row's length.

    Returns
    -------
    Tensor [R, A, 1, D]
    """
    rows, kv_heads, room, size = keys.shape
    heads = projected.shape[2] - 2 * kv_heads
    projected = projected.contiguous()
    queries = torch.empty(rows, heads, 1, size, dtype=keys.dtype, device=keys.device)
    _rotate[(heads + 2 * kv_heads, rows)](
        projected, cos.contiguous(), sin.contiguous(), lengths, queries, keys, values, room,
        A=heads, K=kv_heads, D=size, num_warps=1,
    )  # fmt: skip
    parts = max(1, min(_MOST_PARTS, room // _PARTS_FROM))
    sums = torch.empty(rows, heads, parts, size, dtype=torch.float32, device=keys.device)
    tops, totals = torch.empty(2, rows, heads, parts, dtype=torch.float32, device=keys.device)
    groups = heads // kv_heads
    _attend[(rows * kv_heads, parts)](
        queries, keys, values, lengths, sums, tops, totals, room, kv_heads, groups, parts, size**-0.5,
        GP=max(_LEAST_HEADS, triton.next_power_of_2(groups)), D=size, BLOCK=_BLOCK,
        PRECISION="ieee" if keys.dtype == torch.float32 else "tf32", num_warps=4, num_stages=2,
    )  # fmt: skip
    out = torch.empty_like(queries)
    _join[(rows * heads,)](
        sums, tops, totals, out, parts, SP=triton.next_power_of_2(parts), D=size, num_warps=4
    )
    return out
