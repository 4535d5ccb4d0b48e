"""Several operations as one kernel, for NVIDIA cards, where a frame costs what its launches cost.

The kernels are written in Triton, which comes with torch on Linux. They stand behind what modules ask for
anyway (`Kernel`, `DepthwiseConv`, `Sampler`) and are used within `fusing` alone; everything else computes
operation by operation, which is the oracle they are tested and, when a frame is set up, compared against.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch

_fusing: ContextVar[bool] = ContextVar("fusing", default=False)

DTYPES = (torch.float32, torch.bfloat16)
"""What the kernels take. Cards that want float16 have other limits, and parts that must stay wide."""


@functools.cache
def available() -> bool:
    """Whether Triton is installed."""
    return importlib.util.find_spec("triton") is not None


def runs_on(device: torch.device) -> bool:
    """Whether the kernels run there; on a CPU only Triton's interpreter runs them, which is for tests."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    return available() and (interpreted if device.type == "cpu" else device.type == "cuda")


def active() -> bool:
    """Whether operations are to be fused here and now."""
    return _fusing.get()


@contextmanager
def fusing(wanted: bool = True) -> Iterator[None]:
    """Within, operations are fused, or aren't.

    Examples
    --------
    >>> with fusing():
    ...     active()
    True
    >>> active()
    False
    """
    token = _fusing.set(wanted)
    try:
        yield
    finally:
        _fusing.reset(token)
