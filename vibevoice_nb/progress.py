"""Progress bars: the tqdm bar that `progress=True` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from .errors import OptionError
from .ranges import shown

_Value = TypeVar("_Value")


@contextmanager
def progress_bar(
    progress: bool | Callable[[_Value], None] | None,
    label: str,
    measure: Callable[[_Value], tuple[float, float]],
    *,
    unit: str = "",
) -> Iterator[Callable[[_Value], None] | None]:
    """Yield the function to call with progress.

    Parameters
    ----------
    progress : bool or callable, optional
        A callable is yielded as it is. True yields a function that moves a bar, a widget in a notebook;
        False and None yield None.
    label : str
        Text before the bar.
    measure : callable
        Converts a reported value to the amount done and the total amount.
    unit : str
        Unit of the two.

    Raises
    ------
    OptionError
        If `progress` is none of these.

    Examples
    --------
    >>> with progress_bar(None, "Loading", lambda fraction: (fraction, 1.0)) as report:
    ...     report is None
    True
    """
    if progress is None or progress is False:
        yield None
        return
    if progress is not True:
        if not callable(progress):
            raise OptionError(f"progress={shown(progress)}", "True, False or a function", "leave it out")
        yield progress
        return
    from tqdm.auto import tqdm

    layout = "{desc}: {percentage:3.0f}%|{bar}|" + (" {n:.1f} of {total:.1f}" + unit if unit else "")
    with tqdm(total=1.0, desc=label, bar_format=layout + " [{elapsed}<{remaining}]") as bar:

        def report(value: _Value) -> None:
            done, bar.total = measure(value)
            bar.update(done - bar.n)

        yield report
