"""Matrix product with the norm before it and the operation after it, as one kernel.

Shapes: M rows, N columns of the result, K summed over. x is [M, K], the matrix [N, K], or [2 N, K] for a
gated layer: the rows of the gate, then of the other matrix.

A norm divides whole rows, so it commutes with the product: rows are scaled per channel and multiplied without
the norm while their squares are summed, and the sums are divided at the end. A shift is not divided: it has
sums of its own.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from ..base import Kernel, Norm
from . import DTYPES, active

_NARROW = 16
"""Columns from which a fused product is faster."""
_MOST_ROWS = 1 << 17
_MANY_COLUMNS = 8192
_LARGE, _LARGE_TILE = 1024, 128
"""Rows from which tiles are large, and their size."""


@triton.jit
def _product(
    x, w, bias, out, scale, shift, residual, gain,
    M, N, K, x_row, scale_row, shift_row, gain_row, eps,
    NORM: tl.constexpr, SCALE: tl.constexpr, SHIFT: tl.constexpr, BIAS: tl.constexpr,
    FINISH: tl.constexpr, GAIN: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    columns = tl.program_id(0) * BN + tl.arange(0, BN)
    rows = tl.program_id(1) * BM + tl.arange(0, BM)
    row_there, column_there = rows < M, columns < N
    sums = tl.zeros((BM, BN), tl.float32)
    second = tl.zeros((BM, BN), tl.float32)
    shifted = tl.zeros((BM, BN), tl.float32)
    second_shifted = tl.zeros((BM, BN), tl.float32)
    squares = tl.zeros((BM,), tl.float32)
    for start in range(0, K, BK):
        ks = start + tl.arange(0, BK)
        k_there = ks < K
        x_there = row_there[:, None] & k_there[None, :]
        w_there = column_there[:, None] & k_there[None, :]
        weights = tl.load(w + columns[:, None] * K + ks[None, :], mask=w_there, other=0.0)
        part = tl.load(x + rows[:, None] * x_row + ks[None, :], mask=x_there, other=0.0).to(tl.float32)
        if NORM:
            squares += tl.sum(part * part, axis=1)
        if SCALE:
            by = tl.load(scale + rows[:, None] * scale_row + ks[None, :], mask=x_there, other=0.0)
            part = part * by.to(tl.float32)
        part = part.to(weights.dtype)
        sums = tl.dot(part, tl.trans(weights), sums, input_precision=PRECISION)
        if FINISH == "swiglu":
            others = tl.load(w + (N + columns[:, None]) * K + ks[None, :], mask=w_there, other=0.0)
            second = tl.dot(part, tl.trans(others), second, input_precision=PRECISION)
        if SHIFT:
            by = tl.load(shift + rows[:, None] * shift_row + ks[None, :], mask=x_there, other=0.0)
            by = by.to(weights.dtype)
            shifted = tl.dot(by, tl.trans(weights), shifted, input_precision=PRECISION)
            if FINISH == "swiglu":
                second_shifted = tl.dot(by, tl.trans(others), second_shifted, input_precision=PRECISION)
    if NORM:
        over = 1.0 / tl.sqrt(squares / K + eps)
        sums = sums * over[:, None] + shifted
        second = second * over[:, None] + second_shifted
    if BIAS:
        sums += tl.load(bias + columns, mask=column_there, other=0.0).to(tl.float32)[None, :]
        if FINISH == "swiglu":
            second += tl.load(bias + N + columns, mask=column_there, other=0.0).to(tl.float32)[None, :]
    there = row_there[:, None] & column_there[None, :]
    places = rows[:, None] * N + columns[None, :]
    if FINISH == "gelu":
        sums = 0.5 * sums * (1.0 + tl.erf(sums * 0.7071067811865476))
    if FINISH == "swiglu":
        sums = sums * tl.sigmoid(sums) * second
    if FINISH == "add":
        if GAIN:
            by = tl.load(gain + rows[:, None] * gain_row + columns[None, :], mask=there, other=0.0)
            sums = sums * by.to(tl.float32)
        sums += tl.load(residual + places, mask=there, other=0.0).to(tl.float32)
    tl.store(out + places, sums.to(out.dtype.element_ty), mask=there)


class FusedKernel(Kernel):
    """Plain product; within `fusing`, one kernel for the product and the operations around it."""

    def product(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        return self._run("none", x, norm) if self._fits(x) else super().product(x, norm)

    def gelu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        return self._run("gelu", x, norm) if self._fits(x) else super().gelu(x, norm)

    def swiglu(self, x: Tensor, norm: Norm | None = None) -> Tensor:
        return self._run("swiglu", x, norm) if self._fits(x) else super().swiglu(x, norm)

    def add_to(self, residual: Tensor, x: Tensor, gain: Tensor | None = None) -> Tensor:
        if not self._fits(x):
            return super().add_to(residual, x, gain)
        return self._run("add", x, None, residual, gain)

    def _fits(self, x: Tensor) -> bool:
        if not active() or self.weight.dtype not in DTYPES or x.dtype != self.weight.dtype:
            return False
        return self.weight.shape[0] >= _NARROW and x.numel() // x.shape[-1] <= _MOST_ROWS

    def _run(
        self,
        finish: str,
        x: Tensor,
        norm: Norm | None,
        residual: Tensor | None = None,
        gain: Tensor | None = None,
    ) -> Tensor:
        weight, bias = self.weight, self.bias
        flat = x.reshape(-1, x.shape[-1])
        rows, depth = flat.shape
        columns = len(weight) // 2 if finish == "swiglu" else len(weight)
        out = torch.empty(*x.shape[:-1], columns, dtype=x.dtype, device=x.device)
        scale, shift = (None, None) if norm is None else (norm.scale, norm.shift)
        tiles = _tiles(rows, columns, depth, x.dtype.itemsize)
        grid = (triton.cdiv(columns, tiles["BN"]), triton.cdiv(rows, tiles["BM"]))
        _product[grid](
            flat, weight, _or(bias, x), out, _or(scale, x), _or(shift, x),
            _or(None if residual is None else residual.contiguous(), x), _or(gain, x),
            rows, columns, depth, flat.stride(0), _row_stride(scale), _row_stride(shift), _row_stride(gain),
            0.0 if norm is None else norm.eps,
            NORM=norm is not None, SCALE=scale is not None, SHIFT=shift is not None, BIAS=bias is not None,
            FINISH=finish, GAIN=gain is not None, **tiles,
        )  # fmt: skip
        return out


def _or(tensor: Tensor | None, other: Tensor) -> Tensor:
    """Return a placeholder for a missing tensor: the kernel needs a pointer even if it is not used."""
    return other if tensor is None else tensor


def _row_stride(by: Tensor | None) -> int:
    """Return the row stride of a scale, shift or gain [K] or [M, K], which may be a view."""
    if by is None or by.dim() == 1:
        return 0
    assert by.dim() == 2 and by.stride(1) == 1
    return by.stride(0)


def _tiles(rows: int, columns: int, depth: int, width: int) -> dict[str, int | str]:
    """Return the tile of the product that each program computes.

    With few rows the time is that of reading the matrix: narrow strips, one per multiprocessor of the GPU,
    read far ahead. With many rows it is that of the multiplications: square tiles.
    """
    precision = "ieee" if width == 4 else "tf32"
    if rows <= 64:
        columns_each = 32 if columns >= _MANY_COLUMNS else 16
        tile = (max(16, triton.next_power_of_2(rows)), columns_each, 256 if width == 2 else 64)
    elif rows < _LARGE or columns < _LARGE_TILE:
        tile = (64, 64, 64 // (width // 2))
    else:
        tile = (_LARGE_TILE, _LARGE_TILE, 64 // (width // 2))
    block_rows, block_columns, block_depth = tile
    return {
        "BM": block_rows,
        "BN": min(block_columns, max(16, triton.next_power_of_2(columns))),
        "BK": min(block_depth, max(16, triton.next_power_of_2(depth))),
        "PRECISION": precision,
        "num_warps": 8 if block_rows == _LARGE_TILE else 4,
        "num_stages": 3 if width == 2 else 2,
    }
