"""Chats as programs export or copy them: WhatsApp, Telegram, Discord, Slack, Teams, Zoom, IRC, ChatGPT."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vibevoice_nb.script.importing.entries import Entry, Reading
from vibevoice_nb.script.lines import folded, looks_like_a_name, split_lines

_DAY = (
    r"(?:\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d{1,2}[ -]\w{3,9}[ -]\d{2,4}|\w{3,9} \d{1,2}, \d{4}"
    r"|(?:\w{3,9}day|Today|Yesterday)(?: at)?)"
)
_HOUR = r"\d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?:\s?[AaPp]\.?\s?[Mm]\.?)?"
_AM_PM = r"\d{1,2}:\d{2}(?::\d{2})?\s?[AaPp]\.?[Mm]\.?"
_WHEN = rf"(?:{_DAY},?\s{{0,3}}(?:at )?)?{_HOUR}"
_NAME = r"(?P<name>[^\s:<>\[\]][^:<>\[\]\n]{0,60}?)"

# The beginning of a message, with its words on the same line or below. Without a name: an event, left out.
_STYLES: Mapping[str, tuple[re.Pattern[str], ...]] = {
    "whatsapp": (
        re.compile(rf"\[{_DAY},?\s{{1,3}}{_HOUR}\]\s{{0,3}}{_NAME}:\s{{0,3}}(?P<text>.*)\Z"),
        re.compile(rf"{_DAY},?\s{{1,3}}{_HOUR} [-–] (?:{_NAME}:(?:\s(?P<text>.*))?|(?P<event>.+))\Z"),
        re.compile(rf"\[{_DAY},?\s{{1,3}}{_HOUR}\]\s{{0,3}}(?P<event>[^:\n]{{20,300}})\Z"),
    ),
    "telegram": (re.compile(rf"{_NAME}, \[{_DAY},?\s{{0,3}}(?:at )?{_HOUR}\]:?\s{{0,3}}(?P<text>.*)\Z"),),
    "discord": (
        re.compile(rf"{_NAME}(?: ?(?:APP|BOT))? ?[—–] ?{_WHEN}\s{{0,3}}\Z"),
        re.compile(rf"\[{_DAY},? {_HOUR}\] {_NAME}(?: \(pinned\))?\s{{0,3}}\Z"),
    ),
    "slack": (
        re.compile(
            rf"(?P<name>[^\s:<>\[\]—–][^:<>\[\]\n—–]{{0,60}}?)\s{{1,9}}(?:\[{_AM_PM}\]|{_AM_PM})\s{{0,3}}\Z"
        ),
    ),
    "teams": (re.compile(rf"\[(?:{_DAY},? )?{_AM_PM}\] {_NAME}(?::\s{{0,3}}(?P<text>.*))?\Z"),),
    "zoom-chat": (
        re.compile(
            rf"{_HOUR}\s{{1,9}}From\s{{1,9}}(?P<name>[^:\n]{{1,60}}?)(?:\s{{1,9}}to\s{{1,9}}[^:\n]{{1,60}}?)?"
            r"\s{0,9}:\s{0,9}(?P<text>.*)\Z",
            re.IGNORECASE,
        ),
    ),
    "irc": (
        re.compile(
            rf"(?:\[?{_HOUR}\]?\s{{1,3}})?<[ @+~%&]?(?P<name>[^<>\s]{{1,30}})>\s(?P<text>(?!.*</).+)\Z"
        ),
    ),
    "chatgpt": (
        re.compile(
            r"(?:#{1,6} |\*\*)?(?P<name>You|ChatGPT|Claude|Gemini|Copilot) said:(?:\*\*)?"
            r"\s{0,3}(?P<text>.*)\Z"
        ),
    ),
}
_NOT_WORDS = re.compile(
    r"<[^<>]{0,40}(?:omitted|weggelassen|omitido|omis|omesso|attached)[^<>]{0,40}>"
    r"|(?:image|video|audio|GIF|sticker|document|Contact card) omitted"
    r"|<attached: [^<>]{1,200}>"
    r"|(?:This message was deleted|You deleted this message|Message deleted|Missed (?:voice|video) call)\.?"
    r"|\[(?:Photo|Sticker|Video|Voice message|File|Location|GIF|Poll|Photo, .{1,20}|Video, .{1,20})\]"
    r"|(?:Photo|Sticker|Voice message)",
    re.IGNORECASE,
)
_TRAILERS = re.compile(r"\s{0,3}<This message was edited>|\s{0,3}\(edited\)", re.IGNORECASE)
_REACTION = re.compile(
    r":[\w+-]{1,40}:\s?\d{0,4}|\d{1,3} repl(?:y|ies)|\(edited\)|NEW|Last reply .{1,60}", re.IGNORECASE
)
_LEFT_OUT_STYLES = ("slack", "discord")
_LONE_HOUR = re.compile(rf"{_AM_PM}|\[{_AM_PM}\]")
_MARKS = str.maketrans("\u202f\u00a0", "  ", "\u200e\u200f\u202a\u202c\ufeff")


@dataclass
class _Message:
    name: str
    words: list[str]


def chat_style(text: str) -> tuple[str, float]:
    r"""Return the style of a chat and the fraction of lines that begin a message; empty if it is none.

    >>> chat_style("[31/12/23, 21:41:05] Anna: Hello.\n[31/12/23, 21:42:10] Ben: Hi.")
    ('whatsapp', 1.0)
    """
    lines = _lines(text)
    counts = {style: sum(1 for line in lines if _header(style, line)) for style in _STYLES}
    style = max(counts, key=counts.__getitem__)
    first = bool(lines) and _header(style, lines[0]) is not None
    enough = counts[style] >= 2 or (first and counts[style] == 1 and style != "teams")
    if not enough or not (first or 4 * counts[style] >= len(lines)):
        return "", 0.0
    return style, counts[style] / len(lines)


def read_chat(text: str, reading: Reading, style: str) -> list[Entry]:
    """Read the messages of a chat; times, media and events are left out and counted."""
    messages: list[_Message] = []
    events = early = 0
    for line in _lines(text):
        match = _header(style, line)
        if match is None:
            if messages and not (style in _LEFT_OUT_STYLES and _is_mark(line)):
                messages[-1].words.append(line)
            early += not messages
            continue
        found = match.groupdict()
        if found.get("event"):
            events += 1
        else:
            messages.append(_Message(folded(found["name"].strip("~ *")), [found.get("text") or ""]))
    entries = []
    silent = 0
    for message in messages:
        words = [_TRAILERS.sub("", word).strip() for word in message.words]
        said = folded(" ".join(word for word in words if word and not _NOT_WORDS.fullmatch(word)))
        silent += not said
        if said:
            entries.append(Entry(message.name, said))
    reading.count(events, "an event of the chat is left out", "events of the chat are left out")
    reading.count(silent, "a message without words is left out", "messages without words are left out")
    reading.count(
        early, "a line above the first message is left out", "lines above the first message are left out"
    )
    return entries


def _is_mark(line: str) -> bool:
    """Decide if a line of a copied chat is a reaction, or the time of a further message."""
    return bool(_REACTION.fullmatch(line) or _LONE_HOUR.fullmatch(line))


def _header(style: str, line: str) -> re.Match[str] | None:
    return next((match for pattern in _STYLES[style] if (match := pattern.match(line))), None)


def _lines(text: str) -> list[str]:
    """Return the lines with words; a name above a lone time, as in Slack, is one line with it."""
    lines: list[str] = []
    for _, _, raw in split_lines(text):
        line = raw.translate(_MARKS).strip()
        if lines and _LONE_HOUR.fullmatch(line) and looks_like_a_name(lines[-1]):
            lines[-1] = f"{lines[-1]}  {line}"
        elif line:
            lines.append(line)
    return lines
