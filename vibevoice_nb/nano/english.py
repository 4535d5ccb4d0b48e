"""English text as nano reads it: numbers and abbreviations spoken out, words turned into phones.

Nano is too small to learn English spelling. A word found in the lexicon becomes its phones, one character
each; any other word is spelled in capital letters, which nano has learned to read on its own.
"""

from __future__ import annotations

import functools
import gzip
import random
import re
import unicodedata
import warnings
from importlib import resources

from num2words import num2words

from vibevoice_nb.nano.english_tables import (
    ABBREVIATIONS,
    CURRENCIES,
    DOTTED_ONLY,
    PHONES,
    PLURALS,
    SCALES,
    SYMBOLS,
    UNITS,
)

VOWELS = "ɑæʌɔåəáɛɝeɪioóʊu"
PUNCTUATION = ",.?!;:-"
LETTER_NAMES = "abcdefghijklmnopqrstuvwxyz"
# Every character `to_phonemes` can give; the apostrophe stands in spelled words.
ALPHABET = " '" + PUNCTUATION + "".join(PHONES.values()) + LETTER_NAMES.upper()

_QUOTES = dict.fromkeys(map(ord, "‘’ʼ`´′"), "'") | dict.fromkeys(map(ord, '“”„«»"″()[]{}'), " ")
_QUOTES |= dict.fromkeys(map(ord, "‐‑"), "-") | dict.fromkeys(map(ord, "–—―−"), " - ")
# Said weakly inside a sentence, as flite says them there.
_WEAK = {"a": "ə", "the": "ðə", "to": "tə"}
_MAX_DIGITS = 15
_MONTHS = "january february march april may june july august september october november december".split()


def _cardinal(number: str) -> str:
    """A run of digits as words; too long for a number, digit by digit."""
    if len(number) > _MAX_DIGITS or (len(number) > 1 and number[0] == "0"):
        return " ".join(num2words(int(d)) for d in number)
    return num2words(int(number)).replace(",", "").replace("-", " ")


def _number(text: str) -> str:
    """Digits with commas and at most one point, as words."""
    whole, _, fraction = text.replace(",", "").partition(".")
    words = _cardinal(whole or "0")
    if fraction:
        words += " point " + " ".join(num2words(int(d)) for d in fraction)
    return words


def _year(text: str) -> str:
    """Four digits as English says a year."""
    high, low = int(text[:2]), int(text[2:])
    if high % 10 == 0 and low < 10:
        return _cardinal(text)
    if low == 0:
        return f"{_cardinal(str(high))} hundred"
    return f"{_cardinal(str(high))} {'oh ' if low < 10 else ''}{_cardinal(str(low))}"


def _plural(noun: str) -> str:
    head, per, rest = noun.partition(" per ")
    if head.startswith("degree "):
        return head.replace("degree", "degrees", 1)
    return PLURALS.get(head, head + "s") + per + rest


def _money(match: re.Match[str]) -> str:
    unit, small = CURRENCIES[match["sign"]]
    whole, _, cents = match["amount"].replace(",", "").partition(".")
    plural = unit if unit == "yen" else unit + "s"
    if match["scale"]:
        return f" {_number(match['amount'])} {SCALES[match['scale'].lower()]} {plural} "
    if len(cents) != 2:
        one = match["amount"] == "1"
        return f" {_number(match['amount'])} {unit if one else plural} "
    words = (
        [f"{_cardinal(whole)} {unit if whole == '1' else plural}"]
        if int(whole or 0) or not int(cents)
        else []
    )
    if int(cents):
        smalls = {"penny": "pence", "sen": "sen", "paisa": "paise"}.get(small, small + "s")
        words.append(f"{_cardinal(str(int(cents)))} {small if int(cents) == 1 else smalls}")
    return f" {' and '.join(words)} "


def _time(match: re.Match[str]) -> str:
    hour, minute = int(match["hour"]), int(match["minute"] or 0)
    words = _cardinal(str(hour))
    if minute:
        words += f" {'oh ' if minute < 10 else ''}{_cardinal(str(minute))}"
    elif not match["half"] and 0 < hour <= 12:
        words += " o'clock"
    if match["half"]:
        words += f" {'ay' if match['half'][0] in 'aA' else 'p'} m{_full_stop(match)}"
    return f" {words} "


