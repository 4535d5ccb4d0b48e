"""English front end of the first nano: numbers and abbreviations become words, words become phones.

That model is too small to learn English spelling. A word in the lexicon becomes its phones, one character
each; any other word is spelled in capital letters, which it was trained to read. The front end with stress
(`vibevoice_nb.nano.stress`) begins with the same words.
"""

from __future__ import annotations

import functools
import gzip
import random
import re
import warnings
from collections.abc import Container
from importlib import resources

from vibevoice_nb.nano.characters import fold
from vibevoice_nb.nano.dates import DATES, DECADES, TIMES, YEARS
from vibevoice_nb.nano.english_tables import PHONES, SYMBOLS
from vibevoice_nb.nano.numbers import FRACTIONS, MEASURES, MONEY, NUMBERS, RANGES, TELEPHONES, Rule
from vibevoice_nb.nano.phones import MARKS, mark_phones, marked_phones, with_s, written_phones
from vibevoice_nb.nano.spelling import (
    ABBREVIATED,
    ADDRESSES,
    HYPHENS,
    INITIALS,
    LETTERS,
    ROMAN,
    abbreviations,
    capitals,
)

VOWELS = "ɑæʌɔåəáɛɝeɪioóʊu"
PUNCTUATION = ",.?!;:-"
LETTER_NAMES = "abcdefghijklmnopqrstuvwxyz"
# All characters that `to_phonemes` returns; the apostrophe occurs in spelled words.
ALPHABET = " '" + PUNCTUATION + "".join(PHONES.values()) + LETTER_NAMES.upper()

# Weak forms inside a sentence, as pronounced by flite.
_WEAK = {"a": "ə", "the": "ðə", "to": "tə"}

# Applied in order: longer and less ambiguous patterns first, plain numbers last.
_RULES: list[Rule] = [
    *ADDRESSES,
    *ABBREVIATED,
    *LETTERS,
    *HYPHENS,
    *ROMAN,
    *DATES,
    *TELEPHONES,
    *TIMES,
    *INITIALS,
    *DECADES,
    *MONEY,
    *RANGES,
    *FRACTIONS,
    *MEASURES,
    *YEARS,
    *NUMBERS,
    (re.compile(r"(?<=\w)\.(?=[A-Za-z]{2})"), " dot "),
]


def normalize(text: str) -> str:
    """Convert English text to plain lower-case words, with numbers and abbreviations as words.

    Parameters
    ----------
    text : str
        Any text. Characters without an English reading are left out, with a warning that names them.

    Returns
    -------
    str
        Words of a to z with apostrophes, and ``, . ? ! ; : -`` as punctuation, single spaces between words.

    Examples
    --------
    >>> normalize("Dr. Smith paid $5.20 at 3:30 on the 21st.")
    'doctor smith paid five dollars and twenty cents at three thirty on the twenty first.'
    >>> normalize("In 1999, 50% of the U.S.A. was online…")
    'in nineteen ninety nine, fifty percent of the u s ay was online.'
    """
    folded = fold(text)
    if folded.lost:
        warnings.warn(f"left out, because it has no English reading: {', '.join(folded.lost)}", stacklevel=2)
    return spoken_out(folded.text, lexicon())


def spoken_out(text: str, known: Container[str], compound: str = " ") -> str:
    """Return the plain words of folded text.

    Parameters
    ----------
    text : str
        Result of `fold`.
    known : container of str
        Words with a pronunciation, in lower case: in capitals, they are not spelled.
    compound : str
        Separator of the parts of a compound such as "good-natured".
    """
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"-{2,}", " - ", re.sub(r"\.{2,}", ". ", text))
    for pattern, spoken in _RULES:
        text = pattern.sub(spoken, text)
    text = abbreviations(re.sub(r" +", " ", capitals(text, known)))
    text = "".join(SYMBOLS.get(c, c) for c in text).lower()
    text = re.sub(rf"[^a-z{MARKS}',.?!;:\- ]", " ", text)
    text = re.sub(r"(?<![a-z'])'+|'+(?![a-z'])", " ", text)
    text = re.sub(rf"(?<=[a-z{MARKS}])-(?=[a-z{MARKS}])", compound, text)
    text = re.sub(r" +", " ", text)
    text = re.sub(r" (?=[,.?!;:])", "", text)
    text = re.sub(r"([,.?!;:])(?=[^\s,.?!;:])", r"\1 ", text)
    text = re.sub(r"([,.?!;:])[,.?!;:]+", _strongest, text)
    text = re.sub(r"(?<![ -])(?: +-|-+ )[ -]*", " - ", text)
    return re.sub(r"\s+", " ", text).strip(" -,;:").strip()


def _strongest(match: re.Match[str]) -> str:
    return next(c for c in "?!.:;," if c in match[0])


