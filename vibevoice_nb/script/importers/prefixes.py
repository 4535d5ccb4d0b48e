"""Marks before and in place of labels: `<p>Anna: Hello.</p>`, `SPEAKER_00 Hello.` of diarization."""

from __future__ import annotations

import re
from collections.abc import Mapping

from vibevoice_nb.script.importers.note import Note
from vibevoice_nb.script.labels import find_label
from vibevoice_nb.script.lines import Line

_TAGS = re.compile(
    r"(?:<(?:speak|body|div|p|s|li|span|paragraph|sentence|prosody|lang)(?:\s[^<>]{0,200})?>\s{0,9}){1,4}",
    re.IGNORECASE,
)
_DIARIZED = re.compile(r"(SPEAKER_\d{1,3})\s{1,9}(?=\S)")


def read_prefixes(lines: list[Line], names: Mapping[str, str], note: Note) -> list[Line]:
    """Leave out tags before a label, and give labels of diarization their colon."""
    return [_labeled(_without_tags(line, names, note), note) for line in lines]


def _without_tags(line: Line, names: Mapping[str, str], note: Note) -> Line:
    tags = _TAGS.match(line.text, line.indent)
    if tags is None or find_label(line.text[tags.end() :], names) is None:
        return line
    shown = tags[0].strip()
    note("warning", line, line.indent, tags.end(), f"{shown!r} is markup and is not read aloud", fix="")
    return line.part(tags.end(), len(line.text))


def _labeled(line: Line, note: Note) -> Line:
    label = _DIARIZED.match(line.text, line.indent)
    if label is None:
        return line
    start, end = label.span(1)
    note("info", line, start, end, f"{label[1]!r} is read as '{label[1]}:'", fix=f"{label[1]}:")
    return line.edit([(end, end, ":")])
