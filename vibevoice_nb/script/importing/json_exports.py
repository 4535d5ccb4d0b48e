"""JSON that other programs export: chats, transcripts with times, and lists of turns in any of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from vibevoice_nb.script.importing.entries import Entry, Reading, Target, ask_speakers
from vibevoice_nb.script.lines import folded, joined_lines
from vibevoice_nb.script.turns import Turn

SPEAKER_KEYS = (
    "speaker", "speaker_name", "speaker_label", "speaker_id", "from", "author", "user_profile", "sender",
    "user", "name", "role", "character", "person", "host", "who", "nickname", "real_name",
    "display_name", "username",
)  # fmt: skip
TEXT_KEYS = (
    "text", "content", "transcript", "utterance", "message", "line", "dialogue", "dialog", "sentence",
    "words", "value", "parts", "body",
)  # fmt: skip
_LISTS = (
    "messages", "turns", "utterances", "segments", "dialogue", "dialog", "script", "conversation",
    "conversations", "transcript", "results", "paragraphs", "entries", "lines", "items", "data", "chats",
    "list", "monologues", "elements",
)  # fmt: skip
_STARTS, _ENDS = (
    ("start", "start_time", "startTime", "begin", "offset"),
    ("end", "end_time", "endTime", "stop"),
)
_EVENTS = frozenset(("service", "channel_join", "channel_leave", "channel_topic", "bot_add"))
_ROLES_LEFT_OUT = frozenset(("system", "tool", "developer"))
TIME_KEYS = frozenset((*_STARTS, *_ENDS))
_DEPTH = 12
_MILLISECONDS_FROM = 50.0


def read_json_export(text: str, reading: Reading) -> list[Entry]:
    """Read the messages or segments of an export; empty if the structure is unknown."""
    value = _loaded(text)
    if value is None and "“" in text:
        value = _loaded(text.replace("“", '"').replace("”", '"'))
        if value is not None:
            reading.note("the curly quotes of the JSON are read as straight ones")
    return read_rows(list(_rows(value, 0)), reading)


def read_rows(rows: list[Mapping[str, Any]], reading: Reading) -> list[Entry]:
    """Return the turns of rows with a speaker, a text and perhaps times, by their usual names."""
    found: list[tuple[str | int | None, str, Target | None]] = []
    events = silent = 0
    for row in rows:
        if row.get("type") in _EVENTS or row.get("subtype") in _EVENTS:
            events += 1
            continue
        speaker, words = _speaker(row), _text(row)
        if isinstance(speaker, str) and speaker.casefold() in _ROLES_LEFT_OUT:
            events += 1
        elif words:
            found.append((speaker, words, _target(row)))
        else:
            silent += 1
    if not found:
        return []
    reading.count(events, "an event or system message is left out", "events and system messages are left out")
    reading.count(silent, "an entry without words is left out", "entries without words are left out")
    return _entries(_in_seconds(found), reading)


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _entries(found: list[tuple[str | int | None, str, Target | None]], reading: Reading) -> list[Entry]:
    unnamed = sum(1 for speaker, _, _ in found if speaker is None)
    if unnamed == len(found):
        alternate = ask_speakers(reading, "The entries name no speakers. One speaker, or two?")
        return [
            Entry(place % 2 + 1 if alternate else 1, words, target)
            for place, (_, words, target) in enumerate(found)
        ]
    entries: list[Entry] = []
    for speaker, words, target in found:
        if speaker is None:  # the next part of the message above
            speaker = entries[-1].speaker if entries else 1
        entries.append(Entry(speaker, words, target))
    if unnamed:
        reading.note(
            "an entry without a speaker goes to the speaker above"
            if unnamed == 1
            else f"{unnamed} entries without a speaker go to the speaker above"
        )
    return entries


def _rows(value: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    """Return the entries of the first list of messages or turns; of several conversations, all of them."""
    if depth > _DEPTH:
        return
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict) and _text(item):
                yield item
            elif isinstance(item, dict) and (_holds_rows(item) or not _is_event(item)):
                yield from _rows(item, depth + 1)
            elif isinstance(item, dict):
                yield item
    elif isinstance(value, dict):
        nodes = value.get("mapping")
        if isinstance(nodes, dict):  # ChatGPT's export: messages by id, each after its parent
            messages = [node.get("message") for node in nodes.values() if isinstance(node, dict)]
            yield from (message for message in messages if isinstance(message, dict))
            return
        for key in _LISTS:
            inner = value.get(key)
            if isinstance(inner, list | dict) and inner:
                rows = list(_rows(inner, depth + 1))
                if rows:
                    yield from rows
                    return


def _holds_rows(item: Mapping[str, Any]) -> bool:
    return isinstance(item.get("mapping"), dict) or any(isinstance(item.get(key), list) for key in _LISTS)


def _is_event(item: Mapping[str, Any]) -> bool:
    return item.get("type") in ("message", *_EVENTS) or item.get("subtype") in _EVENTS


def _text(row: Mapping[str, Any]) -> str:
    for key in TEXT_KEYS:
        words = folded(joined_lines(_words(row.get(key), 0)))
        if words:
            return words
    return ""


def _words(value: Any, depth: int) -> str:
    """Return the text of a value: text, a list of texts and of parts with text, or an object with parts."""
    if isinstance(value, str):
        return value
    if depth > 3:
        return ""
    if isinstance(value, list) and all(isinstance(part, str) or _is_part(part) for part in value):
        return "".join(_words(part, depth + 1) for part in value)
    if isinstance(value, dict):
        return _words(value.get("text") or value.get("parts") or value.get("content"), depth + 1)
    return ""


def _is_part(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("text"), str)
        and not ({*value} & {*SPEAKER_KEYS, *_STARTS})
    )


def _speaker(row: Mapping[str, Any]) -> str | int | None:
    lowered = {key.casefold(): value for key, value in row.items()}
    for key in SPEAKER_KEYS:
        name = _name(lowered.get(key))
        if name is not None:
            return name
    return None


def _name(value: Any) -> str | int | None:
    if isinstance(value, dict):
        inner = (
            _name(value.get(key))
            for key in ("nickname", "display_name", "real_name", "name", "role", "username")
        )
        return next((name for name in inner if name is not None), None)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9:
        return value
    if not isinstance(value, str) or not value.strip():
        return None
    name = folded(value)
    if name.isdecimal() and len(name) < 10:
        return int(name)
    return f"Speaker {name}" if len(name) == 1 and name.isalpha() else name


def _target(row: Mapping[str, Any]) -> Target | None:
    start = next((row[key] for key in _STARTS if _is_time(row.get(key))), None)
    end = next((row[key] for key in _ENDS if _is_time(row.get(key))), None)
    return None if start is None else Target(float(start), None if end is None else float(end))


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e9


def _in_seconds(
    found: list[tuple[str | int | None, str, Target | None]],
) -> list[tuple[str | int | None, str, Target | None]]:
    """Return times in seconds; they are milliseconds if the words would be spoken far too slowly."""
    spans = [
        (target.end - target.start, Turn(1, words, 0).estimated_seconds)
        for _, words, target in found
        if target and target.end is not None
    ]
    if (
        sum(span for span, _ in spans) < _MILLISECONDS_FROM * sum(estimate for _, estimate in spans)
        or not spans
    ):
        return found
    return [
        (who, words, target and Target(target.start / 1000, target.end and target.end / 1000))
        for who, words, target in found
    ]
