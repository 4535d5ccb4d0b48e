"""CPU threads for a model.

Threads synchronize after every operation. The operations of a small model take microseconds, so
synchronization costs more than it saves; if another program occupies a core, waiting for it costs many times
the work itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

SMALL_PARAMETERS = 50_000_000
"""Below this a model computes on one thread, and in float32 even where the CPU multiplies bfloat16."""


def is_small(model: nn.Module) -> bool:
    """Return true for a model, on any device, that is too small for threads and half precision on a CPU.

    Examples
    --------
    >>> is_small(nn.Linear(100, 100))
    True
    """
    return sum(parameter.numel() for parameter in model.parameters()) < SMALL_PARAMETERS


@contextmanager
def at_most_threads(count: int | None) -> Iterator[None]:
    """Limit torch to `count` threads within the context; None changes nothing.

    The number is a setting of the process: it is restored on exit, so that other code is not affected.
    """
    before = torch.get_num_threads()
    if count is None or before <= count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
