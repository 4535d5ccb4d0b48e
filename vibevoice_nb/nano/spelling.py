"""Addresses, abbreviations, capitals and Roman numerals as words."""

from __future__ import annotations

import re
from collections.abc import Container

from vibevoice_nb.nano.dates import full_stop
from vibevoice_nb.nano.english_tables import (
    ABBREVIATIONS,
    DOTTED_LOWER,
    DOTTED_ONLY,
    HEADINGS,
    REGNAL,
    SAID,
    SPELLED,
)
from vibevoice_nb.nano.numbers import Rule, cardinal, ordinal

_ADDRESS_SIGNS = {
    ".": "dot", "/": "slash", "-": "dash", "_": "underscore", ":": "colon", "?": "question mark",
    "=": "equals", "&": "and", "#": "hash", "%": "percent", "+": "plus", "@": "at", "~": "tilde",
}  # fmt: skip
_DOMAINS = "com|org|net|edu|gov|io|ai|dev|app|info|uk|ca|de|fr|eu"


def letters(word: str) -> str:
    """Return the names of letters; "a" is written "ay" to distinguish it from the article.

    >>> letters("USA")
    'u s ay'
    """
    return " ".join("ay" if c == "a" else c for c in word.lower() if c.isalpha())


def _address(match: re.Match[str]) -> str:
    """Convert a web or e-mail address symbol by symbol; keep the punctuation of the sentence after it."""
    text = match[0]
    bare = text.rstrip(".,;:!?'/")
    rest = text[len(bare) :].replace("/", "")
    bare = re.sub(r"^(?:https?://)?(?:www\.)?", "", bare, flags=re.I).lower()
    said = re.sub(r"[./\-_:?=&#%+@~]", lambda sign: f" {_ADDRESS_SIGNS[sign[0]]} ", bare)
    return f" {said}{rest} "


def _hashtag(match: re.Match[str]) -> str:
    """Convert a hashtag such as #MeToo to words, split at its capitals."""
    return " hashtag " + re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", match[1]) + " "


ADDRESSES: list[Rule] = [
    (re.compile(r"\bhttps?://(?=\w)\S+|\bwww\.(?=\w)\S+", re.I), _address),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), _address),
    (re.compile(rf"(?<![\w.@-])(?:[a-z0-9-]+\.)+(?:{_DOMAINS})\b(?!\.\w)(?:/\S*)?", re.I), _address),
    (re.compile(r"(?<!\w)#([A-Za-z]\w*)"), _hashtag),
    # Elsewhere an underscore is not read, but it would hide the end of a word: "_Mr_ Smith".
    (re.compile("_"), " "),
]


ABBREVIATED: list[Rule] = [
    (re.compile(r"(?<![A-Za-z])e\.\s?g\.,?", re.I), " for example "),
    (re.compile(r"(?<![A-Za-z])i\.\s?e\.,?", re.I), " that is "),
    (re.compile(r"\bw/o\b", re.I), "without"),
    (re.compile(r"\bw/(?=\s)", re.I), "with"),
    (re.compile(r"\bn/a\b", re.I), "not applicable"),
    (re.compile(r"\band/or\b", re.I), "and or"),
    (re.compile(r"\b(?:No|Nos)\.\s*(?=\d)"), " number "),
    (re.compile(r"\bpp?\.\s*(?=\d)"), lambda match: " pages " if match[0].startswith("pp") else " page "),
    (re.compile(r"\b([CF])#"), r"\1 sharp"),
    (re.compile(r"\bv\.?\s?(?=\d+\.\d)"), "version "),
]
# Written out for a model that does not know the names of letters.
LETTERS: list[Rule] = [
    (re.compile(r"\bph\.?d\b\.?", re.I), " p h d "),
    (
        re.compile(r"\b([A-Z]{1,3})\s?&\s?([A-Z]{1,3})\b"),
        lambda match: f"{letters(match[1])} and {letters(match[2])}",
    ),
    (re.compile(r"\bA(?=\d)"), "ay "),
]
HYPHENS: list[Rule] = [
    (re.compile(r"(?<=\d)-(?=[A-Za-z])|(?<=[A-Za-z])(?<!\d[ap]m)(?<!\d [ap]m)-(?=\d)"), " "),
]
INITIALS: list[Rule] = [
    (
        re.compile(r"(?<![A-Za-z])(?:[A-Za-z]\.){2,}"),
        lambda match: f" {letters(match[0])}{full_stop(match)} ",
    ),
]


