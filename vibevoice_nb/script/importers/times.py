"""Transcripts and chats whose lines carry times: `[00:01] Anna: Hello.`, `Anna (00:12):`, `Anna  0:05`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vibevoice_nb.script.importers.note import Note, leave_out
from vibevoice_nb.script.labels import NOT_NAMES, find_label
from vibevoice_nb.script.lines import MAX_NAME_CHARS, Line, folded, looks_like_a_name, name_key

_WORDED = r"(?:\d{1,2} hours? )?(?:\d{1,3} minutes? )?\d{1,2} seconds?"
_CLOCK = rf"(?:\d{{1,3}}:\d{{2}}(?::\d{{2}})?(?:[.,]\d{{1,6}})?(?:\s?[AaPp]\.?[Mm]\.?)?|{_WORDED})"
_DATE = r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2} \w{3,9} \d{4}|\w{3,9} \d{1,2}, \d{4}|(?:Today|Yesterday) at"
_STAMP = (
    rf"(?:(?:{_DATE})[,T]?\s{{0,3}})?{_CLOCK}(?:,\s{{0,3}}(?:{_DATE}))?"
    rf"(?:\s{{0,3}}(?:-{{1,2}}>|[-–—])\s{{0,3}}{_CLOCK})?"
)
_SECONDS = r"\d{1,6}\.\d{1,3}s?(?:\s?(?:-->|[-–—])\s?\d{1,6}\.\d{1,3}s?)?"
_BRACKETED = re.compile(rf"[\[(<{{]\s?(?:{_STAMP}|{_SECONDS})\s?[\])>}}]")
_BARE = re.compile(rf"{_STAMP}(?![\w:])")
_SEPARATOR = re.compile(r"\s{0,9}[-–—|,]?\s{0,9}")


def find_stamp(text: str, start: int) -> tuple[int, int, bool] | None:
    """Place of a time at `start`, and whether brackets stand around it.

    >>> find_stamp("[00:01] Anna: Hi.", 0), find_stamp("0:05 Anna", 0), find_stamp("10 apples", 0)
    ((0, 7, True), (0, 4, False), None)
    """
    match = _BRACKETED.match(text, start)
    bracketed = match is not None
    match = match or _BARE.match(text, start)
    return None if match is None else (match.start(), match.end(), bracketed)


def read_times(lines: list[Line], names: Mapping[str, str], note: Note) -> list[Line]:
    """Leave out times at the beginning of lines, and those between a name and its colon."""
    leading = [find_stamp(line.text, line.indent) if line.text.strip() else None for line in lines]
    stamped = sum(1 for stamp in leading if stamp)
    worded = sum(1 for line in lines if line.text.strip())
    read = []
    for place, (line, stamp) in enumerate(zip(lines, leading, strict=True)):
        # A name is alone on its line where the words are on the next one.
        following = lines[place + 1 : place + 2]
        below = bool(following and following[0].text.strip()) and leading[place + 1] is None
        if stamp is None:
            read.append(_without_inner_time(line, names, note, below))
        else:
            read.append(
                _without_time(line, stamp, names, note, stamped >= 2 and 2 * stamped >= worded, below)
            )
    return read


def _without_time(
    line: Line,
    stamp: tuple[int, int, bool],
    names: Mapping[str, str],
    note: Note,
    transcript: bool,
    below: bool,
) -> Line:
    text = line.text
    start, end, bracketed = stamp
    separator = _SEPARATOR.match(text, end)
    after = separator.end() if separator else end
    if after >= len(text.rstrip()):
        return leave_out(note, line, "a time") if bracketed or transcript else line
    speech = line.part(after, len(text))
    name = folded(speech.text)
    alone = below and _is_cue(name, names)
    label = find_label(speech.text, names)
    if not (bracketed or transcript or alone or (label is not None and label.kind in ("speaker", "unknown"))):
        return line
    note("info", line, start, after, f"the time {text[start:end]!r} is not read aloud", fix="")
    if alone:
        stop = len(speech.text.rstrip())
        return speech.edit([(stop, stop, ":")])
    return _without_inner_time(speech, names, note, below)


def _is_cue(name: str, names: Mapping[str, str]) -> bool:
    """Decide if a text can be the name of the speaker whose words follow."""
    key = name_key(name[:MAX_NAME_CHARS])
    likely = looks_like_a_name(name) and key not in NOT_NAMES and name[-1:].isalnum()
    return len(name) <= MAX_NAME_CHARS and (likely or key in names)


def _without_inner_time(line: Line, names: Mapping[str, str], note: Note, below: bool) -> Line:
    """Turn `Anna (00:12):` and, above what she says, `Anna  0:12` into `Anna:`."""
    text, indent = line.text, line.indent
    for at in range(indent + 1, min(len(text), indent + MAX_NAME_CHARS + 8)):
        if not (text[at].isdigit() or text[at] in "[(<" or text.startswith(("Today", "Yesterday"), at)):
            continue
        if text[at - 1].isalnum() or text[at - 1] in ":/.":
            continue
        stamp = find_stamp(text, at)
        if stamp is not None:
            return _with_colon(line, stamp, names, note, below)
    return line


def _with_colon(
    line: Line, stamp: tuple[int, int, bool], names: Mapping[str, str], note: Note, below: bool
) -> Line:
    text = line.text
    start, end, _ = stamp
    name = text[line.indent : start].rstrip(" \t-–—,|·•")
    shown = folded(name.strip("*"))
    after = end
    while after < len(text) and (text[after].isspace() or text[after] == "*"):
        after += 1
    colon = text[after : after + 1]
    if not shown or not _is_cue(shown, names) or colon not in (":", "：", "") or not (colon or below):
        return line
    stop = min(len(text), after + 1)
    while name.startswith("**") and text.startswith("*", stop):
        stop += 1
    written = text[line.indent : stop]
    note("info", line, line.indent, stop, f"{written!r} is read as '{shown}:'", fix=f"{shown}:")
    return line.edit([(line.indent, stop, f"{shown}:")])
