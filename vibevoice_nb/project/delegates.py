"""Methods of a project that its parts do."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

Part = TypeVar("Part")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def delegate(
    part: str, method: Callable[Concatenate[Part, Parameters], Result]
) -> Callable[Concatenate[Any, Parameters], Result]:
    """Return a method that calls a method of a part, with its signature and documentation.

    Parameters
    ----------
    part : str
        Name of the attribute that holds the part.
    method : function
        Method of the part's class.

    Examples
    --------
    >>> class Engine:
    ...     def start(self, gear: int = 1) -> str:
    ...         "Start."
    ...         return f"gear {gear}"
    >>> class Car:
    ...     def __init__(self) -> None:
    ...         self.engine = Engine()
    ...     start = delegate("engine", Engine.start)
    >>> Car().start(gear=2), Car.start.__doc__
    ('gear 2', 'Start.')
    """

    @functools.wraps(method)
    def call(owner: Any, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        result: Result = getattr(getattr(owner, part), method.__name__)(*args, **kwargs)
        return result

    return call
