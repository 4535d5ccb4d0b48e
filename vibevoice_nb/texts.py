"""Unicode repair: text from JavaScript, JSON and file names may contain lone surrogates."""

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