def _full_stop(match: re.Match[str]) -> str:
    """A full stop where the match ended in one and a sentence ends with it."""
    rest = match.string[match.end() :].lstrip()
    return "." if match[0].endswith(".") and (not rest or rest[0].isupper()) else ""


def _unit(match: re.Match[str]) -> str:
    noun = UNITS[match["unit"].lower()]
    return f" {_number(match['amount'])} {noun if match['amount'] == '1' else _plural(noun)} "


def _letters(word: str) -> str:
    """Letter names; the name of "a" is written "ay", or it would be the article."""
    return " ".join("ay" if c == "a" else c for c in word.lower() if c.isalpha())


def _date(match: re.Match[str]) -> str:
    """2024-05-01, the international way to write a date."""
    year, month, day = match[0].split("-")
    return f" {_MONTHS[int(month) - 1]} {_ordinal(day)} {_year(year)} "


def _capitals(match: re.Match[str]) -> str:
    """A word in capitals: a known word is said, any other is spelled."""
    word = match[0].lower()
    if (word in lexicon() and word not in ("us", "it", "who", "am")) or len(word) > 5:
        return word
    if word in ("it", "who", "am", "us") and match.string.isupper():
        return word
    return _letters(word)


_AMOUNT = r"(?P<amount>\d[\d,]*(?:\.\d+)?)"
_RULES: list[tuple[re.Pattern[str], object]] = [
    (re.compile(r"\be\.g\.,?", re.I), " for example "),
    (re.compile(r"\bi\.e\.,?", re.I), " that is "),
    (re.compile(r"\bph\.?d\b\.?", re.I), " p h d "),
    (re.compile(r"\bw/o\b", re.I), "without"),
    (re.compile(r"\b(?:No|Nos)\.\s*(?=\d)"), " number "),
    (re.compile(r"https?://|www\.", re.I), " "),
    (
        re.compile(
            r"(?P<sign>[$€£¥₹])\s?(?P<amount>\d[\d,]*(?:\.\d+)?)(?:\s?(?P<scale>k|m|bn?|t|thousand|million|"
            r"billion|trillion)\b)?",
            re.I,
        ),
        _money,
    ),
    (
        re.compile(
            r"\b(?P<hour>[01]?\d|2[0-4]):(?P<minute>[0-5]\d)(?!\d|:)(?:\s?(?P<half>[ap]\.?m\b)\.?)?", re.I
        ),
        _time,
    ),
    (re.compile(r"\b(?P<hour>\d{1,2})(?P<minute>)\s?(?P<half>[ap]\.?m)\b\.?", re.I), _time),
    (re.compile(r"\b(?:[A-Za-z]\.){2,}"), lambda m: f" {_letters(m[0])}{_full_stop(m)} "),
    (re.compile(r"\b(?:1\d|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\b"), _date),
    (re.compile(r"\b24/7\b"), " twenty four seven "),
    (
        re.compile(r"\b(?:\d{3}[-. ])?\d{3}-\d{4}\b"),
        lambda m: " ".join(m[0].replace("-", ",").replace(".", ",")),
    ),
    (
        re.compile(rf"\b({'|'.join(_MONTHS)}) (\d\d?)\b(?!\s?[:/%])", re.I),
        lambda m: f"{m[1]} {_ordinal(m[2])} ",
    ),
    (re.compile(r"(?<=\d)-(?=[A-Za-z])"), " "),
    (re.compile(r"(\d)(?:st|nd|rd|th)\b", re.I), r"\1ORD"),
    (re.compile(r"\b(\d[\d,]*)ORD"), lambda m: " " + _ordinal(m[1]) + " "),
    (
        re.compile(r"\b(\d{2})(\d)0s\b"),
        lambda m: f" {_cardinal(m[1]) if int(m[1]) % 10 else _cardinal(m[1] + '00')} {_decade(m[2])} ",
    ),
    (re.compile(r"(?<![\d.,])'?(\d)0s\b"), lambda m: f" {_decade(m[1])} "),
    (
        re.compile(
            _AMOUNT
            + r"\s?(?P<unit>km/h|°c|°f|°|"
            + "|".join(sorted((u for u in UNITS if u.isalpha()), key=len, reverse=True))
            + r")(?![\w/])",
            re.I,
        ),
        _unit,
    ),
    (
        re.compile(r"(?<![\w.,/])(\d{1,3})/(\d{1,3})(?![\w/])"),
        lambda m: " " + _fraction(int(m[1]), int(m[2])) + " ",
    ),
    (re.compile(r"(?<=\d)\s?[-–]\s?(?=\d)"), " to "),
    (re.compile(r"(?<![\w.])-(?=\d)"), " minus "),
    (re.compile(r"(?<![\d.,$])(1[1-9]|20)(\d\d)(?![\d,]*\d|\.\d)"), lambda m: f" {_year(m[1] + m[2])} "),
    (
        re.compile(r"\d[\d,]*\.\d+(?:\.\d+)+"),
        lambda m: " " + " point ".join(_cardinal(p) for p in m[0].replace(",", "").split(".")) + " ",
    ),
    (re.compile(r"\d[\d,]*(?:\.\d+)?"), lambda m: f" {_number(m[0].rstrip(','))}{',' * m[0].endswith(',')} "),
    (re.compile(r"\b([A-Za-z]+)\.com\b"), r"\1 dot com"),
    (re.compile(r"(?<=\w)\.(?=[A-Za-z]{2})"), " dot "),
    (re.compile(r"\b[A-Z]{2,}\b"), _capitals),
]


