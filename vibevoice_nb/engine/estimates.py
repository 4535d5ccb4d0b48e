"""Estimated length of speech that is generated elsewhere. Importing this module does not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..script import Turn
from ..script.frontends import Frontend
from ..script.passages import cut
from ..script.speakable import spoken_indices


def whole_seconds(turns: Sequence[Turn], frontend: Frontend, model: str, *, pauses: bool) -> float:
    """Return the estimated length of a whole script, in seconds.

    Raises
    ------
    ScriptError
        If there is nothing to speak.
    """
    spoken = [turns[index] for index in spoken_indices(turns, frontend, model)]
    return sum(turn.estimated_seconds + pauses * turn.pause_after_ms / 1000 for turn in spoken)


def in_context_seconds(turn: Turn, frontend: Frontend, model: str, passage_seconds: float | None) -> float:
    """Return the estimated length of one turn, in seconds.

    Raises
    ------
    ScriptError
        If there is nothing to speak.
    """
    spoken_indices([turn], frontend, model)
    passages = cut([replace(turn, pause_after_ms=0)], passage_seconds, frontend)
    return sum(piece.estimated_seconds for passage in passages for piece in passage)
