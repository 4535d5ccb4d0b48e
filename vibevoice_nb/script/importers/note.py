"""Interface by which an importer reports what it leaves out or rewrites."""

from __future__ import annotations

from typing import Protocol

from vibevoice_nb.script.lines import Line, quoted
from vibevoice_nb.script.turns import Severity


class Note(Protocol):
    """Record a diagnostic for `line.text[start:end]`."""

    def __call__(
        self,
        severity: Severity,
        line: Line,
        start: int,
        end: int,
        message: str,
        *,
        expected: str = "",
        remedy: str = "",
        fix: str | None = None,
        alternatives: tuple[str, ...] = (),
    ) -> None: ...


def leave_out(note: Note, line: Line, what: str) -> Line:
    """Report that a line isn't read, and return it empty."""
    text = line.text.strip()
    if not text:
        return line
    start = line.indent
    note("info", line, start, start + len(text), f"{quoted(text)} is {what} and is not read aloud", fix="")
    return line.part(0, 0)