def _ordinal(digits: str) -> str:
    digits = digits.replace(",", "")
    if len(digits) > _MAX_DIGITS:
        return _cardinal(digits)
    return num2words(int(digits), to="ordinal").replace(",", "").replace("-", " ")


def _decade(tens: str) -> str:
    names = "hundreds tens twenties thirties forties fifties sixties seventies eighties nineties".split()
    return names[int(tens)]


def _fraction(top: int, bottom: int) -> str:
    if bottom in (2, 4) and top < bottom:
        name = {2: "half", 4: "quarter"}[bottom]
    elif 2 < bottom <= 20 and top < bottom:
        name = _ordinal(str(bottom))
    else:
        return f"{_cardinal(str(top))} over {_cardinal(str(bottom))}"
    return f"{_cardinal(str(top))} {name}{'s' if top > 1 else ''}"


def _abbreviations(text: str) -> str:
    def spoken(match: re.Match[str]) -> str:
        word, dot = match[1].lower(), match[2]
        if word not in ABBREVIATIONS or (word in DOTTED_ONLY and not (dot and match[1][0].isupper())):
            return match[0]
        rest = text[match.end() :].strip()
        if word == "st" and dot and not rest[:1].isupper():
            return "street" + ("" if rest else ".")
        ends = dot and (not rest or (word == "etc" and rest[0].isupper()))
        return ABBREVIATIONS[word] + ("." if ends else "")

    return re.sub(r"\b([A-Za-z]{2,6})\b(\.?)", spoken, text)


def _fold(text: str) -> str:
    """Letters without accents, symbols as words; what has no reading here is named in a warning."""
    out, lost = [], set()
    # "1½" would become "11/2".
    text = re.sub(r"(\d?)([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])", lambda m: f"{m[1]}{' and' * bool(m[1])} {m[2]}", text)
    for char in unicodedata.normalize("NFKC", text).replace("⁄", "/").translate(_QUOTES):
        if char.isdecimal():
            out.append(str(unicodedata.decimal(char)))
            continue
        if char.isascii():
            out.append(SYMBOLS.get(char, char) if char in "…" else char)
            continue
        if char in CURRENCIES or char == "°":
            out.append(char)
            continue
        lower = SYMBOLS.get(char) or SYMBOLS.get(char.lower())
        plain = lower or "".join(c for c in unicodedata.normalize("NFKD", char) if c.isascii())
        if not plain and unicodedata.category(char)[0] in "LNS":
            name = unicodedata.name(char, "")
            # A symbol or a Greek letter has a name one can say; a character of another script does not.
            if unicodedata.category(char)[0] == "S" or name.startswith("GREEK"):
                plain = f" {re.sub('[^a-z ]', ' ', name.lower().split('letter ')[-1])} "
            else:
                lost.add(char)
        out.append(plain or " ")
    if lost:
        warnings.warn(f"not English, left unsaid: {''.join(sorted(lost))}", stacklevel=3)
    return "".join(out)


