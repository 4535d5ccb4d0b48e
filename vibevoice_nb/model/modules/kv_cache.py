"""KV cache of one row, allocated in blocks.

Shapes: L layers, K key-value heads, P live positions, D head size. `keys` and `values` are lists of L tensors
[K, capacity, D], live up to `length`.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..config import LanguageConfig

BLOCK = 256


def position_bytes(language: LanguageConfig, width: int) -> int:
    """Return the bytes of one position of one row (all layers), with `width` bytes per number."""
    return 2 * language.num_layers * language.num_kv_heads * language.head_dim * width


class KVCache:
    """Cache of one row, which grows in blocks; only positions up to `length` are live.

    Parameters
    ----------
    likes : sequence of Tensor
        One tensor per layer that gives device and dtype.
    kv_heads, head_dim : int
    capacity : int
        Positions to allocate initially.
    """

    def __init__(self, likes: Sequence[Tensor], kv_heads: int, head_dim: int, capacity: int = 0) -> None:
        self.keys = [like.new_zeros(kv_heads, capacity, head_dim) for like in likes]
        self.values = [like.new_zeros(kv_heads, capacity, head_dim) for like in likes]
        self.length = 0

    @property
    def capacity(self) -> int:
        """Positions allocated."""
        return self.keys[0].shape[1]

    def reserve(self, length: int) -> None:
        """Make room for `length` positions."""
        if length <= self.capacity:
            return
        # A quarter more: copies are rare, and little memory is unused.
        self.grow(-(-max(length, self.capacity * 5 // 4) // BLOCK) * BLOCK)

    def grow(self, capacity: int) -> None:
        """Allocate room for exactly `capacity` positions, keeping the live ones."""
        for tensors in (self.keys, self.values):
            for index, old in enumerate(tensors):
                new = old.new_zeros(old.shape[0], capacity, old.shape[2])
                new[:, : self.length] = old[:, : self.length]
                tensors[index] = new

    def append(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append T positions [K, T, D] to the live ones; return all of them [K, P + T, D].

        The caller advances `length` after writing every layer.
        """
        end = self.length + keys.shape[1]
        self.keys[layer][:, self.length : end] = keys
        self.values[layer][:, self.length : end] = values
        return self.keys[layer][:, :end], self.values[layer][:, :end]

    def clone(self) -> KVCache:
        """Copy the cache with its capacity, so that both copies continue identically."""
        copy = object.__new__(KVCache)
        copy.keys = [tensor.clone() for tensor in self.keys]
        copy.values = [tensor.clone() for tensor in self.values]
        copy.length = self.length
        return copy

    def nbytes(self) -> int:
        """Return the bytes allocated."""
        return sum(tensor.numel() * tensor.element_size() for tensor in self.keys + self.values)
