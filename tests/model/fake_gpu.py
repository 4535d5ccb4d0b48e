"""Simulated GPU: tensors of its device without contents, and the memory they take.

torch's fake tensors run the very code a real GPU would, operation by operation, refuse to mix devices, and
know the size of everything; only the numbers are absent.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vibevoice_nb.model.loading import weights
from vibevoice_nb.model.vibevoice import VibeVoiceModel


class _Mode(FakeTensorMode):
    @property
    def avoid_device_init(self) -> bool:
        """Return true: otherwise torch.tensor(..., device=...) looks for the real device."""
        return True


class GpuMemory(TorchDispatchMode):
    """Counter of the bytes allocated on a device, and their peak."""

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor) and leaf.device == self.device:
                self._count(leaf)
        return out

    def _count(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        size = storage.nbytes()
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


@contextmanager
def fake_gpus(*devices: torch.device) -> Iterator[list[GpuMemory]]:
    """Make tensors fake within the context, and count those of some devices."""
    mode = _Mode(allow_non_fake_inputs=True)
    with mode, ExitStack() as stack:
        yield [stack.enter_context(GpuMemory(device)) for device in devices]


def read_nothing(
    model: VibeVoiceModel, layout: Any, names: list[str], tensors: Any, where: Any, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Replace `weights._read` by tensors without contents: those of a file cannot be faked."""
    return {
        name: torch.empty(model.get_parameter(name).shape, dtype=dtype, device=weights.device_of(name, where))
        for name in names
    }


def gpu(index: int = 0) -> torch.device:
    """Simulated GPU; skip the test if torch cannot simulate one."""
    setup = getattr(backend_registration, "_setup_privateuseone_for_python_backend", None)
    if setup is None:
        pytest.skip("this torch has no devices made of Python")
    _once(setup)
    return torch.device("privateuseone", index)


@functools.cache
def _once(setup: Callable[[], None]) -> None:
    setup()
