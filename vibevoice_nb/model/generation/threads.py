"""How many CPU threads a model is worth.

Threads meet after every operation. A small model's operations take microseconds: meeting costs more than it
saves, and where another program has one of the cores, waiting for it costs many times the work itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

SMALL_PARAMETERS = 50_000_000
"""Below this a model computes on one thread, and in float32 even where the CPU multiplies bfloat16."""


def is_small(model: nn.Module) -> bool:
    """Whether a model, on whatever device, is too small for threads and for half precision on a CPU.

    Examples
    --------
    >>> is_small(nn.Linear(100, 100))
    True
    """
    return sum(parameter.numel() for parameter in model.parameters()) < SMALL_PARAMETERS


@contextmanager
def at_most_threads(count: int | None) -> Iterator[None]:
    """Within, torch computes on no more than `count` threads; None changes nothing.

    The number belongs to the process: it is given back as soon as the model rests, so that nobody else finds
    it changed.
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
