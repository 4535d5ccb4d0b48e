"""Subtitles: SubRip (SRT) and WebVTT, also inside other text."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vibevoice_nb.script.importers.note import Note, leave_out
from vibevoice_nb.script.lines import Line, folded

_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{1,2}(?:[.,]\d{1,6})?"
_TIMING = re.compile(rf"{_CLOCK}\s{{0,9}}-{{1,2}}>\s{{0,9}}{_CLOCK}(?:\s.{{0,200}})?\Z")
_CUE_TAG = re.compile(
    r"<(/?)(v|c|i|b|u|font|ruby|rt|lang)(?:\.[\w.-]{0,40})?(?:\s([^<>]{0,80}))?>"
    r"|<\d{1,3}:\d{2}[:.\d]{0,12}>|\{\\[^{}]{0,60}\}",
    re.IGNORECASE,
)
_BLOCKS = ("NOTE", "STYLE", "REGION")


def is_timing(text: str) -> bool:
    """Decide if a line says when a subtitle is shown.

    >>> is_timing("00:00:01,000 --> 00:00:03,000"), is_timing("00:01.000 --> 00:03.000 align:start")
    (True, True)
    """
    return "->" in text and _TIMING.match(text.strip()) is not None


def read_subtitles(lines: list[Line], names: Mapping[str, str], note: Note) -> list[Line]:
    """Leave out the numbers and times of subtitles; `<v Ben>` begins a turn of Ben."""
    timings = {place for place, line in enumerate(lines) if is_timing(line.text)}
    first = next((line.text.strip() for line in lines if line.text.strip()), "")
    webvtt = first == "WEBVTT" or first.startswith(("WEBVTT ", "WEBVTT\t"))
    if not timings and not webvtt:
        return lines
    read: list[Line] = []
    dropping = "a WebVTT header" if webvtt else ""
    for place, line in enumerate(lines):
        text = line.text.strip()
        new = not read or not lines[place - 1].text.strip()
        if webvtt and new and text.split(None, 1)[:1] and text.split(None, 1)[0] in _BLOCKS:
            dropping = "a WebVTT block"
        if place in timings:
            dropping = ""
            read.append(leave_out(note, line, "a subtitle time"))
        elif place + 1 in timings and (new or text.isdigit()):
            dropping = ""
            read.append(leave_out(note, line, "a subtitle number"))
        elif dropping and text:
            read.append(leave_out(note, line, dropping))
        else:
            dropping = ""
            read.extend(_cue_text(line, note))
    return read


def _cue_text(line: Line, note: Note) -> list[Line]:
    """Text of a subtitle without its tags, divided where another voice begins."""
    lines: list[Line] = []
    changes: list[tuple[int, int, str]] = []
    begin = 0
    for match in _CUE_TAG.finditer(line.text):
        start, end = match.span()
        name = folded(match[3] or "") if (match[2] or "").lower() == "v" and not match[1] else ""
        if name:
            note("info", line, start, end, f"{match[0]!r} is read as '{name}:'", fix=f"{name}:")
            if line.text[begin:start].strip():
                lines.append(line.edited_part(begin, start, changes))
                changes, begin = [], start
            changes.append((start, end, f"{name}: "))
        else:
            note("info", line, start, end, f"{match[0]!r} is a subtitle tag and is not read aloud", fix="")
            changes.append((start, end, ""))
    return [*lines, line.edited_part(begin, len(line.text), changes)]
