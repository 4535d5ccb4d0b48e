"""`import_script`: scripts, transcripts, subtitles, chats and documents as turns of speakers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.ranges import shown
from vibevoice_nb.script.importing.archives import archive_kind
from vibevoice_nb.script.importing.decoding import decode
from vibevoice_nb.script.importing.entries import Entry, Question, Reading, Target
from vibevoice_nb.script.importing.formats import FORMATS, TEXT_FORMATS, detect, read_archive, read_text
from vibevoice_nb.script.importing.labelled import note_diagnostics
from vibevoice_nb.script.importing.names import labels_for, numbered
from vibevoice_nb.script.lines import NEW_LINE, folded
from vibevoice_nb.script.parsing import MAX_SCRIPT_CHARS, SUFFIXES, parse_script
from vibevoice_nb.script.turns import Script, Turn, label_of

MAX_FILE_BYTES = 50_000_000
MAX_TEXT_BYTES = 4 * MAX_SCRIPT_CHARS
IMPORT_SUFFIXES = (
    *SUFFIXES,
    ".markdown",
    ".csv",
    ".tsv",
    ".ass",
    ".log",
    ".text",
    ".html",
    ".htm",
    ".xhtml",
    ".docx",
    ".epub",
)
"""Suffixes by which a text without line ends is recognized as the name of a file."""

_FOREIGN = (
    (b"%PDF", "a PDF file"),
    (b"\xd0\xcf\x11\xe0", "a document of an old version of Word (.doc)"),
    (b"{\\rtf", "an RTF document"),
)
_MOST_SHOWN = 6


@dataclass(frozen=True)
class ImportedScript:
    """Result of `import_script`.

    Attributes
    ----------
    script : Script
        The turns, with positions in `text`; its errors, if any, are those of a script with the same text.
    text : str
        The turns in the script language, one line for each.
    format : str
        Format of the source, one of `FORMATS`.
    confidence : float
        How sure the format is, from 0 to 1; 1 if it was given.
    questions : tuple of Question
        What the source leaves open, with the answer that was used.
    notes : tuple of str
        Sentences about what was left out or changed.
    targets : tuple of Target or None
        For each turn, its time in the source, None without one.
    """

    script: Script
    text: str
    format: str
    confidence: float
    questions: tuple[Question, ...]
    notes: tuple[str, ...]
    targets: tuple[Target | None, ...]

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Turns of the script."""
        return self.script.turns

    @property
    def speakers(self) -> tuple[str, ...]:
        """Labels of the speakers, in the order of their first turns."""
        return tuple(dict.fromkeys(turn.label for turn in self.turns))

    @property
    def open_questions(self) -> tuple[Question, ...]:
        """Questions without a given answer."""
        return tuple(question for question in self.questions if not question.answered)

    @property
    def preview(self) -> str:
        """One line about the result, such as "6 turns, 2 speakers: Anna, Ben"."""
        turns, speakers = len(self.turns), self.speakers
        names = ", ".join(speakers[:_MOST_SHOWN]) + (", ..." if len(speakers) > _MOST_SHOWN else "")
        counted = f"{turns} turn{'s' * (turns != 1)}, {len(speakers)} speaker{'s' * (len(speakers) != 1)}"
        return f"{counted}: {names}" if names else counted


def import_script(
    source: str | bytes | os.PathLike[str],
    format: str | None = None,
    *,
    answers: Mapping[str, str] | None = None,
) -> ImportedScript:
    r"""Import a script from a transcript, subtitles, a chat, a screenplay, JSON or a document.

    Parameters
    ----------
    source : str, bytes or path
        A path, the contents of a file, or text. A `str` without line ends that has a known suffix, such as
        "talk.docx", is a path.
    format : str, optional
        One of `FORMATS`; recognized from the contents if omitted.
    answers : mapping, optional
        Answers by the `key` of the result's questions.

    Returns
    -------
    ImportedScript

    Raises
    ------
    ScriptError
        If the file cannot be read, is too large, or has nothing to speak.
    OptionError
        If the format or an answer is unknown.
    VibeVoiceError
        If a Word document is given and the extra `import` is not installed.

    Examples
    --------
    >>> found = import_script("[00:01] Anna: Good morning.\n[00:04] Ben: Hello Anna.")
    >>> found.preview, found.format
    ('2 turns, 2 speakers: Anna, Ben', 'transcript')
    >>> print(found.text, end="")
    Anna: Good morning.
    Ben: Hello Anna.
    >>> found.targets[1].start
    4.0
    >>> found = import_script("Anna: Hello.\nBen: Hi.\nNote: bring milk.\nAnna: Bye.")
    >>> found.questions[0].text, found.questions[0].answer
    ("'Note:' appears once. Is it a speaker, or text?", 'text')
    """
    if format is not None and format not in FORMATS:
        raise OptionError(f"format={format!r}", f"one of {', '.join(FORMATS)}", "leave it out")
    data = _contents(source)
    reading = Reading(dict(answers or {}))
    entries, found, confidence = _read(data, format, reading)
    reading.check_answers()
    script, targets = _script(entries, reading)
    return ImportedScript(
        script, script.to_text(), found, confidence, tuple(reading.questions), tuple(reading.notes), targets
    )


