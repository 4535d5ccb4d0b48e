"""Script: problems, words with another reading, places."""

from __future__ import annotations

from typing import TypedDict

from vibevoice_nb.script.turns import Severity


class ScriptDiagnostic(TypedDict):
    """Problem in the script; lines and columns count from 1, columns in code points."""

    severity: Severity
    message: str
    line: int
    column: int
    end_column: int
    expected: str
    suggestion: str
    fix: str | None
    alternatives: list[str]


class ScriptPlace(TypedDict):
    """Range of the script; lines and columns as in `ScriptDiagnostic`."""

    line: int
    column: int
    end_line: int
    end_column: int


class LexiconEntry(TypedDict):
    """Word or phrase with its reading: a respelling, or phones between slashes."""

    word: str
    reading: str


class ReadWord(TypedDict):
    """Word of the script that is read in another way; lines and columns as in `ScriptDiagnostic`."""

    line: int
    column: int
    end_column: int
    word: str
    reading: str
