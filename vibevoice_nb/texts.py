"""Texts: repair of Unicode from JavaScript, JSON and file names, and durations as people write them."""

from __future__ import annotations

from typing import Any


def whole_text(text: str) -> str:
    r"""Return a text that can be encoded: surrogate pairs become their character, lone surrogates U+FFFD.

    Examples
    --------
    >>> whole_text("\ud83d\ude00"), whole_text("half \ud83d"), whole_text("好")
    ('😀', 'half �', '好')
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def whole_texts(value: Any) -> Any:
    r"""Return plain JSON values with all their texts, keys included, made whole by `whole_text`.

    Examples
    --------
    >>> whole_texts({"name": ["\ud83d\ude00", 1, None]})
    {'name': ['😀', 1, None]}
    """
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, dict):
        return {whole_texts(key): whole_texts(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole_texts(item) for item in value]
    return value


def clock(seconds: float, *, hours: bool = False) -> str:
    """Format a time in whole seconds as m:ss, or h:mm:ss from one hour or if `hours` is set.

    Examples
    --------
    >>> clock(7.4), clock(75), clock(3675), clock(75, hours=True)
    ('0:07', '1:15', '1:01:15', '0:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    whole_hours, rest_minutes = divmod(minutes, 60)
    if hours or whole_hours:
        return f"{whole_hours}:{rest_minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """Format a duration: below a minute in tenths of a second, otherwise as `clock`.

    Examples
    --------
    >>> duration(4.25), duration(59.98), duration(75), duration(5400)
    ('4.2 s', '1:00', '1:15', '1:30:00')
    """
    return f"{seconds:.1f} s" if seconds < 59.95 else clock(seconds)


def timestamp(milliseconds: int, point: str = ".") -> str:
    """Format a time as hh:mm:ss.mmm, as in subtitles and chapters.

    Examples
    --------
    >>> timestamp(3_675_042), timestamp(75_000, ",")
    ('01:01:15.042', '00:01:15,000')
    """
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{rest:03}"
