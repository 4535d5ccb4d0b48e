"""Screenplays, in Fountain or copied from a script: dialogue by character; action for a narrator, or none."""

from __future__ import annotations

import re

from vibevoice_nb.script.importing.entries import NARRATOR, Entry, Reading
from vibevoice_nb.script.lines import MAX_NAME_CHARS, folded, split_lines

_SCENE = re.compile(r"\.(?=\w)|(?:INT|EXT|EST|I/E|INT\.?/EXT|EXT\.?/INT)[. ]", re.IGNORECASE)
_TRANSITION = re.compile(
    r">(?!.*<\Z)|[A-Z ]{2,40} TO:\Z|FADE (?:IN|OUT)[.:]?\Z|(?:THE )?END\.?\Z|CUT TO BLACK\.?\Z|={3,40}\Z"
)
_CENTERED = re.compile(r">.{0,200}<\Z")
_EXTENSION = re.compile(r"(?:\s{0,3}\([^()]{0,40}\)){1,3}\s{0,3}\^?\Z|\s{0,3}\^\Z")
_TITLE_KEY = re.compile(
    r"(?:title|credit|authors?|source|notes|draft date|date|contact|copyright|revision)\s?:", re.IGNORECASE
)
_TITLED = re.compile(r"(?:title|credit|authors?)\s?:", re.IGNORECASE)
_NOTE = re.compile(r"\[\[[^\[\]]{0,2000}\]\]")
_ACTION = {"skip": "leave it out", "narrator": f"{NARRATOR} reads it"}


def is_screenplay(text: str) -> bool:
    r"""Decide if a text is a screenplay: it has scene headings and names in capitals above words.

    >>> is_screenplay("INT. KITCHEN - DAY\n\nANNA\nHello.\n\nBEN\nHi.\n")
    True
    """
    lines = _lines(text)
    first = next((line for line in lines if line), "")
    marked = sum(1 for line in lines if _SCENE.match(line) and line == line.upper()) or bool(
        _TITLED.match(first)
    )
    return bool(marked) and any(_cue(lines, place) for place in range(len(lines)))


def read_screenplay(text: str, reading: Reading) -> list[Entry]:
    """Read the dialogue; scene headings, transitions and parentheticals are left out."""
    lines = _lines(text)
    begin = _title_end(lines)
    read: list[tuple[str, list[str]]] = []  # with an empty name for action
    speaking = False
    left_out = 0
    for place, line in enumerate(lines[begin:], begin):
        name = _cue(lines, place)
        if not line:
            speaking = False
        elif not speaking and (
            _SCENE.match(line) or (_TRANSITION.match(line) and not _CENTERED.match(line)) or line[0] in "#="
        ):
            left_out += 1
        elif name and not speaking:
            read.append((name, []))
            speaking = True
        elif speaking and line.startswith("(") and line.endswith(")"):
            left_out += 1
        elif speaking:
            read[-1][1].append(line.removeprefix("~"))
        elif read and not read[-1][0] and lines[place - 1]:
            read[-1][1].append(line)
        else:
            read.append(("", [line.lstrip("!>").rstrip("<")]))
    reading.count(
        left_out, "a heading or direction is left out", "headings, transitions and directions are left out"
    )
    actions = sum(1 for name, _ in read if not name)
    narrated = False
    if actions:
        often = "once" if actions == 1 else f"{actions} times"
        text = f"The screenplay has action {often}, which no character speaks. Read it aloud?"
        narrated = reading.ask("action", text, _ACTION, "skip") == "narrator"
    return [
        Entry(name or NARRATOR, folded(" ".join(words)))
        for name, words in read
        if words and (name or narrated)
    ]


def _lines(text: str) -> list[str]:
    """Return the lines without notes and comments between slashes and stars."""
    parts = text.split("/*")
    kept = [parts[0], *(part.partition("*/")[2] for part in parts[1:])]
    return [_NOTE.sub("", raw).strip() for _, _, raw in split_lines("".join(kept))]


def _title_end(lines: list[str]) -> int:
    first = next((place for place, line in enumerate(lines) if line), 0)
    if not lines or not _TITLE_KEY.match(lines[first]):
        return first
    return next((place for place in range(first, len(lines)) if not lines[place]), len(lines))


def _cue(lines: list[str], place: int) -> str:
    """Return the character named by a line: in capitals or after `@`, below a blank line and above words."""
    line = lines[place]
    before = lines[place - 1] if place else ""
    after = lines[place + 1] if place + 1 < len(lines) else ""
    if not line or before or not after or len(line) > MAX_NAME_CHARS + 40:
        return ""
    name = _EXTENSION.sub("", line)
    forced = name.startswith("@")
    name = name.removeprefix("@").strip()
    letters = any(char.isalpha() for char in name)
    plain = (
        not _SCENE.match(line)
        and not _TRANSITION.match(line)
        and name[-1:] not in tuple(".!?:,;")
        and line[0] not in "#=!~("
    )
    return name if letters and (forced or (name == name.upper() and plain)) else ""
