"""Conversion of a request to a run of an engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..engine.engine import Engine
from ..engine.frames import Frames, Spoken
from ..engine.run import SpeechRun
from ..errors import ScriptError, VoiceError
from ..model.config import SAMPLE_RATE
from ..ranges import shown
from ..voices.builtin import builtin_voices
from ..voices.checks import MAX_VOICE_SECONDS
from ..voices.names import fold_name
from ..voices.resolve import resolve_voice
from ..voices.voice import Voice
from .requests import SpeechRequest

_LONGEST = int(MAX_VOICE_SECONDS * SAMPLE_RATE)


@dataclass(frozen=True)
class SpeechPlan:
    """A run, and the built-in voices in place of recordings that the model cannot follow."""

    run: SpeechRun
    replaced: dict[int, str]


def prepare(engine: Engine, request: SpeechRequest) -> SpeechPlan:
    """Make the run of a request.

    Raises
    ------
    ScriptError, VoiceError, OptionError
        If the request is invalid. Messages have no paths of this machine.
    """
    options = engine.defaults.updated(request.options).seeded()
    cast = {index: voice_of(spec) for index, spec in request.cast.items()}
    followed = engine.followed(cast)
    replaced = {index: voice.name for index, voice in followed.items() if voice is not cast[index]}
    if not request.turns:
        raise ScriptError("the script is empty", "at least one line", "write a line")
    if request.mode == "context":
        context = [Spoken(line.turn, _frames(line.latent, line.semantic)) for line in request.context]
        run = SpeechRun.in_context(engine.loaded, request.turns[0], followed, context, options)
    else:
        run = SpeechRun.whole(engine.loaded, request.turns, followed, options, pauses=request.pauses)
    if request.done is not None:
        done = request.done
        run.replay(_frames(done.latent, done.semantic), done.tokens, done.samples)
    return SpeechPlan(run, replaced)


def voice_of(spec: str | NDArray[np.float32] | Voice) -> Voice:
    """Return a voice as it is, a built-in one by its name, or a recording; no others of this machine.

    >>> voice_of("ada").name
    'Ada'
    """
    if isinstance(spec, Voice):
        return spec
    if isinstance(spec, str):
        return _built_in(spec)
    audio = np.ascontiguousarray(spec, dtype=np.float32)
    if audio.ndim != 1 or not 0 < len(audio) <= _LONGEST or not np.isfinite(audio).all():
        raise VoiceError(
            "a recording that is empty, too long, or not of finite samples",
            f"one channel of at most {MAX_VOICE_SECONDS / 60:g} minutes",
            "choose another recording",
        )
    return Voice("recording", audio, "array")


def _built_in(name: str) -> Voice:
    names: Mapping[str, str] = {fold_name(known): known for known in builtin_voices()}
    if fold_name(name) not in names:
        raise VoiceError(
            f"unknown voice {shown(name)}", f"one of {', '.join(names.values())}", "choose one of them"
        )
    return resolve_voice(names[fold_name(name)])


def _frames(latent: NDArray[np.float32], semantic: NDArray[np.float32]) -> Frames:
    return Frames(np.ascontiguousarray(latent, np.float32), np.ascontiguousarray(semantic, np.float32))
