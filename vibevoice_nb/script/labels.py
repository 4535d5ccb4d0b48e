"""Labels: the words that name a speaker at the beginning of a line, or inside one.

Labels are short. Every search here is limited to `_REACH` characters before a colon, so reading a line takes
time in proportion to its length.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from vibevoice_nb.script.directions import is_direction
from vibevoice_nb.script.lines import (
    EMOJI,
    MAX_NAME_CHARS,
    folded,
    is_comment,
    looks_like_a_name,
    name_key,
    speaker_number,
)

_REACH = 60
_COLON = re.compile("[:：]")
_DASH = re.compile(r"(?<=\s)[-=>→»](?=\s)|[|>»](?=\s)|[–—]|\t")
_NUMBERED_START = re.compile(r"speaker\s{1,9}\d{1,9}|\[\s{0,9}\d{1,9}\s{0,9}\]", re.IGNORECASE)
_NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "a": 1, "b": 2, "c": 3, "d": 4}
_ALMOST_NUMBER = rf"[-+#]? ?\d*(?:\.\d+)?|{'|'.join(_NUMBER_WORDS)}"
_ALMOST_NUMBERED = re.compile(rf"speaker ?({_ALMOST_NUMBER})|\[ ?({_ALMOST_NUMBER}) ?\]", re.IGNORECASE)
_BRACKETED = re.compile(r"\([^()]*\)")
# A quotation, a list item, a heading below the first rank.
_PREFIX = re.compile(r">\s{0,9}|(?:[-+*•·‣–—]|\d{1,3}[.)]|#{2,6})\s{1,9}")
_MARKS = re.compile(r"[*_]{1,3}|`|~~")
_TAG = re.compile(r"<(b|i|em|strong|u|span|p|h[1-6])>", re.IGNORECASE)
_AND = re.compile(r" ?[&+/,] ?| (?:and|und|et|y|e) ", re.IGNORECASE)
_EVERYBODY = frozenset({"all", "both", "everyone", "everybody", "together"})
# Words that begin a note; they are names only in a script without other names.
NOT_NAMES = frozenset(
    "note notes nb warning caution attention important remember remark tip tips "  # vocabulary: ok
    "hint example examples question answer ps update reminder "
    "summary conclusion result results fact today tomorrow "
    "yesterday now then first second third fourth finally next also again meanwhile however still "
    "instead because why how what when intro outro verse chorus bridge refrain music end where who "
    "which plus title subtitle chapter part section scene act episode topic subject date time place "
    "location source sources disclaimer spoiler edit".split()
)


@dataclass(frozen=True)
class Label:
    """Beginning of a line that is, or resembles, a speaker label.

    `kind`: "speaker" is a valid label; "misspelt" is a misspelled `Speaker N:`; "unknown" looks like a name
    but is not in the cast; "bare" is a number without the colon or the word; "joint" names several speakers.
    `[start, end)` contains label and colon, and the speech begins at `text`. `plain` is the correct spelling
    of the label, empty if the label is correct or the correction is unknown.
    """

    kind: Literal["speaker", "misspelt", "unknown", "bare", "joint"]
    speaker: int | str
    start: int
    end: int
    text: int
    plain: str


def find_label(text: str, names: Mapping[str, str]) -> Label | None:
    """Find the speaker's label at the beginning of a line.

    Parameters
    ----------
    text : str
        A line without unspeakable characters.
    names : mapping
        Names of the speakers, by `name_key(name)`.

    Returns
    -------
    Label or None
        None if the line begins with ordinary text.

    Examples
    --------
    >>> find_label("  Anna: Hello.", {"anna": "Anna"})
    Label(kind='speaker', speaker='Anna', start=2, end=7, text=8, plain='')
    >>> find_label("Speaker two: Hi.", {})
    Label(kind='misspelt', speaker='Speaker two', start=0, end=12, text=13, plain='Speaker 2:')
    >>> find_label("- **Ben** – Hi.", {"ben": "Ben"}).plain
    'Ben:'
    """
    start = len(text) - len(text.lstrip())
    if is_comment(text[start:]):
        return None
    body = _after_prefix(text, start)
    if body > start:
        label = _label_at(text, start, body, names) or _dashed_label(text, start, body, names)
        if label is not None:
            return label
    return (
        _label_at(text, start, start, names)
        or _dashed_label(text, start, start, names)
        or _bare_label(text, start)
    )


def _after_prefix(text: str, start: int) -> int:
    for _ in range(3):
        prefix = _PREFIX.match(text, start)
        if prefix is None:
            break
        start = prefix.end()
    return start


def _bare_label(text: str, start: int) -> Label | None:
    bare = _NUMBERED_START.match(text, start)
    if bare is None or text[bare.end() : bare.end() + 1].isalnum():
        return None
    return Label(
        "bare", folded(bare[0]), start, bare.end(), skip_blanks(text, bare.end()), f"{folded(bare[0])}:"
    )


def _label_at(text: str, start: int, body: int, names: Mapping[str, str]) -> Label | None:
    """Parse a label that begins at `body` and ends with a colon; `start` is the position of its prefix."""
    colon = _label_colon(text, body)
    if colon is None:
        return None
    written, end, marked = _without_markup(text, body, colon)
    shown = folded(written)
    marked = marked or body > start or text[colon] == "："
    speech = skip_blanks(text, end)
    speaker = _speaker(shown, names)
    if speaker is not None:
        other = isinstance(speaker, str) and name_key(speaker) != name_key(shown)
        plain = f"{speaker if other else shown}:" if marked or other else ""
        return Label("speaker", speaker, start, end, speech, plain)
    if shown.isdecimal() and len(shown) <= 2:
        return Label("bare", shown, start, end, speech, f"Speaker {int(shown)}:")
    almost = _ALMOST_NUMBERED.fullmatch(shown)
    if almost:
        digits = re.sub(r"\D", "", shown)[:9]
        guess = int(digits) if digits else _NUMBER_WORDS.get((almost[1] or almost[2] or "").lower())
        return Label("misspelt", shown, start, end, speech, "" if guess is None else f"Speaker {guess}:")
    if len(shown) > MAX_NAME_CHARS:
        return None
    joint = several_names(shown, names)
    if joint:
        return Label("joint", joint[0], start, end, speech, f"{joint[0]}:")
    nearest = nearest_name(shown, names, 0.6)
    if looks_like_a_name(_without_brackets(shown)) or nearest_name(shown, names, 0.75):
        plain = f"{nearest}:" if nearest else f"{shown}:" if marked else ""
        return Label("unknown", shown, start, end, speech, plain)
    return None


def _label_colon(text: str, start: int) -> int | None:
    """Return the position of the colon that may end a label; not one in a URL or a time of day."""
    for match in _COLON.finditer(text, start):
        colon = match.start()
        digits = text[colon - 1 : colon].isdigit() and text[colon + 1 : colon + 2].isdigit()
        if text.startswith("//", colon + 1):
            return None
        if not digits:
            return colon
        if colon - start > _REACH:
            return None
    return None


def _speaker(shown: str, names: Mapping[str, str]) -> int | str | None:
    """Return the speaker that a label names unambiguously."""
    number = speaker_number(shown)
    if number is not None:
        return number
    if not names or len(shown) > 2 * MAX_NAME_CHARS:
        return None
    key = name_key(shown)
    if key in names:
        return names[key]
    if shown.startswith("[") and shown.endswith("]"):
        return names.get(name_key(shown[1:-1]))
    if not shown.isascii():
        return names.get(name_key(folded(EMOJI.sub(" ", shown))))
    return None


def several_names(shown: str, names: Mapping[str, str]) -> list[str]:
    """Return the speakers that a label such as `Anna & Ben` names together; empty for a single name.

    >>> several_names("Anna & Ben", {"anna": "Anna"}), several_names("Smith & Sons", {"anna": "Anna"})
    (['Anna', 'Ben'], [])
    """
    return [] if name_key(shown) in names else joint_names(shown, names)


def joint_names(shown: str, names: Mapping[str, str]) -> list[str]:
    """Return the parts of a joint name, of which at least one is a speaker."""
    if len(shown) > 2 * MAX_NAME_CHARS:
        return []
    if name_key(shown) in _EVERYBODY and len(names) > 1:
        return list(names.values())
    parts = [part.strip() for part in _AND.split(shown)]
    known = [names.get(name_key(part)) for part in parts]
    if len(parts) < 2 or not all(parts) or not any(known):
        return []
    if not all(name or looks_like_a_name(part) for name, part in zip(known, parts, strict=True)):
        return []
    ordered = [name for name in known if name]
    return ordered + [part for name, part in zip(known, parts, strict=True) if not name]


def _dashed_label(text: str, start: int, body: int, names: Mapping[str, str]) -> Label | None:
    """Parse `Ben – text`, where Ben is a speaker."""
    if not names:
        return None
    dash = _DASH.search(text, body, body + _REACH)
    if dash is None or not text[dash.end() :].strip():
        return None
    written, end, _ = _without_markup(text, body, dash.start())
    end = max(end, dash.end())
    name = names.get(name_key(folded(written)))
    if name is None:
        return None
    return Label("speaker", name, start, end, skip_blanks(text, end), f"{name}:")


def dashed_name(text: str) -> str | None:
    """Return the name before a dash at the beginning of a line, as in `Ben – text`.

    >>> dashed_name("Ben – Hello."), dashed_name("I was – well – late.")
    ('Ben', None)
    """
    start = _after_prefix(text, len(text) - len(text.lstrip()))
    dash = _DASH.search(text, start, start + _REACH)
    if dash is None or not text[dash.end() :].strip():
        return None
    shown = folded(_without_markup(text, start, dash.start())[0])
    return shown if looks_like_a_name(shown) and len(shown) <= MAX_NAME_CHARS else None


def _without_markup(text: str, start: int, colon: int) -> tuple[str, int, bool]:
    """Return the label before the colon, without bold or italics, as in `**Anna:**` and `<b>Anna</b>:`."""
    written, end = text[start:colon].strip(), colon + 1
    tag = _TAG.match(written)
    opening = tag or _MARKS.match(written)
    if opening is None:
        return written, end, False
    closing = f"</{tag[1]}>" if tag else opening[0]
    if text.startswith(closing, end):
        return written[len(opening[0]) :].strip(), end + len(closing), True
    inner = written[len(opening[0]) :]
    if inner.endswith(closing) and len(inner) > len(closing):
        return inner[: -len(closing)].strip(), end, True
    return written, end, False


def skip_blanks(text: str, start: int) -> int:
    """Return the index of the first non-blank character from `start` on."""
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _without_brackets(text: str) -> str:
    return folded(_BRACKETED.sub(" ", text))


def nearest_name(text: str, names: Mapping[str, str], cutoff: float) -> str | None:
    """Return the cast's name that a text resembles most, ignoring directions such as "(laughing)"."""
    if not names or len(text) > 2 * MAX_NAME_CHARS:
        return None
    keys = difflib.get_close_matches(name_key(_without_brackets(text)), names, 1, cutoff)
    return names[keys[0]] if keys else None


