r"""VibeVoice for Python, notebooks and the command line: scripts in, conversations out.

Names are imported on first use, so `import vibevoice_nb` takes milliseconds and does not import torch.
Parsing a script needs no torch at all.

Examples
--------
>>> from vibevoice_nb import parse_script
>>> [turn.text for turn in parse_script("Speaker 1: Hello.\nSpeaker 2: Good morning!").turns]
['Hello.', 'Good morning!']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationOptions
    from vibevoice_nb.engine.speech import Speech
    from vibevoice_nb.errors import (
        AudioError,
        CheckpointError,
        ConfigError,
        DeviceError,
        LexiconError,
        OptionError,
        ProjectError,
        ScriptError,
        ServerError,
        VibeVoiceError,
        VoiceError,
    )
    from vibevoice_nb.project import Project, Take
    from vibevoice_nb.script import Script, Turn, load_script, parse_script
    from vibevoice_nb.script.exporting import export_script
    from vibevoice_nb.script.importing import ImportedScript, import_script
    from vibevoice_nb.script.lexicon import Lexicon
    from vibevoice_nb.script.pronunciation import Pronunciation
    from vibevoice_nb.voices.library import VoiceLibrary
    from vibevoice_nb.voices.voice import Voice, load_voice
    from vibevoice_nb.widgets import GenerationControls, Player, ScriptEditor, Studio, SweepGrid, VoicePicker
    from vibevoice_nb.widgets.magic import load_ipython_extension

from vibevoice_nb import _moved
from vibevoice_nb._version import __version__

__all__ = [
    "AudioError",
    "CheckpointError",
    "ConfigError",
    "DeviceError",
    "Engine",
    "GenerationControls",
    "GenerationOptions",
    "ImportedScript",
    "Lexicon",
    "LexiconError",
    "OptionError",
    "Player",
    "Project",
    "ProjectError",
    "Pronunciation",
    "Script",
    "ScriptEditor",
    "ScriptError",
    "ServerError",
    "Speech",
    "Studio",
    "SweepGrid",
    "Take",
    "Turn",
    "VibeVoiceError",
    "Voice",
    "VoiceError",
    "VoiceLibrary",
    "VoicePicker",
    "__version__",
    "export_script",
    "import_script",
    "load_ipython_extension",
    "load_script",
    "load_voice",
    "parse_script",
]

_MODULES = {
    "engine.engine": ("Engine",),
    "errors": (
        "AudioError",
        "CheckpointError",
        "ConfigError",
        "DeviceError",
        "LexiconError",
        "OptionError",
        "ProjectError",
        "ScriptError",
        "ServerError",
        "VibeVoiceError",
        "VoiceError",
    ),
    "widgets.magic": ("load_ipython_extension",),
    "project": ("Project", "Take"),
    "script": ("Script", "Turn", "load_script", "parse_script"),
    "script.exporting": ("export_script",),
    "script.lexicon": ("Lexicon",),
    "script.pronunciation": ("Pronunciation",),
    "script.importing": ("ImportedScript", "import_script"),
    "engine.options": ("GenerationOptions",),
    "engine.speech": ("Speech",),
    "voices": ("Voice", "VoiceLibrary", "load_voice"),
    "widgets": ("GenerationControls", "Player", "ScriptEditor", "Studio", "SweepGrid", "VoicePicker"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


_moved.install()


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value  # later uses do not call this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
