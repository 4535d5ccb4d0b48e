"""Words of a turn while it is spoken, with estimated times."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field

from ...script import Turn

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class SpokenWord:
    """A word, as written, and the second of the stream's audio at which it begins.

    Attributes
    ----------
    text : str
    speaker : str
        Label of the speaker.
    start : float
    spaced : bool
        Whether a space, or a line's end, follows it in the text: not between Chinese characters.
    """

    text: str
    speaker: str
    start: float
    spaced: bool = field(default=True, repr=False)


class WordPacer:
    """Times of a turn's words: the text advances evenly through its estimated length.

    Parameters
    ----------
    turn : Turn
    seconds : float
        Estimated length.
    start : float
        Second of the stream at which it begins.

    Examples
    --------
    >>> pacer = WordPacer(Turn(1, "One two three.", 0), seconds=1.4, start=2.0)
    >>> [word.text for word in pacer.until(2.5)], pacer.left
    (['One', 'two'], 'three.')
    >>> pacer.finish(3.0)
    (SpokenWord(text='three.', speaker='Speaker 1', start=2.8),)
    """

    def __init__(self, turn: Turn, seconds: float, start: float) -> None:
        self._words = _WORD.findall(turn.words)
        self._spaced = [True] * len(self._words)
        self._label = turn.label
        length = max(1, len(turn.words))
        starts = (match.start() for match in _WORD.finditer(turn.words))
        self._starts = [round(start + seconds * place / length, 3) for place in starts]
        self._end = start + seconds
        self._next = 0

    def add(self, text: str, seconds: float, now: float, spaced: bool = True) -> None:
        """Append a word of a length, spoken after the others, and not before second `now`."""
        start = max(self._end, now)
        self._words.append(text)
        self._spaced.append(spaced)
        self._starts.append(round(start, 3))
        self._end = start + seconds

    def drop(self, count: int) -> None:
        """Remove the last words, as far as they have not begun."""
        kept = max(self._next, len(self._words) - count)
        del self._words[kept:], self._starts[kept:], self._spaced[kept:]

    @property
    def left(self) -> str:
        """Words that have not begun."""
        return self.rest.rstrip()

    @property
    def rest(self) -> str:
        """Words that have not begun, each with the space after it."""
        words, spaced = self._words[self._next :], self._spaced[self._next :]
        return "".join(word + " " * space for word, space in zip(words, spaced, strict=False))

    def until(self, second: float, unread: int = 0) -> tuple[SpokenWord, ...]:
        """Return the words that begin before a second, each once; never the last `unread` ones."""
        due = itertools.takewhile(lambda start: start < second, self._starts[self._next :])
        return self._take(max(0, min(len(list(due)), len(self._words) - unread - self._next)), second)

    def finish(self, second: float) -> tuple[SpokenWord, ...]:
        """Return the remaining words of a turn that ended at a second of the stream."""
        return self._take(len(self._words) - self._next, second)

    def _take(self, count: int, second: float) -> tuple[SpokenWord, ...]:
        taken = range(self._next, self._next + count)
        self._next += count
        return tuple(
            SpokenWord(self._words[at], self._label, min(self._starts[at], second), self._spaced[at])
            for at in taken
        )
