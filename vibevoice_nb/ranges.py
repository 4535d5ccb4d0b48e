"""Settings that are numbers within limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .errors import OptionError


def check_ranges(settings: Any, ranges: Mapping[str, tuple[float, float, str]]) -> None:
    """Refuse a setting out of its range.

    Parameters
    ----------
    settings : dataclass
        A field whose default is None may be None.
    ranges : mapping
        For each field, the least, the most, and what is expected, in words. Whole limits want a whole number.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> from vibevoice_nb.speech import GenerationOptions
    >>> check_ranges(GenerationOptions(num_steps=5), {"num_steps": (1, 4, "a whole number from 1 to 4")})
    Traceback (most recent call last):
    vibevoice_nb.errors.OptionError: num_steps=5. Expected a whole number from 1 to 4. ...
    """
    for field in fields(settings):
        if field.name not in ranges:
            continue
        low, high, expected = ranges[field.name]
        value = getattr(settings, field.name)
        if value is None and field.default is None:
            continue
        kinds = int if isinstance(low, int) else (int, float)
        number = isinstance(value, kinds) and not isinstance(value, bool)
        if not number or not low <= value <= high:
            remedy = f"leave it out; the default is {field.default}"
            raise OptionError(f"{field.name}={value!r}", expected, remedy)
