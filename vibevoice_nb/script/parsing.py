r"""Script language: turns of named or numbered speakers, with pauses.

    # a line that begins with "#" and a blank is a comment
    Speaker 1: Welcome back. [pause:500] Shall we start?
    [2]: Yes, let's.
    This line has no label, so speaker 2 goes on.
    [pause]

* `Speaker N:` and `[N]:` name a speaker by number, `Anna:` by a name. Case doesn't matter.
* Without a cast, the names at the beginning of lines are speakers in a script without numbered speakers. With
  numbered speakers "Note: remember" is ordinary text, and a warning says that too.
* `[pause]` is one second, `[pause:500]` is 500 ms; at most a minute between two turns. A pause ends the turn,
  what follows it is a new turn of the same speaker.
* A line without a label continues the turn above. Above the first label it goes to speaker 1, with a warning;
  in a script with names it is an error, because the speaker is unknown.
* A label inside a line begins a turn if a sentence ends before it: "Speaker 1: Hi. Speaker 2: Hello."
* Markup and stage directions ("[laughs]", "**bold**", `<break time="1s"/>`, emoji) are reported and not read
  aloud; pauses of other tools become pauses.
* JSON: `[{"speaker": 1, "text": "Welcome back."}, {"speaker": "Anna", "text": "Hello."}]`, JSON Lines and
  what chat programs write.
* Subtitles, transcripts with times, screenplays and tags such as `<Person1>` or `[S1]` are read by
  `vibevoice_nb.script.importers`.

Nothing is dropped silently: every word ends in a turn, a comment or a diagnostic.

A script has up to 32 speakers; the model knows four at a time, see `passages`. A name's index is its place in
the cast; a number's is the number itself if a speaker has number 0, else the number minus one (so speakers 1
and 3 are 0 and 2), as in the published code.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.ranges import shown
from vibevoice_nb.script.json_form import json_text, looks_like_json, read_json
from vibevoice_nb.script.lines import is_name, name_key, speaker_number
from vibevoice_nb.script.reader import MAX_SPEAKERS, TOP, ScriptReader
from vibevoice_nb.script.text_form import read_text
from vibevoice_nb.script.turns import Diagnostic, Script, Severity, Turn, label_of

__all__ = [
    "MAX_SPEAKERS",
    "SUFFIXES",
    "Diagnostic",
    "Script",
    "Severity",
    "Turn",
    "load_script",
    "parse_script",
]

MAX_SCRIPT_CHARS = 1_000_000
SUFFIXES = (".txt", ".vvscript", ".json", ".jsonl", ".md", ".srt", ".vtt", ".fountain")


def parse_script(
    text: str,
    *,
    cast: Iterable[str | int] | None = None,
    format: Literal["auto", "text", "json"] = "auto",
    known: Iterable[str] = (),
) -> Script:
    r"""Parse a script. Every problem becomes a diagnostic; none is raised.

    Parameters
    ----------
    text : str
        The script; the module's docstring has the language.
    cast : iterable of str or int, optional
        The speakers' names in the order of the model's indices; a dictionary from names to voices will do. A
        number (`1`, "1" or "Speaker 1") only keeps a place: numbered speakers need no cast.
    format : {"auto", "text", "json"}
        "auto" treats text as JSON if it begins like a JSON list or object, also inside a code fence.
    known : iterable of str
        Without a cast: names that were speakers before. If they occur, they are speakers again, in this
        order and before new ones.

    Returns
    -------
    Script
        Call `raise_for_errors()` before generating speech.

    Raises
    ------
    OptionError
        If the cast or the format is invalid; never because of the script's content.

    Examples
    --------
    >>> script = parse_script("Anna: Hello! [pause:300]\nBen: Hi.", cast=["Anna", "Ben"])
    >>> [(turn.speaker, turn.speaker_index, turn.text, turn.pause_after_ms) for turn in script.turns]
    [('Anna', 0, 'Hello!', 300), ('Ben', 1, 'Hi.', 0)]
    >>> print(parse_script("Speaker 1: Hello.\nNote: remember the milk.").diagnostics[0])
    line 2, column 1: warning: 'Note:' is not a valid speaker label, so the line continues the turn of
    Speaker 1
    (if Note is a speaker, pass a cast with all the names)
    """
    reader = ScriptReader(_checked_cast(cast))
    if not isinstance(text, str):
        raise OptionError(
            f"a script of type {type(text).__name__}",
            "text (str), or a Script",
            "pass the script's text; use load_script for a file",
        )
    if format not in ("auto", "text", "json"):
        raise OptionError(f"format={format!r}", "'auto', 'text' or 'json'", "leave it out")
    if text.startswith("\ufeff"):  # byte order mark; a space keeps the columns right
        text = " " + text[1:]
    if len(text) > MAX_SCRIPT_CHARS:
        message = f"the script has {len(text):,} characters"
        reader.report("error", TOP, message, f"at most {MAX_SCRIPT_CHARS:,}", "split it into episodes")
    elif format == "json" or (format == "auto" and looks_like_json(json_text(text))):
        read_json(text, reader, known)
    else:
        read_text(text, reader, tuple(known))
    return reader.script()


def load_script(
    path: str | os.PathLike[str], *, cast: Iterable[str | int] | None = None, known: Iterable[str] = ()
) -> Script:
    """Read a script from a text file in UTF-8, such as `.txt`, `.vvscript`, `.json`, `.srt` or `.vtt`.

    Parameters
    ----------
    path : path
        The file, at most 4 MB.
    cast, known : iterable, optional
        As in `parse_script`.

    Returns
    -------
    Script
        The script with diagnostics; problems in the script are not raised here.

    Raises
    ------
    ScriptError
        If the file is missing, unreadable, too large, not a regular file, or not text.

    Examples
    --------
    >>> load_script("no-such-file.txt")
    Traceback (most recent call last):
    vibevoice_nb.errors.ScriptError: no-such-file.txt: No such file or directory.
    Expected a script file that can be read. To fix it: check the path and the permissions.
    """
    try:
        file = Path(path)
    except TypeError:  # a number, bytes
        raise ScriptError(
            f"the path {shown(path)}", "a path (str or Path)", "write 'talk.txt', for example"
        ) from None
    suffix = file.suffix.lower()
    if suffix not in SUFFIXES:
        expected = f"a script in plain text or JSON ({', '.join(SUFFIXES)})"
        raise ScriptError(
            f"{path}: unsupported file type", expected, "save it as plain text with one of these suffixes"
        )
    try:
        data = _read_limited(file, 4 * MAX_SCRIPT_CHARS)
    except (OSError, ValueError) as exc:  # ValueError: a path with a NUL in it
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise ScriptError(
            f"{path}: {reason}", "a script file that can be read", "check the path and the permissions"
        ) from exc
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ScriptError(f"{path}: text in UTF-16", "text in UTF-8", "save it in the encoding UTF-8")
    if b"\0" in data:
        raise ScriptError(f"{path}: binary data, not text", "text in UTF-8", "pass a file in plain text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        raise ScriptError(
            f"{path}: not UTF-8 (byte 0x{data[exc.start]:02x} in line {line})",
            "text in UTF-8",
            "save it in the encoding UTF-8",
        ) from exc
    format: Literal["json", "auto"] = "json" if suffix in (".json", ".jsonl") else "auto"
    return parse_script(text, cast=cast, known=known, format=format)


def _read_limited(file: Path, limit: int) -> bytes:
    if file.exists() and not file.is_file():  # opening a pipe could block forever
        raise ScriptError(
            f"{file}: not a plain file", "a script file", "pass a file, not a folder or a device"
        )
    with open(file, "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise ScriptError(f"{file}: more than {limit:,} bytes", "a script", "split it into episodes")
    return data


def _checked_cast(cast: Iterable[object] | None) -> tuple[str, ...]:
    """Return the names of a cast with normalized spaces; empty if it has numbers only."""
    if isinstance(cast, str) or not (cast is None or isinstance(cast, Iterable)):
        raise OptionError(f"cast={cast!r}", "a list of names", f"write cast=[{cast!r}]")
    names: dict[str, str] = {}
    for entry in cast or ():
        name = " ".join(str(entry).split()) if isinstance(entry, str | int) else ""
        if not is_name(name):
            expected = "names of 1 to 40 characters without a colon, brackets or asterisks"
            raise OptionError(f"{entry!r} in the cast", expected, "rename the speaker")
        name = label_of(int(name)) if name.isdecimal() else name
        if name_key(name) in names:
            raise OptionError(f"{entry!r} is in the cast twice", "each name once", "remove or rename one")
        names[name_key(name)] = name
    only_numbers = all(speaker_number(name) is not None for name in names.values())
    return () if only_numbers else tuple(names.values())
