"""Voices that can be chosen by name: the built-in ones, then those of a library."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

from ..errors import VoiceError
from .builtin import builtin_descriptions, builtin_voices, builtin_words
from .library import VoiceLibrary
from .resolve import resolve_voice
from .voice import Voice


@dataclass(frozen=True)
class AvailableVoice:
    """Voice that can be chosen by name, without its audio.

    Attributes
    ----------
    name : str
    kind : {"built-in", "library"}
    seconds : float
    words, description : str
        Two words about the voice, and a sentence; empty for a voice of the library.
    consent : bool
        True if the voice is synthetic, or its speaker's consent is recorded.
    prompt : str
        Of a voice prompt, the sizes of the models that it fits; else empty.
    """

    name: str
    kind: Literal["built-in", "library"]
    seconds: float
    words: str = ""
    description: str = ""
    consent: bool = True
    prompt: str = ""

    def load(self, library: VoiceLibrary) -> Voice:
        """Load the voice; raise VoiceError if it is missing or damaged."""
        return resolve_voice(self.name) if self.kind == "built-in" else library.get(self.name)


def available_voices(library: VoiceLibrary) -> list[AvailableVoice]:
    """Return the built-in voices and those of a library; the built-in ones alone if it cannot be read.

    Examples
    --------
    >>> [(voice.name, voice.words) for voice in available_voices(VoiceLibrary())][:2]
    [('Ada', 'woman, low'), ('Ruben', 'man, deep')]
    """
    described, words = builtin_descriptions(), builtin_words()
    found = [
        AvailableVoice(name, "built-in", seconds, words[name], described[name])
        for name, seconds in _builtin_seconds()
    ]
    try:
        entries = library.list()
    except VoiceError:  # the other voices remain
        entries = []
    return found + [
        AvailableVoice(
            entry.name, "library", round(entry.seconds, 2), consent=entry.consent, prompt=entry.prompt
        )
        for entry in entries
    ]


@functools.cache
def _builtin_seconds() -> tuple[tuple[str, float], ...]:
    import soundfile

    return tuple((name, round(soundfile.info(path).duration, 2)) for name, path in builtin_voices().items())
