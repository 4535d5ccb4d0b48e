"""`speech_request`: a script and voices as a caller gives them become a run, and warnings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..script import Diagnostic, Script, parse_script
from ..script.passages import check_passages, summarized
from ..script.pronunciation import Pronunciation
from ..script.speakable import ScriptWarning, speakable
from ..voices.casting import Voices, cast_voices, shared_voices, stand_in_message
from ..voices.library import VoiceLibrary
from ..voices.voice import Voice
from .interface import Run
from .model_limits import ModelLimits, VoiceWarning
from .options import GenerationOptions
from .speech import Speech

if TYPE_CHECKING:
    from .engine import Engine

_CALLER = 4
"""Level of the user's call in the stack: below it are `speak`, `speak_many` and `speech_request`."""


@dataclass(frozen=True)
class Request:
    """A run, and the facts of its script that the result repeats."""

    run: Run
    cast: dict[str, str]
    diagnostics: tuple[Diagnostic, ...]

    def speech(self, audio: NDArray[np.float32]) -> Speech:
        """Return the result, with the audio [samples] that was kept."""
        return Speech.of(self.run, audio, self.cast, self.diagnostics)


def speech_request(
    engine: Engine,
    script: str | Script,
    voices: Voices | None,
    options: GenerationOptions,
    said: Pronunciation,
) -> Request:
    """Check a script and its voices for an engine, warn of what differs from it, and begin a run.

    Raises
    ------
    ScriptError, VoiceError, OptionError
    """
    whole = (script if isinstance(script, Script) else parse_script(script)).raise_for_errors()
    # The caller of `parse_script` has its diagnostics; those of a text are reported here.
    parsed = () if isinstance(script, Script) else whole.diagnostics
    spoken = speakable(whole, engine.frontend, engine.name, said)
    cuts = check_passages(spoken.turns, options.passage_seconds, engine.frontend)
    diagnostics = (*engine.check(whole, said), *summarized(cuts))
    for item in (*(one for one in parsed if one.severity == "warning"), *diagnostics):
        warnings.warn(str(item), ScriptWarning, stacklevel=_CALLER)
    cast = _cast(whole, voices, engine.limits)
    followed = engine.followed(cast)
    labels = {turn.speaker_index: turn.label for turn in whole.turns}
    names = {labels[index]: voice.name for index, voice in cast.items()}
    by_default = voices is None and engine.limits.voice_prompts is None
    for message in shared_voices(names, names) if by_default else ():
        warnings.warn(message, VoiceWarning, stacklevel=_CALLER)
    for index, voice in followed.items():
        if voice is not cast[index]:
            message = stand_in_message(engine.name, labels[index], cast[index].name, voice.name)
            warnings.warn(message, VoiceWarning, stacklevel=_CALLER)
    run = engine.run_whole(spoken.turns, followed, options, pauses=True)
    return Request(run, {labels[index]: voice.name for index, voice in followed.items()}, diagnostics)


def _cast(script: Script, voices: Voices | None, limits: ModelLimits) -> dict[int, Voice]:
    indices = {turn.label: turn.speaker_index for turn in script.turns}
    if voices is None and (shape := limits.voice_prompts) is not None:
        fitting = [entry.name for entry in VoiceLibrary().list() if entry.prompt == str(shape)]
        if fitting:
            voices = [fitting[number % len(fitting)] for number in range(len(indices))]
    return {indices[label]: voice for label, voice in cast_voices(indices, voices).items()}
