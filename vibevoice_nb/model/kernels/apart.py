"""Products of several scripts in one batch, each with exactly the sums that it has alone.

A library chooses the order of its sums by the number of rows: fbgemm, for one, adds up one or two rows in
another order than three. Within `scripts_apart(count)` the rows of a product, side by side in memory, are
those of `count` scripts, equally many each, and the product is called once per script: the result of a script
then does not depend on those beside it. For a small model this costs nothing that one could measure, since
its matrices stay in the cache; a large one is read from memory once per call, and runs without it.

Shapes: x [..., in], the result [..., out].
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class _Local(threading.local):
    count = 1


_local = _Local()


@contextmanager
def scripts_apart(count: int) -> Iterator[None]:
    """Compute the rows of `count` scripts apart within the context, in this thread."""
    before, _local.count = _local.count, count
    try:
        yield
    finally:
        _local.count = before


def each_apart(product: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
    """Call a product with the rows of each script of its inputs [..., n], and join the results.

    Examples
    --------
    >>> sizes = []
    >>> def double(x):
    ...     sizes.append(len(x))
    ...     return 2 * x
    >>> with scripts_apart(3):
    ...     each_apart(double, torch.ones(6, 1, 5)).shape, sizes
    (torch.Size([6, 1, 5]), [2, 2, 2])
    """
    count = _local.count
    if count == 1:
        return product(*inputs)
    parts = zip(*(x.reshape(count, -1, x.shape[-1]) for x in inputs), strict=True)
    joined = torch.cat([product(*rows) for rows in parts])
    return joined.view(*inputs[0].shape[:-1], -1)


def steps_within(product: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Call a product with x [S, R, n], with the R rows of each script side by side."""
    count = _local.count
    if count == 1:
        return product(x)
    steps, rows, size = x.shape
    # Rows are all conditional ones, then all unconditional ones: [S, R / count, count, n].
    split = x.view(steps, -1, count, size).permute(2, 0, 1, 3)
    made = product(split.contiguous())
    return made.permute(1, 2, 0, 3).reshape(steps, rows, -1)
