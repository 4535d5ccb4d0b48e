"""`vibevoice-nb import`, and the import of scripts in other formats by `vibevoice-nb speak`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vibevoice_nb.cli import terminal
from vibevoice_nb.cli.terminal import print_json, say, warn
from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.files import check_target, write_atomically
from vibevoice_nb.script import SUFFIXES, Script, load_script, parse_script

if TYPE_CHECKING:
    from vibevoice_nb.script.importing import ImportedScript

STDIN = "-"
_MAX_STDIN_BYTES = 4_000_000
_MOST_OPTIONS = 6
_PARSED = ("script", "markdown", "tags", "prose")


def import_file(
    source: Annotated[str, typer.Argument(metavar="FILE", help="File to import, or - for stdin.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Script to write: .txt, .md, .json or .fountain; else stdout."
        ),
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="Format of the file, if it is not recognized, such as whatsapp.")
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option("--answer", "-a", metavar="KEY=VALUE", help="Answer to a question (repeatable)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite an existing file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", hidden=True, help="Show tracebacks.")] = False,
) -> None:
    """Convert a transcript, subtitles, a chat, a screenplay or a document to a script.

    What the file leaves open is printed as questions, with the answers that were used.
    """
    from vibevoice_nb.script.exporting import SCRIPT_FORMATS, export_script
    from vibevoice_nb.script.importing import import_script

    terminal.output.debug = terminal.output.debug or debug
    target = None
    if output is not None:
        target = check_target(output, suffixes=tuple(SCRIPT_FORMATS), force=force)
    data: bytes | Path = read_stdin() if source == STDIN else Path(source)
    found = import_script(data, format, answers=_pairs(answers or ()))
    text = export_script(found.script, SCRIPT_FORMATS[target.suffix.lower()] if target else "text")
    say(f"{source}: {found.format}, {found.preview}")
    for note in found.notes:
        warn(note)
    _show_questions(found)
    if target is not None:
        write_atomically(target, text.encode(), force=force)
        say(f"wrote {target}")
    if as_json:
        print_json(to_json(found))
    elif target is None:
        sys.stdout.write(text)


def to_json(found: ImportedScript) -> dict[str, object]:
    """Return an imported script as JSON values."""
    return {
        "format": found.format,
        "confidence": found.confidence,
        "preview": found.preview,
        "speakers": list(found.speakers),
        "turns": [
            {"speaker": turn.label, "text": turn.text, "target": target and vars(target)}
            for turn, target in zip(found.turns, found.targets, strict=True)
        ],
        "notes": list(found.notes),
        "questions": [{**vars(question), "options": dict(question.options)} for question in found.questions],
    }


def _show_questions(found: ImportedScript) -> None:
    for question in found.open_questions:
        others = [
            f"--answer {question.key}={value} ({text})"
            for value, text in question.options.items()
            if value != question.answer
        ]
        more = f" and {len(others) - _MOST_OPTIONS} more" if len(others) > _MOST_OPTIONS else ""
        shown = ", ".join(others[:_MOST_OPTIONS])
        warn(f"{question.text} Assumed: {question.options[question.answer]}. Otherwise: {shown}{more}.")


def _pairs(values: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for value in values:
        key, equals, answer = value.partition("=")
        if not equals or not key:
            raise OptionError(
                f"--answer {value!r}", "KEY=VALUE, such as speakers=alternate", "correct the option"
            )
        pairs[key.strip()] = answer.strip()
    return pairs


def script_reader(source: str) -> Callable[..., Script]:
    """Return a function that parses a script with a cast or known names; stdin is read only once.

    A script in the script language is parsed in place, so that diagnostics have the line of the file. Another
    format is imported first.

    Raises
    ------
    ScriptError, VibeVoiceError
    """
    from vibevoice_nb.script.importing import IMPORT_SUFFIXES, import_script

    data = read_stdin() if source == STDIN else None
    if data is None and Path(source).suffix.lower() not in IMPORT_SUFFIXES:
        return _in_place(source, data)
    try:
        found = import_script(Path(source) if data is None else data)
    except ScriptError:
        if data is None and Path(source).suffix.lower() not in SUFFIXES:
            raise
        return _in_place(source, data)  # its diagnostics say where the error is
    if found.format in (*_PARSED, "json"):
        in_place = _in_place(source, data)
        try:
            read = in_place([])
        except ScriptError:  # not UTF-8
            read = None
        if read and not (found.format == "json" and read.errors):
            return in_place
    say(f"{source}: {found.format}, {found.preview}")
    for note in found.notes:
        warn(f"{source}: {note}")
    for question in found.open_questions:
        warn(f"{source}: {question.text} Assumed: {question.options[question.answer]}.")
    if found.open_questions:
        say("Run `vibevoice-nb import` to convert the file with other answers.")
    return lambda cast, known=(): parse_script(found.text, cast=cast, known=known)


def _in_place(source: str, data: bytes | None) -> Callable[..., Script]:
    if data is None:
        return lambda cast, known=(): load_script(source, cast=cast, known=known)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScriptError(f"stdin cannot be read: {error}", "UTF-8 text", "save the file as UTF-8") from error
    return lambda cast, known=(): parse_script(text, cast=cast, known=known)


def read_stdin() -> bytes:
    """Return the bytes of stdin.

    Raises
    ------
    ScriptError
        If there are too many.
    """
    data = sys.stdin.buffer.read(_MAX_STDIN_BYTES + 1)
    if len(data) > _MAX_STDIN_BYTES:
        raise ScriptError(
            f"the script from stdin has more than {_MAX_STDIN_BYTES:,} bytes",
            "a shorter script",
            "split it into episodes",
        )
    return data
