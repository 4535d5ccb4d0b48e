"""Texts without labels: prose for a narrator, and dialogue whose lines begin with dashes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vibevoice_nb.script.importing.entries import NARRATOR, Entry, Reading, ask_speakers
from vibevoice_nb.script.lines import NEW_LINE, folded, is_comment

_DASH = re.compile(r"\s{0,9}(?:[-–—―‐]{1,2}|>>)\s{0,9}(?=\S)")
_HEADING = re.compile(r"#{2,6}\s{1,9}|\s{0,9}(?:[*_=-]\s{0,3}){3,40}\Z")


def is_dialogue(lines: list[str]) -> bool:
    """Decide if lines are a dialogue with dashes: most of them begin with one.

    >>> is_dialogue(["— Hello.", "— Hi."]), is_dialogue(["Hello.", "- one"])
    (True, False)
    """
    dashed = sum(1 for line in lines if _DASH.match(line))
    return dashed >= 2 and 3 * dashed >= 2 * len(lines)


def read_dialogue(text: str, reading: Reading) -> list[Entry]:
    """Read lines with leading dashes; each is another speaker, as a rule."""
    question = "The lines begin with dashes and name no speakers. One speaker, or two?"
    alternate = ask_speakers(reading, question, "alternate")
    entries: list[Entry] = []
    speaker = 2
    for line in NEW_LINE.split(text):
        dash = _DASH.match(line)
        words = folded(line[dash.end() :] if dash else line)
        if not words or is_comment(line):
            continue
        if dash or not entries:
            speaker = 3 - speaker if alternate else 1
            entries.append(Entry(speaker, words))
        else:
            entries[-1] = Entry(entries[-1].speaker, f"{entries[-1].text} {words}")
    return entries


def read_prose(text: str, reading: Reading) -> list[Entry]:
    """Read each paragraph as a turn of a narrator."""
    entries = [Entry(NARRATOR, words) for words in _paragraphs(text)]
    if entries:
        reading.note(f"no speaker is named; {NARRATOR} reads the text")
    return entries


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in [*NEW_LINE.split(text), ""]:
        heading = _HEADING.match(line)
        if (not line.strip() or heading) and lines:
            yield folded(" ".join(lines))
            lines = []
        if heading and line[heading.end() :].strip():
            yield folded(line[heading.end() :])
        elif line.strip() and not heading and not is_comment(line):
            lines.append(line)
