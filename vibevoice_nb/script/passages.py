"""Passages: parts of a script, each generated in one pass of the model.

The published models generate a whole script in one pass. It is cut only at pauses, since the model cannot
pause on request, and, for a model that is best at short passages, where a passage exceeds its preferred
length: between turns if possible, else between sentences, else at a comma or a space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from . import Turn
from .frontends import PLAIN_TEXT, Frontend

_ENDLESS = 100
"""Maximum number of characters of a word that is not cut."""
_BREAKS = (re.compile(r"(?<=[.?!…])\s+"), re.compile(r"(?<=[,;:])\s+"), re.compile(r"\s+"))


def cut(
    turns: Sequence[Turn], seconds: float | None = None, frontend: Frontend = PLAIN_TEXT
) -> list[list[Turn]]:
    """Cut turns into passages.

    Parameters
    ----------
    turns : sequence of Turn
    seconds : float, optional
        Maximum length of a passage, by estimate; by default, passages end only at pauses.
    frontend : Frontend
        The model's front end; a piece that it cannot speak is joined to another one.

    Returns
    -------
    list of list of Turn
        Only the last turn of a passage may have a pause after it.

    Examples
    --------
    >>> turns = [Turn(1, "Hello there. How are you?", 0), Turn(2, "Fine.", 1, 500), Turn(1, "Good.", 0)]
    >>> [[turn.text for turn in passage] for passage in cut(turns)]
    [['Hello there. How are you?', 'Fine.'], ['Good.']]
    >>> [[turn.text for turn in passage] for passage in cut(turns, seconds=1.3)]
    [['Hello there.'], ['How are you?', 'Fine.'], ['Good.']]
    """
    return [[turn for _, turn in passage] for passage in cut_numbered(turns, seconds, frontend)]


def cut_numbered(
    turns: Sequence[Turn], seconds: float | None = None, frontend: Frontend = PLAIN_TEXT
) -> list[list[tuple[int, Turn]]]:
    """Cut like `cut`; return each piece with the index of its turn in `turns`.

    Examples
    --------
    >>> turns = [Turn(1, "Hello there. How are you?", 0), Turn(2, "Fine.", 1)]
    >>> [[(index, turn.text) for index, turn in passage] for passage in cut_numbered(turns, seconds=1.3)]
    [[(0, 'Hello there.')], [(0, 'How are you?'), (1, 'Fine.')]]
    """
    passages: list[list[tuple[int, Turn]]] = []
    open_, length = False, 0.0
    for index, piece in _pieces(turns, seconds, frontend):
        if not open_ or (seconds is not None and length + piece.estimated_seconds > seconds):
            passages.append([])
            length = 0.0
        passages[-1].append((index, piece))
        length += piece.estimated_seconds
        open_ = piece.pause_after_ms == 0
    return [_joined(passage) for passage in passages]


def _pieces(turns: Sequence[Turn], seconds: float | None, frontend: Frontend) -> Iterator[tuple[int, Turn]]:
    """Split turns that are too long; the pause follows the last piece."""
    for index, turn in enumerate(turns):
        if seconds is None or turn.estimated_seconds <= seconds:
            yield index, turn
            continue
        *pieces, last = _speakable(_split(turn, seconds), frontend)
        yield from ((index, replace(piece, pause_after_ms=0)) for piece in pieces)
        yield index, last


def _split(turn: Turn, seconds: float) -> Iterator[Turn]:
    """Split at the strongest kind of break, and the parts again while they are too long."""
    parts = _parts(turn.text)
    for part in parts:
        piece = replace(turn, text=part)
        if len(parts) > 1 and piece.estimated_seconds > seconds:
            yield from _split(piece, seconds)
        else:
            yield piece


def _parts(text: str) -> list[str]:
    """Divide a text at its strongest breaks, or a very long word in its middle."""
    for pattern in _BREAKS:
        parts = pattern.split(text)
        if len(parts) > 1:
            return parts
    half = len(text) // 2
    return [text[:half], text[half:]] if len(text) > _ENDLESS else [text]


def _speakable(pieces: Iterator[Turn], frontend: Frontend) -> list[Turn]:
    """Join a piece without anything to speak to the piece before it, or to the first one after it."""
    joined: list[Turn] = []
    for piece in pieces:
        if joined and (frontend.check(piece.text).empty or frontend.check(joined[-1].text).empty):
            joined[-1] = replace(piece, text=f"{joined[-1].text} {piece.text}")
        else:
            joined.append(piece)
    return joined


def _joined(passage: list[tuple[int, Turn]]) -> list[tuple[int, Turn]]:
    """Join adjacent pieces of one turn; turns remain separate lines, as in training."""
    joined: list[tuple[int, Turn]] = []
    for index, piece in passage:
        if joined and joined[-1][0] == index:
            text = f"{joined[-1][1].text} {piece.text}"
            joined[-1] = (index, replace(piece, text=text))
        else:
            joined.append((index, piece))
    return joined
