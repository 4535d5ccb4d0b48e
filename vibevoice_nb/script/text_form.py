"""Scripts in plain text: conversion of labeled lines to turns."""

from __future__ import annotations

from collections.abc import Iterable

from vibevoice_nb.script.importers import as_script
from vibevoice_nb.script.labels import NOT_NAMES, Label, find_label, inner_labels
from vibevoice_nb.script.lines import Line, is_comment, name_key, quoted, split_lines
from vibevoice_nb.script.markup import ignore, is_rule, plain_line
from vibevoice_nb.script.pauses import find_pauses
from vibevoice_nb.script.reader import SPEAKER_LINE, Place, ScriptReader
from vibevoice_nb.script.speakers import find_speakers
from vibevoice_nb.script.turns import label_of


def read_text(text: str, reader: ScriptReader, known: Iterable[str] = ()) -> None:
    """Parse a script in plain text into the reader.

    Parameters
    ----------
    text : str
    reader : ScriptReader
        Reader with a cast, or without one; then the names are found in the script.
    known : iterable of str
        Names that were speakers before, for a reader without a cast.
    """
    lines = [reader.line(number, raw, offset=offset) for number, offset, raw in split_lines(text)]
    names = reader.names or {name_key(name): name for name in known}
    lines = [
        line
        for line in as_script(lines, names, reader.note)
        if line.text.strip("> \t") and not is_comment(line.text)  # ">": a blank line of a quotation
    ]
    if not reader.given:
        _find_cast(lines, reader, known)
    apart = False
    for line in lines:
        _hint_at_hash(line, reader)
        label = find_label(line.text, reader.names)
        if label is None:
            start = _silent_start(line, reader)
            reader.say(line, 0, start, begins=True)
            line = line.part(start, len(line.text))
            label = find_label(line.text, reader.names) if start else None
        apart = label is None and (apart or is_rule(line.text.strip()))
        if label is None:
            _continue_turn(line, reader, apart=apart)
        elif label.kind in ("speaker", "joint"):
            _begin_turn(line, label, reader)
        else:
            _doubt_label(line, label, reader)


def _find_cast(lines: list[Line], reader: ScriptReader, known: Iterable[str]) -> None:
    """Use the speakers found in the script as the cast."""
    found = find_speakers([line for line in lines if not _says_nothing(line)], known)
    reader.use_cast(found.names, found.aliases)
    for name in found.names:
        if name in found.doubtful:
            nearest = found.nearest.get(name)
            fix = f"{nearest}:" if nearest else None
            remedy = (
                f"write {fix!r} if you meant that speaker"
                if fix
                else "join the line to the one above if it is text"
            )
            message = f"'{name}:' is read as the name of a speaker"
            place = Place(*found.places[name])
            reader.report("warning", place, message, "a name that occurs more than once", remedy, fix)


def _says_nothing(line: Line) -> bool:
    """Return true if a line has only pauses and markup."""
    text = plain_line(line, ignore).text
    end = 0
    for pause in find_pauses(text, 0):
        if pause.ms is None or text[end : pause.start].strip():
            return False
        end = pause.end
    return not text[end:].strip()


def _silent_start(line: Line, reader: ScriptReader) -> int:
    """Return the length of the pauses and directions before a label, as in `[pause] Ben: Hello.`"""
    first = next(inner_labels(line.text, 0, reader.names), None)
    if first is None or first.speaker is None or not _says_nothing(line.part(0, first.start)):
        return 0
    return first.start


def _hint_at_hash(line: Line, reader: ScriptReader) -> None:
    start = line.indent
    if line.text.startswith("#", start) and not line.text.startswith("##", start):
        message = "the line is read as text because no space follows the '#'"
        remedy = "add a space after '#' if it is a comment"
        reader.report("info", Place(line, start, start + 1), message, "", remedy, "# ")


def _begin_turn(line: Line, label: Label, reader: ScriptReader) -> None:
    place = Place(line, label.start, label.end)
    written = quoted(line.text[label.start : label.end])
    if label.kind == "joint":
        message = f"{written} names more than one speaker; the line is assigned to {label.speaker}"
        remedy = "write one line for each speaker"
        reader.report("warning", place, message, "one speaker for each line", remedy, label.plain)
    elif label.plain:
        message = f"{written} is read as '{label.plain}'"
        remedy = f"write '{label.plain}'"
        reader.report("warning", place, message, "a plain label and a colon", remedy, label.plain)
    reader.begin(label.speaker, place, label.text)
    _say(line, label.text, reader)


