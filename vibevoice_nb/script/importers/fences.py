"""Code fences of Markdown around a script, with or without words of a chat before and after them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vibevoice_nb.script.importers.note import Note, leave_out
from vibevoice_nb.script.labels import find_label
from vibevoice_nb.script.lines import Line, is_comment

_FENCE = re.compile(r"(?:`{3,8}|~{3,8})[\w+.-]{0,20}\Z")


def is_fence(text: str) -> bool:
    """Decide if a line opens or closes a code fence.

    >>> is_fence("```json"), is_fence("  ~~~"), is_fence("```Hello``` there")
    (True, True, False)
    """
    return _FENCE.match(text.strip()) is not None


def read_fences(lines: list[Line], names: Mapping[str, str], note: Note) -> list[Line]:
    """Leave out fences, and the words around a fenced script if only the fenced lines name speakers."""
    fences = [place for place, line in enumerate(lines) if is_fence(line.text)]
    if not fences:
        return lines
    marks, inside = set(fences), set[int]()
    for first, last in zip(fences[::2], [*fences[1::2], len(lines)], strict=False):
        inside.update(range(first, last + 1))
    labelled = [place for place, line in enumerate(lines) if find_label(line.text, names) is not None]
    alone = bool(labelled) and inside.issuperset(labelled)
    read = []
    for place, line in enumerate(lines):
        if place in marks:
            line = leave_out(note, line, "a code fence")
        elif alone and place not in inside and line.text.strip() and not is_comment(line.text):
            start, words = line.indent, line.text.strip()
            message = "the line is outside the fenced script and is not read aloud"
            fix = f"# {words}"
            note("warning", line, start, start + len(words), message, remedy="make it a comment", fix=fix)
            line = line.part(0, 0)
        read.append(line)
    return read
