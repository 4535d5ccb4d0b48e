"""Attention: causal over many positions, and of one new position per row to its cache.

Shapes: R rows, A heads, K key-value heads (A = K * G), T queries, P keys, D head size. Queries are
[R, A, T, D], keys and values [R, K, P, D], the result [R, A, T, D].

flash-attn is used if it is installed and the tensors are in half precision on CUDA; otherwise torch's
scaled-dot-product attention.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

LiveKeys = tuple[Tensor, Tensor]
"""One row's keys and values [K, P, D]."""


def attend_causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attend from the last T of P positions, each to itself and to earlier positions."""
    flash = _flash_attn()
    if flash is not None and _fits_flash(q):
        q, k, v = (tensor.transpose(1, 2) for tensor in (q, k, v))
        return flash.flash_attn_func(q, k, v, causal=True).transpose(1, 2)
    queries, keys = q.shape[2], k.shape[2]
    groups = q.shape[1] // k.shape[1]
    if queries == keys:
        if groups > 1:
            k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    # A few queries and many keys: stack the queries of heads that share keys instead of repeating keys.
    grouped = q.unflatten(1, (k.shape[1], groups)).flatten(2, 3)  # [R, K, G * T, D]
    mask = torch.ones(queries, keys, dtype=torch.bool, device=q.device).tril(keys - queries)
    attended = F.scaled_dot_product_attention(grouped, k, v, attn_mask=mask.repeat(groups, 1))
    return attended.unflatten(2, (groups, queries)).flatten(1, 2)


def attend_step(q: Tensor, live: Sequence[LiveKeys]) -> Tensor:
    """Attend from one position per row, q [R, A, 1, D], to that row's own live keys."""
    if _flash_attn() is not None and _fits_flash(q):
        return torch.cat([attend_causal(q[i : i + 1], k[None], v[None]) for i, (k, v) in enumerate(live)])
    rows = []
    for query, (keys, values) in zip(q[:, :, 0], live, strict=True):
        # Queries that share keys become queries of one head, which reads the keys once.
        grouped = query.unflatten(0, (keys.shape[0], -1))[None]  # [1, K, G, D]
        rows.append(F.scaled_dot_product_attention(grouped, keys[None], values[None]).flatten(1, 2))
    return torch.cat(rows)[:, :, None]


def attention_name(device: torch.device, dtype: torch.dtype) -> str:
    """Return the attention used for tensors of this kind: ``"flash-attn"`` or ``"sdpa"``."""
    probe = torch.empty(0, device="meta", dtype=dtype)
    usable = device.type == "cuda" and _flash_attn() is not None and probe.dtype in _FLASH_DTYPES
    return "flash-attn" if usable and _flash_capable(device) else "sdpa"


def flash_kvcache(q: Tensor) -> Callable[..., Tensor] | None:
    """Return flash-attn's kernel for single positions and a cache, which reads live positions only."""
    if not _fits_flash(q):
        return None
    return getattr(_flash_attn(), "flash_attn_with_kvcache", None)


_FLASH_DTYPES = (torch.float16, torch.bfloat16)


def _fits_flash(q: Tensor) -> bool:
    return q.is_cuda and q.dtype in _FLASH_DTYPES and q.shape[-1] <= 256 and _flash_capable(q.device)


@functools.cache
def _flash_capable(device: torch.device) -> bool:
    # flash-attn 2 needs Ampere or later.
    return torch.cuda.get_device_capability(device) >= (8, 0)


@functools.cache
def _flash_attn() -> Any | None:
    """Import flash-attn once; a broken installation counts as absent, and `doctor` shows why."""
    try:
        return importlib.import_module("flash_attn")
    except (ImportError, OSError, RuntimeError):
        return None
