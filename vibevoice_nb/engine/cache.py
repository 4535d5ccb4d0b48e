"""Keys and values of every position so far, in blocks allocated ahead.

Shapes: L layers, R rows, K key-value heads, D head size. `keys` and `values` are lists of L tensors
[R, K, capacity, D]; row r is live up to `lengths[r]`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .config import LanguageConfig

BLOCK = 256


class KVCache:
    """A cache whose rows have lengths of their own and that grows in blocks.

    Growing copies once per doubling, so a long run costs O(length) copying in all.
    """

    def __init__(self, config: LanguageConfig, rows: int, like: Tensor | list[Tensor]) -> None:
        likes = [like] * config.num_layers if isinstance(like, Tensor) else like
        shape = (rows, config.num_kv_heads, 0, config.head_dim)
        self.keys = [tensor.new_zeros(shape) for tensor in likes]
        self.values = [tensor.new_zeros(shape) for tensor in likes]
        self.lengths = [0] * rows

    @property
    def capacity(self) -> int:
        """Positions a row can hold before the cache grows."""
        return self.keys[0].shape[2]

    def reserve(self, length: int) -> None:
        """Make room for `length` positions per row."""
        if length <= self.capacity:
            return
        # Half as much again, so that copies stay rare and little memory lies idle.
        capacity = -(-max(length, self.capacity * 3 // 2) // BLOCK) * BLOCK
        live = max(self.lengths)
        for tensors in (self.keys, self.values):
            for index, old in enumerate(tensors):
                new = old.new_zeros(old.shape[0], old.shape[1], capacity, old.shape[3])
                new[:, :, :live] = old[:, :, :live]
                tensors[index] = new

    def append(self, layer: int, row: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Write T positions [1, K, T, D] behind a row; returns all its live keys and values."""
        start = self.lengths[row]
        end = start + keys.shape[2]
        self.keys[layer][row : row + 1, :, start:end] = keys
        self.values[layer][row : row + 1, :, start:end] = values
        return self.keys[layer][row : row + 1, :, :end], self.values[layer][row : row + 1, :, :end]

    def write_step(
        self, layer: int, rows: list[int], positions: list[int], keys: Tensor, values: Tensor
    ) -> None:
        """Write one position [R, K, 1, D] at `positions[i]` of `rows[i]`."""
        for index, (row, position) in enumerate(zip(rows, positions, strict=True)):
            self.keys[layer][row, :, position] = keys[index, :, 0]
            self.values[layer][row, :, position] = values[index, :, 0]

    def clone(self) -> KVCache:
        """Copy, without the room allocated ahead."""
        live = max(self.lengths)
        copy = object.__new__(KVCache)
        copy.keys = [tensor[:, :, :live].clone() for tensor in self.keys]
        copy.values = [tensor[:, :, :live].clone() for tensor in self.values]
        copy.lengths = list(self.lengths)
        return copy

    def nbytes(self) -> int:
        """Bytes held, the room allocated ahead included."""
        return sum(t.numel() * t.element_size() for t in self.keys + self.values)