def _contents(source: object) -> str | bytes:
    if isinstance(source, str) and not _is_path(source):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return bytes(source)
    if not isinstance(source, (str, os.PathLike)):
        raise OptionError(
            f"import_script({shown(source)})", "a path, text or bytes", "pass the script's file"
        )
    file = Path(source)
    try:
        if file.exists() and not file.is_file():  # opening a pipe could block forever
            raise ScriptError(f"{file}: not a plain file", "a script file", "name a file, not a folder")
        with open(file, "rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL in it
        reason = error.strerror if isinstance(error, OSError) else error
        raise ScriptError(
            f"{source}: {reason}", "a file that can be read", "check the path and the permissions"
        ) from error


def _is_path(text: str) -> bool:
    return len(text) < 1000 and not NEW_LINE.search(text) and text.lower().endswith(IMPORT_SUFFIXES)


def _read(data: str | bytes, format: str | None, reading: Reading) -> tuple[list[Entry], str, float]:
    """Return the entries of a source, its format and the confidence in it."""
    if len(data) > MAX_FILE_BYTES:
        raise ScriptError(
            f"the file has more than {MAX_FILE_BYTES:,} bytes",
            "a smaller file",
            "save its text as plain text",
        )
    if isinstance(data, bytes):
        for magic, what in _FOREIGN:
            if data.startswith(magic):
                raise ScriptError(f"the file is {what}", "text, .docx or .epub", "save it as .docx or .txt")
        if data.startswith(b"PK\x03\x04"):
            kind = archive_kind(data)
            if format not in (None, kind):
                raise OptionError(f"format={format!r} for a file in {kind}", repr(kind), "leave it out")
            return read_archive(data, kind, reading), kind, 1.0
        if len(data) > MAX_TEXT_BYTES:
            raise ScriptError(
                f"the text has {len(data):,} bytes", f"at most {MAX_TEXT_BYTES:,}", "split it into parts"
            )
    text = decode(data, reading) if isinstance(data, bytes) else data.removeprefix("\ufeff")
    if len(text) > MAX_TEXT_BYTES:
        raise ScriptError(
            f"the text has {len(text):,} characters", f"at most {MAX_TEXT_BYTES:,}", "split it into parts"
        )
    if format is not None and format not in TEXT_FORMATS:
        raise OptionError(
            f"format={format!r} for a text", f"one of {', '.join(TEXT_FORMATS)}", "leave it out"
        )
    found, confidence = (format, 1.0) if format else detect(text)
    return read_text(text, found, reading), found, confidence


def _script(entries: list[Entry], reading: Reading) -> tuple[Script, tuple[Target | None, ...]]:
    """Return the entries as a script that is parsed from its own text, and the target of each turn."""
    entries = [entry for entry in entries if entry.text.strip()]
    if not entries:
        reason = f" ({reading.notes[0]})" if reading.notes else ""
        raise ScriptError(
            f"nothing to speak was found{reason}", "a script, a transcript or a text", "check the file"
        )
    speakers = [entry.speaker for entry in entries]
    first = _parsed(entries, labels_for(speakers, reading))
    script = parse_script(first.to_text())
    if [turn.label for turn in script.turns] != [turn.label for turn in first.turns]:
        first = _parsed(entries, numbered(speakers, reading))
        script = parse_script(first.to_text())
    note_diagnostics(first.diagnostics, reading, "turn")
    if len(script.turns) != len(first.turns):  # marks that are read differently a second time
        note_diagnostics(script.diagnostics, reading, "turn")
        return script, (None,) * len(script.turns)
    return script, tuple(entries[turn.line - 1].target for turn in first.turns)


def _parsed(entries: list[Entry], labels: Mapping[int | str, int | str]) -> Script:
    lines = []
    for entry in entries:
        pause = f" [pause:{entry.pause_ms}]" if entry.pause_ms else ""
        lines.append(f"{label_of(labels[entry.speaker])}: {folded(entry.text)}{pause}")
    return parse_script("\n".join(lines), known=[str(label) for label in labels.values()])
