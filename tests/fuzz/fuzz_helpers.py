"""Common parts of the fuzzers: how many cases to try, and a generator of random numbers for each.

Every case follows from its number alone, so that one that failed can be tried again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np


def cases(count: int) -> range:
    """Numbers of the cases to try: `count`, times VIBEVOICE_NB_FUZZ (1 by default)."""
    return range(max(1, round(count * float(os.environ.get("VIBEVOICE_NB_FUZZ", "1")))))


def generators(name: str, count: int) -> Iterator[tuple[int, np.random.Generator]]:
    """Yield the number of each case and its generator."""
    for number in cases(count):
        yield number, np.random.default_rng([*name.encode(), number])
