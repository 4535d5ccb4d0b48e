"""Alignment of the words of a script with the words that were heard."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass

from .words import similarity, sounds_same

_INSERT = _DELETE = 1.0
_MOST_CELLS = 250_000
"""Largest table of one alignment; longer texts are cut at phrases that both have exactly once."""
_PHRASE = 3
_SAME_JOINED = 0.88
"""Likeness from which two words are heard as one, or one as two."""


@dataclass(frozen=True)
class Pair:
    """Words of the script, and the words heard in their place: ranges of indices.

    One of them is empty, or both hold one or two words. `same` is true if a listener would take them for the
    same words.
    """

    said: range
    heard: range
    same: bool


def align(said: Sequence[str], heard: Sequence[str]) -> list[Pair]:
    """Align words with the least number of differences.

    Words that sound alike are preferred as partners, and two words may be heard as one ("ice cream").

    Parameters
    ----------
    said, heard : sequence of str
        Normalized words.

    Returns
    -------
    list of Pair
        In order; every word is in exactly one.

    Examples
    --------
    >>> pairs = align("the ice cream was good".split(), "the icecream is very good".split())
    >>> [(list(pair.said), list(pair.heard), pair.same) for pair in pairs]
    [([0], [0], True), ([1, 2], [1], True), ([3], [2], False), ([], [3], False), ([4], [4], True)]
    """
    pairs: list[Pair] = []
    at_said = at_heard = 0
    for i, j in [*_anchors(said, heard), (len(said), len(heard))]:
        pairs += _segment(said, heard, (at_said, i), (at_heard, j))
        at_said, at_heard = i, j
    return pairs


def _anchors(said: Sequence[str], heard: Sequence[str]) -> list[tuple[int, int]]:
    """Return places to cut long texts at: beginnings of phrases that occur once in each, in order."""
    if len(said) * len(heard) <= _MOST_CELLS:
        return []
    places = [_unique_phrases(words) for words in (said, heard)]
    both = sorted((places[0][phrase], places[1][phrase]) for phrase in places[0].keys() & places[1].keys())
    return _increasing(both)


def _unique_phrases(words: Sequence[str]) -> dict[tuple[str, ...], int]:
    found: dict[tuple[str, ...], int] = {}
    for index in range(len(words) - _PHRASE + 1):
        phrase = tuple(words[index : index + _PHRASE])
        found[phrase] = -1 if phrase in found else index
    return {phrase: index for phrase, index in found.items() if index >= 0}


def _increasing(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return a longest part of the pairs in which the second numbers increase too."""
    lowest: list[int] = []  # for each length, the lowest second number that ends such a part
    ends: list[int] = []
    before: list[int] = []
    for index, (_, second) in enumerate(pairs):
        length = bisect.bisect_left(lowest, second)
        before.append(ends[length - 1] if length else -1)
        lowest[length : length + 1] = [second]
        ends[length : length + 1] = [index]
    found, index = [], ends[-1] if ends else -1
    while index >= 0:
        found.append(pairs[index])
        index = before[index]
    return found[::-1]


def _segment(
    said: Sequence[str], heard: Sequence[str], mine: tuple[int, int], theirs: tuple[int, int]
) -> list[Pair]:
    """Align a part of both texts; where that is too much, in blocks of equal share."""
    rows, columns = mine[1] - mine[0], theirs[1] - theirs[0]
    blocks = -(-rows * columns // _MOST_CELLS) if rows and columns else 1
    pairs: list[Pair] = []
    for block in range(blocks):
        part = [
            range(low + block * size // blocks, low + (block + 1) * size // blocks)
            for low, size in ((mine[0], rows), (theirs[0], columns))
        ]
        pairs += _table(said, heard, part[0], part[1])
    return pairs


def _table(said: Sequence[str], heard: Sequence[str], rows: range, columns: range) -> list[Pair]:
    """Align by dynamic programming."""
    cost = [[0.0] * (len(columns) + 1) for _ in range(len(rows) + 1)]
    step: list[list[tuple[int, int]]] = [[(0, 0)] * (len(columns) + 1) for _ in range(len(rows) + 1)]
    for i in range(len(rows) + 1):
        for j in range(len(columns) + 1):
            if not i and not j:
                continue
            options = []
            if i:
                options.append((cost[i - 1][j] + _DELETE, (1, 0)))
            if j:
                options.append((cost[i][j - 1] + _INSERT, (0, 1)))
            if i and j:
                options.append(
                    (cost[i - 1][j - 1] + _change(said[rows[i - 1]], heard[columns[j - 1]]), (1, 1))
                )
            if i > 1 and j:
                two = said[rows[i - 2]] + said[rows[i - 1]]
                options += _joined(cost[i - 2][j - 1], two, heard[columns[j - 1]], (2, 1))
            if i and j > 1:
                two = heard[columns[j - 2]] + heard[columns[j - 1]]
                options += _joined(cost[i - 1][j - 2], said[rows[i - 1]], two, (1, 2))
            cost[i][j], step[i][j] = min(options, key=lambda option: option[0])
    pairs, i, j = [], len(rows), len(columns)
    while i or j:
        down, right = step[i][j]
        mine = range(rows.start + i - down, rows.start + i)
        theirs = range(columns.start + j - right, columns.start + j)
        # Two words for one are only paired if they are the same.
        same = down + right == 3 or (down == right and sounds_same(said[mine[0]], heard[theirs[0]]))
        pairs.append(Pair(mine, theirs, same))
        i, j = i - down, j - right
    return pairs[::-1]


def _change(said: str, heard: str) -> float:
    """Cost of hearing one word as another: less than leaving out one and inserting the other."""
    if said == heard:
        return 0.0
    return 0.2 if sounds_same(said, heard) else 1.9 - similarity(said, heard)


def _joined(
    before: float, said: str, heard: str, step: tuple[int, int]
) -> list[tuple[float, tuple[int, int]]]:
    """Two words for one, if together they sound like it."""
    if abs(len(said) - len(heard)) > 2 or similarity(said, heard) < _SAME_JOINED:
        return []
    return [(before + (0.1 if said == heard else 0.3), step)]