@dataclass(frozen=True)
class InnerLabel:
    """Label inside a line. It begins a turn if it is `certain`; otherwise it may be text.

    `speaker` is None for a name that isn't a speaker's so far.
    """

    start: int
    end: int
    written: str
    speaker: int | str | None
    certain: bool


_DIRECTED = re.compile(r"\s?\(([^()]{1,40})\)\s?\Z")
_NUMBERED_END = re.compile(r"(?:(?<!\w)speaker\s{1,9}(\d{1,9})|\[\s?(\d{1,9})\s?\])\s{0,9}\Z", re.IGNORECASE)
_SENTENCE_END = frozenset(".!?…。！？\"”’')]»")
_EMPHASIS = "*_"


def inner_labels(text: str, start: int, names: Mapping[str, str]) -> Iterator[InnerLabel]:
    """Find labels inside a line, after the beginning of its speech.

    Examples
    --------
    >>> found = inner_labels("Hi. Speaker 2: I told Ben: go.", 0, {"ben": "Ben"})
    >>> [(one.written, one.speaker, one.certain) for one in found]
    [('Speaker 2:', 2, True), ('Ben:', 'Ben', False)]
    """
    at = skip_blanks(text, start)
    for match in _COLON.finditer(text, at):
        colon = match.start()
        after = text[colon + 1 : colon + 3]
        if colon < at or after == "//" or (after[:1].isdigit() and text[colon - 1].isdigit()):
            continue
        found = _inner_label(text, at, colon, names)
        if found is not None:
            yield found
            at = found.end


