"""Clauses spoken one by one, each in the context of those before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...audio.pcm import SAMPLE_RATE
from ...script import Diagnostic, Turn, parse_script
from ...script.clauses import Clause
from ...script.pauses import MAX_PAUSE_MS, find_pauses
from ...script.pronunciation import Pronunciation
from ...script.speakable import check_script
from ..frames import Spoken
from ..options import GenerationOptions
from .voices import StreamCast

if TYPE_CHECKING:
    from ..engine import Engine

CONTEXT_SECONDS = 20.0
"""Most context read before a clause: reading more of it would delay the audio."""
_CONTEXT_TURNS = 64
_ATTEMPTS = 3
"""Generations of a clause whose audio is far too short; none of them is delivered but the last."""
_HELD_FRAMES = 3
"""Most frames kept back until the length of a clause is plausible."""
_SENTENCE_MARKS = ".?!…。！？"
_CLAUSE_MARKS = ",;:，；：、—–-"


class TurnByTurn:
    """Speaker of a text stream for models that read a whole clause before they speak it.

    Parameters
    ----------
    engine : Engine
    options : GenerationOptions
    pronunciation : Pronunciation
    cast : StreamCast

    Attributes
    ----------
    full : bool
        Whether the length limit ended the last turn.
    """

    def __init__(
        self, engine: Engine, options: GenerationOptions, pronunciation: Pronunciation, cast: StreamCast
    ) -> None:
        self._engine, self._cast, self._pronunciation = engine, cast, pronunciation
        seconds = CONTEXT_SECONDS if options.context_seconds is None else options.context_seconds
        self._options = replace(options, context_seconds=seconds)
        self._context: deque[tuple[Spoken, float]] = deque(maxlen=_CONTEXT_TURNS)  # with their seconds
        self._number = 0
        self.full = False

    def seconds_of(self, text: str) -> float:
        """Return the estimated length of a text."""
        return self._engine.frontend.seconds(text)

    def turns(self, clause: Clause) -> tuple[int, list[Turn], tuple[Diagnostic, ...]]:
        """Return a clause as turns, cut at its pauses, without what the model cannot speak.

        The first number is the pause before it, in ms.
        """
        engine = self._engine
        index = self._cast.index(clause.speaker)
        label = self._cast.label(clause.speaker)
        pause_ms, text = leading_pause(clause.text)
        script = parse_script(f"{label}: {text}", cast=[label], format="text")
        found = check_script(script, engine.frontend, engine.name, self._pronunciation)
        read = self._pronunciation.script(script, engine.frontend)
        turns = [replace(turn, speaker_index=index) for turn in read.turns]
        turns = [turn for turn in turns if not engine.frontend.check(turn.text).empty]
        if turns and engine.limits.passage_seconds is not None:
            # Small models babble after text that does not end a sentence.
            turns[-1] = _as_sentence(turns[-1])
        return pause_ms, turns, found

    def audio(
        self, turn: Turn, cancelled: Callable[[], bool], left: float | None
    ) -> Iterator[NDArray[np.float32]]:
        """Speak a turn, at most `left` seconds of it."""
        engine = self._engine
        expected = self.seconds_of(turn.text)
        low, high = engine.limits.length_ratio
        most = high * expected + 2.0
        limit = most if left is None else max(0.14, min(most, left))
        for attempt in range(_ATTEMPTS):
            seed = ((self._options.seed or 0) + self._number + 7919 * attempt) % 2**63
            options = replace(self._options, seed=seed, max_seconds=limit)
            # A second attempt reads no context: it is the likeliest reason of a failure.
            context = [] if attempt else [spoken for spoken, _ in self._context]
            run = engine.run_in_context(turn, self._cast.voices, context, options, cancelled)
            held: list[NDArray[np.float32]] = []
            delivered = False
            for audio in run:
                plausible = sum(map(len, [*held, audio])) > low * expected * SAMPLE_RATE
                if delivered or plausible or len(held) >= _HELD_FRAMES:
                    yield from held
                    held.clear()
                    delivered = True
                    yield audio
                else:
                    held.append(audio)
            retry = not delivered and run.odd_length == "short" and attempt < _ATTEMPTS - 1
            if retry and not cancelled():
                continue
            yield from held
            break
        self.full = left is not None and limit == left and run.ended == "length"
        self._number += 1
        if run.odd_length == "long":
            self._context.clear()  # the model lost the text: nothing should follow from it
        elif len(run.frames):
            self._context.append((Spoken(turn, run.frames), run.seconds))
            self._forget()

    def _forget(self) -> None:
        """Drop turns beyond the context, and with them their frames."""
        seconds, kept = self._options.context_seconds or 0.0, 0.0
        for number, (_, length) in enumerate(reversed(self._context)):
            kept += length
            if kept > max(seconds, 20.0):
                for _ in range(len(self._context) - 1 - number):
                    self._context.popleft()
                return


def _as_sentence(turn: Turn) -> Turn:
    """Return a turn whose text for the model ends a sentence; the written words stay."""
    text = turn.text.rstrip()
    bare = text.rstrip("\"'”’»)]*_")
    if bare and bare[-1] in _SENTENCE_MARKS:
        return turn
    return replace(turn, text=text.rstrip(_CLAUSE_MARKS + " ") + ".", written=turn.words)


def leading_pause(text: str) -> tuple[int, str]:
    """Split off the pauses that a text begins with.

    >>> leading_pause("[pause:500] [pause] Go on. [pause]")
    (1500, 'Go on. [pause]')
    """
    total, at = 0, 0
    for pause in find_pauses(text, 0):
        if pause.ms is None or text[at : pause.start].strip():
            break
        total, at = total + pause.ms, pause.end
    return min(total, MAX_PAUSE_MS), text[at:].strip()
