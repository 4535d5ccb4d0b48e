"""Widgets for notebooks. Names are imported on first use, as in `vibevoice_nb` itself."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vibevoice_nb.widgets.controls import GenerationControls
    from vibevoice_nb.widgets.editor import ScriptEditor
    from vibevoice_nb.widgets.player import Player
    from vibevoice_nb.widgets.studio import Studio
    from vibevoice_nb.widgets.sweep import SweepGrid
    from vibevoice_nb.widgets.voices import VoicePicker

__all__ = ["GenerationControls", "Player", "ScriptEditor", "Studio", "SweepGrid", "VoicePicker"]

_MODULES = {
    "GenerationControls": "controls",
    "Player": "player",
    "ScriptEditor": "editor",
    "Studio": "studio",
    "SweepGrid": "sweep",
    "VoicePicker": "voices",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
