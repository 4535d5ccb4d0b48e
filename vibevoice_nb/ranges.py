"""Numeric options: ranges, conversion from any numeric type, and checks."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from .errors import OptionError

Range = tuple[float, float, str]
"""Lowest and highest value, and the range in words. With whole limits, the number must be whole."""

MAX_STEPS = 999
"""Solver steps: one fewer than the timesteps that the published models were trained with."""
MAX_CFG = 10.0

GENERATION: Mapping[str, Range] = {
    "cfg_scale": (1.0, MAX_CFG, f"a number from 1.0 (guidance off) to {MAX_CFG}"),
    "num_steps": (1, MAX_STEPS, f"a whole number from 1 to {MAX_STEPS}"),
    "temperature": (0.0, 2.0, "a number from 0.0 to 2.0"),
    "max_seconds": (0.1, 86_400.0, "seconds of audio, from 0.1 to 86400"),
    "passage_seconds": (1.0, 86_400.0, "seconds of speech, from 1 to 86400"),
    "context_seconds": (0.0, 86_400.0, "seconds of speech, from 0 to 86400"),
    "seed": (0, 2**63 - 1, f"a whole number from 0 to {2**63 - 1}"),
}
"""Ranges of the options of a generation, used by every interface."""


ADJUSTMENTS: Mapping[str, Range] = {
    "gain": (-24.0, 12.0, "decibels, from -24 to 12"),
    "pause": (0.0, 60.0, "seconds, from 0 to 60"),
    "pace": (0.7, 1.4, "a number from 0.7 (slower) to 1.4 (faster)"),
    "edge_silence": (0.05, 5.0, "seconds, from 0.05 to 5"),
}
"""Ranges of the adjustments of turns and speakers, used by every interface."""


MUSIC: Mapping[str, Range] = {
    "gain": (-60.0, 12.0, "decibels, from -60 to 12"),
    "fade_in": (0.0, 30.0, "seconds, from 0 to 30"),
    "fade_out": (0.0, 30.0, "seconds, from 0 to 30"),
    "alone": (0.0, 600.0, "seconds, from 0 to 600"),
    "overlap": (0.0, 60.0, "seconds, from 0 to 60"),
    "ducking": (0.0, 60.0, "decibels, from 0 (as loud under speech) to 60"),
    "attack": (0.01, 5.0, "seconds, from 0.01 to 5"),
    "release": (0.01, 5.0, "seconds, from 0.01 to 5"),
}
"""Ranges of the settings of music, used by every interface."""


def plain(value: Any) -> Any:
    """Return the Python value of a NumPy scalar or an array without dimensions; else the value itself.

    Examples
    --------
    >>> import numpy as np
    >>> plain(np.int64(5)), plain(np.array(0.5)), plain(np.bool_(True)), plain("5")
    (5, 0.5, True, '5')
    """
    scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    try:
        return value.item() if scalar else value
    except Exception:  # a tensor without data
        return value


def whole(value: Any) -> int | None:
    """Return a whole number as `int`; None for booleans and everything that `operator.index` rejects.

    Examples
    --------
    >>> import numpy as np
    >>> whole(np.int16(5)), whole(5.0), whole("5"), whole(True)
    (5, None, None, None)
    """
    value = plain(value)
    if isinstance(value, bool):
        return None
    try:
        return int(operator.index(value))
    except Exception:  # a foreign class may raise any exception
        return None


def real(value: Any) -> float | None:
    """Return a number as `float`; None for text, booleans, complex numbers and any other value.

    Examples
    --------
    >>> from fractions import Fraction
    >>> import numpy as np
    >>> real(np.float32(0.5)), real(Fraction(1, 4)), real(2), real("2"), real(np.zeros(1))
    (0.5, 0.25, 2.0, None, None)
    """
    value = plain(value)
    if isinstance(value, bool) or getattr(value, "shape", ()) != ():
        return None
    if not hasattr(type(value), "__float__") and not hasattr(type(value), "__index__"):  # float() parses text
        return None
    try:
        return float(value)
    except Exception:  # too large; or a foreign class, which may raise any exception
        return None


def one_of(value: object, choices: Collection[str]) -> bool:
    """Return True if a value, of any type, is one of some texts.

    Examples
    --------
    >>> one_of("int8", ("int8", "int4")), one_of(["int8"], ("int8", "int4"))
    (True, False)
    """
    return isinstance(value, str) and value in choices


def check_ranges(settings: Any, ranges: Mapping[str, Range]) -> None:
    """Check the numbers of a dataclass, and replace each by the plain `int` or `float` that it equals.

    Parameters
    ----------
    settings : dataclass
        May be frozen. A field whose default is None may be None.
    ranges : mapping
        Range of each field.

    Raises
    ------
    OptionError
        If a value is not a number, or is out of its range.

    Examples
    --------
    >>> from vibevoice_nb.engine.options import GenerationOptions
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
        number = whole(value) if isinstance(low, int) else real(value)
        if number is None or not low <= number <= high:
            remedy = f"leave it out; the default is {field.default}"
            raise OptionError(f"{field.name}={shown(value)}", expected, remedy)
        object.__setattr__(settings, field.name, number)


def shown(value: Any, limit: int = 80) -> str:
    """Return a value as error messages quote it: its `repr` in one line, cut to `limit` characters.

    Examples
    --------
    >>> shown(["a"]), shown("x" * 100, limit=8)
    ("['a']", "'xxxx...")
    """
    try:
        text = " ".join(repr(value).split())
    except Exception:  # the repr of a foreign class may raise any exception
        text = f"a {type(value).__name__}"
    return text if len(text) <= limit else text[: limit - 3] + "..."
