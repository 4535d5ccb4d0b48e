"""Passages: parts of a script, each generated in one pass of the model.

The published models generate a whole script in one pass. It is cut only at pauses, since the model cannot
pause on request; before the turn of a fifth speaker, since the model knows four; and, for a model that is
best at short passages, where a passage exceeds its preferred length: between turns if possible, else between
sentences, else at a comma or a space.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from . import Diagnostic, Turn
from .frontends import PLAIN_TEXT, Frontend

PASSAGE_SPEAKERS = 4
"""Most speakers of one passage: the models were trained with up to four."""
_NAMED = 12
"""Most lines named in one message."""
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
        Maximum length of a passage, by estimate; by default, only pauses and speakers end passages.
    frontend : Frontend
        The model's front end; a piece that it cannot speak is joined to another one.

    Returns
    -------
    list of list of Turn
        Only the last turn of a passage may have a pause after it. No passage has more than four speakers.

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
    open_, length, speakers = False, 0.0, set[int]()
    for index, piece in _pieces(turns, seconds, frontend):
        too_long = seconds is not None and length + piece.estimated_seconds > seconds
        if not open_ or too_long or len(speakers | {piece.speaker_index}) > PASSAGE_SPEAKERS:
            passages.append([])
            length, speakers = 0.0, set()
        passages[-1].append((index, piece))
        length += piece.estimated_seconds
        speakers.add(piece.speaker_index)
        open_ = piece.pause_after_ms == 0
    return [_joined(passage) for passage in passages]


def check_passages(
    turns: Sequence[Turn], seconds: float | None = None, frontend: Frontend = PLAIN_TEXT
) -> tuple[Diagnostic, ...]:
    """Report the turns that begin a passage because the one before has four other speakers.

    Parameters
    ----------
    turns, seconds, frontend
        As for `cut`; turns that the front end cannot speak are ignored.

    Returns
    -------
    tuple of Diagnostic
        Infos, at the label of each such turn.

    Examples
    --------
    >>> turns = [Turn(number, "Hello.", number - 1, line=number) for number in (1, 2, 3, 4, 5)]
    >>> print(check_passages(turns)[0])
    line 5, column 1: info: a new passage begins here, before a fifth speaker (Speaker 5)
    """
    spoken = [turn for turn in turns if not frontend.check(turn.text).empty]
    return tuple(
        _new_passage(after[0])
        for before, after in itertools.pairwise(cut(spoken, seconds, frontend))
        if not before[-1].pause_after_ms
        and len({turn.speaker_index for turn in (*before, after[0])}) > PASSAGE_SPEAKERS
    )


def _new_passage(turn: Turn) -> Diagnostic:
    return Diagnostic(
        "info",
        f"a new passage begins here, before a fifth speaker ({turn.label})",
        turn.line,
        turn.column,
        max(turn.text_column, turn.column + 1),
        f"at most {PASSAGE_SPEAKERS} speakers in one pass of the model",
    )


def summarized(cuts: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Join the diagnostics of `check_passages` into one, for a terminal or a warning.

    Examples
    --------
    >>> turns = [Turn(number, "Hello.", number - 1, line=number) for number in range(1, 13)]
    >>> print(*summarized(check_passages(turns)))
    line 5, column 1: info: new passages begin at lines 5, 9, each before a fifth speaker
    """
    if len(cuts) < 2:
        return tuple(cuts)
    lines = ", ".join(str(item.line) for item in cuts[:_NAMED])
    more = f" and {len(cuts) - _NAMED} more" if len(cuts) > _NAMED else ""
    message = f"new passages begin at lines {lines}{more}, each before a fifth speaker"
    return (replace(cuts[0], message=message),)


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