def _say(line: Line, start: int, reader: ScriptReader, *, begins: bool = False) -> None:
    """Add the speech of a line to the script; a label inside it begins another turn."""
    for inner in inner_labels(line.text, start, reader.names):
        place = Place(line, inner.start, inner.end)
        if inner.certain and inner.speaker is not None:
            reader.say(line, start, inner.start, begins=begins)
            message = f"the label '{inner.written}' is inside a line and begins a turn"
            expected, remedy = "one line for each turn", "begin a new line before it"
            reader.report("warning", place, message, expected, remedy, f"\n{inner.written}")
            reader.begin(inner.speaker, place, inner.end)
            start, begins = inner.end, False
        else:
            speaker = label_of(reader.drafts[-1].speaker)
            message = f"'{inner.written}' inside the line is read as speech of {speaker}"
            remedy = "begin a new line before it if somebody else speaks"
            reader.report("warning", place, message, SPEAKER_LINE, remedy, f"\n{inner.written}")
    reader.say(line, start, begins=begins)


def _doubt_label(line: Line, label: Label, reader: ScriptReader) -> None:
    """Report a possible label; it is treated as text if a speaker is known, otherwise as an error."""
    place = Place(line, label.start, label.end)
    written = quoted(line.text[label.start : label.end])
    fix = label.plain or None
    remedy = f"write '{fix}'"
    unknown = label.kind == "unknown"
    strict = reader.given and bool(reader.cast)
    if reader.knows_speaker and (label.kind == "bare" or (unknown and not strict)):
        speaker = label_of(reader.drafts[-1].speaker)
        message = f"{written} is not a valid speaker label, so the line continues the turn of {speaker}"
        if unknown:
            remedy = f"if {label.speaker} is a speaker, pass a cast with all the names"
            fix = fix or _numbered_fix(label, reader)
        reader.report("warning", place, message, SPEAKER_LINE, remedy, fix)
        _say(line, label.start, reader, begins=True)
        return
    message, expected = f"{written} is not a valid speaker label", SPEAKER_LINE
    if unknown and strict:
        message, expected = f"{written} is not in the cast", f"one of {', '.join(reader.cast)}"
        remedy = remedy if fix else "add the name to the cast, or join the line to the one above"
    elif unknown:
        remedy = "pass a cast with all the names, or begin the line with '# ' if it isn't spoken"
    elif label.kind == "misspelt":
        expected = "'Speaker N:' with a whole number"
        remedy = remedy if fix else "number the speakers from 1"
    reader.report("error", place, message, expected, remedy, fix)
    reader.begin(label.speaker, place, label.text, known=False)
    _say(line, label.text, reader)


def _numbered_fix(label: Label, reader: ScriptReader) -> str | None:
    """Label by number for a name among numbered speakers."""
    numbers = [draft.speaker for draft in reader.drafts if isinstance(draft.speaker, int)]
    if not numbers or name_key(str(label.speaker)) in NOT_NAMES:
        return None
    return f"{label_of(max(numbers) + 1)}:"


def _continue_turn(line: Line, reader: ScriptReader, *, apart: bool) -> None:
    """Assign a line without a label to the previous speaker; `apart` if a rule separates them."""
    start = line.indent
    place = Place(line, start, len(line.text.rstrip()))
    if _says_nothing(line):
        reader.say(line, start, begins=True)
        return
    if reader.drafts:
        message = f"the line continues the turn of {label_of(reader.drafts[-1].speaker)}"
        if apart:
            remedy = "make it a comment if it isn't spoken"
            reader.report("warning", place, message, SPEAKER_LINE, remedy, f"# {line.text.strip()}")
        else:
            reader.report("info", place, message, "", "")
    elif reader.names:
        name = next(iter(reader.names.values()))
        remedy = f"begin it with a name, such as '{name}:', or with '# ' if it isn't spoken"
        fix = f"# {line.text.strip()}"
        expected = f"one of {', '.join(reader.cast)}"
        alternatives = (f"{name}: {line.text.strip()}",)
        reader.report("error", place, "this line has no speaker", expected, remedy, fix, alternatives)
        reader.begin(name, place, start, known=False)
    else:
        remedy = "write 'Speaker 1:' before it, or '# ' if it isn't spoken"
        message = "no speaker is named before this line, so it is assigned to Speaker 1"
        fix = f"Speaker 1: {line.text.strip()}"
        reader.report("warning", place, message, SPEAKER_LINE, remedy, fix)
        reader.begin(1, place, start)
    _say(line, start, reader, begins=True)
