"""`Pace`: words and syllables of speech in a time."""

from __future__ import annotations

import re
import statistics
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vibevoice_nb.nano import english

from .words import WIDE

FEWEST_WORDS = 2
"""A single word has a length, but no pace."""
FEWEST_TURNS = 3
"""Turns of a speaker from which their median says what is usual."""
_VOWELS = re.compile("[aeiouyæœøı]+")


@dataclass(frozen=True)
class Pace:
    """Pace of speech: words and syllables, and the time from the first to the last of them.

    Attributes
    ----------
    words : int
        Numbers and abbreviations count as they are spoken; a Chinese or Japanese character is a word.
    syllables : int
        0 if they cannot be counted, as in a script other than Latin, Chinese and Japanese.
    seconds : float
        Pauses count, long silences do not.

    Examples
    --------
    >>> pace = Pace(6, 8, 2.0) + Pace(4, 4, 2.0)
    >>> pace.words_per_minute, pace.syllables_per_second
    (150.0, 3.0)
    """

    words: int
    syllables: int
    seconds: float

    def __post_init__(self) -> None:
        if self.words < 1 or self.syllables < 0 or not self.seconds > 0:
            raise ValueError(f"{self.words} words and {self.syllables} syllables in {self.seconds} s")

    @property
    def words_per_minute(self) -> float:
        """Speaking rate, as it is usual in broadcasting."""
        return 60 * self.words / self.seconds

    @property
    def syllables_per_second(self) -> float | None:
        """Speaking rate that does not depend on the length of the words; None if it is not known."""
        return self.syllables / self.seconds if self.syllables else None

    def __add__(self, other: Pace) -> Pace:
        both = self.syllables and other.syllables
        return Pace(
            self.words + other.words,
            self.syllables + other.syllables if both else 0,
            self.seconds + other.seconds,
        )


def pace_of(words: Sequence[str], seconds: float, language: str = "en") -> Pace | None:
    """Return the pace of words as they are spoken; None for a single word, or for no time.

    Examples
    --------
    >>> pace_of(["good", "morning", "everybody"], 1.5)
    Pace(words=3, syllables=7, seconds=1.5)
    """
    if len(words) < FEWEST_WORDS or seconds <= 0:
        return None
    counts = [syllables(word, language) for word in words]
    return Pace(len(words), sum(counts) if all(counts) else 0, round(seconds, 3))


def syllables(word: str, language: str = "en") -> int:
    """Return the number of syllables of a word; 0 if its script is not known.

    Examples
    --------
    >>> syllables("lighthouse"), syllables("wickham"), syllables("straße", "de"), syllables("好", "zh")
    (2, 2, 2, 1)
    """
    if language == "en" and (phones := english.phones(word)):
        return max(1, sum(phone in english.VOWELS for phone in phones))
    if WIDE.fullmatch(word):
        return 1
    letters = "".join(char for char in unicodedata.normalize("NFKD", word.casefold()) if char.isalpha())
    if not letters or not all("LATIN" in unicodedata.name(char, "") for char in letters):
        return 0
    if language == "en" and len(letters) > 2:
        letters = re.sub(r"(?<=[^aeiouyl])e$", "", letters)
    return max(1, len(_VOWELS.findall(letters)))


def usual_rates(paces: Iterable[tuple[str, Pace | None]]) -> dict[str, float]:
    """Return the median syllables per second of each speaker who has at least three turns with a pace.

    Examples
    --------
    >>> usual_rates([("Anna", Pace(2, 3, 1.0)), ("Anna", Pace(2, 4, 1.0)), ("Anna", Pace(2, 5, 1.0))])
    {'Anna': 4.0}
    """
    rates: dict[str, list[float]] = {}
    for speaker, pace in paces:
        if pace is not None and pace.syllables_per_second is not None:
            rates.setdefault(speaker, []).append(pace.syllables_per_second)
    return {speaker: statistics.median(many) for speaker, many in rates.items() if len(many) >= FEWEST_TURNS}


def relative(pace: Pace | None, usual: float | None) -> float | None:
    """Return the ratio of a pace to the usual rate; None if one of them is not known.

    Examples
    --------
    >>> relative(Pace(2, 5, 1.0), 4.0), relative(Pace(2, 5, 1.0), None)
    (1.25, None)
    """
    rate = None if pace is None else pace.syllables_per_second
    return None if rate is None or usual is None else rate / usual
