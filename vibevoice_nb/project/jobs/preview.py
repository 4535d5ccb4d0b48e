"""Preview: a turn or a word is spoken once, with the voice of its speaker, and nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.errors import ScriptError
from vibevoice_nb.script.pronunciation import Pronunciation

from ..take import Take
from .job import Job

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.script import Turn
    from vibevoice_nb.voices.voice import Voice

    from ..episode import Episode

MAX_SECONDS = 60.0
"""Longest preview."""
MAX_WORDS = 500
"""Most characters of words that are not those of the turn."""


class Preview(Job[Take]):
    """Job that speaks a turn without a take of the project; its result is a take in memory.

    Parameters
    ----------
    engine : callable
        Returns the engine; called in the background.
    turn : Turn
    voices : mapping from speaker index to Voice
    pronunciation : Pronunciation
    options : mapping
        Options of the generation.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        turn: Turn,
        voices: Mapping[int, Voice],
        pronunciation: Pronunciation,
        options: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self._engine, self._voices = engine, voices
        self._turn, self._pronunciation, self._options = turn, pronunciation, options
        self._take = Take.from_audio(np.zeros(0, np.float32), name="preview")

    def __repr__(self) -> str:
        return f"<Preview {self.state}, {self._take.seconds:.1f} s of audio>"

    def work(self) -> None:
        engine = self._engine()
        self._enter("speaking")
        turn = self._pronunciation.turn(self._turn, engine.frontend)
        voices = engine.followed(self._voices)
        seconds = min(3 * engine.frontend.seconds(turn.text) + 10, MAX_SECONDS)
        options = engine.defaults.updated({**self._options, "max_seconds": seconds}).seeded()
        run = engine.run_in_context(turn, voices, [], options, lambda: self.cancelled)
        audio = np.concatenate([np.zeros(0, np.float32), *run])
        self._take = Take.from_audio(audio, name="preview", manifest={"model": engine.name})

    def outcome(self) -> Take:
        return self._take


def preview_turn(
    episode: Episode,
    engine: Engine | Callable[[], Engine],
    turn_id: str,
    words: str | None,
    readings: Mapping[str, str | None],
    options: Mapping[str, Any],
) -> Preview:
    """Prepare the preview of a turn.

    Parameters
    ----------
    episode : Episode
    engine : Engine or callable
    turn_id : str
    words : str, optional
        Other words, in the voice of the turn's speaker.
    readings : mapping from word to reading
        Added to the lexicon for this preview; None leaves a word as it is written.
    options : mapping
        Options of the generation; by default the settings of the project.

    Raises
    ------
    ScriptError, VoiceError, LexiconError, OptionError, ProjectError
        If the turn or its voice is not ready, or a reading is not valid.
    """
    turn = episode.turns.find(turn_id).turn
    if words is not None:
        if len(words) > MAX_WORDS or not words.strip():
            raise ScriptError(
                f"{len(words)} characters to preview", f"1 to {MAX_WORDS}", "select fewer words"
            )
        text = " ".join(words.split())
        # Without a stop, a model may continue the sentence.
        turn = replace(turn, text=text if text[-1] in ".?!…。" else f"{text}.", pause_after_ms=0)
    said = episode.turns.pronunciation.with_readings(readings)
    given = episode.settings.generation_options(options)
    GenerationOptions().updated(given)  # an invalid option is reported at once
    voices = episode.turns.check_voices([turn_id])
    return Preview(engine if callable(engine) else lambda: engine, turn, voices, said, given)
