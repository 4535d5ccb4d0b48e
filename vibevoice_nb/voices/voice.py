"""`Voice`: a reference recording, trimmed and normalized to the loudness that the model expects.

Shapes: audio is float32 [N], 24 kHz mono.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .._moved import renamed_keyword
from ..audio.io import AudioInfo, normalize_loudness, read_audio
from ..audio.pcm import SAMPLE_RATE, as_samples
from ..errors import AudioError, VoiceError
from .checks import MAX_VOICE_SECONDS, MIN_SECONDS, VoiceCheck, active_span, check_voice, find_offset
from .prompt_file import is_prompt_file, prompt_name, read_voice_prompt

if TYPE_CHECKING:
    from ..model.voice_prompt import VoicePrompt

_PROMPT_FRAME = 3200
"""Samples of a frame of the models that voice prompts are published for."""


@dataclass(frozen=True, eq=False)
class Voice:
    """A reference recording for the model.

    Attributes
    ----------
    name : str
    audio : float32 [N]
        24 kHz mono.
    source : str
        Origin: the path, `array`, `built-in` or `library`.
    checks : tuple of VoiceCheck
        Findings about the recording, worst first.
    info : AudioInfo or None
        Properties of the file; None for an array.
    prompt : VoicePrompt or None
        The voice of a VibeVoice-Realtime, which has no audio; see `load_prompt_voice`.

    Examples
    --------
    >>> Voice("hum", np.zeros(48000, dtype=np.float32), source="array").seconds
    2.0
    """

    name: str
    audio: np.ndarray
    source: str
    checks: tuple[VoiceCheck, ...] = ()
    info: AudioInfo | None = None
    prompt: VoicePrompt | None = None

    @property
    def seconds(self) -> float:
        """Length of the audio; of a voice prompt, of the recording that it was made from."""
        if self.prompt is not None:
            return self.prompt.frames * _PROMPT_FRAME / SAMPLE_RATE
        return self.audio.size / SAMPLE_RATE

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the samples as little-endian float32, or of the prompt; recorded with every take."""
        if self.prompt is not None:
            return self.prompt.sha256
        return hashlib.sha256(self.audio.astype("<f4").tobytes()).hexdigest()


def load_prompt_voice(path: str | os.PathLike[str], *, name: str | None = None) -> Voice:
    """Load a voice prompt of VibeVoice-Realtime.

    Parameters
    ----------
    path : path
        A published `.pt` file, of which no code runs, or safetensors.
    name : str, optional
        Name of the voice; by default, that in the file's name.

    Raises
    ------
    VoiceError
        If it is not a voice prompt.
    """
    prompt = read_voice_prompt(path)
    return Voice(name or prompt_name(path), np.zeros(0, np.float32), os.fspath(path), prompt=prompt)


@renamed_keyword("normalise", "normalize")
def load_voice(
    source: str | os.PathLike[str] | np.ndarray,
    *,
    name: str | None = None,
    trim: bool = True,
    normalize: bool = True,
    max_seconds: float = MAX_VOICE_SECONDS,
) -> Voice:
    """Load a recording as a voice.

    Parameters
    ----------
    source : path or float32 [N]
        A file of any common format; samples at 24 kHz, at most 10 minutes; or a voice prompt of
        VibeVoice-Realtime (see `load_prompt_voice`).
    name : str, optional
        Name of the voice; by default, the file's name without its suffix.
    trim : bool
        Cut silence off both ends, leaving 0.1 s.
    normalize : bool
        Normalize it to -25 dBFS, as the model expects.
    max_seconds : float
        Longer files are rejected.

    Returns
    -------
    Voice
        The voice, with findings about the recording in `checks`.

    Raises
    ------
    VoiceError
        If the recording cannot be read or used: silent, under 0.3 s, or over 10 minutes.

    Examples
    --------
    >>> hum = 0.1 * np.sin(np.arange(96000, dtype=np.float32) / 20)
    >>> voice = load_voice(np.concatenate([np.zeros(24000), hum]), name="hum")
    >>> voice.seconds, [check.code for check in voice.checks]
    (4.1, ['noisy'])
    """
    if not isinstance(source, np.ndarray) and is_prompt_file(source):
        return load_prompt_voice(source, name=name)
    info = None
    try:
        if isinstance(source, np.ndarray):
            label, audio = "array", as_samples(source).copy()
        else:
            audio, info = read_audio(source, max_seconds=max_seconds)
            label = os.fspath(source)
    except AudioError as exc:
        raise VoiceError(exc.got, exc.expected, exc.remedy) from exc
    checks = check_voice(audio, info)
    if checks and checks[0].severity == "error":
        raise VoiceError(
            f"{label}: {checks[0].message}",
            f"{MIN_SECONDS:g} s to {MAX_VOICE_SECONDS / 60:g} minutes of audible speech",
            checks[0].remedy,
        )
    if trim:
        start, stop = active_span(audio)
        audio = audio[start:stop].copy()
    if offset := find_offset(audio):
        audio = audio - np.float32(offset)
    if normalize:
        audio = normalize_loudness(audio)
    return Voice(name or (Path(label).stem if info else "voice"), audio, label, tuple(checks), info)