def spoken_words(text: str) -> str:
    """Return the words that nano reads, with numbers spoken out; phones stay between slashes.

    Characters without an English reading are left out silently.

    Examples
    --------
    >>> spoken_words("Dr. No paid $5 in /N IY S/.")
    'doctor no paid five dollars in /N IY S/.'
    """
    return written_phones(spoken_out(mark_phones(fold(text).text), lexicon()))


def words(text: str) -> list[str]:
    """Return the words of `normalize(text)` without punctuation, for a comparison of transcripts.

    Examples
    --------
    >>> words("It's 7 o'clock, Dr. Who!")
    ["it's", 'seven', "o'clock", 'doctor', 'who']
    """
    return re.findall(r"[a-z']+", normalize(text))


@functools.cache
def lexicon() -> dict[str, str]:
    """Return the phones of each word, one character per phone; cached after the first call."""
    data = resources.files("vibevoice_nb.nano").joinpath("lexicon.txt.gz").read_bytes()
    fields = gzip.decompress(data).decode("utf-8").split()
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _suffixed(word: str, table: dict[str, str]) -> str | None:
    """Return the phones of a known word with an ending; None for any other word."""
    for ending in ("'s", "s'", "s"):
        if word.endswith(ending) and word[: -len(ending)] in table:
            return with_s(table[word[: -len(ending)]])
    if word.endswith("ed") and (word[:-2] in table or word[:-1] in table):
        stem = table.get(word[:-1]) or table[word[:-2]]
        return stem + ("əd" if stem[-1] in "td" else "t" if stem[-1] in "pkfθsʃʧ" else "d")
    for ending, spoken in (
        ("ing", "ɪŋ"),
        ("ly", "li"),
        ("ness", "nəs"),
        ("less", "ləs"),
        ("er", "ɝ"),
        ("like", "lák"),
    ):
        stem = word.removesuffix(ending)
        for base in (stem, stem + "e" if ending in ("ing", "er") else stem):
            if stem != word and len(base) > 2 and base in table:
                return table[base] + spoken
    for ending, spoken in (("n't", "ənt"), ("'ll", "əl"), ("'ve", "əv"), ("'d", "d"), ("'re", "ɝ")):
        if word.endswith(ending) and word.removesuffix(ending) in table:
            return table[word.removesuffix(ending)] + spoken
    return None


@functools.lru_cache(16384)
def phones(word: str) -> str:
    """Return the phones of a normalized word, one character each; empty for an unknown word.

    Examples
    --------
    >>> phones("apples"), phones("zorblax")
    ('æpəlz', '')
    """
    table = lexicon()
    return table.get(word) or _suffixed(word, table) or ""


def is_known(word: str) -> bool:
    """Return True if a word in lower case has a pronunciation.

    >>> is_known("walked"), is_known("zorblax")
    (True, False)
    """
    return phones(word) != ""


def to_phonemes(text: str, *, spell_probability: float = 0.0, rng: random.Random | None = None) -> str:
    """Convert English text to the characters that nano reads.

    Parameters
    ----------
    text : str
        Any text; it is normalized first, and characters without an English reading are left out silently.
        Phones between slashes are read as they are.
    spell_probability : float
        Fraction of known words that are spelled as well, from 0 to 1. Training uses about 0.12.
    rng : random.Random, optional
        Random generator that chooses those words; required if `spell_probability` is not 0.

    Returns
    -------
    str
        Characters of `ALPHABET`: phones for known words, capitals for others, punctuation, spaces.

    Examples
    --------
    >>> to_phonemes("The apple, please!")
    'ði æpəl, pliz!'
    >>> to_phonemes("The zorblax.")
    'ðə ZORBLAX.'
    >>> to_phonemes("In /N IY S/, please.")
    'ɪn nis, pliz.'
    """
    if spell_probability and rng is None:
        raise TypeError("spell_probability needs an rng")
    plain = spoken_out(mark_phones(fold(text).text), lexicon())
    parts = re.findall(rf"[a-z']+|[{MARKS}]+|[,.?!;:\- ]", plain)
    out: list[str] = []
    for part in parts:
        if marked := marked_phones(part):
            out.append(marked)
            continue
        if not part[0].isalpha():
            out.append(part)
            continue
        spelled = spell_probability > 0 and rng is not None and rng.random() < spell_probability
        spoken = None if spelled else _WEAK.get(part) or phones(part)
        out.append(spoken or part.upper())
    return _vowel_forms(out, parts)


def _vowel_forms(out: list[str], parts: list[str]) -> str:
    """Join the parts; "the" before a vowel is pronounced as in "the end"."""
    for i, part in enumerate(parts[:-2]):
        if part == "the" and out[i] == "ðə" and parts[i + 1] == " " and out[i + 2][0] in VOWELS:
            out[i] = "ði"
    return "".join(out)
