"""Transcripts whose speakers and times have lines of their own: Otter, Zoom, Teams, Rev, Descript."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vibevoice_nb.script.importers.times import find_stamp
from vibevoice_nb.script.importing.entries import Entry, Reading, Target, ask_speakers
from vibevoice_nb.script.importing.labelled import Labels, read_labelled, script_lines, target_of
from vibevoice_nb.script.lines import folded, split_lines

_NAME = re.compile(r"[^\W\d_][^:\n.!?;<>\[\]{}]{0,59}\.?")
_BETWEEN = " \t-–—|,·•"


@dataclass(frozen=True)
class _Header:
    name: str
    target: Target | None


def read_transcript(text: str, reading: Reading) -> list[Entry]:
    """Read a transcript with times, whether or not it names the speakers."""
    lines = [folded(raw) for _, _, raw in split_lines(text)]
    headers = _headers(lines)
    if len(headers) >= 2:
        return _below(lines, headers, reading)
    if Labels.in_lines(script_lines(text)):
        # A time in brackets is left out wherever it is.
        bracketed = [f"[{line}]" if _is_bare_time(line) else line for line in lines]
        return read_labelled("\n".join(bracketed), reading)
    return _stamped(lines, reading)


def _is_bare_time(line: str) -> bool:
    stamp = find_stamp(line, 0)
    return stamp == (0, len(line), False)


def _headers(lines: list[str]) -> dict[int, _Header]:
    """Return the lines that have only a name and a time, with words below."""
    found = {}
    for place, line in enumerate(lines[:-1]):
        header = _header(line)
        if header and lines[place + 1] and not _header(lines[place + 1]):
            found[place] = header
    return found


def _header(line: str) -> _Header | None:
    """Parse `Anna Smith 0:05`, `0:05 Anna Smith`, `[Anna Smith] 00:00:05` or `Anna Smith (0:05):`."""
    line = line.rstrip(": ")
    stamp = find_stamp(line, 0)
    if stamp is not None:
        name = line[stamp[1] :].strip(_BETWEEN)
    else:
        starts = (at for at in range(1, min(len(line), 64)) if line[at - 1] == " " and not line[at].isalpha())
        stamp = next((one for at in starts if (one := find_stamp(line, at)) and one[1] == len(line)), None)
        name = line[: stamp[0]].strip(_BETWEEN) if stamp else ""
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1].strip()
    if stamp is None or not _NAME.fullmatch(name) or name[0].islower() or len(name.split()) > 5:
        return None
    return _Header(name, target_of(line[stamp[0] : stamp[1]]))


def _below(lines: list[str], headers: dict[int, _Header], reading: Reading) -> list[Entry]:
    entries: list[Entry] = []
    early = 0
    for place, line in enumerate(lines):
        if place in headers:
            entries.append(Entry(headers[place].name, "", headers[place].target))
        elif line and entries:
            last = entries[-1]
            entries[-1] = Entry(last.speaker, f"{last.text} {line}".strip(), last.target)
        else:
            early += bool(line)
    reading.count(
        early, "a line above the first speaker is left out", "lines above the first speaker are left out"
    )
    return entries


def _stamped(lines: list[str], reading: Reading) -> list[Entry]:
    """Read lines that begin with a time and name no speaker: each is a turn."""
    alternate = ask_speakers(reading, "The transcript names no speakers. One speaker, or two?")
    entries: list[Entry] = []
    for line in filter(None, lines):
        stamp = find_stamp(line, 0)
        target = target_of(line[stamp[0] : stamp[1]]) if stamp else None
        words = line[stamp[1] :].lstrip(f"{_BETWEEN}:") if stamp else line
        last = entries[-1] if entries else None
        if last and (not stamp or not last.text):
            entries[-1] = Entry(last.speaker, f"{last.text} {words}".strip(), last.target or target)
        else:
            speaker = 3 - int(last.speaker) if last and alternate else 1
            entries.append(Entry(speaker, words, target))
    return entries
