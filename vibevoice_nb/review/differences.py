"""Differences between the words of a script and the words that were heard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from .alignment import Pair

Kind = Literal["missing", "different", "extra", "repeated", "cut off", "silence", "sound"]
"""Kinds of differences: words left out, heard as others, invented, or said twice; the end is missing; a long
silence; sound that is no speech."""


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes
    ----------
    kind : Kind
    said : str
        Words of the script, as written; empty for extra words, silence and sound.
    heard : str
        Words heard in their place.
    start, end : int
        Range of the turn's text; for extra words an empty range, where they were inserted.
    start_seconds, end_seconds : float
        Place in the take.
    certain : bool
        True if the recognizer is sure that the script's words are not there, or that the others are.
        Uncertain ones are often the recognizer's own errors.
    """

    kind: Kind
    said: str
    heard: str
    start: int
    end: int
    start_seconds: float
    end_seconds: float
    certain: bool = True

    def __str__(self) -> str:
        """Describe it in a few words."""
        words = {
            "missing": f"“{self.said}” is missing",
            "different": f"“{self.said}” was heard as “{self.heard}”",
            "extra": f"“{self.heard}” is not in the script",
            "repeated": f"“{self.heard}” is said twice",
            "cut off": f"“{self.said}” is cut off at the end",
            "silence": f"{self.end_seconds - self.start_seconds:.1f} s of silence",
            "sound": f"{self.end_seconds - self.start_seconds:.1f} s of noise or music",
        }[self.kind]
        return f"{words} at {self.start_seconds:.1f} s" + ("" if self.certain else " (uncertain)")


@dataclass(frozen=True)
class Group:
    """Neighboring words that differ: ranges of indices in the script's and in the heard words."""

    said: range
    heard: range

    @property
    def empty(self) -> bool:
        """True if it holds nothing."""
        return not self.said and not self.heard


def groups(pairs: Sequence[Pair]) -> Iterator[Group]:
    """Join neighboring pairs that differ.

    Examples
    --------
    >>> from vibevoice_nb.review.alignment import align
    >>> said, heard = "we saw the old house".split(), "we heard the house too".split()
    >>> list(groups(align(said, heard)))[:2]
    [Group(said=range(1, 2), heard=range(1, 2)), Group(said=range(3, 4), heard=range(3, 3))]
    """
    said = heard = 0
    first = (0, 0)
    for pair in [*pairs, None]:
        if pair is not None and not pair.same:
            said, heard = pair.said.stop, pair.heard.stop
            continue
        group = Group(range(first[0], said), range(first[1], heard))
        if not group.empty:
            yield group
        if pair is not None:
            said, heard = first = pair.said.stop, pair.heard.stop


def kind_of(group: Group, said: Sequence[str], heard: Sequence[str]) -> Kind:
    """Name the kind of a group of differing words."""
    mine, theirs = said[slice(*_bounds(group.said))], list(heard[slice(*_bounds(group.heard))])
    if not theirs:
        return "cut off" if group.said.stop == len(said) else "missing"
    if mine:
        return "different"
    before = list(said[max(0, group.said.start - len(theirs)) : group.said.start])
    after = list(said[group.said.start : group.said.start + len(theirs)])
    return "repeated" if theirs in (before, after) else "extra"


def _bounds(part: range) -> tuple[int, int]:
    return part.start, part.stop
