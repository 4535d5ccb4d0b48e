"""Line and screen breaks of subtitles, at punctuation and phrase boundaries, with balanced lines.

Each way to break a text has a cost; dynamic programming over the possible breaks finds the cheapest.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

LINE_WIDTH = 42
LINES = 2

# Costs of a break, by what it divides.
_SENTENCE, _CLAUSE, _CONJUNCTION, _PREPOSITION, _ANYWHERE = 0.0, 1.0, 3.0, 4.0, 7.0
_TIGHT, _BROKEN = 45.0, 90.0  # inside a phrase; inside a word, or after the label
_SCREEN, _LINE, _UNBALANCED = 12.0, 2.0, 9.0
_SCREEN_BREAK = 2.0  # cost of a screen break, in line breaks

_CONJUNCTIONS = frozenset(
    """
        and but or nor so yet because although though while when whenever where whereas who whom
        whose which that if unless until since after before as than whether how why what
        """.split()
)
_PREPOSITIONS = frozenset(
    """
        in on at by for with from into onto over under about above below across against along
        among around behind beside between beyond during near of off through throughout to toward
        towards upon within without
        """.split()
)
# Words that belong to the one after them.
_HOLDS_NEXT = (
    frozenset(
        """
        a an the my your his her its our their this these those every each some any no all both i
        you he she we they it is are was were be been am isn't aren't wasn't weren't do does did
        don't doesn't didn't have has had haven't hasn't hadn't will would won't wouldn't can
        could can't couldn't shall should shouldn't may might must i'm you're he's she's it's
        we're they're i've you've we've they've i'll you'll we'll they'll i'd let's there's that's
        not very too really quite more most less last next first second other same own new old
        good great little big whole there mr mrs ms dr prof st mt no vs e.g i.e
        """.split()
    )
    | _CONJUNCTIONS
    | _PREPOSITIONS
)
# Words that belong to the one before them: "thank you".
_HELD = frozenset("you me him us them it too again ago enough please o'clock percent".split())
_TITLES = frozenset("mr mrs ms dr prof gen sen rep capt lt sgt".split())
_ABBREVIATED = _TITLES | frozenset("st mt no vs e.g i.e jr sr fig vol pp p".split())
_END = re.compile(r"[.!?…][\"'”’»)\]]*$|[。！？][”’」』）]*$")
_CLAUSE_END = re.compile(r"(?:[,;:—–]|[、，；：])[\"'”’»)\]]*$|(?<=\s)-$")
_CLOSING = "。！？、，；：”’」』）)]}…"


@dataclass(frozen=True)
class _Piece:
    """Text between two possible line breaks, with its trailing spaces."""

    text: str
    width: int
    """Columns with trailing spaces."""
    bare: int
    """Columns without trailing spaces."""
    cost: float
    """Cost of a break after it."""


def text_width(text: str) -> int:
    """Return the columns of a text on the screen; a Chinese, Japanese or Korean character takes two."""
    return len(text) + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


def break_screens(text: str, label: str = "", pauses: Collection[int] = ()) -> list[list[str]]:
    """Break a text into screens of one or two lines of at most 42 columns.

    Parameters
    ----------
    text : str
        On one line.
    label : str
        Text before it on the first screen, such as "Ada: ". It takes up columns, but is not counted when
        the lines are balanced.
    pauses : collection of int
        Places in the text before which the speaker pauses: a break there is as good as after a clause.

    Examples
    --------
    >>> break_screens("Very well, thank you. Is there any coffee?", "Ben: ")
    [['Ben: Very well, thank you.', 'Is there any coffee?']]
    """
    pieces = _measured([*pieces_of(label, LINE_WIDTH), *pieces_of(text, LINE_WIDTH)], len(label), pauses)
    lead = text_width(label) if text_width(label) <= LINE_WIDTH // 2 else 0
    count = len(pieces)
    best: list[float] = [0.0] * (count + 1)
    ends: list[tuple[int, int]] = [(count, count)] * (count + 1)
    for start in range(count - 1, -1, -1):
        best[start] = float("inf")
        for middle, stop, cost in _screens(pieces, start, lead if start == 0 else 0):
            total = cost + best[stop]
            if total < best[start]:
                best[start], ends[start] = total, (middle, stop)
    screens, start = [], 0
    while start < count:
        middle, stop = ends[start]
        parts = (pieces[start:middle], pieces[middle:stop])
        screens.append([line for part in parts if (line := "".join(piece.text for piece in part).rstrip())])
        start = stop
    return [screen for screen in screens if screen]


def _screens(pieces: Sequence[_Piece], start: int, lead: int) -> Iterator[tuple[int, int, float]]:
    """Yield each screen that may begin at a piece: end of its first line, its end, its cost."""
    count = len(pieces)
    for middle, first in _lines(pieces, start):
        ends = middle == count
        if ends or _worth(pieces[middle - 1], first, LINE_WIDTH // 2):
            yield middle, middle, _SCREEN + _LINE + (0 if ends else _SCREEN_BREAK * pieces[middle - 1].cost)
        if ends:
            continue
        for stop, second in _lines(pieces, middle):
            over = stop == count
            if not over and not _worth(pieces[stop - 1], first + second, LINE_WIDTH):
                continue
            uneven = abs(first - lead - second) / LINE_WIDTH
            cost = _SCREEN + LINES * _LINE + pieces[middle - 1].cost + _UNBALANCED * uneven * uneven
            yield middle, stop, cost + (0 if over else _SCREEN_BREAK * pieces[stop - 1].cost)


def _lines(pieces: Sequence[_Piece], start: int) -> Iterator[tuple[int, int]]:
    """Yield each place where a line that begins at a piece may end, and its columns; at least one piece."""
    used = 0
    for at in range(start, len(pieces)):
        piece = pieces[at]
        if at > start and used + piece.bare > LINE_WIDTH:
            return
        yield at + 1, used + piece.bare
        used += piece.width


def _worth(last: _Piece, width: int, least: int) -> bool:
    """Return True if a screen may end after a piece: short screens end only with a clause or sentence."""
    return width >= least or last.cost <= _CLAUSE


def _measured(texts: Sequence[str], label: int, pauses: Collection[int]) -> list[_Piece]:
    """Measure pieces and the cost of a break after each; the first `label` characters stay together."""
    pieces, at = [], 0
    for number, text in enumerate(texts):
        at += len(text)
        following = texts[number + 1] if number + 1 < len(texts) else ""
        cost = _BROKEN if at <= label else _cost(text, following)
        if at - label in pauses:
            cost = min(cost, _CLAUSE)
        pieces.append(_Piece(text, text_width(text), text_width(text.rstrip()), cost))
    return pieces


def _cost(piece: str, following: str) -> float:
    """Return the cost of a break between two pieces."""
    word, after = piece.strip(), following.strip()
    if not piece[-1:].isspace():
        return _unspaced(word, after)
    bare, next_ = _bare(word), _bare(after)
    abbreviated = word.endswith(".") and (
        bare in _ABBREVIATED or re.fullmatch(r"(?:[A-Z]\.)+", word) is not None
    )
    if abbreviated:
        return _TIGHT
    if _END.search(word):
        return _CLAUSE if after[:1].islower() else _SENTENCE
    if _CLAUSE_END.search(word) or after[:1] in ("—", "–", "-"):
        return _CLAUSE
    if bare in _HOLDS_NEXT or next_ in _HELD or (word[-1:].isdigit() and not after[:1].isdigit()):
        return _TIGHT
    if word[:1].isupper() and after[:1].isupper() and next_ not in _TITLES:
        return _TIGHT  # a name
    if next_ in _CONJUNCTIONS:
        return _CONJUNCTION
    return _PREPOSITION if next_ in _PREPOSITIONS else _ANYWHERE


def _unspaced(word: str, after: str) -> float:
    """Return the cost of a break without a space: between wide characters, or inside a long word."""
    if after[:1] and after[0] in _CLOSING:
        return _BROKEN
    if _END.search(word):
        return _SENTENCE
    if _CLAUSE_END.search(word):
        return _CLAUSE
    return _ANYWHERE if _wide(word[-1:]) or _wide(after[:1]) else _BROKEN


def _bare(word: str) -> str:
    return word.strip("\"'“”‘’«»()[]{}.,;:!?…").replace("’", "'").lower()


def _wide(char: str) -> bool:
    return bool(char) and unicodedata.east_asian_width(char) in "WF" and unicodedata.category(char)[0] == "L"


def pieces_of(text: str, width: int) -> Iterator[str]:
    """Yield the parts between possible line breaks, spaces with the word before; none wider than `width`."""
    for word in re.findall(r"\S+\s*", text):
        piece, columns = "", 0
        for char in word:
            size = text_width(char)
            if piece and (_wide(char) or columns + size > width) and not char.isspace():
                yield piece
                piece, columns = "", 0
            piece += char
            columns += size
        yield piece
