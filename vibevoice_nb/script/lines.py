"""The smallest pieces of a script: its lines, the labels that name a speaker, and the pauses.

Nothing here knows of turns; `vibevoice_nb.script` builds those. Places inside a line are indices into
`Line.text`; `Line.span` turns them into the columns of the line as it was written.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

DEFAULT_PAUSE_MS = 1000
MAX_PAUSE_MS = 60_000
MAX_NAME_CHARS = 40

# Control characters, invisible format characters, direction overrides, lone surrogates: nobody typed them on
# purpose, and a tokenizer would take them for content. Joiners stay: Persian, Hindi and emoji need them.
_UNSPEAKABLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc\ud800-\udfff]"
)
_COLON = re.compile("[:：]")
_NUMBERED = re.compile(r"speaker\s+(\d{1,9})|\[\s*(\d{1,9})\s*\]", re.IGNORECASE)
_NUMBER_WORDS = {"one": 1, "two": 2, "three": 3, "four": 4, "a": 1, "b": 2, "c": 3, "d": 4}
_ALMOST_NUMBER = rf"[-+#]?\s*\d*(?:\.\d+)?|{'|'.join(_NUMBER_WORDS)}"
_ALMOST_NUMBERED = re.compile(rf"speaker\s*({_ALMOST_NUMBER})|\[\s*({_ALMOST_NUMBER})\s*\]", re.IGNORECASE)
_PAUSE = re.compile(r"\[pause(?:\s*:\s*(\d{1,9})\s*(?:ms)?)?\s*\]", re.IGNORECASE)
_ALMOST_PAUSE = re.compile(r"\[\s*pause(?![^\W\d])[^\[\]]*\]?", re.IGNORECASE)
_DURATION = re.compile(r"[:\s]\s*(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s)?", re.IGNORECASE)
_BRACKETED = re.compile(r"\s*\([^()]*\)")


@dataclass(frozen=True)
class Line:
    """One line of the source, rid of characters nobody can speak.

    `columns[i]` is the 1-based column of `text[i]`, with one entry more for the end. `entry`, for text that
    has no columns of its own (a value in a JSON file), is the span to give instead.
    """

    number: int
    text: str
    columns: Sequence[int]
    entry: tuple[int, int] | None = None

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Columns of `text[start:end]`, the second one exclusive."""
        return self.entry or (self.columns[start], self.columns[end])


@dataclass(frozen=True)
class Label:
    """The beginning of a line that names a speaker, or seems to.

    `kind`: "speaker" is certain; "misspelt" is surely meant as `Speaker N:` but isn't one; "unknown" has the
    shape of a name that isn't in the cast; "bare" lacks its colon. `[start, end)` holds label and colon, the
    speech begins at `text`. `plain` is how the label should have been written, empty where it is right or
    where there is no telling.
    """

    kind: Literal["speaker", "misspelt", "unknown", "bare"]
    speaker: int | str
    start: int
    end: int
    text: int
    plain: str


@dataclass(frozen=True)
class Pause:
    """A pause in `[start, end)`; `ms` is None when it can't be read, and `plain` is then a readable one."""

    start: int
    end: int
    ms: int | None
    plain: str = ""


def clean_line(number: int, raw: str, entry: tuple[int, int] | None = None) -> tuple[Line, list[int]]:
    r"""Replace control characters by spaces and drop invisible ones; also say where they stood.

    Examples
    --------
    >>> line, where = clean_line(1, "a\u200bb\x07c")
    >>> line.text, list(line.columns), where
    ('ab c', [1, 3, 4, 5, 6], [1, 3])
    """
    where = [match.start() for match in _UNSPEAKABLE.finditer(raw)]
    if not where:
        return Line(number, raw, range(1, len(raw) + 2), entry), where
    bad = set(where)
    kept = [
        i for i, char in enumerate(raw) if i not in bad or unicodedata.category(char) in ("Cc", "Zl", "Zp")
    ]
    text = "".join(" " if i in bad else raw[i] for i in kept)
    return Line(number, text, [*(i + 1 for i in kept), len(raw) + 1], entry), where


def name_key(name: str) -> str:
    """What two spellings of one name share: case, spacing and the kind of apostrophe don't matter.

    >>> name_key("D’Arcy  Jones") == name_key("d'arcy jones")
    True
    """
    plain = unicodedata.normalize("NFKC", name).replace("’", "'").replace("‘", "'")
    return " ".join(plain.casefold().split())


def is_name(text: str) -> bool:
    """Whether a text can stand before the colon and be read back as the same name."""
    return (
        0 < len(text) <= MAX_NAME_CHARS
        and text == " ".join(text.split())
        and not any(char in text for char in ":：[]{}*")
        and text[0] not in "#_"
        and not _UNSPEAKABLE.search(text)
    )


def speaker_number(text: str) -> int | None:
    """The N of `Speaker N` or `[N]`, None for anything else.

    >>> speaker_number("SPEAKER  2"), speaker_number("[ 3 ]"), speaker_number("Anna")
    (2, 3, None)
    """
    match = _NUMBERED.fullmatch(text)
    return int(match[1] or match[2]) if match else None


