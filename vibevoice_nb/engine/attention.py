"""Attention: causal over many positions, and one position against a cache.

Shapes: R rows, A heads, K key-value heads (A = K * G), T queries, P keys, D head size. Queries [R, A, T, D],
keys and values [R, K, P, D]; the result is [R, A, T, D].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .cache import KVCache


def attend_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend from the last T of P positions, each to itself and what is before it."""
    queries, keys = q.shape[2], k.shape[2]
    groups = q.shape[1] // k.shape[1]
    # Repeated heads: torch's own grouped option is slower on a CPU and absent from some kernels.
    if groups > 1:
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    if queries == keys:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    if queries == 1:
        return F.scaled_dot_product_attention(q, k, v)
    mask = torch.ones(queries, keys, dtype=torch.bool, device=q.device).tril(keys - queries)
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def attend_step(q: Tensor, cache: KVCache, layer: int, rows: list[int], positions: list[int]) -> Tensor:
    """Attend from one new position per row, read at the row's own length.

    Keys are read once for all the query heads that share them, and never beyond the live length.
    """
    out = torch.empty_like(q)
    scale = q.shape[-1] ** -0.5
    for index, (row, position) in enumerate(zip(rows, positions, strict=True)):
        keys = cache.keys[layer][row, :, : position + 1]  # [K, P, D]
        values = cache.values[layer][row, :, : position + 1]
        grouped = q[index, :, 0].unflatten(0, (keys.shape[0], -1))  # [K, G, D]
        scores = torch.matmul(grouped * scale, keys.transpose(1, 2))  # [K, G, P]
        weights = scores.softmax(-1, dtype=torch.float32).to(q.dtype)
        out[index, :, 0] = torch.matmul(weights, values).flatten(0, 1)
    return out