def normalise(text: str) -> str:
    """English text as plain lower-case words, numbers and abbreviations spoken out.

    Parameters
    ----------
    text : str
        Any text. Characters of scripts other than Latin are left out, with a warning that names them.

    Returns
    -------
    str
        Words of a to z with apostrophes, and ``, . ? ! ; : -`` as punctuation, single spaces between words.

    Examples
    --------
    >>> normalise("Dr. Smith paid $5.20 at 3:30 on the 21st.")
    'doctor smith paid five dollars and twenty cents at three thirty on the twenty first.'
    >>> normalise("In 1999, 50% of the U.S.A. was online…")
    'in nineteen ninety nine, fifty percent of the u s ay was online.'
    """
    text = _fold(text)
    text = re.sub(r"-{2,}", " - ", re.sub(r"\.{2,}", ". ", text))
    for pattern, spoken in _RULES:
        text = pattern.sub(spoken, text)  # type: ignore[call-overload]
    text = _abbreviations(text)
    text = "".join(SYMBOLS.get(c, c) for c in text).lower()
    text = re.sub(r"[^a-z',.?!;:\- ]", " ", text)
    text = re.sub(r"(?<![a-z])'+|'+(?![a-z])", " ", text)
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    text = re.sub(r"\s+([,.?!;:])", r"\1", text)
    text = re.sub(r"([,.?!;:])(?=[^\s,.?!;:])", r"\1 ", text)
    text = re.sub(r"([,.?!;:])[,.?!;:]+", _strongest, text)
    text = re.sub(r"(?:\s*-)+\s+|\s+-+", " - ", text)
    return re.sub(r"\s+", " ", text).strip(" -,;:").strip()


def _strongest(match: re.Match[str]) -> str:
    return next(c for c in "?!.:;," if c in match[0])


def words(text: str) -> list[str]:
    """The words of `normalise(text)` without punctuation: what two transcripts are compared by.

    Examples
    --------
    >>> words("It's 7 o'clock, Dr. Who!")
    ["it's", 'seven', "o'clock", 'doctor', 'who']
    """
    return re.findall(r"[a-z']+", normalise(text))


@functools.cache
def lexicon() -> dict[str, str]:
    """Word to phones, one character a phone. Read once, on first use."""
    data = resources.files("vibevoice_nb.nano").joinpath("lexicon.txt.gz").read_bytes()
    fields = gzip.decompress(data).decode("utf-8").split()
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _suffixed(word: str, table: dict[str, str]) -> str | None:
    """Phones of a known word with an ending; None where there is none."""
    for ending in ("'s", "s'", "s"):
        if word.endswith(ending) and word[: -len(ending)] in table:
            stem = table[word[: -len(ending)]]
            return stem + ("əz" if stem[-1] in "szʃʒʧʤ" else "s" if stem[-1] in "ptkfθ" else "z")
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


def to_phonemes(text: str, *, spell_probability: float = 0.0, rng: random.Random | None = None) -> str:
    """English text in the characters nano reads.

    Parameters
    ----------
    text : str
        Any text; it is normalised first.
    spell_probability : float
        How many of the known words are spelled all the same, from 0 to 1. Training uses about 0.12.
    rng : random.Random, optional
        Chooses those words. Needed when `spell_probability` isn't 0.

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
    """
    if spell_probability and rng is None:
        raise TypeError("spell_probability needs an rng")
    table = lexicon()
    parts = re.findall(r"[a-z']+|[,.?!;:\- ]", normalise(text))
    out: list[str] = []
    for part in parts:
        if not part[0].isalpha():
            out.append(part)
            continue
        spelled = spell_probability > 0 and rng is not None and rng.random() < spell_probability
        spoken = None if spelled else _WEAK.get(part) or table.get(part) or _suffixed(part, table)
        out.append(spoken or part.upper())
    return _vowel_forms(out, parts)


def _vowel_forms(out: list[str], parts: list[str]) -> str:
    """Before a vowel "the" is said with the vowel of "see"."""
    for i, part in enumerate(parts[:-2]):
        if part == "the" and out[i] == "ðə" and parts[i + 1] == " " and out[i + 2][0] in VOWELS:
            out[i] = "ði"
    return "".join(out)
