"""Times of the characters of a turn's text, from the times of its words."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.turns import TurnWord

PAUSE_MS = 300
"""Silence between two words from which it is a pause."""


class WordClock:
    """Times of a text on one line whose words have known times; in milliseconds.

    Inside a word, as in languages without spaces, time passes evenly.

    Parameters
    ----------
    text : str
    words : sequence of TurnWord
        One for each word between spaces.

    Examples
    --------
    >>> clock = WordClock("Hello there.", [TurnWord(0, 5, 0, 12000), TurnWord(6, 12, 24000, 36000)])
    >>> clock.at(6), clock.until(5), clock.pauses, clock.between(0, 12)
    (1000, 500, {6}, [(0, 0), (6, 1000)])
    """

    def __init__(self, text: str, words: Sequence[TurnWord]) -> None:
        self._places = [match.span() for match in re.finditer(r"\S+", text)]
        self._starts = [start for start, _ in self._places]
        self._times = [(_milliseconds(word.start), _milliseconds(word.stop)) for word in words]

    @classmethod
    def of(cls, text: str, words: Sequence[TurnWord]) -> WordClock | None:
        """Return the clock of a text; None if the words are unknown, or not those of the text."""
        return cls(text, words) if words and len(words) == len(text.split()) else None

    @property
    def pauses(self) -> set[int]:
        """Places of the words before which there is a pause."""
        return {
            self._starts[number]
            for number in range(1, len(self._times))
            if self._times[number][0] - self._times[number - 1][1] >= PAUSE_MS
        }

    def at(self, place: int) -> int:
        """Return the time at which the character at a place begins; of a space, that of the next word."""
        number = max(0, bisect.bisect_right(self._starts, place) - 1)
        if place >= self._places[number][1] and number + 1 < len(self._places):
            return self._times[number + 1][0]
        return self._inside(number, place)

    def until(self, place: int) -> int:
        """Return the time at which the character before a place ends."""
        return self._inside(max(0, bisect.bisect_left(self._starts, place) - 1), place)

    def between(self, start: int, stop: int) -> list[tuple[int, int]]:
        """Return place and time of each word that begins in a range of the text."""
        first, last = (bisect.bisect_left(self._starts, place) for place in (start, stop))
        return [(self._starts[number], self._times[number][0]) for number in range(first, last)]

    def _inside(self, number: int, place: int) -> int:
        (start, stop), (begin, end) = self._places[number], self._times[number]
        return begin + (end - begin) * (min(max(place, start), stop) - start) // (stop - start)


def _milliseconds(samples: int) -> int:
    return round(samples * 1000 / SAMPLE_RATE)
