"""From the text of a script to its turns: who speaks each piece, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vibevoice_nb.script.lines import (
    MAX_PAUSE_MS,
    Label,
    Line,
    Pause,
    clean_line,
    find_label,
    find_pauses,
    is_name,
    name_key,
    speaker_number,
)
from vibevoice_nb.script.turns import Diagnostic, Script, Severity, Turn, label_of

MAX_SPEAKERS = 4
MAX_TURN_CHARS = 20_000
MAX_MINUTES = 90

SPEAKER_LINE = "a line such as 'Speaker 1: Hello.'"
_PAUSE = f"[pause] or [pause:500], in all at most {MAX_PAUSE_MS} ms between two turns"
NEW_LINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Place:
    """A stretch of one line: where a remark points."""

    line: Line
    start: int
    end: int


TOP = Place(Line(1, "", (1,)), 0, 0)


@dataclass
class _Draft:
    """A turn that is still growing; `place` is its label, or its first words after a pause."""

    speaker: int | str
    place: Place
    text_start: int
    last: Place
    texts: list[str] = field(default_factory=list)
    pause_ms: int = 0


class ScriptReader:
    """Collects turns and remarks in the order of the source."""

    def __init__(self, cast: tuple[str, ...]) -> None:
        self.use_cast(cast)
        self.diagnostics: list[Diagnostic] = []
        self.drafts: list[_Draft] = []
        self.spoken: list[_Draft] = []  # those that have words
        self.joins = False  # whether text goes to the last draft: not so after a pause
        self.knows_speaker = False

    def use_cast(self, cast: tuple[str, ...]) -> None:
        self.cast = cast
        self.names = {name_key(name): name for name in cast if speaker_number(name) is None}

    def remark(
        self,
        severity: Severity,
        place: Place,
        message: str,
        expected: str,
        remedy: str,
        fix: str | None = None,
    ) -> None:
        columns = place.line.span(place.start, place.end)
        fix = None if place.line.entry else fix  # a JSON entry's span is no place for a replacement
        self.diagnostics.append(
            Diagnostic(severity, message, place.line.number, *columns, expected, remedy, fix)
        )

    def line(self, number: int, raw: str, entry: tuple[int, int] | None = None) -> Line:
        line, removed = clean_line(number, raw, entry)
        if removed:
            codes = sorted({f"U+{ord(raw[i]):04X}" for i in removed})
            columns = entry or (removed[0] + 1, removed[0] + 2)
            message = f"left out {len(removed)} character(s) nobody can speak: {', '.join(codes[:4])}"
            self.diagnostics.append(
                Diagnostic("warning", message, number, *columns, "printable text", "delete them")
            )
        return line

    def begin(self, speaker: int | str, place: Place, text_start: int, *, known: bool = True) -> None:
        self.drafts.append(_Draft(speaker, place, text_start, place))
        self.joins, self.knows_speaker = True, known

    def say(self, line: Line, start: int) -> None:
        """Add what a line says from `start` on to the current speaker's turns, cut at its pauses."""
        for pause in find_pauses(line.text, start):
            if pause.ms is None:  # stays in the text: nothing is dropped
                place = Place(line, pause.start, pause.end)
                message = f"{quoted(line.text[pause.start : pause.end])} can't be read as a pause"
                self.remark("error", place, message, _PAUSE, f"write '{pause.plain}'", pause.plain)
                continue
            self._say(line, start, pause.start)
            self._pause(line, pause, pause.ms)
            start = pause.end
        self._say(line, start, len(line.text))

    def _say(self, line: Line, start: int, end: int) -> None:
        text = line.text[start:end]
        if not text.strip():
            return
        start += len(text) - len(text.lstrip())
        place = Place(line, start, start + len(text.strip()))
        if not self.joins:
            self.begin(self.drafts[-1].speaker, place, start, known=self.knows_speaker)
        draft = self.drafts[-1]
        if not draft.texts:
            self.spoken.append(draft)
            draft.text_start = start if line is draft.place.line else draft.text_start
        draft.texts.append(text.strip())
        draft.last = place

    def _pause(self, line: Line, pause: Pause, ms: int) -> None:
        place = Place(line, pause.start, pause.end)
        if not self.spoken:
            message = "a pause before the first words is left out"
            self.remark("warning", place, message, "a pause after some words", "delete it", "")
            return
        draft = self.spoken[-1]
        self.joins = self.joins and self.drafts[-1] is not draft
        if draft.pause_ms + ms <= MAX_PAUSE_MS:
            draft.pause_ms += ms
            return
        message = f"the pauses here come to {draft.pause_ms + ms} ms"
        self.remark("error", place, message, _PAUSE, "shorten them")

    def script(self) -> Script:
        for draft in self.drafts:
            if not draft.texts:
                message = f"{label_of(draft.speaker)} has nothing to say here; the turn is left out"
                self.remark(
                    "warning", draft.place, message, "text after the colon", "write it, or delete the line"
                )
        indices = self._indices()
        turns = tuple(self._turn(draft, indices[draft.speaker]) for draft in self.spoken)
        if not turns and not any(item.severity == "error" for item in self.diagnostics):
            self.remark("error", TOP, "the script has nothing to speak", SPEAKER_LINE, "write one")
        script = Script(turns, (), self.cast)
        if script.estimated_seconds > MAX_MINUTES * 60:
            message = f"the script takes about {script.estimated_seconds / 60:.0f} minutes to speak"
            expected = f"at most {MAX_MINUTES} minutes, the longest any VibeVoice model can do in one go"
            self.remark("warning", TOP, message, expected, "split it into episodes")
        ordered = sorted(self.diagnostics, key=lambda item: (item.line, item.column))
        return Script(turns, tuple(ordered), self.cast)

    def _turn(self, draft: _Draft, index: int) -> Turn:
        text, first, last = " ".join(draft.texts), draft.place.line, draft.last
        if len(text) > MAX_TURN_CHARS:
            message = f"a turn of {len(text):,} characters"
            remedy = "begin a new 'Speaker N:' line at each paragraph"
            self.remark("error", draft.place, message, f"at most {MAX_TURN_CHARS:,}", remedy)
        column, _ = first.span(draft.place.start, draft.place.end)
        text_column, _ = first.span(draft.text_start, draft.text_start)
        _, end_column = last.line.span(last.start, last.end)
        return Turn(
            draft.speaker,
            text,
            index,
            draft.pause_ms,
            first.number,
            column,
            text_column,
            last.line.number,
            end_column,
        )

    def _indices(self) -> dict[int | str, int]:
        """The model's index of every label; those it can't have are told and get 4 and above."""
        firsts: dict[int | str, Place] = {}
        for draft in self.spoken:
            firsts.setdefault(draft.speaker, draft.place)
        numbers = [speaker for speaker in firsts if isinstance(speaker, int)]
        base = 1 if numbers and min(numbers) > 0 else 0
        indices: dict[int | str, int] = {number: number - base for number in numbers}
        indices |= {name: index for index, name in enumerate(self.cast) if name in firsts}
        unknown = [speaker for speaker in firsts if speaker not in indices]  # told where they were read
        free = max([MAX_SPEAKERS - 1, *indices.values()]) + 1
        taken: dict[int, int | str] = {}
        for speaker, index in indices.items():
            place, label = firsts[speaker], label_of(speaker)
            if index in taken:
                message = f"{label} and {label_of(taken[index])} are both the model's speaker {index}"
                self.remark(
                    "error", place, message, "one label for each speaker", "use only names, or only numbers"
                )
            elif index >= MAX_SPEAKERS:
                first4 = (
                    self.cast[:MAX_SPEAKERS] if isinstance(speaker, str) else range(base, base + MAX_SPEAKERS)
                )
                message = f"{label} would be speaker number {index + 1}, and the model has {MAX_SPEAKERS}"
                remedy = f"give the line to one of {', '.join(map(str, first4))}"
                self.remark("error", place, message, f"at most {MAX_SPEAKERS} speakers", remedy)
            taken.setdefault(index, speaker)
        return indices | {speaker: index for index, speaker in enumerate(unknown, free)}