def _inner_label(text: str, at: int, colon: int, names: Mapping[str, str]) -> InnerLabel | None:
    """Parse the words before a colon as a label that does not begin at `at`."""
    low = max(at, colon - _REACH)
    end = colon + 1
    directed = _DIRECTED.search(text[low:colon])
    if directed and is_direction(directed[1], "("):
        colon = low + directed.start()
    numbered = _NUMBERED_END.search(text[low:colon])
    begin: int | None = low + numbered.start() if numbered else None
    speaker: int | str | None = int(numbered[1] or numbered[2]) if numbered else None
    starts = [] if numbered else [one for one in _word_starts(text, low, colon) if one > at]
    for one in starts:
        if begin is None and name_key(text[one:colon].strip(_EMPHASIS)) in names:
            begin, speaker = one, names[name_key(text[one:colon].strip(_EMPHASIS))]
    for one in starts if begin is None else ():
        shown = folded(text[one:colon]).strip(_EMPHASIS)
        if (
            begin is None
            and _ends_a_sentence(text, at, one)
            and looks_like_a_name(shown)
            and len(shown.split()) <= 2
            and name_key(shown) not in NOT_NAMES
        ):
            begin = one
    if begin is None or begin <= at:
        return None
    while begin > at + 1 and text[begin - 1] in _EMPHASIS:
        begin -= 1
    if text[begin] in _EMPHASIS:
        while text[end : end + 1] and text[end] in _EMPHASIS:
            end += 1
    written = folded(f"{text[begin:colon]}:").replace("*", "").strip("_")
    return InnerLabel(begin, end, written, speaker, speaker is not None and _ends_a_sentence(text, at, begin))


def _ends_a_sentence(text: str, at: int, end: int) -> bool:
    before = text[max(at, end - _REACH) : end].rstrip(" \t-–—|*_")
    return bool(before) and before[-1] in _SENTENCE_END


def _word_starts(text: str, low: int, colon: int) -> list[int]:
    """Find where the last words before a colon begin, the longest stretch first."""
    starts: list[int] = []
    at = colon
    while at > low and len(starts) < 4:
        while at > low and text[at - 1].isspace():
            at -= 1
        end = at
        while at > low and not text[at - 1].isspace():
            at -= 1
        if at == end or (starts and text[end - 1] in "!?…"):
            break
        starts.append(at)
    return starts[::-1]
