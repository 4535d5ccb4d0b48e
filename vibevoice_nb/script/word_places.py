"""Places of a turn's words in the script, also where its lines are joined or markup is left out."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from .turns import Turn

_LINE_END = re.compile(r"\r\n?|\n")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class TextRange:
    """Range of a script: lines and columns count as in `Diagnostic`."""

    line: int
    column: int
    end_line: int
    end_column: int


def script_lines(text: str) -> list[str]:
    """Return the lines of a script, as `Turn.line` counts them."""
    return _LINE_END.split(text)


class WordPlaces:
    r"""Places in the script of ranges of a turn's words.

    Parameters
    ----------
    lines : list of str
        See `script_lines`.
    turn : Turn

    Examples
    --------
    >>> from vibevoice_nb.script import parse_script
    >>> text = "Anna: One *two*\nthree (laughs) four."
    >>> [turn] = parse_script(text).turns
    >>> turn.words, WordPlaces(script_lines(text), turn).range(8, 19)
    ('One two three four.', TextRange(line=2, column=1, end_line=2, end_column=21))
    """

    def __init__(self, lines: list[str], turn: Turn) -> None:
        self._turn, self._places = turn, list[tuple[int, int]]()
        part = list(lines[turn.line - 1 : turn.end_line])
        if not part:
            return
        part[-1] = part[-1][: turn.end_column - 1]
        self._starts = [0]
        for line in part[:-1]:
            self._starts.append(self._starts[-1] + len(line) + 1)
        source, at = "\n".join(part), turn.text_column - 1
        for word in _WORD.finditer(turn.words):
            at = _find(source, word[0], at)
            if at < 0:  # a word that is spelled differently: it has no place, nor have those after it
                break
            self._places.append((word.start(), at))
            at += len(word[0])

    def range(self, start: int, end: int) -> TextRange | None:
        """Return the place of `[start, end)` of the words; None if it is not known exactly."""
        first, last = self._source(start), self._source(end - 1 if end > start else end)
        if first is None or last is None:
            return None
        return TextRange(*self._place(first), *self._place(last + 1 if end > start else first))

    def _source(self, offset: int) -> int | None:
        """Return the place in the source of a character of the words."""
        if not self._places:
            return None
        start, at = self._places[max(0, bisect_right(self._places, (offset, 1 << 60)) - 1)]
        text = self._turn.words
        word = _WORD.match(text, start)
        inside = word is not None and start <= offset <= word.end()
        return at + offset - start if inside else None

    def _place(self, at: int) -> tuple[int, int]:
        row = bisect_right(self._starts, at) - 1
        return self._turn.line + row, at - self._starts[row] + 1


def _find(source: str, word: str, at: int) -> int:
    """Return the first place of a word from `at` on, not inside a longer word; -1 if there is none."""
    while (at := source.find(word, at)) >= 0:
        before, after = source[max(0, at - 1) : at], source[at + len(word) : at + len(word) + 1]
        inside = (before.isalnum() and word[0].isalnum()) or (after.isalnum() and word[-1].isalnum())
        if not inside:
            break
        at += 1
    return at
