"""Scripts in JSON: a list of objects, each with a speaker and a text."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterator
from typing import Any

from vibevoice_nb.script.lines import is_name, name_key, speaker_number
from vibevoice_nb.script.reader import NEW_LINE, Place, ScriptReader, quoted

_JSON_LIST = 'a list such as [{"speaker": 1, "text": "Hello."}]'
_START = re.compile(r'\s*(?:\[\s*(?:[{"“]|\]\s*$)|\{\s*(?:["“]|\}\s*$))')


def looks_like_json(text: str) -> bool:
    """Whether a text begins like a JSON list or object, and not like `[1]:` or `[pause]`.

    >>> looks_like_json('[ {"speaker"'), looks_like_json("[1]: Hello."), looks_like_json("[]")
    (True, False, True)
    """
    return _START.match(text) is not None


def read_json(text: str, reader: ScriptReader) -> None:
    """Read a script in JSON into the reader: each entry is a turn, each fault a remark on its entry."""
    starts = [0, *(match.end() for match in NEW_LINE.finditer(text))]

    def place_of(start: int, end: int, words: str = "") -> Place:
        number = bisect.bisect_right(starts, start)
        rest = text[starts[number - 1] : starts[number] if number < len(starts) else len(text)]
        column = start - starts[number - 1] + 1
        end_column = min(column + end - start, len(rest.rstrip("\r\n")) + 1)
        return Place(reader.line(number, words, (min(column, end_column), end_column)), 0, 0)

    entries: list[tuple[Any, int, int]] = []
    try:
        entries.extend(_entries(text))
    except (ValueError, RecursionError) as exc:
        at = exc.pos if isinstance(exc, json.JSONDecodeError) else 0
        reason = exc.msg if isinstance(exc, json.JSONDecodeError) else exc
        remedy = "replace the curly quotes by straight ones" if re.search("[“”]", text) else "correct it"
        reader.remark("error", place_of(at, at + 1), f"no JSON script: {reason}", _JSON_LIST, remedy)
    speakers = [_speaker(value) for value, _, _ in entries]
    if not reader.cast and not any(isinstance(speaker, int) for speaker in speakers):
        names: dict[str, str] = {}
        for name in speakers:
            if isinstance(name, str) and is_name(name):
                names.setdefault(name_key(name), name)
        reader.use_cast(tuple(names.values()))
    for (value, start, end), speaker in zip(entries, speakers, strict=True):
        words = value.get("text") if isinstance(value, dict) else None
        if speaker is None or not isinstance(words, str):
            message = f"{quoted(text[start:end])} is no turn"
            remedy = "give it a speaker (a number or a name) and a text"
            reader.remark("error", place_of(start, end), message, _JSON_LIST, remedy)
            continue
        _turn(reader, speaker, place_of(start, end, " ".join(NEW_LINE.split(words))))
        unread = [quoted(key) for key in value if key not in ("speaker", "text")]
        if unread:
            message = f"not read: {', '.join(unread)}"
            reader.remark("warning", place_of(start, end), message, "speaker and text only", "remove it")


def _entries(text: str) -> Iterator[tuple[Any, int, int]]:
    """The entries of a JSON list, each with its place in the text."""
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats)
    if not isinstance(decoder.decode(text), list):
        raise ValueError("it is not a list")
    at = text.index("[") + 1
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return
        value, end = decoder.raw_decode(text, at)
        yield value, at, end
        at = end


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) < len(pairs):  # Python would keep the last and say nothing
        raise ValueError(f"an entry has a key twice, of {', '.join(map(quoted, entry))}")
    return entry


def _speaker(value: Any) -> int | str | None:
    """The speaker of an entry; None if it has none that could be one."""
    speaker = value.get("speaker") if isinstance(value, dict) else None
    if isinstance(speaker, int) and not isinstance(speaker, bool) and 0 <= speaker < 10**9:
        return speaker
    if not isinstance(speaker, str):
        return None
    name = " ".join(speaker.split())
    number = speaker_number(f"[{name}]" if name.isdecimal() else name)  # "1" is a number, as 1 is
    return (name or None) if number is None else number


def _turn(reader: ScriptReader, speaker: int | str, place: Place) -> None:
    name = reader.names.get(name_key(speaker)) if isinstance(speaker, str) else speaker
    if name is None:
        expected = (
            f"one of {', '.join(reader.cast)}" if reader.cast else "numbers only, or a cast with the names"
        )
        message = f"{quoted(str(speaker))} is no speaker here"
        reader.remark(
            "error", place, message, expected, "correct the speaker, or pass a cast that has the name"
        )
    reader.begin(speaker if name is None else name, place, 0, known=name is not None)
    reader.say(place.line, 0)
