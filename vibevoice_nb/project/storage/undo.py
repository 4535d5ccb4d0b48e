"""Undo steps as they are stored: each names operations, and each operation's module registers its check.

An entry is `[operation, key, *values]`: the operation's inverse is applied with them (see `history`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kept:
    """Data that must be kept as long as an undo step can be applied.

    Attributes
    ----------
    voices : frozenset of str
        Names of files in `voices/`.
    takes : frozenset of str
        Ids of deleted takes, in the trash.
    letters : int
        Characters of earlier scripts.
    music : frozenset of str
        Names of files in `music/`.
    """

    voices: frozenset[str] = frozenset()
    takes: frozenset[str] = frozenset()
    letters: int = 0
    music: frozenset[str] = frozenset()


Check = Callable[..., Kept]
"""Validate an entry's key and values; return what must be kept for it. Raises if they are damaged."""

_checks: dict[str, Check] = {}


def register_check(operation: str, check: Check) -> None:
    """Accept undo entries of an operation."""
    _checks[operation] = check


@dataclass
class UndoStep:
    """One change that can be undone.

    Attributes
    ----------
    words : str
        Description of the change, for the person.
    back : list of [operation, key, *values]
        Entries that undo it, applied in order.
    typed : float or None
        Time (seconds since 1970) of a change made by typing; further typing is merged into the step.

    Raises
    ------
    ValueError, TypeError, KeyError
        If an entry is damaged or of an unknown operation.
    """

    words: str
    back: list[list[Any]]
    typed: float | None = None

    def __post_init__(self) -> None:
        if type(self.words) is not str or not self.back or type(self.typed) not in (int, float, type(None)):
            raise ValueError("an undo step is not valid")
        found = [_checks[operation](key, *values) for operation, key, *values in self.back]
        self.kept = Kept(
            frozenset().union(*(one.voices for one in found)),
            frozenset().union(*(one.takes for one in found)),
            sum(one.letters for one in found),
            frozenset().union(*(one.music for one in found)),
        )
