"""Names on lines of their own above what is said: screenplays, Fountain, Markdown headings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from vibevoice_nb.script.directions import is_direction, is_pause
from vibevoice_nb.script.importers.note import Note, leave_out
from vibevoice_nb.script.labels import NOT_NAMES, dashed_name, find_label
from vibevoice_nb.script.lines import (
    MAX_NAME_CHARS,
    Line,
    folded,
    is_comment,
    is_name,
    looks_like_a_name,
    name_key,
)

_EXTENSION = re.compile(
    r"\s?\((?:V\.? ?O\.?|O\.? ?[SC]\.?|CONT['’]?D|CONTINUED|OFF|PRE-?LAP|[^()]{1,30})\)\s?\^?\Z",
    re.IGNORECASE,
)
_SCENE = re.compile(
    r"(?:INT|EXT|EST|I/E|INT\.?/EXT)[. ]|FADE (?:IN|OUT|TO)|(?:[A-Z]{1,20} ){1,4}TO:\Z|THE END\Z"
    r"|CUT TO|END OF ACT|ACT [A-Z0-9]{1,6}\Z"
)
_TITLE_KEYS = frozenset(
    ("title", "credit", "author", "authors", "source", "draft date", "contact", "copyright", "notes")
)


@dataclass(frozen=True)
class _Cue:
    name: str
    capitals: bool


def read_cues(lines: list[Line], names: Mapping[str, str], note: Note) -> list[Line]:
    """Turn each name above its words into a label."""
    known = with_labels(lines, names)
    cues = {place: cue for place, line in enumerate(lines) if (cue := _cue(lines, place)) is not None}
    likely = _accepted(lines, cues, known)
    if _labelled(lines, known):
        _warn(lines, {place: cue for place, cue in cues.items() if place not in likely}, note)
    cues = likely
    scenes = {place for place, line in enumerate(lines) if _SCENE.match(line.text.strip())}
    screenplay = bool(scenes) and sum(1 for cue in cues.values() if cue.capitals) > 0
    if not cues:
        return lines
    return _rewritten(lines, cues, known, note, scenes if screenplay else None)


def _cue(lines: list[Line], place: int) -> _Cue | None:
    """Name on a line of its own that has words below it."""
    text = lines[place].text.strip()
    if not text or len(text) > MAX_NAME_CHARS + 40 or is_comment(text) or ":" in text or "：" in text:
        return None
    following = next((line.text.strip() for line in lines[place + 1 : place + 3] if line.text.strip()), "")
    direct = place + 1 < len(lines) and bool(lines[place + 1].text.strip())
    marked = text[0] in "*_#@[" or text.startswith("<b>")
    name = folded(_EXTENSION.sub("", text.replace("<b>", "").replace("</b>", "")).strip("*_#@[] "))
    if not following or not (direct or marked) or not _is_cue_name(name) or is_direction(name, "["):
        return None
    capitals = name == name.upper() and any(char.isalpha() for char in name)
    name = name.rstrip(".") if capitals else name
    return _Cue(name, capitals and not marked)


def _is_cue_name(name: str) -> bool:
    return (
        bool(name)
        and is_name(name)
        and looks_like_a_name(name)
        and name_key(name) not in NOT_NAMES
        and (name[-1].isalnum() or name.endswith("."))
        and not is_pause(name)
        and not _SCENE.match(name)
    )


def with_labels(lines: list[Line], names: Mapping[str, str]) -> dict[str, str]:
    """Names that are known, and those that stand before a colon or a dash at the beginning of a line."""
    known = dict(names)
    for line in lines:
        if _is_heading(line.text.strip()):
            continue
        label = find_label(line.text, {})
        name = dashed_name(line.text) if label is None else label.kind == "unknown" and str(label.speaker)
        if name and is_name(name) and name_key(name) not in NOT_NAMES:
            known.setdefault(name_key(name), name)
    return known


def _is_heading(text: str) -> bool:
    """Decide if a line may be of a screenplay's title page, or one of its headings."""
    return _SCENE.match(text) is not None or text.partition(":")[0].lower() in _TITLE_KEYS


