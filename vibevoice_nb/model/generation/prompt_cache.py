"""Prompt cache: encoded voices, and KV prefixes of prompts read before.

Shapes: P prompt positions, H hidden size, K key-value heads, D head size, n frames of a voice, Z latent size.

A prompt is always read in pieces that begin at the same positions, cached or not, so the result is
bit-identical with and without the cache. The first piece ends where the first voice begins, because the seed
changes the voices but not the text before them. The key of a piece is a hash of its embeddings and of all
pieces before it: text, voices and frames alike.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..language_model import LanguageModel
from ..modules.kv_cache import KVCache, position_bytes

PIECE = 64
"""Positions per piece on a CPU, where time is proportional to the number of positions."""
GPU_PIECE = 512
"""Positions per piece on a GPU, where so many take little more time than a few."""

DEFAULT_LIMIT = 256 << 20


class PromptCache:
    """Least-recently-used cache of at most `limit` bytes.

    Parameters
    ----------
    limit : int
        Bytes; 0 caches nothing.
    piece : int
        Positions that are read and cached together.

    Examples
    --------
    >>> prompt_cache = PromptCache()
    >>> encoded = [prompt_cache.voice(torch.zeros(3200), lambda: torch.ones(1, 64)) for _ in range(2)]
    >>> encoded[0] is encoded[1], prompt_cache.nbytes
    (True, 256)
    """

    def __init__(self, limit: int = DEFAULT_LIMIT, piece: int = PIECE) -> None:
        self.limit, self.piece, self.nbytes = limit, piece, 0
        self._kept: OrderedDict[bytes, tuple[Tensor, ...]] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, language_model: LanguageModel) -> PromptCache:
        """Make a cache of the default size, but no larger than one full context of the model."""
        config, like = language_model.config, language_model.norm.weight
        context = config.max_positions * position_bytes(config, like.element_size())
        return cls(min(DEFAULT_LIMIT, context), GPU_PIECE if like.is_cuda else PIECE)

    def voice(self, audio: Tensor, encode: Callable[[], Tensor]) -> Tensor:
        """Return the latent means [n, Z] of samples [N], encoded only if they are new."""
        key = _digest(b"voice", audio)
        found = self._find(key)
        if found is None:
            found = (encode(),)
            self._keep([(key, found)])
        return found[0]

    def prefill(self, language_model: LanguageModel, embeds: Tensor, cache: KVCache, first: int = 0) -> None:
        """Prefill an empty row with a prompt [1, P, H], copying its leading pieces if they are cached.

        The first piece has `first` positions, or as many as the others.
        """
        assert cache.length == 0
        count = embeds.shape[1]
        cache.reserve(count)
        known, pieces, key = True, [], b"prompt"
        first = first or self.piece
        starts = range(first, count, self.piece)
        for start, end in ((0, first), *((start, start + self.piece) for start in starts)):
            piece = embeds[:, start:end]
            if end > count or not self.limit:
                language_model.prefill(piece, cache)
                continue
            key = _digest(key, piece)
            found = self._find(key) if known else None
            known = found is not None
            if found is None:
                language_model.prefill(piece, cache)
                found = _last(cache, end - start)
            else:
                _append(cache, found)
            pieces.append((key, found))
        # In reverse order, so that the end of a prompt is evicted before its beginning.
        self._keep(pieces[::-1])

    def clear(self) -> None:
        """Empty the cache."""
        with self._lock:
            self._kept.clear()
            self.nbytes = 0

    def _find(self, key: bytes) -> tuple[Tensor, ...] | None:
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def _keep(self, entries: Sequence[tuple[bytes, tuple[Tensor, ...]]]) -> None:
        with self._lock:
            for key, tensors in entries:
                if key not in self._kept:
                    self.nbytes += _size(tensors)
                self._kept[key] = tensors
                self._kept.move_to_end(key)
            while self.nbytes > self.limit:
                _, forgotten = self._kept.popitem(last=False)
                self.nbytes -= _size(forgotten)


def _append(cache: KVCache, layers: Sequence[Tensor]) -> None:
    for index, (keys, values) in enumerate(layers):
        cache.append(index, keys, values)
    cache.length += layers[0].shape[2]


def _last(cache: KVCache, count: int) -> tuple[Tensor, ...]:
    """Copy every layer's last keys and values, [2, K, count, D] each."""
    live = slice(cache.length - count, cache.length)
    pairs = zip(cache.keys, cache.values, strict=True)
    return tuple(torch.stack((keys[:, live], values[:, live])) for keys, values in pairs)


def _digest(before: bytes, tensor: Tensor) -> bytes:
    plain = tensor.detach().contiguous().cpu()
    return hashlib.blake2b(plain.view(torch.uint8).numpy().data, key=before[:32], digest_size=32).digest()


def _size(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
