"""Scripts in JSON: a list of turns, JSON Lines, and the structures that other tools write."""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from vibevoice_nb.script.importers.fences import is_fence
from vibevoice_nb.script.lines import (
    NEW_LINE,
    folded,
    is_name,
    joined_lines,
    name_key,
    quoted,
    speaker_number,
)
from vibevoice_nb.script.reader import Place, ScriptReader
from vibevoice_nb.script.turns import Severity

_JSON_LIST = 'a list such as [{"speaker": 1, "text": "Hello."}]'
_START = re.compile(r'(?:\[\s*(?:[{\["“]|\]\s*$)|\{\s*(?:["“]|\}\s*$))')
_BLANKS = re.compile(r"[ \t\r\n,]*")
_SPEAKER_KEYS = (
    "speaker",
    "name",
    "role",
    "character",
    "person",
    "host",
    "speaker_id",
    "speaker_name",
    "who",
    "from",
)
_TEXT_KEYS = (
    "text", "content", "line", "dialogue", "dialog", "message", "utterance", "transcript", "words",
    "value", "sentence",
)  # fmt: skip
_NOT_WORDS = frozenset(
    "id index start end start_time end_time time timestamp duration seek tokens confidence score "
    "language lang type no_speech_prob avg_logprob temperature compression_ratio offset".split()
)


def looks_like_json(text: str) -> bool:
    """Return true if a text begins like a JSON list or object, and not like `[1]:` or `[pause]`.

    >>> looks_like_json('[ {"speaker"'), looks_like_json("[1]: Hello."), looks_like_json("[]")
    (True, False, True)
    """
    return _START.match(text[len(text) - len(text.lstrip()) :]) is not None


def json_text(text: str) -> str:
    r"""Blank out the text around JSON in a code fence; return other text unchanged.

    >>> json_text('Sure:\n```json\n[1]\n```').split()
    ['Sure:', '```json', '[1]', '```']
    >>> json_text('Sure:\n```json\n[{"a": 1}]\n```').split()
    ['[{"a":', '1}]']
    """
    if "```" not in text and "~~~" not in text:
        return text
    spans = _line_spans(text)
    fences = [place for place, (start, end) in enumerate(spans) if is_fence(text[start:end])]
    for first, last in zip(fences, [*fences[1:], len(spans)], strict=False):
        begin = spans[first][1]
        end = spans[last][0] if last < len(spans) else len(text)
        if looks_like_json(text[begin:end]):
            return _blank(text[:begin]) + text[begin:end] + _blank(text[end:])
    return text


def _line_spans(text: str) -> list[tuple[int, int]]:
    ends = [match.span() for match in NEW_LINE.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    return list(zip(starts, [*(start for start, _ in ends), len(text)], strict=True))


def _blank(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)


class _Source:
    """Places in the text of a JSON script."""

    def __init__(self, text: str, reader: ScriptReader) -> None:
        self.text, self.reader = text, reader
        self.spans = _line_spans(text)
        self.starts = [start for start, _ in self.spans]

    def place(self, start: int, end: int, words: str = "") -> Place:
        """Return the place of `text[start:end]`, which has the spoken text `words`."""
        number = bisect.bisect_right(self.starts, start)
        begin, stop = self.spans[number - 1]
        column = start - begin + 1
        end_column = min(column + end - start, stop - begin + 1)
        return Place(self.reader.line(number, words, (min(column, end_column), end_column)), 0, 0)

    def report(self, severity: Severity, start: int, end: int, message: str, remedy: str) -> None:
        """Record a diagnostic for `text[start:end]`."""
        self.reader.report(severity, self.place(start, end), message, _JSON_LIST, remedy)


def read_json(text: str, reader: ScriptReader, known: Iterable[str] = ()) -> None:
    """Parse a script in JSON into the reader: each entry is a turn, each problem a diagnostic.

    Known speakers keep the spelling of their names.
    """
    source, inner = _Source(text, reader), json_text(text)
    if inner is not text:
        for start, end in _line_spans(text):
            if text[start:end].strip() and not inner[start:end].strip():
                message = f"{quoted(text[start:end].strip())} is outside the JSON and is not read aloud"
                source.report(
                    "info" if is_fence(text[start:end]) else "warning", start, end, message, "delete it"
                )
    entries: list[tuple[Any, int, int]] = []
    try:
        entries.extend(_entries(inner, source))
    except (ValueError, RecursionError) as exc:
        at = exc.pos if isinstance(exc, json.JSONDecodeError) else 0
        reason = exc.msg if isinstance(exc, json.JSONDecodeError) else exc
        remedy = "replace the curly quotes with straight ones" if re.search("[“”]", inner) else "correct it"
        source.report("error", at, at + 1, f"the JSON is not valid: {reason}", remedy)
    turns = [_as_turn(value) for value, _, _ in entries]
    speakers = [speaker for speaker, _, _ in turns]
    if not reader.cast and not any(isinstance(speaker, int) for speaker in speakers):
        familiar = {name_key(name): name for name in known}
        names: dict[str, str] = {}
        for name in speakers:
            if isinstance(name, str) and is_name(name):
                names.setdefault(name_key(name), familiar.get(name_key(name), name))
        reader.use_cast(tuple(names.values()))
    for (_, start, end), (speaker, words, unread) in zip(entries, turns, strict=True):
        if speaker is None or words is None:
            message = f"{quoted(text[start:end])} is not a valid turn"
            source.report("error", start, end, message, "add a speaker (a number or a name) and a text")
            continue
        _turn(reader, speaker, source.place(start, end, joined_lines(words)))
        for key in unread:
            severity: Severity = "info" if key.casefold() in _NOT_WORDS else "warning"
            kept = "speaker and text only"
            reader.report(
                severity, source.place(start, end), f"the key {quoted(key)} is ignored", kept, "remove it"
            )


def _entries(text: str, source: _Source) -> Iterator[tuple[Any, int, int]]:
    """Return the entries of a JSON list, of JSON Lines, or of the list in an object, with their places."""
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats)
    at = _skip(text, 0)
    if not text[at:]:
        raise ValueError("it is empty")
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        if isinstance(value, list):
            yield from _members(text, at, decoder) if not _is_pair(value) else [(value, at, end)]
        elif isinstance(value, dict) and _as_turn(value)[0] is None:
            yield from _in_object(text, at, end, decoder, source)
        elif isinstance(value, dict):
            yield value, at, end
        else:
            raise ValueError("it is not a list")
        at = _skip(text, end)


