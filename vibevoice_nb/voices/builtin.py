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
    return voices_in(_BUILTIN)


def voices_in(folder: Path) -> dict[str, Path]:
    """Return the names and files of the voices that ship with a small model, from its folder ``voices``.

    Examples
    --------
    >>> voices_in(Path("gone"))
    {}
    """
    return {entry["name"]: folder / Path(entry["file"]).name for entry in _catalogue(folder)}


def builtin_descriptions() -> dict[str, str]:
    """Return a description of each built-in voice.

    Examples
    --------
    >>> builtin_descriptions().keys() == builtin_voices().keys()
    True
    """
    return {entry["name"]: entry["description"] for entry in _catalogue(_BUILTIN)}


def builtin_words() -> dict[str, str]:
    """Return two words about each built-in voice, such as "woman, clear".

    Examples
    --------
    >>> builtin_words().keys() == builtin_voices().keys()
    True
    """
    return {entry["name"]: entry.get("words", "") for entry in _catalogue(_BUILTIN)}


def _catalogue(folder: Path) -> list[dict[str, str]]:
    """Return the list of {name, words, description, file} that ships with voices."""
    path = folder / "voices.json"
    return json.loads(path.read_text("utf-8")) if path.is_file() else []
