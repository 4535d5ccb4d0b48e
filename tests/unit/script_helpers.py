"""What the tests of scripts share: a cast, and what is in a script that was read."""

from __future__ import annotations

from vibevoice_nb.script import Script

CAST = ["Anna", "Ben"]


def spoken(script: Script) -> list[tuple[object, str, int]]:
    return [(turn.speaker, turn.text, turn.pause_after_ms) for turn in script.turns]


def indices(script: Script) -> dict[object, int]:
    return {turn.speaker: turn.speaker_index for turn in script.turns}


def remarks(script: Script, severity: str) -> list[str]:
    return [item.message for item in script.diagnostics if item.severity == severity]