def _skip(text: str, at: int) -> int:
    matched = _BLANKS.match(text, at)
    return matched.end() if matched else at


def _members(text: str, at: int, decoder: json.JSONDecoder) -> Iterator[tuple[Any, int, int]]:
    at = _skip(text, at + 1)
    while text[at] != "]":
        value, end = decoder.raw_decode(text, at)
        yield value, at, end
        at = _skip(text, end)


def _in_object(
    text: str, start: int, end: int, decoder: json.JSONDecoder, source: _Source
) -> Iterator[tuple[Any, int, int]]:
    """Return the entries of the list in an object such as `{"dialogue": [...]}`; report its other keys."""
    values: list[tuple[str, Any, int, int]] = []
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        at = _skip(text, text.index(":", at) + 1)
        value, stop = decoder.raw_decode(text, at)
        values.append((key, value, at, stop))
        at = _skip(text, stop)
    lists = [
        item
        for item in values
        if isinstance(item[1], list) and any(isinstance(one, dict | list) for one in item[1])
    ]
    if len(lists) != 1:
        message = f"{quoted(text[start:end])} is not a valid turn"
        source.report("error", start, end, message, "add a speaker (a number or a name) and a text")
        return
    for key, _, place, stop in values:
        if place != lists[0][2]:
            source.report("warning", place, stop, f"the key {quoted(key)} is ignored", "remove it")
    yield from _members(text, lists[0][2], decoder)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entry = dict(pairs)
    if len(entry) < len(pairs):  # Python would silently keep the last one
        repeated = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise ValueError(f"an entry has the key {quoted(repeated)} more than once")
    return entry


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _as_turn(value: Any) -> tuple[int | str | None, str | None, list[str]]:
    """Return an entry's speaker and words, each None if absent, and its unused keys."""
    if _is_pair(value):
        return _speaker(value[0]), value[1], []
    if not isinstance(value, dict):
        return None, None, []
    lowered = {key.casefold(): key for key in value}
    said = next((lowered[key] for key in _TEXT_KEYS if key in lowered), None)
    who = next((lowered[key] for key in _SPEAKER_KEYS if key in lowered and lowered[key] != said), None)
    if said is None and who is None and len(value) == 1:
        ((name, words),) = value.items()
        return (_speaker(name), words, []) if isinstance(words, str) else (None, None, [])
    if said is None or who is None:
        return None, None, []
    words = value[said]
    unread = [key for key in value if key not in (said, who)]
    return _speaker(value[who]), words if isinstance(words, str) else None, unread


def _speaker(value: Any) -> int | str | None:
    """Return the speaker of an entry; None if the value is invalid."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9:
        return value
    if not isinstance(value, str):
        return None
    name = folded(value)
    number = speaker_number(f"[{name}]" if name.isdecimal() else name)  # "1" is a number, as 1 is
    return (name or None) if number is None else number


def _turn(reader: ScriptReader, speaker: int | str, place: Place) -> None:
    name = reader.names.get(name_key(speaker)) if isinstance(speaker, str) else speaker
    if name is None:
        expected = (
            f"one of {', '.join(reader.cast)}"
            if reader.cast
            else "speakers by number, or a cast with the names"
        )
        message = f"{quoted(str(speaker))} is not a known speaker"
        reader.report("error", place, message, expected, "correct the name, or add it to the cast")
    reader.begin(speaker if name is None else name, place, 0, known=name is not None)
    reader.say(place.line, 0)
