"""Subtitles in SRT and WebVTT: words by speaker, with the times of their cues."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vibevoice_nb.script.importing.entries import NARRATOR, Entry, Reading, Target, ask_speakers
from vibevoice_nb.script.importing.html_tokens import unescaped
from vibevoice_nb.script.importing.labelled import Labels
from vibevoice_nb.script.lines import NEW_LINE, folded, looks_like_a_name, name_key

_CLOCK = r"(?:\d{1,3}:)?\d{1,2}:\d{1,2}(?:[.,]\d{1,6})?"
TIMING = re.compile(rf"\s{{0,9}}({_CLOCK})\s{{0,9}}-{{1,2}}>\s{{0,9}}({_CLOCK})(?:\s.{{0,200}})?\s{{0,9}}\Z")
_TAG = re.compile(
    r"</?(?:c|i|b|u|font|ruby|rt|lang|v)(?:\.[\w.-]{0,40})?(?:\s[^<>]{0,80})?>"
    r"|<\d{1,3}:\d{2}[:.\d]{0,12}>|\{\\[^{}]{0,60}\}",
    re.IGNORECASE,
)
_VOICE = re.compile(r"<v(?:\.[\w.-]{0,40})?\s{1,9}([^<>]{1,80})>", re.IGNORECASE)
_DASH = re.compile(r"\s{0,9}(?:[-–—‐]|>>|&gt;&gt;)\s{0,9}(?=\S)")
_ASS_FIELDS = 9
_ASS_CLOCK = re.compile(r"\d{1,3}:\d{2}:\d{2}(?:\.\d{1,3})?")
_ASS_OVERRIDE = re.compile(r"\{[^{}]{0,200}\}")
_SENTENCE_END = tuple('.!?…。！？"”»)')
_CONTINUES_SECONDS = 2.0
_LONG_TURN_CHARS = 1000


@dataclass
class _Cue:
    start: float
    end: float
    lines: list[str] = field(default_factory=list)


def seconds_of(clock: str) -> float:
    """Return the seconds of a clock.

    >>> seconds_of("00:01:02,500"), seconds_of("1:02")
    (62.5, 62.0)
    """
    total = 0.0
    for part in clock.replace(",", ".").split(":"):
        total = total * 60 + float(part)
    return round(total, 3)


def read_captions(text: str, reading: Reading) -> list[Entry]:
    """Read the words of subtitles, each with its speaker: `<v Anna>`, `Anna: Hello.`, or dashes."""
    cues = _cues(text, reading)
    parts = [(cue, voice, words) for cue in cues for voice, words in _parts(cue)]
    if _named_above(cues):
        parts = [(cue, cue.lines[0], words) for cue in cues for words in cue.lines[1:]]
    labels = Labels.of([words for _, voice, words in parts if not voice])
    if any(voice for _, voice, _ in parts) or labels:
        return _by_label(parts, labels)
    dashed = any(_DASH.match(words) for _, _, words in parts)
    spoken = [_without_dash(cue, words) for cue, _, words in parts]
    if dashed:
        question = "The subtitles mark another speaker with dashes, without names. One speaker, or two?"
    else:
        question = "The subtitles name no speakers. One speaker, or two?"
    return _alternating(
        spoken, alternate=ask_speakers(reading, question, "alternate" if dashed else "one"), dashed=dashed
    )


def is_ass(text: str) -> bool:
    """Decide if a text is subtitles of (Advanced) SubStation Alpha."""
    return "[Events]" in text and "\nDialogue:" in text


def read_ass(text: str, reading: Reading) -> list[Entry]:
    """Read the dialogue of SubStation Alpha; the Name field is the speaker."""
    cues = []
    for line in NEW_LINE.split(text):
        fields = line.removeprefix("Dialogue:").split(",", _ASS_FIELDS)
        if not line.startswith("Dialogue:") or len(fields) <= _ASS_FIELDS:
            continue
        if not (_ASS_CLOCK.fullmatch(fields[1].strip()) and _ASS_CLOCK.fullmatch(fields[2].strip())):
            continue
        words = folded(
            _TAG.sub("", _ASS_OVERRIDE.sub("", fields[-1])).replace("\\N", " ").replace("\\n", " ")
        )
        name = folded(fields[4])
        target = Target(seconds_of(fields[1].strip()), seconds_of(fields[2].strip()))
        if words:
            cues.append((name, words, target))
    if any(name for name, _, _ in cues):
        return [Entry(name or NARRATOR, words, target) for name, words, target in cues]
    alternate = (
        ask_speakers(reading, "The subtitles name no speakers. One speaker, or two?") if cues else False
    )
    return [
        Entry(place % 2 + 1 if alternate else 1, words, target)
        for place, (_, words, target) in enumerate(cues)
    ]


def _cues(text: str, reading: Reading) -> list[_Cue]:
    """Return the cues; blank lines inside one are allowed in SRT."""
    webvtt = text.lstrip().startswith("WEBVTT")
    lines = NEW_LINE.split(text)
    timings = [TIMING.match(line) if "->" in line else None for line in lines]
    cues: list[_Cue] = []
    inside = True
    left_out = 0
    for place, (line, timing) in enumerate(zip(lines, timings, strict=True)):
        following = timings[place + 1] if place + 1 < len(lines) else None
        if timing:
            cues.append(_Cue(seconds_of(timing[1]), seconds_of(timing[2])))
            inside = True
        elif not line.strip():
            inside = inside and not webvtt
        elif following and (line.strip().isdigit() or not inside or not lines[place - 1].strip()):
            continue  # the cue's number or name
        elif inside and cues:
            cues[-1].lines.append(line)
        elif line.strip() and not line.startswith("WEBVTT"):
            left_out += 1
    reading.count(left_out, "a line outside the cues is left out", "lines outside the cues are left out")
    return _without_repeats(cues)


def _without_repeats(cues: list[_Cue]) -> list[_Cue]:
    """Drop lines that scroll: automatic captions repeat the last line of a cue in the next one."""
    previous: list[str] = []
    for cue in cues:
        lines = [
            unescaped(_TAG.sub(lambda tag: tag[0] if _VOICE.match(tag[0]) else "", line))
            for line in cue.lines
        ]
        shown = [folded(line.replace("\u2060", "")) for line in lines]
        cue.lines = [line for line in shown if line]
        begin = 1 if cue.lines and previous and cue.lines[0] == previous[-1] and len(cue.lines[0]) > 15 else 0
        previous, cue.lines = cue.lines, cue.lines[begin:]
    return cues


def _parts(cue: _Cue) -> list[tuple[str, str]]:
    """Return the words of a cue by voice; the voice is empty where none is given."""
    parts: list[tuple[str, str]] = []
    voice = ""
    for line in cue.lines:
        at = 0
        for match in _VOICE.finditer(line):
            if line[at : match.start()].strip():
                parts.append((voice, line[at : match.start()].strip()))
            voice, at = folded(match[1]), match.end()
        if line[at:].strip():
            parts.append((voice, line[at:].strip()))
    return parts


def _named_above(cues: list[_Cue]) -> bool:
    """Decide if the first line of each cue is a name, as in transcripts of Teams."""
    first = [cue.lines[0] for cue in cues if cue.lines]
    return (
        len(first) >= 2
        and all(len(cue.lines) >= 2 for cue in cues if cue.lines)
        and all(looks_like_a_name(line) and line[-1].isalnum() for line in first)
    )


def _by_label(parts: list[tuple[_Cue, str, str]], labels: Labels) -> list[Entry]:
    entries: list[Entry] = []
    speaker: int | str = 1
    for cue, voice, words in parts:
        label, said = (None, words) if voice else labels.split(words)
        named = voice or label
        if not named and entries and _continues(entries[-1], cue):
            entries[-1] = _joined(entries[-1], words, cue)
            continue
        same = voice and entries and name_key(str(entries[-1].speaker)) == name_key(voice)
        if same and _continues(entries[-1], cue):
            entries[-1] = _joined(entries[-1], words, cue)
            continue
        speaker = named if named else speaker
        entries.append(Entry(speaker, said, Target(cue.start, cue.end)))
    return entries


def _without_dash(cue: _Cue, words: str) -> tuple[_Cue, bool, str]:
    dash = _DASH.match(words)
    return (cue, True, words[dash.end() :]) if dash else (cue, False, words)


def _alternating(spoken: list[tuple[_Cue, bool, str]], *, alternate: bool, dashed: bool) -> list[Entry]:
    """Return sentences of one speaker, or of two who change at each dash or else at each sentence."""
    entries: list[Entry] = []
    speaker = 1
    for cue, dash, words in spoken:
        new = dash if dashed and dash else not entries or entries[-1].text.endswith(_SENTENCE_END)
        if not new:
            entries[-1] = _joined(entries[-1], words, cue)
            continue
        if alternate and entries and (dash or not dashed):
            speaker = 3 - speaker
        entries.append(Entry(speaker, words, Target(cue.start, cue.end)))
    return entries


def _continues(entry: Entry, cue: _Cue) -> bool:
    """Decide if a cue goes on with the words before: inside a sentence, or soon after a short one."""
    end = entry.target.end if entry.target and entry.target.end is not None else 0.0
    soon = cue.start - end <= _CONTINUES_SECONDS and len(entry.text) < _LONG_TURN_CHARS
    return soon or not entry.text.endswith(_SENTENCE_END)


def _joined(entry: Entry, words: str, cue: _Cue) -> Entry:
    start = entry.target.start if entry.target else cue.start
    return Entry(entry.speaker, f"{entry.text} {words}", Target(start, cue.end))