def _labelled(lines: list[Line], known: Mapping[str, str]) -> bool:
    return any(
        find_label(line.text, known) is not None and not _is_heading(line.text.strip()) for line in lines
    )


def _accepted(lines: list[Line], cues: dict[int, _Cue], known: Mapping[str, str]) -> dict[int, _Cue]:
    """Cues that are likely names: known ones, and unknown ones in a text that is written so."""
    counts = Counter(name_key(cue.name) for cue in cues.values())
    labelled = _labelled(lines, known)
    first = next((place for place, line in enumerate(lines) if line.text.strip()), -1)
    # Two cues that follow each other directly are shouted words.
    spaced = {place for place in cues if place == 0 or not lines[place - 1].text.strip()}
    whole = len(spaced) >= 2 or (first in cues and len(cues) >= 2)
    accepted = {}
    for place, cue in cues.items():
        key = name_key(cue.name)
        likely = (
            not labelled
            and whole
            and (cue.capitals or counts[key] >= 2 or lines[place].text.strip()[0] in "*_#@")
        )
        if (key in known and (cue.capitals or place in spaced or cue.name != lines[place].text.strip())) or (
            likely and (place in spaced or first in cues)
        ):
            accepted[place] = cue
    return accepted


def _warn(lines: list[Line], cues: Mapping[int, _Cue], note: Note) -> None:
    """Report names in capitals that may be labels, in a script that has other labels."""
    for place, cue in cues.items():
        line = lines[place]
        if cue.capitals and (place == 0 or not lines[place - 1].text.strip()):
            start, stop = line.indent, len(line.text.rstrip())
            message = f"{line.text.strip()!r} is read as part of the turn above"
            remedy = f"write '{cue.name}:' if it names a speaker"
            note("warning", line, start, stop, message, remedy=remedy, fix=f"{cue.name}:")


def _rewritten(
    lines: list[Line], cues: Mapping[int, _Cue], known: Mapping[str, str], note: Note, scenes: set[int] | None
) -> list[Line]:
    read: list[Line] = []
    speaking = title = False
    for place, line in enumerate(lines):
        text = line.text.strip()
        direction = text.startswith("(") and text.endswith(")") and not is_pause(text[1:-1])
        if place in cues:
            name = known.get(name_key(cues[place].name), cues[place].name)
            start, stop = line.indent, len(line.text.rstrip())
            note("info", line, start, stop, f"{text!r} is read as '{name}:'", fix=f"{name}:")
            read.append(line.edit([(start, stop, f"{name}:")]))
            speaking = True
            continue
        if scenes is not None and text:
            title = _is_title(text, read) or (title and line.indent > 0)
            if title:
                read.append(leave_out(note, line, "a title page"))
                continue
            if place in scenes:
                read.append(leave_out(note, line, "a scene heading"))
                speaking = False
                continue
            words = direction or not text.startswith("(")
            if not speaking and words and find_label(line.text, known) is None and not is_comment(text):
                read.append(_action(line, note))
                continue
        if direction and place - 1 in cues and len(text) <= 80:
            read.append(leave_out(note, line, "a stage direction"))
            continue
        speaking = speaking and bool(text)
        read.append(line)
    return read


def _is_title(text: str, read: list[Line]) -> bool:
    key, colon, _ = text.partition(":")
    return bool(colon) and key.lower() in _TITLE_KEYS and not any(line.text.strip() for line in read)


def _action(line: Line, note: Note) -> Line:
    start, words = line.indent, line.text.strip()
    message = "the line is a stage direction of a screenplay and is not read aloud"
    note(
        "warning",
        line,
        start,
        start + len(words),
        message,
        remedy="assign it to a speaker, such as 'Narrator:', or make it a comment",
        fix=f"# {words}",
        alternatives=(f"Narrator: {words}",),
    )
    return line.part(0, 0)
