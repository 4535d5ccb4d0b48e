"""Names of version 0.1 that are now attributes of a part of the project: they work for one more version."""

from __future__ import annotations

import warnings
from operator import attrgetter
from typing import Any

MOVED = {
    "begin_take": "takes.begin",
    "can_recreate": "store.can_recreate",
    "discard_unfinished": "takes.discard_unfinished",
    "is_new_argument": "settings.is_new_argument",
    "is_starred": "takes.is_starred",
    "keep_audio": "takes.keep_audio",
    "model": "settings.current.model",
    "note_given": "settings.note_given",
    "set_colour": "set_color",
    "was_replaced": "store.was_replaced",
}


def moved_attribute(project: object, name: str) -> Any:
    """Return an attribute by its old name, with a warning.

    Raises
    ------
    AttributeError
        If it never existed.
    """
    if name not in MOVED:
        raise AttributeError(f"{type(project).__name__!r} object has no attribute {name!r}")
    message = f"project.{name} is deprecated; use project.{MOVED[name]}"
    warnings.warn(message, DeprecationWarning, stacklevel=3)
    return attrgetter(MOVED[name])(project)
