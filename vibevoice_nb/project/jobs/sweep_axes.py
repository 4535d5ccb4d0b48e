"""Axes of a sweep: the options that it combines, and their validation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import plain

if TYPE_CHECKING:
    from vibevoice_nb.model.config import Solver


class SweepAxes(TypedDict, total=False):
    """Values to combine, by option; a single value is an axis of one."""

    cfg_scale: Sequence[float]
    num_steps: Sequence[int]
    seed: Sequence[int]
    solver: Sequence[Solver]
    temperature: Sequence[float]


AXES = tuple(SweepAxes.__annotations__)
MAX_CELLS = 400


def checked_axes(axes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the axes as lists of plain values.

    Raises
    ------
    OptionError
        If an axis is unknown or empty, or there are more than 400 combinations.

    Examples
    --------
    >>> checked_axes({"num_steps": (5, 10), "solver": "dpmsolver++"})
    {'num_steps': [5, 10], 'solver': ['dpmsolver++']}
    """
    lists = {
        name: [plain(value) for value in (values if _is_several(values) else [values])]
        for name, values in axes.items()
    }
    for name, values in lists.items():
        if name not in AXES:
            raise OptionError(f"unknown axis {name!r}", f"some of {', '.join(AXES)}", "leave it out")
        if not values:
            raise OptionError(f"{name}=[]", "at least one value", "leave the axis out")
    count = 1
    for values in lists.values():
        count *= len(values)
    if not lists or count > MAX_CELLS:
        raise OptionError(
            f"the sweep has {count if lists else 0} combinations",
            f"1 to {MAX_CELLS} combinations",
            "write, for example, sweep(cfg_scale=[1.3, 2.0], num_steps=[5, 10])",
        )
    return lists


def _is_several(values: Any) -> bool:
    """Return True if an axis has several values; zero-dimensional arrays and strings are one."""
    return isinstance(plain(values), Iterable) and not isinstance(values, (str, bytes))


def check_values(cells: Iterable[Mapping[str, Any]], fixed: Mapping[str, Any]) -> None:
    """Check all values before anything is generated."""
    from vibevoice_nb.engine.options import GenerationOptions

    for options in cells:
        GenerationOptions().updated({**fixed, **options})
