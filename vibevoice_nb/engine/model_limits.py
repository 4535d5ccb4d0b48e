"""Limits of a model, from its checkpoint: languages, voices, length."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from ..errors import VoiceError
from ..model.config import PromptShape
from ..voices.voice import Voice

GET_VOICE_PROMPTS = (
    "download one of demo/voices/streaming_model from github.com/microsoft/VibeVoice and add it with "
    "`vibevoice-nb voices add en-Mike_man.pt`; to follow a recording, use VibeVoice-1.5B"
)
"""How to get a voice for VibeVoice-Realtime."""


class VoiceWarning(UserWarning):
    """Warning about a voice: a recording that the model cannot follow, or one that speakers share."""


OddLength = Literal["", "short", "long"]
_Key = TypeVar("_Key", int, str)
_LANGUAGES = {"en": "English", "zh": "Chinese"}
# Seconds beside the ratio: a frame lasts 0.13 s, and a very short word may have a pause around it.
_SHORT_SLACK, _LONG_SLACK = 0.3, 0.8


@dataclass(frozen=True)
class ModelLimits:
    """Languages, voices and lengths that a model supports.

    Attributes
    ----------
    languages : tuple of str
        Codes of its languages; empty if they are not restricted.
    follows_voices : bool
        Whether it follows a reference recording. Otherwise it has only the built-in voices.
    max_seconds : float or None
        Longest audio in one pass; None if it generates a script in passages.
    passage_seconds : float or None
        Length of those passages.
    length_ratio : (float, float)
        Shortest and longest plausible audio, as multiples of the estimate.
    voice_prompts : PromptShape or None
        Sizes of the voice prompts that it speaks with; it then takes no recordings, and speaks turn by turn.
    notes : tuple of str
        Sentences from the model's documentation.

    Examples
    --------
    >>> ModelLimits(("en",), follows_voices=False).sentences("small")
    ['small speaks English only.', 'small cannot follow a recording; it uses its built-in voices instead.']
    """

    languages: tuple[str, ...] = ()
    follows_voices: bool = True
    max_seconds: float | None = None
    passage_seconds: float | None = None
    length_ratio: tuple[float, float] = (0.25, 4.0)
    voice_prompts: PromptShape | None = None
    notes: tuple[str, ...] = ()

    @property
    def hears_context(self) -> bool:
        """True if a turn is spoken in the context of those before it."""
        return self.voice_prompts is None

    def sentences(self, model: str) -> list[str]:
        """Return the limits as sentences."""
        said = []
        if self.languages:
            names = " and ".join(_LANGUAGES.get(code, code) for code in self.languages)
            said.append(f"{model} speaks {names} only.")
        if self.voice_prompts is not None:
            said.append(f"{model} speaks with published voice prompts; it cannot follow a recording.")
            said.append("It speaks one speaker at a time: a turn does not hear those before it.")
        elif not self.follows_voices:
            said.append(f"{model} cannot follow a recording; it uses its built-in voices instead.")
        if self.passage_seconds is not None:
            said.append(f"A script of any length is spoken in passages of about {self.passage_seconds:g} s.")
        elif self.max_seconds is not None:
            one = "turn" if self.voice_prompts is not None else "pass"
            said.append(f"{model} speaks up to {self.max_seconds / 60:.0f} minutes in one {one}.")
        return [*said, *self.notes]

    def voice_problem(self, model: str, voice: Voice) -> VoiceError | None:
        """Return the error of a voice of the wrong kind for the model; None if it fits.

        Examples
        --------
        >>> import numpy as np
        >>> hum = Voice("hum", np.zeros(48000, np.float32), "array")
        >>> ModelLimits().voice_problem("VibeVoice-1.5B", hum) is None
        True
        """
        if self.voice_prompts is None:
            if voice.prompt is None or not self.follows_voices:
                return None
            return VoiceError(
                f"the voice {voice.name!r}, a voice prompt of VibeVoice-Realtime",
                f"a recording, which {model} follows",
                "choose a recording or a built-in voice, or a VibeVoice-Realtime as the model",
            )
        if voice.prompt is None:
            return VoiceError(
                f"the voice {voice.name!r}, a recording, which {model} cannot follow",
                "a voice prompt",
                GET_VOICE_PROMPTS,
            )
        if voice.prompt.shape != self.voice_prompts:
            return VoiceError(
                f"the voice prompt {voice.name!r} of a model with {voice.prompt.shape}",
                f"one of {model}, with {self.voice_prompts}",
                GET_VOICE_PROMPTS,
            )
        return None

    def odd_length(self, seconds: float, expected: float) -> OddLength:
        """Return "short" or "long" for audio whose length is far from that of its text.

        Parameters
        ----------
        seconds : float
            Length of the audio.
        expected : float
            The front end's estimate.

        Examples
        --------
        >>> limits = ModelLimits(length_ratio=(0.5, 2.0))
        >>> limits.odd_length(9.9, 0.3), limits.odd_length(0.1, 4.0), limits.odd_length(0.5, 0.3)
        ('long', 'short', '')
        """
        low, high = self.length_ratio
        if seconds < low * expected - _SHORT_SLACK:
            return "short"
        return "long" if seconds > high * expected + _LONG_SLACK else ""

    def odd_passage(
        self, lengths: Iterable[tuple[float, float]], cut_off: tuple[float, float] | None = None
    ) -> OddLength:
        """Return the first odd length of passages.

        Parameters
        ----------
        lengths : iterable of (float, float)
            Seconds of audio and the estimate, for each passage.
        cut_off : (float, float), optional
            The same for a passage that a length limit ended: it can only be too long.
        """
        found = [self.odd_length(seconds, expected) for seconds, expected in lengths]
        if cut_off is not None and self.odd_length(*cut_off) == "long":
            found.append("long")
        return next((odd for odd in found if odd), "")