def _roman_value(numeral: str) -> int:
    """Return the value of a Roman numeral; 0 if it is not valid."""
    if not re.fullmatch(r"M{0,3}(?:CM|CD|D?C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})", numeral):
        return 0
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}[char] for char in numeral]
    return sum(-one if one < two else one for one, two in zip(values, [*values[1:], 0], strict=True))


_NOT_BEFORE_ROMAN = frozenset(
    (
        "A An And As At But By For From He Her His I In Is It My Of On Or Our She So That The Their They "
        "This To Was We With You Your"
    ).split()
)


def _roman(match: re.Match[str]) -> str:
    """Convert a Roman numeral after a name or a heading: "Henry VIII", "Chapter IV", "World War II"."""
    before, numeral = match["before"], match["numeral"]
    value = _roman_value(numeral)
    if not value or before in _NOT_BEFORE_ROMAN:
        return match[0]
    if before in REGNAL:
        # "I told Henry I was late": a single I is a number only at the end.
        single_word = numeral == "I" and match.string[match.end() : match.end() + 2].strip(" ")[:1].isalnum()
        return match[0] if single_word else f"{before} the {ordinal(str(value))}"
    known = before.capitalize() in HEADINGS
    if known or (len(numeral) > 1 and set(numeral) <= set("IVX")):
        return f"{before} {cardinal(str(value))}"
    return match[0]


ROMAN: list[Rule] = [
    (
        re.compile(r"\b([IVX]+)(?= [Cc]entur)"),
        lambda match: ordinal(str(value)) if (value := _roman_value(match[1])) else match[0],
    ),
    (re.compile(r"\b(?P<before>[A-Z][A-Za-z]+) (?P<numeral>[IVXLCDM]+)\b(?!'(?!s\b))"), _roman),
]


def capitals(text: str, known: Container[str]) -> str:
    """Convert words in capitals: a known word is kept, any other is spelled.

    Parameters
    ----------
    text : str
    known : container of str
        Words with a pronunciation.
    """
    shouted = text.isupper() and " " in text

    def said(match: re.Match[str]) -> str:
        written, plural = match[1], match[2]
        word = written.lower()
        if written in SAID:
            return SAID[written] + plural
        if shouted and word in known:
            return word
        if (word in known and word not in SPELLED) or len(word) > 5:
            return word + plural
        return letters(word) + ("'s" if plural else "")

    text = re.sub(r"\b([A-Z]{2,})(s?)\b", said, text)
    # The letter, not the article, as in "Plan A."
    return re.sub(r"(?<=[a-z] )A(?=\s*(?:[.,;:!?]|$))", "ay", text)


def abbreviations(text: str, *, capital: bool = False) -> str:
    """Expand abbreviations, with or without their full stop; `capital` keeps the case of the first letter."""

    def said(match: re.Match[str]) -> str:
        word, dot = match[1].lower(), match[2]
        if word not in ABBREVIATIONS or (word in DOTTED_LOWER and not dot):
            return match[0]
        if word in DOTTED_ONLY and not (dot and match[1][0].isupper()):
            return match[0]
        rest = text[match.end() : match.end() + 2].strip()
        behind_name = text[max(0, match.start() - 2) : match.start()].strip()[-1:].isalnum()
        if word in ("st", "dr") and dot and behind_name and not rest[:1].isupper():
            return ("street" if word == "st" else "drive") + ("" if rest else ".")  # "5 Main St."
        ends = dot and (not rest or (word == "etc" and rest[0].isupper()))
        spoken = ABBREVIATIONS[word] + ("." if ends else "")
        return spoken.capitalize() if capital and match[1][0].isupper() else spoken

    return re.sub(r"\b([A-Za-z]{2,6})\b(\.?)", said, text)
