"""Markup in speech: tags, Markdown, stage directions, emoji. It is reported and not read aloud.

Each pass rewrites a line and keeps the positions of its characters. Pauses of other tools become
`[pause:500]`; other markup is removed. Possible words stay: "Anna (my sister) said [sic]".
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vibevoice_nb.script.directions import is_direction, pause_ms
from vibevoice_nb.script.importers.note import Note
from vibevoice_nb.script.lines import EMOJI, PICTURE, Line, folded, looks_like_a_name, quoted
from vibevoice_nb.script.pauses import MAX_PAUSE_MS, find_pauses

_SUSPECT = re.compile(f"[\\[(<>{{&*_`~#•·‣\u20e3{PICTURE}]|[-+–—]\\s|[-=]{{3}}")
_MAX_ROUNDS = 3

_TAG = re.compile(
    r"<!--[^<>]{0,500}-->|<\|[^<>|]{1,60}\|>|<#[\d. ]{1,12}#>|<\?[^<>]{0,300}\?>|</?[A-Za-z][^<>]{0,300}>"
)
_CONTROL = re.compile(r"<\|[^<>|]{1,60}\|>")
_TAG_NAME = re.compile(r"</?([A-Za-z][\w:-]{0,40})")
_TIME = re.compile(r"time\s{0,3}=\s{0,3}[\"'“”]?\s{0,3}(\d{1,6}(?:\.\d{1,6})?)\s{0,3}(ms|s)\b", re.IGNORECASE)
_STRENGTH = re.compile(
    r"strength\s{0,3}=\s{0,3}[\"'“”]?(none|x-weak|weak|medium|strong|x-strong)\b", re.IGNORECASE
)
_STRENGTHS = {"none": 0, "x-weak": 100, "weak": 250, "medium": 500, "strong": 1000, "x-strong": 2000}
_ADDRESS = r"[^()\s]{0,400}(?:\([^()\s]{0,100}\)[^()\s]{0,100})?(?:\s[\"'][^\"'()]{0,100}[\"'])?"
_LINK = re.compile(rf"(!?)\[([^\[\]]{{1,300}})\](\({_ADDRESS}\))")
_FOOTNOTE = re.compile(r"\[\^[^\[\]]{1,40}\]|(?<!\w)\[\d{1,3}:\d{2}(?::\d{2})?(?:[.,]\d{1,3})?\]")
_ENTITY = re.compile(r"&(?:[A-Za-z]{2,8}|#\d{1,6}|#x[0-9A-Fa-f]{1,5});")
_BRACKETS = re.compile(r"\[\[[^\[\]]{1,60}\]\]|\[[^\[\]]{1,60}\]|\([^()]{1,60}\)|\{[^{}]{1,60}\}")
_EMPHASIS = re.compile(r"\*{1,3}|_{1,3}|~~|`{1,2}")
_AUTOLINK = re.compile(r"<(?:https?://|mailto:|[\w.+-]{1,60}@)", re.IGNORECASE)
_RULE = re.compile(r"(?:[-*_=~]\s?){3,200}\Z")
_BULLET = re.compile(r"(?:[-+*•·‣–—]|#{2,6}|>)\s{1,9}(?=\S)")
_SENTENCE_END = frozenset(".!?…。！？:;\"”’'")


@dataclass(frozen=True)
class _Found:
    """Markup in `[start, end)` that is replaced by `new`; with `parts`, only those ranges are removed."""

    start: int
    end: int
    new: str
    message: str
    fix: str
    warn: bool = True
    alternatives: tuple[str, ...] = ()
    parts: tuple[tuple[int, int], ...] = ()


def plain_line(line: Line, note: Note, *, begins: bool = True) -> Line:
    """Return the line without its markup.

    Parameters
    ----------
    line : Line
        The speech of a line, without its label.
    note : Note
        Called for each piece of markup.
    begins : bool
        True if the line has no label, so it may begin with a bullet or a heading.

    Returns
    -------
    Line
    """
    if not _SUSPECT.search(line.text):
        return line
    if begins:
        line = _without_bullet(line, note)
    for match in _CONTROL.finditer(line.text):
        if not any(True for _ in _find_control(*match.span(), match[0])):
            message = f"{quoted(match[0])} looks like a control token of the model; it is read as text"
            note("warning", line, *match.span(), message, remedy="delete it", fix="")
    for _ in range(_MAX_ROUNDS):
        before = line.text
        for find in _PASSES:
            line = _applied(line, find, note)
        if line.text == before:
            return line
    if any(True for find in _PASSES for _ in find(line.text)):
        message = "nested markup; part of it remains in the text"
        note("error", line, 0, len(line.text), message, expected="plain text", remedy="delete the markup")
    return line


def ignore(*_: object, **__: object) -> None:
    """Record no diagnostic."""


def is_rule(text: str) -> bool:
    """Return true if a line is a horizontal rule of Markdown, such as `---`."""
    return _RULE.match(text) is not None


def _applied(line: Line, find: Callable[[str], Iterator[_Found]], note: Note) -> Line:
    changes: list[tuple[int, int, str]] = []
    for found in find(line.text):
        note(
            "warning" if found.warn else "info",
            line,
            found.start,
            found.end,
            found.message,
            remedy=f"write {found.fix!r}" if found.fix else "delete it",
            fix=found.fix,
            alternatives=found.alternatives,
        )
        if found.parts:
            changes += [(start, end, "") for start, end in found.parts]
        elif found.new:
            changes.append((found.start, found.end, found.new))
        else:
            done = changes[-1][1] if changes else 0
            changes.append(_gap(line.text, done, found.start, found.end))
    return line.edit(changes) if changes else line


def _gap(text: str, done: int, start: int, end: int) -> tuple[int, int, str]:
    """Return the range to remove, with blanks doubled or before a comma, and its replacement."""
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() and after.isalnum():
        return start, end, " "
    if not before.strip():
        while end < len(text) and text[end].isspace():
            end += 1
        if text[end : end + 1] in (",", ".", ";", "!", "?"):
            while start > done and text[start - 1].isspace():
                start -= 1
    return start, end, ""


def _without_bullet(line: Line, note: Note) -> Line:
    start = line.indent
    rest = line.text[start:].rstrip()
    if is_rule(rest):
        note(
            "info",
            line,
            start,
            start + len(rest),
            f"{quoted(rest)} is a horizontal rule and is not read aloud",
            fix="",
        )
        return line.part(0, 0)
    bullet = _BULLET.match(line.text, start)
    if bullet is None:
        return line
    mark = bullet[0].strip()
    dash = mark in "-–—"
    what = "a dash" if dash else "a heading marker" if mark[0] == "#" else "a list or quotation marker"
    message = f"{mark!r} at the start of the line is {what} and is not read aloud"
    remedy = "begin the line with a name if another speaker begins here, or delete the marker"
    if mark[0] == "#":
        remedy = "write '#' and a space if the line is a comment"
        note("info", line, start, bullet.end(), message, remedy=remedy, fix="# ", alternatives=("",))
    else:
        note("warning" if dash else "info", line, start, bullet.end(), message, remedy=remedy, fix="")
    return line.edit([(start, bullet.end(), "")])


def _pause(start: int, end: int, written: str, ms: int) -> _Found:
    fix = f"[pause:{min(ms, MAX_PAUSE_MS)}]"
    return _Found(start, end, fix, f"{quoted(written)} is read as {fix}", fix, alternatives=("",))


def _direction(start: int, end: int, written: str) -> _Found:
    message = f"{quoted(written)} is a stage direction and is not read aloud"
    inner = written.strip("[](){}<>|*_/ ")
    return _Found(start, end, "", message, "", alternatives=("[pause:500]", inner))


def _markup(start: int, end: int, written: str, *, warn: bool = True) -> _Found:
    return _Found(start, end, "", f"{quoted(written)} is markup and is not read aloud", "", warn)


def _find_tags(text: str) -> Iterator[_Found]:
    if "<" not in text:
        return
    for match in _TAG.finditer(text):
        start, end = match.span()
        written = match[0]
        if written.startswith("<|"):
            yield from _find_control(start, end, written)
        elif written.startswith("<#"):
            ms = pause_ms(f"{written[2:-2].strip()} s")
            yield _pause(start, end, written, ms) if ms is not None else _markup(start, end, written)
        elif _AUTOLINK.match(written):
            inner = written[1:-1]
            message = f"the brackets of {quoted(written)} are not read aloud"
            yield _Found(start, end, inner, message, inner, False, parts=((start, start + 1), (end - 1, end)))
        else:
            yield _tag(start, end, written)


def _find_control(start: int, end: int, written: str) -> Iterator[_Found]:
    inner = written[2:-2].replace("_", " ").strip()
    ms = pause_ms(inner)
    if ms is not None:
        yield _pause(start, end, written, ms)
    elif is_direction(inner, "<"):
        yield _direction(start, end, written)


def _tag(start: int, end: int, written: str) -> _Found:
    matched = _TAG_NAME.match(written)
    name = matched[1].lower() if matched else ""
    inner = written.strip("<>/ ").replace("_", " ").replace("-", " ")
    if name in ("break", "pause", "silence") and not written.startswith("</"):
        time, strength = _TIME.search(written), _STRENGTH.search(written)
        if time:
            ms = round(float(time[1]) * (1000 if time[2].lower() == "s" else 1))
        elif strength:
            ms = _STRENGTHS[strength[1].lower()]
        else:
            ms = pause_ms(inner) or 500
        return _pause(start, end, written, ms)
    if is_direction(inner, "<"):
        return _direction(start, end, written)
    return _markup(start, end, written)


def _find_links(text: str) -> Iterator[_Found]:
    if "](" in text:
        for match in _LINK.finditer(text):
            start, end = match.span()
            if match[1]:
                yield _Found(start, end, "", f"the image {quoted(match[0])} is not read aloud", "")
                continue
            words, parts = match[2], ((start, start + 1), (match.end(2), end))
            yield _Found(
                start, end, "", f"{quoted(match[0])} is read as {quoted(words)}", words, False, parts=parts
            )


def _find_notes(text: str) -> Iterator[_Found]:
    for match in _FOOTNOTE.finditer(text) if "[" in text else ():
        yield _markup(*match.span(), match[0], warn=False)


def _find_entities(text: str) -> Iterator[_Found]:
    for match in _ENTITY.finditer(text) if "&" in text else ():
        char = html.unescape(match[0])
        if (len(char) == 1 and char.isprintable() and char not in "&#;[]<>*_`:") or match[0] in (
            "&nbsp;",
            "&amp;",
        ):
            char = " " if char == "\xa0" else char
            yield _Found(*match.span(), char, f"{match[0]} is read as {char!r}", char, False)


def _find_brackets(text: str) -> Iterator[_Found]:
    if "[" not in text and "(" not in text and "{" not in text:
        return
    pauses = {(pause.start, pause.end): pause.ms for pause in find_pauses(text, 0)}
    indent = len(text) - len(text.lstrip())
    for match in _BRACKETS.finditer(text):
        start, end = match.span()
        written = match[0]
        if pauses.get((start, end)) is not None:
            continue
        content = written.strip("[](){}")
        if content.casefold().startswith("slnc ") and written.startswith("[["):
            content = f"pause {content[5:]} ms"
        # "(2 seconds)" inside a sentence is text.
        timed = written[0] == "(" and content.strip()[:1].isdigit() and not _alone(text, start, end)
        ms = None if timed else pause_ms(content)
        if ms is not None and ms <= MAX_PAUSE_MS:
            yield _pause(start, end, written, ms)
        elif (start, end) not in pauses and _is_bracketed_direction(text, start, end, content):
            found = _direction(start, end, written)
            if written[0] == "[" and start == indent and looks_like_a_name(folded(content)):
                found = _name_or_direction(start, end, written, content)
            yield found


def _name_or_direction(start: int, end: int, written: str, content: str) -> _Found:
    name = folded(content)
    if is_direction(name, "["):
        return _direction(start, end, written)
    message = f"{written!r} looks like a stage direction and is not read aloud"
    return _Found(start, end, "", message, f"{name}:", alternatives=("", name))


def _is_bracketed_direction(text: str, start: int, end: int, content: str) -> bool:
    bracket = text[start]
    alone = _alone(text, start, end)
    plain = content.strip()
    if bracket == "(":
        return is_direction(plain, "(", alone=alone)
    if is_direction(plain, "[", alone=alone):
        return True
    letters = all(char.isalpha() or char in " '’,.-:!&" for char in plain) and any(map(str.isalpha, plain))
    known = plain.casefold().rstrip(".!") in ("sic", "pause") or plain.casefold().startswith("speaker ")
    return (
        alone
        and letters
        and len(plain.split()) <= 6
        and not known
        and (bracket == "{" or text[end : end + 1] != ":")
    )


def _alone(text: str, start: int, end: int) -> bool:
    """Return true if a range is between sentences."""
    before = text[:start].rstrip() if start < 200 else text[start - 200 : start].rstrip()
    after = text[end : end + 40].lstrip()
    return (not before or before[-1] in _SENTENCE_END or before[-1] in ")]") and (
        not after or not after[0].islower()
    )


def _find_emphasis(text: str) -> Iterator[_Found]:
    opened: dict[str, int] = {}
    done = -1
    for match in _EMPHASIS.finditer(text):
        mark, start, end = match[0], *match.span()
        begin = opened.get(mark)
        closes = start > 0 and not text[start - 1].isspace() and not text[end : end + 1].isalnum()
        if begin is not None and closes and begin >= done and 0 < start - begin - len(mark) <= 300:
            written = text[begin:end]
            content = text[begin + len(mark) : start]
            ms = pause_ms(content) if mark[0] in "*_" and "pause" in content.casefold() else None
            if ms is not None:
                yield _pause(begin, end, written, min(ms, MAX_PAUSE_MS))
            elif mark[0] in "*_" and is_direction(content, "*", alone=_alone(text, begin, end)):
                yield _direction(begin, end, written)
            else:
                message = f"the formatting around {quoted(content)} is not read aloud"
                parts = ((begin, begin + len(mark)), (start, end))
                yield _Found(begin, end, "", message, content, False, parts=parts)
            opened.clear()
            done = end
        elif text[end : end + 1].strip() and not text[start - 1 : start].isalnum():
            opened[mark] = start


def _find_emoji(text: str) -> Iterator[_Found]:
    if text.isascii():
        return
    begin = end = -1
    for match in EMOJI.finditer(text):
        if begin >= 0 and text[end : match.start()].strip():
            yield _emoji(text, begin, end)
            begin = -1
        begin, end = (match.start() if begin < 0 else begin), match.end()
    if begin >= 0:
        yield _emoji(text, begin, end)


def _emoji(text: str, start: int, end: int) -> _Found:
    return _Found(start, end, "", f"the emoji {quoted(text[start:end])} is not read aloud", "")


_PASSES = (_find_tags, _find_links, _find_notes, _find_entities, _find_emphasis, _find_brackets, _find_emoji)