def find_label(text: str, names: Mapping[str, str]) -> Label | None:
    """Find the speaker's label at the beginning of a line.

    Parameters
    ----------
    text : str
        A line without characters that can't be spoken.
    names : mapping
        `name_key(name)` to name, for each name of the cast; empty when there is none.

    Returns
    -------
    Label or None
        None when the line begins with ordinary text.

    Examples
    --------
    >>> find_label("  Anna: Hello.", {"anna": "Anna"})
    Label(kind='speaker', speaker='Anna', start=2, end=7, text=8, plain='')
    >>> find_label("Speaker two: Hi.", {})
    Label(kind='misspelt', speaker='Speaker two', start=0, end=12, text=13, plain='Speaker 2:')
    """
    start = len(text) - len(text.lstrip())
    colon = _COLON.search(text, start)
    if colon is not None:
        label = _label_before(text, start, colon.start(), names)
        if label is not None:
            return label
    bare = _NUMBERED.match(text, start)
    if bare is None or text[bare.end() : bare.end() + 1].isalnum():
        return None
    return Label("bare", bare[0], start, bare.end(), _skip_spaces(text, bare.end()), f"{bare[0]}:")


def _label_before(text: str, start: int, colon: int, names: Mapping[str, str]) -> Label | None:
    written, end, marked = _without_markup(text, start, colon)
    speech = _skip_spaces(text, end)
    number = speaker_number(written)
    speaker = names.get(name_key(written)) if number is None and names else number
    if speaker is not None:
        plain = f"{written}:" if marked or text[colon] == "：" else ""
        return Label("speaker", speaker, start, end, speech, plain)
    shown = " ".join(written.split())
    almost = _ALMOST_NUMBERED.fullmatch(written)
    if almost:
        digits = re.sub(r"\D", "", written)[:9]
        guess = int(digits) if digits else _NUMBER_WORDS.get((almost[1] or almost[2] or "").lower())
        return Label("misspelt", shown, start, end, speech, "" if guess is None else f"Speaker {guess}:")
    of_text = text.startswith("//", end) or (text[colon - 1].isdigit() and text[end : end + 1].isdigit())
    if of_text or len(shown) > MAX_NAME_CHARS:  # a web address, the time of day, a sentence
        return None
    nearest = nearest_name(shown, names, 0.6)
    if _looks_like_a_name(shown) or nearest_name(shown, names, 0.75):
        return Label("unknown", shown, start, end, speech, f"{nearest}:" if nearest else "")
    return None


def _without_markup(text: str, start: int, colon: int) -> tuple[str, int, bool]:
    """What is written before the colon, without the bold or italics of `**Anna:**` and `**Anna**:`."""
    written, end = text[start:colon].strip(), colon + 1
    opening = re.match(r"[*_]{1,3}", written)
    if opening is None:
        return written, end, False
    if text.startswith(opening[0], end):
        return written[len(opening[0]) :].strip(), end + len(opening[0]), True
    if len(written) > 2 * len(opening[0]) and written.endswith(opening[0]):
        return written[len(opening[0]) : -len(opening[0])].strip(), end, True
    return written, end, False


def _skip_spaces(text: str, start: int) -> int:
    return len(text) - len(text[start:].lstrip())


def nearest_name(text: str, names: Mapping[str, str], cutoff: float) -> str | None:
    """The name of the cast a text most resembles, stage directions such as "(laughing)" left out."""
    if not names:
        return None
    keys = difflib.get_close_matches(name_key(_BRACKETED.sub("", text)), names, 1, cutoff)
    return names[keys[0]] if keys else None


def _looks_like_a_name(text: str) -> bool:
    """One to three words, none of them beginning in lower case: "Dr. Smith", "Host 2", not "I mean"."""
    words = _BRACKETED.sub("", text).split()
    if not 1 <= len(words) <= 3 or not words[0][0].isalpha():
        return False
    return all(
        (word[0].isalpha() and not word[0].islower()) or (word.isdigit() and word is not words[0])
        for word in words
    ) and all(char.isalnum() or char in ".'’-_&/" or unicodedata.combining(char) for char in "".join(words))


def find_pauses(text: str, start: int) -> Iterator[Pause]:
    """Find every pause in `text[start:]`, unreadable ones included.

    Examples
    --------
    >>> [(pause.ms, pause.plain) for pause in find_pauses("Well [pause:300] then [pause:2s] and [pause]", 0)]
    [(300, ''), (None, '[pause:2000]'), (1000, '')]
    """
    for match in _ALMOST_PAUSE.finditer(text, start):
        pause = _PAUSE.fullmatch(match[0])
        ms = int(pause[1] or DEFAULT_PAUSE_MS) if pause else None
        if ms is not None and ms <= MAX_PAUSE_MS:
            yield Pause(*match.span(), ms)
            continue
        duration = _DURATION.search(match[0])
        plain = "[pause]"
        if duration:
            in_seconds = (duration[2] or "ms" * ("." not in duration[1])).lower() != "ms"
            wanted = float(duration[1]) * (1000 if in_seconds else 1)
            plain = f"[pause:{round(min(wanted, MAX_PAUSE_MS))}]"
        yield Pause(*match.span(), None, plain)
