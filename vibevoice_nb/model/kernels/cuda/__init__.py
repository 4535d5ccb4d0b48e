"""Fused kernels for NVIDIA GPUs, where the time of a frame is that of its kernel launches.

The kernels are written in Triton, which comes with torch on Linux. Modules call them
through `Kernel`, `DepthwiseConv` and `Sampler`, only within `fusing`; otherwise they compute operation by
operation, which is the oracle of the tests and of the comparison when a frame is set up.
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
"""Supported dtypes. GPUs that need float16 have other limits, and parts that must stay in float32."""


@functools.cache
def available() -> bool:
    """Return true if Triton is installed."""
    return importlib.util.find_spec("triton") is not None


def runs_on(device: torch.device) -> bool:
    """Return true if the kernels run on a device; on a CPU only Triton's interpreter does, for tests."""
    interpreted = os.environ.get("TRITON_INTERPRET") == "1"
    return available() and (interpreted if device.type == "cpu" else device.type == "cuda")


def active() -> bool:
    """Return true within `fusing`."""
    return _fusing.get()


@contextmanager
def fusing(wanted: bool = True) -> Iterator[None]:
    """Enable or disable fused kernels within the context.

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
