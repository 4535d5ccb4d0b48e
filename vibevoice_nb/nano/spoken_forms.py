"""Spoken forms of English numbers, units, dates and abbreviations, for models that read plain text.

The rules are those of nano's front end. All other text stays as it is written, capitals and signs included.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

from vibevoice_nb.nano.characters import feet_and_fractions
from vibevoice_nb.nano.dates import DATES, DECADES, MONTHS, TIMES, YEARS
from vibevoice_nb.nano.english import is_known
from vibevoice_nb.nano.english_tables import ABBREVIATIONS
from vibevoice_nb.nano.numbers import FRACTIONS, MEASURES, MONEY, NUMBERS, RANGES, TELEPHONES, Rule
from vibevoice_nb.nano.spelling import ABBREVIATED, ADDRESSES, HYPHENS, ROMAN, abbreviations

_RULES: list[Rule] = [
    (re.compile(r"(?<!\w)[‘’](?=\d\ds?\b)"), "'"),
    (re.compile(r"(?<=\d)[–−](?=\d)"), "-"),
    (re.compile(r"(?<=\d)\s?%"), " percent"),
    *ADDRESSES,
    *ABBREVIATED,
    *HYPHENS,
    *ROMAN,
    *DATES,
    *TELEPHONES,
    *TIMES,
    *DECADES,
    *MONEY,
    *RANGES,
    *FRACTIONS,
    *MEASURES,
    *YEARS,
    *NUMBERS,
]
_NAMES = re.compile(rf"\b(?:{'|'.join(MONTHS)})\b")
_HALF_DAY = re.compile(r"\b(ay|p) m\b")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ENGLISH = 0.65
"""Least fraction of known words in English text: other languages of Europe reach 0.5."""


def spoken_forms(text: str) -> str:
    """Write out numbers, units, dates and abbreviations of English text.

    Examples
    --------
    >>> spoken_forms("Dr. Smith paid $5.20 at 3:30 p.m. on May 5, 2024!")
    'Doctor Smith paid five dollars and twenty cents at three thirty P M on May fifth, twenty twenty four!'
    >>> spoken_forms("The U.S.A. won — naïve, I know.")
    'The U.S.A. won — naïve, I know.'
    """
    spoken = feet_and_fractions(text)
    for pattern, form in _RULES:
        spoken = pattern.sub(functools.partial(_fitted, form), spoken)
    if spoken != text:
        spoken = re.sub(r" (?=[,.?!;:)])", "", re.sub(r" {2,}", " ", spoken)).strip()
    return abbreviations(spoken, capital=True)


def is_english(text: str) -> bool:
    """Return True for text that consists mostly of known English words.

    Names count only where there are no other words.

    Examples
    --------
    >>> [is_english(text) for text in ("The RTX 4090 has 24 GB.", "Das kostet 5 Euro und 20 Cent.")]
    [True, False]
    """
    words = _WORD.findall(text)
    plain = [word for word in words if word == word.lower()] or words
    known = sum(1 for word in plain if is_known(_ascii(word).lower()))
    return bool(plain) and known >= _ENGLISH * len(plain)


def _fitted(form: str | Callable[[re.Match[str]], str], match: re.Match[str]) -> str:
    """Return the spoken form of a match, capitalized like the words around it."""
    spoken = match.expand(form) if isinstance(form, str) else form(match)
    spoken = _HALF_DAY.sub(lambda half: f"{half[1][0].upper()} M", spoken)
    spoken = _NAMES.sub(lambda name: name[0].capitalize(), spoken)
    before = match.string[max(0, match.start() - 20) : match.start()].rstrip()
    if match[0][:1].isalpha() or not _begins_sentence(before):
        return spoken
    lead = len(spoken) - len(spoken.lstrip())
    return spoken[:lead] + spoken[lead : lead + 1].upper() + spoken[lead + 1 :]


def _begins_sentence(before: str) -> bool:
    """Return True if a sentence begins after a text."""
    if not before or before[-1] in "?!…":
        return True
    last = before.split()[-1].lower()
    initial = len(last) == 2 and last[0].isalpha()
    return last[-1] == "." and not initial and last[:-1] not in ABBREVIATIONS


def _ascii(word: str) -> str:
    plain = unicodedata.normalize("NFKD", word.replace("’", "'"))
    return "".join(char for char in plain if not unicodedata.combining(char))
