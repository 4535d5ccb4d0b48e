"""Built-in voices: the reference recordings that ship with nano."""

from __future__ import annotations

import json
from pathlib import Path

_BUILTIN = Path(__file__).parents[1] / "nano" / "voices"


def builtin_voices() -> dict[str, Path]:
    """Return the names and files of the built-in voices.

    Examples
    --------
    >>> isinstance(builtin_voices(), dict)
    True
    """
    return {entry["name"]: _BUILTIN / entry["file"] for entry in _catalogue()}


def builtin_descriptions() -> dict[str, str]:
    """Return a description of each built-in voice.

    Examples
    --------
    >>> builtin_descriptions().keys() == builtin_voices().keys()
    True
    """
    return {entry["name"]: entry["description"] for entry in _catalogue()}


def _catalogue() -> list[dict[str, str]]:
    """Return the list of {name, description, file} that ships with the built-in voices."""
    path = _BUILTIN / "voices.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else []
