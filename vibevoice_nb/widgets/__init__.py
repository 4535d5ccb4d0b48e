"""Widgets for notebooks. The names are imported when they are first used, as in `vibevoice_nb` itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vibevoice_nb.widgets.editor import ScriptEditor

__all__ = ["ScriptEditor"]

_MODULES = {"ScriptEditor": "editor"}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
