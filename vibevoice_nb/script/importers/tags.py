"""Tags that name a speaker: `<Person1>`, `<Anna> Hello.`, `[S1]`, `[SPEAKER_00]`, `<voice name="Anna">`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from vibevoice_nb.script.directions import is_direction, is_pause
from vibevoice_nb.script.importers.cues import with_labels
from vibevoice_nb.script.importers.note import Note
from vibevoice_nb.script.labels import NOT_NAMES
from vibevoice_nb.script.lines import Line, folded, is_comment, is_name, looks_like_a_name, name_key
from vibevoice_nb.script.turns import label_of

_TAG = re.compile(
    r"<(/?)\s?([^\W\d_][\w .'’-]{0,39})\s?>"
    r"|<(/?)voice(?:\s{1,9}name\s?=\s?[\"']([^\"'<>]{1,40})[\"'])?\s?>"
    r"|\[(/?)\s?([^\W\d_][\w .'’-]{0,39})\s?\]"
    r"|(?:\(\s?(?P<round>[^\W\d_][\w .'’-]{0,39})\s?\)|\{\s?(?P<curly>[^\W\d_][\w .'’-]{0,39})\s?\})",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:speaker|spk|s)[ _-]?(0|[1-9]\d{0,2})", re.IGNORECASE)
_ROLE = re.compile(
    r"(?:person|host|guest|narrator|interviewer|interviewee|moderator)[ _-]?\d{0,2}", re.IGNORECASE
)
MARKUP_TAGS = frozenset(
    "a abbr article audio aside b big blockquote body br break button center cite code dd del details "
    "div dl dt em emphasis figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i img input "
    "ins lang li link main mark meta nav ol p para paragraph phoneme pre prosody q s say-as script "
    "section small span speak strike strong style sub summary sup svg table tbody td th thead title "
    "tr tt u ul video voice w".split()
)


@dataclass(frozen=True)
class _Tag:
    start: int
    end: int
    name: str  # empty for a closing voice tag
    closing: bool
    bracket: str


def _tags(line: Line) -> list[_Tag]:
    found = []
    for match in _TAG.finditer(line.text):
        name = folded(match[2] or match[4] or match[6] or match["round"] or match["curly"] or "")
        closing = bool(match[1] or match[3] or match[5])
        # Round and curly brackets are common in text: they name a speaker only at the beginning.
        if match[0][0] in "<[" or match.start() == line.indent:
            found.append(_Tag(*match.span(), name, closing, match[0][0]))
    return found


def read_tags(lines: list[Line], names: Mapping[str, str], note: Note) -> list[Line]:
    """Begin a turn at each tag that names a speaker, and leave out the tags that end one."""
    tags = [[] if is_comment(line.text) else _tags(line) for line in lines]
    if not any(tags):
        return lines
    speakers = _speakers(lines, tags, with_labels(lines, names))
    voices = any("<voice" in line.text for line in lines)
    if not speakers:
        return lines
    read: list[Line] = []
    for line, found in zip(lines, tags, strict=True):
        mine = [tag for tag in found if name_key(tag.name) in speakers or (voices and not tag.name)]
        read.extend(_divided(line, mine, speakers, note) if mine else [line])
    return read


def _speakers(lines: list[Line], tags: list[list[_Tag]], names: Mapping[str, str]) -> dict[str, str]:
    """Key and label of each name in a tag that is a speaker's."""
    opened: Counter[str] = Counter()
    closed, first = set[str](), Counter[tuple[str, str]]()
    brackets: dict[str, str] = {}
    shown: dict[str, str] = {}
    for line, found in zip(lines, tags, strict=True):
        for tag in found:
            key = name_key(tag.name)
            shown.setdefault(key, tag.name)
            if tag.closing:
                closed.add(key)
                continue
            opened[key] += 1
            brackets.setdefault(key, tag.bracket)
            if tag.start == line.indent:
                first[tag.bracket, key] += _may_be_a_name(tag.name)
    styles = _styles(first, sum(1 for line in lines if line.text.strip()))
    labels: dict[str, str] = {}
    for key in opened:
        name = shown[key]
        numbered = _NUMBERED.fullmatch(name)
        if numbered:
            labels[key] = label_of(int(numbered[1]))
        elif not _may_be_a_name(name, strict=False):
            continue
        elif _ROLE.fullmatch(name) or key in names:
            labels[key] = names.get(key, name)
        elif _may_be_a_name(name) and (key in closed or brackets[key] in styles):
            labels[key] = name
    if "voice" in " ".join(line.text for line in lines if "<voice" in line.text):
        labels |= {name_key(n): n for line in lines for n in _voice_names(line)}
    return labels


def _may_be_a_name(name: str, *, strict: bool = True) -> bool:
    key = name_key(name)
    if not name or key in MARKUP_TAGS or is_direction(name, "[") or is_pause(name) or not is_name(name):
        return False
    return not strict or (looks_like_a_name(name) and key not in NOT_NAMES)


def _styles(first: Counter[tuple[str, str]], worded: int) -> set[str]:
    """Kinds of brackets in which lines begin with names: the same name twice, or a name on most lines."""
    totals: Counter[str] = Counter()
    for (bracket, _), count in first.items():
        totals[bracket] += count
    often = {bracket for (bracket, _), count in first.items() if count >= 2}
    mostly = {bracket for bracket, count in totals.items() if count >= 2 and 2 * count >= worded}
    return {one for one in often | mostly if one not in "({" or one in mostly}


def _voice_names(line: Line) -> list[str]:
    return [folded(match[4]) for match in _TAG.finditer(line.text) if match[4] and is_name(folded(match[4]))]


def _divided(line: Line, tags: list[_Tag], speakers: Mapping[str, str], note: Note) -> list[Line]:
    """Lines of a line with tags: one for each tag that opens, and one for what comes before."""
    lines: list[Line] = []
    changes: list[tuple[int, int, str]] = []
    begin = 0
    text = line.text
    for tag in tags:
        end = tag.end
        written = text[tag.start : end]
        if tag.closing:
            note("info", line, tag.start, end, f"{written!r} is a tag and is not read aloud", fix="")
            changes.append((tag.start, end, ""))
            continue
        label = f"{speakers[name_key(tag.name)]}:"
        if text[end : end + 1] in (":", "："):
            end += 1
        note("info", line, tag.start, end, f"{text[tag.start : end]!r} is read as {label!r}", fix=label)
        if text[begin : tag.start].strip():
            lines.append(line.edited_part(begin, tag.start, changes))
        changes = [(tag.start, end, f"{label} ")]
        begin = tag.start
    return [*lines, line.edited_part(begin, len(text), changes)]
