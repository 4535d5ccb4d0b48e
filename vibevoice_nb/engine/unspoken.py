"""Text that a model did not read before it ended a turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Unspoken:
    """Text that the model did not read before it ended a turn.

    Attributes
    ----------
    turn : int
        Index of the turn.
    tokens : int
        Tokens that were not read.
    text : str
        Words that were not read, or not wholly.
    """

    turn: int
    tokens: int
    text: str

    @property
    def words(self) -> int:
        """Number of words."""
        return len(self.text.split())


def unspoken_notes(left: Sequence[Unspoken], cause: str, last_cause: str, *, several: bool) -> list[str]:
    """Return a sentence for each text; `several` if the speech has more than one turn.

    >>> unspoken_notes([Unspoken(0, 3, "my friend")], "", "the context is full", several=True)
    ["2 words (3 tokens) of turn 1 were not spoken, as the context is full: 'my friend'"]
    """
    said = []
    for rest in left:
        turn = f"turn {rest.turn + 1}" if several else "the speech"
        words = "1 word" if rest.words == 1 else f"{rest.words} words"
        tokens = "1 token" if rest.tokens == 1 else f"{rest.tokens} tokens"
        why = last_cause if rest is left[-1] else cause
        said.append(f"{words} ({tokens}) of {turn} were not spoken, as {why}: {_short(rest.text)!r}")
    return said


def _short(text: str, most: int = 80) -> str:
    words = " ".join(text.split())
    return words if len(words) <= most else words[: most - 1].rstrip() + "…"
