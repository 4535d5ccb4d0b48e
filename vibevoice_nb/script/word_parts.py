"""Words and signs of a text, in a form that can be compared."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator


def spaced(text: str) -> str:
    """Return a text composed, with single spaces and plain apostrophes."""
    return " ".join(unicodedata.normalize("NFC", text).replace("’", "'").split())


GLUE = "\0"
"""Before a folded part that follows the one before it without a space."""


def folded(part: str, glued: bool) -> str:
    """Return a part without case; `glued` if it follows the one before it without a space."""
    plain = unicodedata.normalize("NFC", part).replace("’", "'").casefold()
    return GLUE + plain if glued else plain


def key_of(phrase: str) -> tuple[str, ...]:
    r"""Return the folded parts of a phrase.

    Examples
    --------
    >>> key_of("Nguyen’s dog")
    ('nguyen', "\x00'", '\x00s', 'dog')
    """
    return tuple(folded(phrase[start:stop], glued) for start, stop, glued in parts_of(phrase))


def parts_of(text: str) -> Iterator[tuple[int, int, bool]]:
    """Yield the words and signs of a text: first and last character, and whether no space is before it.

    An apostrophe within a word is part of it, but for the ending "'s". A Chinese, Japanese or Korean
    character is a part of its own.
    """
    at, end = 0, 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        stop = at + 1
        if _is_letter(text[at]) and not _is_wide(text[at]):
            while stop < len(text) and _continues(text, stop):
                stop += 1
        yield at, stop, at > 0 and at == end
        at = end = stop


def _continues(text: str, at: int) -> bool:
    """Return True if a character continues the word before it."""
    char = text[at]
    if char in "'’":
        after = text[at + 1 : at + 3]
        letter = after[:1].isalnum() and not _is_wide(after[0])
        ending = after[:1] in ("s", "S") and not _is_letter(after[1:2])
        return letter and not ending
    return _is_letter(char) and not _is_wide(char)


def _is_letter(char: str) -> bool:
    return char.isalnum() or char == "_" or (char > "\x7f" and unicodedata.category(char)[0] == "M")


def _is_wide(char: str) -> bool:
    return char > "\u10ff" and char.isalpha() and unicodedata.east_asian_width(char) == "W"
