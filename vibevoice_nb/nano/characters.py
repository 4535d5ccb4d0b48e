"""Conversion of any script to the characters of English; those without an English reading are reported."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from vibevoice_nb.nano.english_tables import CURRENCIES, DECORATION, SYMBOLS

_QUOTES = dict.fromkeys(map(ord, "‘’ʼ`´′"), "'") | dict.fromkeys(map(ord, '“”„«»"″()[]{}'), " ")
_QUOTES |= dict.fromkeys(map(ord, "‐‑"), "-") | dict.fromkeys(map(ord, "–—―"), " - ")
# Compatibility normalization would turn these into letters and digits of another meaning.
_BEFORE = str.maketrans({"™": " ", "№": " number ", "²": "^2", "³": "^3", "−": "-"})
_VULGAR = re.compile(r"(\d?)([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
# 5'10" is a height only while its quotes can still be distinguished from others.
_FEET_INCHES = re.compile(r"(?<![\d.,])(\d{1,2})\s?['’′]\s?(\d{1,2})\s?(?:[\"”″]|''|’’)")
_GREEK_WORD = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]{2,}")
_JOINERS = frozenset(("Cf", "Mn", "Mc", "Me", "Sk"))


@dataclass(frozen=True)
class Folded:
    """Text reduced to the characters of English.

    Attributes
    ----------
    text : str
        ASCII, currency signs and the degree sign.
    lost : tuple of str
        Runs of letters, digits and pictures without an English reading, in order, without repetition.
    """

    text: str
    lost: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """True if no word is left."""
        return not any(char.isalnum() or _worded(char) for char in self.text)


def fold(text: str) -> Folded:
    """Convert text to the characters of English: no accents, plain punctuation.

    Examples
    --------
    >>> fold("naïve “café” 你好 2²")
    Folded(text='naive  cafe    2^2', lost=('你好',))
    >>> fold("?!").empty, fold("٣").text
    (True, '3')
    """
    text = feet_and_fractions(text, digits=False)
    text = unicodedata.normalize("NFKC", text.translate(_BEFORE)).replace("⁄", "/").translate(_QUOTES)
    unread = {at for match in _GREEK_WORD.finditer(text) for at in range(*match.span())}
    out: list[str] = []
    lost: dict[str, None] = {}
    run = ""
    for at, char in enumerate(text):
        plain = None if at in unread else _plain(char)
        if plain is None or (run and unicodedata.category(char) in _JOINERS):
            run += char
            continue
        if run:
            lost[run] = None
            out.append(" ")
            run = ""
        out.append(plain)
    if run:
        lost[run] = None
    return Folded("".join(out), tuple(lost))


def feet_and_fractions(text: str, *, digits: bool = True) -> str:
    """Write out heights, and the blank that fractions need after a number: "1½" would become "11/2".

    With `digits`, a fraction of one character is written with digits.

    >>> feet_and_fractions("5’10” and 1½")
    ' 5 foot 10  and 1 and 1/2'
    """

    def fraction(match: re.Match[str]) -> str:
        sign = unicodedata.normalize("NFKC", match[2]).replace("⁄", "/") if digits else match[2]
        return f"{match[1]}{' and' * bool(match[1])} {sign}"

    return _VULGAR.sub(fraction, _FEET_INCHES.sub(r" \1 foot \2 ", text))


def _plain(char: str) -> str | None:
    """Convert a character to ASCII; None for a letter, a digit or a picture without a reading."""
    if char.isascii() or char in CURRENCIES or char == "°":
        return char
    if char.isdecimal():
        return str(unicodedata.decimal(char))
    known = SYMBOLS.get(char) or SYMBOLS.get(char.lower())
    plain = known or "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii())
    if plain:
        return plain
    category = unicodedata.category(char)
    name = unicodedata.name(char, "")
    if name.startswith("GREEK") and category[0] == "L":
        return f" {re.sub('[^a-z ]', ' ', name.lower().split('letter ')[-1]).replace('lamda', 'lambda')} "
    if category[0] in "LN" or (category == "So" and not DECORATION[0] <= char <= DECORATION[1]):
        return None
    return "" if category in _JOINERS else " "


def _worded(char: str) -> bool:
    """Return True if a sign is read as a word, such as "&"."""
    return any(map(str.isalpha, SYMBOLS.get(char, "")))
