"""Several attempts at a speech: each is reviewed, and the best is kept."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import OptionError
from ..ranges import shown, whole
from .options import GenerationSettings
from .speech import Speech

if TYPE_CHECKING:
    from ..audio.sinks import Sink
    from ..review import Recognizer

MOST_ATTEMPTS = 20


def check_attempts(attempts: object, sink: Sink | None = None) -> int:
    """Return a number of attempts.

    Raises
    ------
    OptionError
        If it is out of range, or a sink would receive the audio of every attempt.
    """
    number = whole(attempts)
    if number is None or not 1 <= number <= MOST_ATTEMPTS:
        raise OptionError(f"attempts={shown(attempts)}", f"a whole number from 1 to {MOST_ATTEMPTS}", "use 3")
    if sink is not None:
        raise OptionError(
            "a sink together with review or attempts",
            "no sink: the audio is reviewed as a whole",
            "leave out the sink, and save the result",
        )
    return number


def best_of(
    speak: Callable[[GenerationSettings], Speech],
    options: GenerationSettings,
    attempts: int,
    recognizer: str | Recognizer | None,
    cancelled: Callable[[], bool] | None = None,
) -> Speech:
    """Generate until a speech has no difference from its script; return the best.

    Parameters
    ----------
    speak : callable
        Generates with the options that it is given.
    options : GenerationSettings
        A seed in them is that of the first attempt; the others draw theirs.
    attempts : int
    recognizer : str or Recognizer, optional
    cancelled : callable, optional
        No other attempt is made once it is true.
    """
    best: Speech | None = None
    made = 0
    for attempt in range(attempts):
        seed = options.get("seed") if attempt == 0 else secrets.randbelow(2**31)
        speech = speak({**options, "seed": seed})
        made += 1
        if speech.ended == "cancelled" and best is not None:
            break
        if not speech.audio.size:
            best = best or speech
            break
        found = speech.review(recognizer)
        if best is None or not best.audio.size or found.score > best.review().score:
            best = speech
        # Uncertain differences count as well: another attempt is cheaper than a wrong word.
        if not found.differences or (cancelled and cancelled()):
            break
    assert best is not None
    return replace(best, attempts=made)
