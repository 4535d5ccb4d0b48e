"""Texts with labels: scripts, Markdown, tags, transcripts with times, as the parser of scripts reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from vibevoice_nb.script.importers import as_script
from vibevoice_nb.script.importers.times import find_stamp
from vibevoice_nb.script.importing.entries import NARRATOR, Entry, Reading, Target
from vibevoice_nb.script.labels import NOT_NAMES, find_label
from vibevoice_nb.script.lines import (
    NEW_LINE,
    Line,
    clean_line,
    is_comment,
    is_name,
    name_key,
    quoted,
    split_lines,
)
from vibevoice_nb.script.markup import ignore, is_rule, plain_line
from vibevoice_nb.script.parsing import parse_script
from vibevoice_nb.script.speakers import find_speakers
from vibevoice_nb.script.turns import Diagnostic, label_of

_HEADING = re.compile(r"\s{0,9}#{2,6}\s{1,9}\S")
_HEADINGS = {"skip": "leave it out", "narrator": f"{NARRATOR} reads it"}
_LOWER = re.compile(r"\s{0,9}([^\W\d_A-Z][\w.-]{0,30}):\s{1,9}(?=\S)")
_MOST_QUESTIONS = 8
_MOST_NOTES = 20
_REACH = 60
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:[.,]\d{1,6})?)(?!\s?[AaPp]\.?[Mm])(?![\d:])")
_SECONDS = re.compile(r"\d{1,6}\.\d{1,3}")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{4}|Today|Yesterday|[AaPp]\.?[Mm]\b")


@dataclass
class Labels:
    """Labels of a text: the names that are speakers, and those that may be."""

    names: dict[str, str] = field(default_factory=dict)
    numbered: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    doubtful: dict[str, bool] = field(default_factory=dict)
    """Names with little evidence; true if they are taken for speakers."""

    @classmethod
    def of(cls, texts: Iterable[str], known: Iterable[str] = ()) -> Labels:
        """Find the labels at the beginning of lines."""
        return cls.in_lines([clean_line(number, raw)[0] for number, raw in enumerate(texts, 1)], known)

    @classmethod
    def in_lines(cls, lines: Iterable[Line], known: Iterable[str] = ()) -> Labels:
        """Find the labels of lines of the script language."""
        lines = [
            line
            for line in lines
            if not is_comment(line.text) and plain_line(line, ignore).text.strip("> \t")
        ]
        found = find_speakers(lines, known)
        labels = cls({name_key(name): name for name in found.names})
        labels.names |= {name_key(alias): name for alias, name in found.aliases}
        labels.doubtful = {name: True for name in found.doubtful}
        for line in lines:
            label = find_label(line.text, labels.names)
            if label is None:
                continue
            name = str(label.speaker)
            labels.numbered |= isinstance(label.speaker, int) or label.kind == "misspelt"
            labels.counts[name] = labels.counts.get(name, 0) + 1
            if label.kind == "unknown" and is_name(name):
                labels.doubtful.setdefault(name, False)
        return labels

    def __bool__(self) -> bool:
        return bool(self.names) or self.numbered

    def split(self, text: str) -> tuple[int | str | None, str]:
        """Return the speaker that a line names, None without one, and the words after the label."""
        label = find_label(text, self.names)
        if label is None or label.kind not in ("speaker", "joint"):
            return None, text
        return label.speaker, text[label.text :]


def script_lines(text: str) -> list[Line]:
    """Return the lines of a text in any form the parser knows, as lines of the script language."""
    lines = [clean_line(number, raw, offset=offset)[0] for number, offset, raw in split_lines(text)]
    return as_script(lines, {}, ignore)


def read_labelled(text: str, reading: Reading) -> list[Entry]:
    """Read a text as the parser does; names with little evidence are asked about."""
    text = _without_headings(with_capitals(text), reading)
    text = _without_surroundings(text, reading)
    lines = script_lines(text)
    labels = Labels.in_lines(lines)
    speakers, words = _asked(labels, reading)
    if words:
        text = _with_labels_as_words(text, lines, labels, words)
    known = [name for name in labels.names.values() if name_key(name) not in words] + speakers
    script = parse_script(text, known=known)
    note_diagnostics(script.diagnostics, reading)
    sources = NEW_LINE.split(text)
    return [
        Entry(turn.speaker, turn.text, _target(sources, turn.line - 1), turn.pause_after_ms)
        for turn in script.turns
    ]


def _without_headings(text: str, reading: Reading) -> str:
    """Make Markdown headings comments or lines of a narrator, except those that name a speaker."""
    if not any(_HEADING.match(raw) for raw in NEW_LINE.split(text)):
        return text
    headings = {line.number: line for line in script_lines(text) if _HEADING.match(line.text)}
    if not headings:
        return text
    first = headings[min(headings)].text.lstrip("# \t")
    question = f"The script has headings, such as {quoted(first)}. Are they read aloud?"
    narrated = reading.ask("headings", question, _HEADINGS, "skip") == "narrator"
    sources = NEW_LINE.split(text)
    for number, line in headings.items():
        sources[number - 1] = f"{NARRATOR if narrated else '#'}{':' * narrated} {line.text.lstrip('# ')}"
    return "\n".join(sources)


def lower_case_names(text: str) -> set[str]:
    r"""Return names in lower case before a colon, if a text without other names is written that way.

    >>> sorted(lower_case_names("anna: good morning\nben: hello\nanna: bye"))
    ['anna', 'ben']
    """
    matches = [_LOWER.match(line) for line in NEW_LINE.split(text) if line.strip()]
    names = [match[1] for match in matches if match]
    often = len(names) >= 3 and 3 * len(names) >= 2 * len(matches) and len(set(names)) < len(names)
    return {name for name in names if name_key(name) not in NOT_NAMES} if often else set()


def with_capitals(text: str) -> str:
    """Write names in lower case with a capital letter, in a text that has no others."""
    names = lower_case_names(text)
    if not names or Labels.in_lines(script_lines(text)):
        return text
    lines = NEW_LINE.split(text)
    matches = [_LOWER.match(line) for line in lines]
    return "\n".join(
        line[: match.start(1)] + match[1].title() + line[match.end(1) :]
        if match and match[1] in names
        else line
        for line, match in zip(lines, matches, strict=True)
    )


def _without_surroundings(text: str, reading: Reading) -> str:
    """Ask about lines above the first label, and those behind a rule after the last one.

    Chat programs write such lines around a script. They become comments, or lines of a narrator.
    """
    lines = script_lines(text)
    labels = Labels.in_lines(lines)
    worded = [
        (line, find_label(line.text, labels.names))
        for line in lines
        if line.text.strip() and not is_comment(line.text)
    ]
    labelled = [place for place, (_, label) in enumerate(worded) if label and label.kind != "bare"]
    if not labelled:
        return text
    rules = [place for place in range(labelled[-1], len(worded)) if is_rule(worded[place][0].text.strip())]
    groups = {
        "before": ("above the first speaker", worded[: labelled[0]]),
        "after": ("behind the script", worded[rules[0] + 1 :] if rules else []),
    }
    sources = NEW_LINE.split(text)
    for key, (where, group) in groups.items():
        spoken = [line for line, _ in group if plain_line(line, ignore).text.strip()]
        if not spoken:
            continue
        question = f"The text {where} ({quoted(spoken[0].text.strip())}) names no speaker. Is it read aloud?"
        narrated = reading.ask(key, question, _HEADINGS, "skip") == "narrator"
        for line in spoken:
            sources[line.number - 1] = f"{f'{NARRATOR}:' if narrated else '#'} {line.text.strip()}"
    return "\n".join(sources)


def _asked(labels: Labels, reading: Reading) -> tuple[list[str], set[str]]:
    """Ask about the doubtful names; return the additional speakers, and the keys of those that are words."""
    speakers, words = [], set[str]()
    for name, taken in list(labels.doubtful.items())[:_MOST_QUESTIONS]:
        count = labels.counts.get(name, 1)
        often = "once" if count == 1 else f"{count} times"
        options = {"speaker": f"{name} is a speaker", "text": "they are words of the turn above"}
        text = f"'{name}:' appears {often}. Is it a speaker, or text?"
        assumed = "speaker" if taken and name_key(name) not in NOT_NAMES else "text"
        answer = reading.ask(f"label:{name}", text, options, assumed)
        if answer == "text":
            words.add(name_key(name))
        elif not taken:
            speakers.append(name)
    return speakers, words


def _with_labels_as_words(text: str, lines: list[Line], labels: Labels, words: set[str]) -> str:
    """Put the label of the turn above before names that are words, so that they begin no turn."""
    inserts: dict[int, list[tuple[int, str]]] = {}
    speaker: int | str | None = None
    for line in lines:
        label = find_label(line.text, labels.names)
        if label is None:
            continue
        if name_key(str(label.speaker)) not in words:
            speaker = label.speaker if label.kind in ("speaker", "joint") else speaker
        elif speaker is not None:
            inserts.setdefault(line.number, []).append(
                (line.columns[label.start] - 1, f"{label_of(speaker)}: ")
            )
    sources = NEW_LINE.split(text)
    for number, changes in inserts.items():
        raw = sources[number - 1]
        for column, insert in reversed(changes):
            raw = raw[:column] + insert + raw[column:]
        sources[number - 1] = raw
    return "\n".join(sources)


def note_diagnostics(diagnostics: Iterable[Diagnostic], reading: Reading, place: str = "line") -> None:
    """Record what the parser left out or changed; `place` names what lines are."""
    found = [item for item in diagnostics if item.severity != "info" and "Speaker 1" not in item.expected]
    for item in found[:_MOST_NOTES]:
        reading.note(f"{place} {item.line}: {item.message}")
    if len(found) > _MOST_NOTES:
        reading.note(f"and {len(found) - _MOST_NOTES} more notes of this kind")


def _target(sources: list[str], place: int) -> Target | None:
    """Return the time on the line of a turn, or on the line above that has nothing else."""
    target = _target_in(sources[place], alone=False)
    if target is None and place:
        above = place - 1 if sources[place - 1].strip() else place - 2
        target = _target_in(sources[above], alone=True) if above >= 0 else None
    return target


def _target_in(text: str, *, alone: bool) -> Target | None:
    at = len(text) - len(text.lstrip())
    for start in [at] if alone else range(at, min(len(text), at + _REACH)):
        if start > at and (text[start - 1].isalnum() or text[start - 1] in ":/.-"):
            continue
        stamp = find_stamp(text, start)
        if stamp is not None:
            return None if alone and text[stamp[1] :].strip() else target_of(text[stamp[0] : stamp[1]])
    return None


def target_of(stamp: str) -> Target | None:
    """Return the seconds of a stamp; None for a date or a time of day.

    >>> target_of("[00:01:02 - 00:01:05]"), target_of("9:41 PM")
    (Target(start=62.0, end=65.0), None)
    """
    if _DATE.search(stamp):
        return None
    times = [_seconds(match) for match in _CLOCK.finditer(stamp)]
    times = times or [float(match[0]) for match in _SECONDS.finditer(stamp)]
    if not times:
        return None
    return Target(times[0], times[1] if len(times) > 1 else None)


def _seconds(match: re.Match[str]) -> float:
    hours, minutes, seconds = match.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
