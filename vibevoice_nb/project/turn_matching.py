"""Turn matching: finds the turns of an edited script in the script before, so takes stay with their lines.

A line with the same speaker and words keeps its id, wherever it was moved. The remaining old and new lines
are paired in order between these, the most similar ones together.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

_MANY = 10_000  # most pairs of equal lines; beyond, they are paired one by one
_LARGE = 2_500  # most pairs of edited lines to compare; beyond, likewise
_ALIKE = 0.6  # least similarity of a line that was moved and edited


class Words(NamedTuple):
    """Speaker and text of a turn."""

    speaker: str
    text: str


Known = tuple[str, Words]


def match_turns(
    old: Sequence[Known], new: Sequence[Words], fresh: Callable[[], str], retired: Sequence[Known] = ()
) -> list[str]:
    """Return the id of every turn of an edited script.

    Parameters
    ----------
    old : sequence of (id, words)
        The turns before the edit.
    new : sequence of words
        The turns after it.
    fresh : callable
        Returns an unused id.
    retired : sequence of (id, words)
        Turns deleted earlier, the latest last; they come back when their words do.

    Returns
    -------
    list of str
        One for each of `new`, without duplicates.

    Examples
    --------
    >>> old = [("a", Words("Anna", "Hello.")), ("b", Words("Ben", "Good morning."))]
    >>> new = [Words("Ben", "Good morning."), Words("Anna", "Hello!"), Words("Ben", "How are you?")]
    >>> match_turns(old, new, lambda: "c")
    ['b', 'a', 'c']
    """
    before = [words for _, words in old]
    head = _common(zip(before, new, strict=False))
    tail = _common(zip(reversed(before[head:]), reversed(new[head:]), strict=False))
    middle = _match_middle(old[head : len(old) - tail], new[head : len(new) - tail], retired)
    kept = [turn_id for turn_id, _ in old]
    ids = [*kept[:head], *middle, *kept[len(old) - tail :]]
    return [known or fresh() for known in ids]


def _match_middle(old: Sequence[Known], new: Sequence[Words], retired: Sequence[Known]) -> list[str | None]:
    """Match turns between the common beginning and end; None for a new turn."""
    ids: list[str | None] = [None] * len(new)
    anchors = _in_order([words for _, words in old], new)
    for before, after in anchors:
        ids[after] = old[before][0]
    gone = {before for before, _ in anchors}
    left = {index: known for index, known in enumerate(old) if index not in gone}
    for index in _same_words(ids, new, left.items()):  # moved
        del left[index]
    _same_words(ids, new, enumerate(reversed(retired)))
    edges = [(-1, -1), *anchors, (len(old), len(new))]
    for (i, j), (i_end, j_end) in itertools.pairwise(edges):
        here = [index for index in range(i + 1, i_end) if index in left]
        there = [index for index in range(j + 1, j_end) if ids[index] is None]
        for before, after in _most_alike([left[index][1] for index in here], [new[index] for index in there]):
            ids[there[after]] = left.pop(here[before])[0]
    _elsewhere(ids, new, left)
    return ids


def likeness(one: Words, other: Words) -> float:
    """Return the similarity of two turns, from 0 to 1; a change in one place leaves the rest similar.

    Examples
    --------
    >>> round(likeness(Words("Anna", "Hello there."), Words("Anna", "Hello here.")), 3)
    0.925
    """
    a, b = one.text, other.text
    head = _common(zip(a, b, strict=False))
    tail = _common(zip(reversed(a[head:]), reversed(b[head:]), strict=False))
    words, others = Counter(a.split()), Counter(b.split())
    around = (head + tail) / max(len(a), len(b), 1)
    shared = (words & others).total() / max(words.total(), others.total(), 1)
    return 0.1 * (one.speaker == other.speaker) + 0.9 * max(around, shared)


def _common(pairs: Iterable[tuple[object, object]]) -> int:
    """Return the number of equal pairs at the beginning."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _in_order(old: Sequence[Words], new: Sequence[Words]) -> list[tuple[int, int]]:
    """Return the longest common subsequence (Hunt-Szymanski) as pairs of indices."""
    places: dict[Words, list[int]] = defaultdict(list)
    for j, words in enumerate(new):
        places[words].append(j)
    times, seen = Counter(old), Counter[Words]()
    ends: list[int] = []
    chains: list[
        tuple[int, int, object]
    ] = []  # chains[n] is the end of the chain of n + 1 pairs that ends first
    for i, words in enumerate(old):
        found = places.get(words, [])
        if len(found) * times[words] > _MANY:
            found = found[seen[words] : seen[words] + 1]
        seen[words] += 1
        for j in reversed(found):
            n = bisect.bisect_left(ends, j)
            chain = (i, j, chains[n - 1] if n else None)
            ends[n : n + 1], chains[n : n + 1] = [j], [chain]
    pairs = []
    rest: object = chains[-1] if chains else None
    while isinstance(rest, tuple):
        i, j, rest = rest
        pairs.append((i, j))
    return pairs[::-1]


def _same_words(ids: list[str | None], new: Sequence[Words], known: Iterable[tuple[int, Known]]) -> list[int]:
    """Assign ids to turns with exactly the words of a known one; return the indices of those used."""
    places: dict[Words, list[int]] = defaultdict(list)
    for j in reversed(range(len(new))):
        if ids[j] is None:
            places[new[j]].append(j)
    used = []
    for index, (turn_id, words) in list(known):
        if places.get(words):
            ids[places[words].pop()] = turn_id
            used.append(index)
    return used


def _most_alike(old: Sequence[Words], new: Sequence[Words]) -> list[tuple[int, int]]:
    """Pair as many as possible in order, the most similar together; return pairs of indices."""
    if not old or not new:
        return []
    if len(old) * len(new) > _LARGE:
        return [(i, i) for i in range(min(len(old), len(new)))]
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]  # of old[i:] and new[j:]
    gain = [[0.01 + likeness(one, other) ** 2 for other in new] for one in old]
    for i in reversed(range(len(old))):
        for j in reversed(range(len(new))):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], gain[i][j] + best[i + 1][j + 1])
    pairs, i, j = [], 0, 0
    while i < len(old) and j < len(new):
        if best[i][j] == gain[i][j] + best[i + 1][j + 1]:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _elsewhere(ids: list[str | None], new: Sequence[Words], left: dict[int, Known]) -> None:
    """Match lines that were moved and edited at once."""
    open_places = [j for j, known in enumerate(ids) if known is None]
    if not left or len(left) * len(open_places) > _LARGE:
        return
    pairs = sorted(
        ((likeness(words, new[j]), -i, -j) for i, (_, words) in left.items() for j in open_places),
        reverse=True,
    )
    for alike, i, j in pairs:
        if alike >= _ALIKE and -i in left and ids[-j] is None:
            ids[-j] = left.pop(-i)[0]
