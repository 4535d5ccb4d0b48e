"""Fingerprint of a model's weights, fast enough to compute at every load.

Small tensors are read whole, of large ones evenly spaced blocks: training or merging a model changes
values everywhere. Names and shapes count too; files, shards and layouts don't.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable

import torch
from torch import Tensor

_WHOLE = 1 << 19
"""Elements up to which a tensor is read whole."""
_BLOCKS, _BLOCK = 64, 1024
"""Number of blocks read of a larger tensor, and elements per block."""


class Fingerprint:
    """Checksums of named tensors, in any order.

    Examples
    --------
    >>> one, other = Fingerprint(), Fingerprint()
    >>> one.add_all([("a", torch.ones(2)), ("b", torch.zeros(3))])
    >>> other.add_all([("b", torch.zeros(3)), ("a", torch.ones(2))])
    >>> one.hexdigest() == other.hexdigest()
    True
    """

    def __init__(self) -> None:
        self._checksums: dict[str, str] = {}

    def add(self, name: str, tensor: Tensor) -> None:
        """Add a tensor on any device."""
        self._checksums[name] = f"{list(tensor.shape)} {tensor.dtype} {_checksum(tensor):08x}"

    def add_all(self, tensors: Iterable[tuple[str, Tensor]]) -> None:
        """Add tensors by name."""
        for name, tensor in tensors:
            self.add(name, tensor)

    def hexdigest(self) -> str:
        """Return 32 hexadecimal digits."""
        lines = "\n".join(f"{name} {checksum}" for name, checksum in sorted(self._checksums.items()))
        return hashlib.blake2b(lines.encode(), digest_size=16).hexdigest()


def _checksum(tensor: Tensor) -> int:
    if tensor.is_meta:
        return 0  # a model on the meta device: only shapes count
    flat = tensor.detach().reshape(-1)
    if len(flat) > _WHOLE:
        starts = [index * (len(flat) - _BLOCK) // (_BLOCKS - 1) for index in range(_BLOCKS)]
        flat = torch.cat([flat[start : start + _BLOCK] for start in starts])
    return zlib.crc32(flat.contiguous().cpu().view(torch.uint8).numpy().data)