def quoted(text: str) -> str:
    """Quote a text in a message, shortened where it is long."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def _is_silent(text: str) -> bool:
    """Whether a line is blank or a comment."""
    text = text.lstrip()
    return not text or text.startswith("#")


def read_text(text: str, reader: ScriptReader) -> None:
    """Read a script in the script language into the reader."""
    lines = [reader.line(number, raw) for number, raw in enumerate(NEW_LINE.split(text), 1)]
    lines = [line for line in lines if not _is_silent(line.text)]
    if not reader.cast:
        _cast_from_labels(lines, reader)
    for line in lines:
        label = find_label(line.text, reader.names)
        if label is None:
            _continue_turn(line, reader)
        elif label.kind == "speaker":
            _begin_turn(line, label, reader)
        else:
            _doubt_label(line, label, reader)


def _cast_from_labels(lines: list[Line], reader: ScriptReader) -> None:
    """Take the names for the cast when every line that has words begins with one."""
    first: dict[str, tuple[str, Place]] = {}
    for line in lines:
        label = find_label(line.text, {})
        if label is None and _only_pauses(line):
            continue
        if label is None or label.kind != "unknown" or not is_name(str(label.speaker)):
            return
        name = str(label.speaker)
        first.setdefault(name_key(name), (name, Place(line, label.start, label.end)))
    reader.use_cast(tuple(name for name, _ in first.values()))
    for number, (name, place) in enumerate(first.values(), 1):
        message = f"no cast is given, so '{name}:' is taken for speaker number {number}"
        reader.remark("warning", place, message, "a cast", "pass a cast, or put '#' before what isn't spoken")


def _only_pauses(line: Line) -> bool:
    end = 0
    for pause in find_pauses(line.text, 0):
        if pause.ms is None or line.text[end : pause.start].strip():
            return False
        end = pause.end
    return not line.text[end:].strip()


def _begin_turn(line: Line, label: Label, reader: ScriptReader) -> None:
    place = Place(line, label.start, label.end)
    if label.plain:
        message = f"{quoted(line.text[label.start : label.end])} is read as '{label.plain}'"
        remedy = f"write '{label.plain}'"
        reader.remark("warning", place, message, "a plain label and colon", remedy, label.plain)
    reader.begin(label.speaker, place, label.text)
    reader.say(line, label.text)


def _doubt_label(line: Line, label: Label, reader: ScriptReader) -> None:
    """A label that may be meant as one: text where somebody known is speaking, otherwise an error."""
    place = Place(line, label.start, label.end)
    written = quoted(line.text[label.start : label.end])
    fix = label.plain or None
    remedy = f"write '{fix}'"
    unknown = label.kind == "unknown"
    if reader.knows_speaker and (label.kind == "bare" or (unknown and not reader.cast)):
        wrong = "names no speaker" if unknown else "has no colon"
        message = (
            f"{written} {wrong}, so the line continues the turn of {label_of(reader.drafts[-1].speaker)}"
        )
        remedy = f"if {label.speaker} is a speaker, pass a cast with all the names" if unknown else remedy
        reader.remark("warning", place, message, SPEAKER_LINE, remedy, fix)
        reader.say(line, label.start)
        return
    message, expected = f"{written} names no speaker", SPEAKER_LINE
    if unknown and reader.cast:
        message, expected = f"{written} is not in the cast", f"one of {', '.join(reader.cast)}"
        remedy = remedy if fix else "add the name to the cast, or join the line to the one above"
    elif unknown:
        remedy = "pass a cast with all the names, or put '#' before what isn't spoken"
    elif label.kind == "misspelt":
        expected = "'Speaker N:' with a whole number"
        remedy = remedy if fix else "number the speakers from 1"
    reader.remark("error", place, message, expected, remedy, fix)
    reader.begin(label.speaker, place, label.text, known=False)
    reader.say(line, label.text)


def _continue_turn(line: Line, reader: ScriptReader) -> None:
    start = len(line.text) - len(line.text.lstrip())
    place = Place(line, start, len(line.text.rstrip()))
    if _only_pauses(line):
        reader.say(line, start)
        return
    if reader.drafts:
        message = f"the line continues the turn of {label_of(reader.drafts[-1].speaker)}"
        reader.remark("info", place, message, "", "")
    elif reader.names:
        remedy = f"begin it with a name, such as '{next(iter(reader.names.values()))}:'"
        reader.remark("error", place, "nobody speaks this line", f"one of {', '.join(reader.cast)}", remedy)
        reader.begin(next(iter(reader.names.values())), place, start, known=False)
    else:
        remedy = "write 'Speaker 1:' before it, or '#' if it isn't spoken"
        message = "nobody is named before this line, so Speaker 1 speaks it"
        reader.remark("warning", place, message, SPEAKER_LINE, remedy)
        reader.begin(1, place, start)
    reader.say(line, start)
