"""Words as they are spoken: numbers and abbreviations written out, each with its place in the text."""

from __future__ import annotations

import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import jellyfish

from vibevoice_nb.nano import english

_CHUNK = 60
"""Words of text that are normalized at once, which bounds the work."""
WIDE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Characters of languages written without spaces: each counts as a word, as is usual for error rates."""
_KANA = re.compile("[\u3040-\u30ff]")
_WORD = re.compile(rf"{WIDE.pattern}|[^\W_]+(?:['’][^\W_]+)*")
_CLOSE = 0.75
"""Similarity of sound from which two words count as the same name."""
_SHORT = 3
"""Longest name that must be written the same, and shortest key of consonants that counts."""


@dataclass(frozen=True)
class SpokenWord:
    """A word as it is spoken, and its source.

    Attributes
    ----------
    text : str
        Lower-case word, or one character of a language without spaces.
    start, end : int
        Range of the source text that it was written as; several words may share one ("5 km").
    """

    text: str
    start: int
    end: int


def language_of(text: str) -> str:
    """Return "ja" or "zh" for a text that is mostly in Japanese or Chinese letters, else "en".

    Examples
    --------
    >>> language_of("你好。"), language_of("こんにちは"), language_of("Hello, 你好")
    ('zh', 'ja', 'en')
    """
    letters = sum(map(str.isalpha, text))
    if 2 * len(WIDE.findall(text)) <= letters or not letters:
        return "en"
    return "ja" if _KANA.search(text) else "zh"


def spoken_words(text: str, language: str = "en") -> tuple[SpokenWord, ...]:
    """Return the words of a text as they are spoken.

    Parameters
    ----------
    text : str
    language : str
        ISO 639-1. English numbers, dates, units and abbreviations are written out by nano's front end; in
        other languages words are only folded to lower case.

    Examples
    --------
    >>> text = "Dr. Smith paid $5, didn't he?"
    >>> [(word.text, text[word.start : word.end]) for word in spoken_words(text)][:5]
    [('doctor', 'Dr.'), ('smith', 'Smith'), ('paid', 'paid'), ('five', '$5,'), ('dollars', '$5,')]
    >>> [word.text for word in spoken_words("Guten Tag, Zoë!", "de")], len(spoken_words("你好。", "zh"))
    (['guten', 'tag', 'zoë'], 2)
    """
    if language != "en":
        return tuple(
            SpokenWord(unicodedata.normalize("NFC", match[0]).casefold(), *match.span())
            for match in _WORD.finditer(text)
        )
    return tuple(word for chunk in _chunks(text) for word in _english(text, chunk))


def _chunks(text: str) -> Iterator[list[tuple[int, int]]]:
    """Yield ranges of words, in sentences or, in endless sentences, every `_CHUNK` words."""
    chunk: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", text):
        chunk.append(match.span())
        written = match[0].rstrip("\"'”’)")
        ends = written[-1:] in "!?" or (
            written.endswith(".") and len(written) > 4 and "." not in written[:-1]
        )
        if ends or len(chunk) >= _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _english(text: str, places: Sequence[tuple[int, int]]) -> Iterator[SpokenWord]:
    """Normalize a piece of text as a whole; the place of each word is found by normalizing its parts."""
    whole = _normalized(text[places[0][0] : places[-1][1]])
    parts = [(word, place) for place in places for word in _normalized(text[slice(*place)])]
    if [word for word, _ in parts] == list(whole):
        yield from (SpokenWord(word, *place) for word, place in parts)
        return
    common = _common(whole, [word for word, _ in parts])
    for index, word in enumerate(whole):
        if (at := common.get(index)) is not None:
            yield SpokenWord(word, *parts[at][1])
            continue
        # Written differently in its sentence: the range between the certain neighbors.
        before = max((i for i in common if i < index), default=None)
        after = min((i for i in common if i > index), default=None)
        start = places[0][0] if before is None else parts[common[before]][1][1]
        end = places[-1][1] if after is None else parts[common[after]][1][0]
        written = text[start:end]
        if not written.strip():  # both neighbors were written as one
            start, end = parts[common[before]][1] if before is not None else places[0]
        else:
            start, end = start + len(written) - len(written.lstrip()), start + len(written.rstrip())
        yield SpokenWord(word, start, end)


@lru_cache(4096)
def _normalized(text: str) -> tuple[str, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has no English reading is reported by the check of the script
        return tuple(english.words(text))


def _common(first: Sequence[str], second: Sequence[str]) -> dict[int, int]:
    """Return the indices of a longest common subsequence."""
    rows = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i in reversed(range(len(first))):
        for j in reversed(range(len(second))):
            same = first[i] == second[j]
            rows[i][j] = rows[i + 1][j + 1] + 1 if same else max(rows[i + 1][j], rows[i][j + 1])
    found, i, j = {}, 0, 0
    while i < len(first) and j < len(second):
        if first[i] == second[j]:
            found[i] = j
            i, j = i + 1, j + 1
        elif rows[i + 1][j] >= rows[i][j + 1]:
            i += 1
        else:
            j += 1
    return found


@lru_cache(16384)
def similarity(first: str, second: str) -> float:
    """Return how alike two words sound, from 0 to 1; 1 for equal words and for homophones.

    Examples
    --------
    >>> similarity("their", "there"), similarity("icecream", "ice" + "cream")
    (1.0, 1.0)
    >>> similarity("five", "nine") < 0.5 < similarity("katherine", "catharine")
    True
    """
    if first == second:
        return 1.0
    mine, other = english.phones(first), english.phones(second)
    if mine and other:
        return 1.0 if _reduced(mine, other) else _likeness(mine, other)
    # At least one is unknown, as most names are: by spelling, and by a key of its consonants.
    spelled = _likeness(first, second)
    keys = jellyfish.metaphone(first), jellyfish.metaphone(second)
    return max(spelled, _CLOSE) if min(map(len, keys)) >= _SHORT and keys[0] == keys[1] else spelled


def _reduced(first: str, second: str) -> bool:
    """Return true if two pronunciations differ only by vowels that one of them reduces."""
    return len(first) == len(second) and all(
        a == b or ("ə" in (a, b) and a in english.VOWELS and b in english.VOWELS)
        for a, b in zip(first, second, strict=True)
    )


def _likeness(first: str, second: str) -> float:
    return 1.0 - jellyfish.levenshtein_distance(first, second) / max(len(first), len(second), 1)


def is_known(word: str, language: str = "en") -> bool:
    """Return true for an English word with a known pronunciation, and for any word of another language.

    >>> is_known("lighthouse"), is_known("wickham")
    (True, False)
    """
    return language != "en" or bool(english.phones(word))


def sounds_same(first: str, second: str) -> bool:
    """Return true if a listener would take two words for the same.

    Known words must have the same sounds; names, which can be written in many ways, similar ones.

    Examples
    --------
    >>> sounds_same("to", "two"), sounds_same("in", "an"), sounds_same("jonathon", "jonathan")
    (True, False, True)
    """
    alike = similarity(first, second)
    known = english.phones(first) and english.phones(second)
    return alike == 1.0 or (not known and alike >= _CLOSE and min(len(first), len(second)) > _SHORT)
