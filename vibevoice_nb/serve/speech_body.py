"""Body of `POST /v1/audio/speech`: the fields of OpenAI's API, and those of this server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..errors import ScriptError, VoiceError
from ..ranges import shown
from ..script import Script, parse_script
from ..voices.builtin import builtin_voices
from ..voices.casting import cast_voices
from ..voices.names import fold_name
from ..voices.resolve import resolve_voice
from ..voices.voice import Voice
from .encoding import AudioFormat
from .requests import SpeechRequest, User
from .voice_store import VoiceStore

MIN_SPEED, MAX_SPEED = 0.5, 2.0
_OPTIONS = ("cfg_scale", "num_steps", "seed", "solver", "temperature", "max_seconds", "passage_seconds")
_MOST_SPEAKERS = 64


class SpeechBody(BaseModel):
    """Request for speech: OpenAI's fields, then those that only this server has."""

    model_config = ConfigDict(extra="forbid", strict=True)

    model: str = Field(max_length=500, description="Id of the model, as /v1/models lists it.")
    input: str = Field(description="Text, or a script such as 'Anna: Hello.\\nBen: Hi!'.")
    voice: str | list[str] | dict[str, str] | None = Field(
        None,
        description="Name or id of a voice, a list in the order of speakers, or an object from speaker to "
        "voice. By default the built-in voices, in turn.",
    )
    response_format: AudioFormat = Field("mp3", description="pcm is 24 kHz, 16 bit, little-endian, mono.")
    speed: float = Field(
        1.0,
        ge=MIN_SPEED,
        le=MAX_SPEED,
        description="Pace; the pitch is kept. Other than 1, it adds 4 s of delay.",
    )
    stream: bool = Field(
        True,
        description="Send audio as it is generated; else one file of known length, with the header "
        "X-VibeVoice-Ended: finished, or length or stalled if a limit cut the speech.",
    )
    stream_format: Literal["audio", "sse"] = Field(
        "audio",
        description="audio is a file. sse are server-sent events: speech.audio.delta with a part of the file "
        "in base64, and last speech.audio.done with usage (tokens of the model) and vibevoice (ended, cut, "
        "seconds, seed), or an error.",
    )
    instructions: str | None = Field(None, max_length=0, description="Not supported; must be empty.")
    seed: int | None = Field(None, description="Random seed; the header X-VibeVoice-Seed has the one used.")
    cfg_scale: float | None = Field(None, description="Strength of guidance, 1 (off) to 10.")
    num_steps: int | None = Field(None, description="Solver steps per frame.")
    solver: str | None = Field(None, description="dpmsolver++ or sde-dpmsolver++.")
    temperature: float | None = Field(None, description="Scale of the initial noise, 0 to 2.")
    max_seconds: float | None = Field(None, description="Longest audio.")
    passage_seconds: float | None = Field(None, description="Longest passage generated in one pass.")

    def options(self) -> dict[str, Any]:
        """Return the options of the generation that are given."""
        return {name: value for name in _OPTIONS if (value := getattr(self, name)) is not None}


def speech_request(body: SpeechBody, user: User, voices: VoiceStore) -> SpeechRequest:
    """Convert a body to a request of a user.

    Raises
    ------
    ScriptError, VoiceError
    """
    script = script_of(body.input)
    speakers = {turn.label: turn.speaker_index for turn in script.turns}
    if len(speakers) > _MOST_SPEAKERS:
        raise ScriptError(f"{len(speakers)} speakers", f"at most {_MOST_SPEAKERS}", "write fewer")
    cast = cast_voices(
        speakers,
        _spec(body.voice, len(speakers)),
        fill=isinstance(body.voice, dict),
        resolve=lambda name: named_voice(name, user, voices),
    )
    found = {speakers[label]: voice for label, voice in cast.items()}
    return SpeechRequest(
        script.turns,
        {index: v.name if v.source == "built-in" else v.audio for index, v in found.items()},
        body.options(),
        spans=False,
    )


def script_of(text: str) -> Script:
    r"""Return the script of an input; text without speakers is one turn.

    >>> [turn.label for turn in script_of("Hello. Good morning!").turns]
    ['Speaker 1']
    >>> [turn.label for turn in script_of("Anna: Hello.\nBen: Hi!").turns]
    ['Anna', 'Ben']
    """
    if not text.strip():
        raise ScriptError("the input is empty", "text, or a script", "write a sentence")
    return parse_script(text).raise_for_errors()


def named_voice(name: object, user: User, voices: VoiceStore) -> Voice:
    """Return a built-in voice or one of the user; no other voices of this machine.

    Raises
    ------
    VoiceError
    """
    if isinstance(name, Voice):
        return name
    names = builtin_voices()
    if isinstance(name, str) and len(name) <= 200:
        for known in names:
            if fold_name(known) == fold_name(name):
                return resolve_voice(known)
        own = voices.find(user, name)
        if own is not None:
            return own
    yours = [voice.name for voice in voices.list(user)]
    raise VoiceError(
        f"unknown voice {shown(name)}", f"one of {', '.join([*names, *yours])}", "choose one of them"
    )


def _spec(voice: str | list[str] | Mapping[str, str] | None, speakers: int) -> Any:
    return [voice] * speakers if isinstance(voice, str) else voice
