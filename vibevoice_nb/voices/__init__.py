"""Voices: reference recordings, the built-in ones, the user's library, and checks of a recording."""

from .builtin import builtin_descriptions, builtin_voices
from .checks import VoiceCheck, check_voice
from .library import StoredVoice, VoiceLibrary
from .names import clean_name
from .resolve import resolve_voice
from .voice import Voice, load_voice

__all__ = [
    "StoredVoice",
    "Voice",
    "VoiceCheck",
    "VoiceLibrary",
    "builtin_descriptions",
    "builtin_voices",
    "check_voice",
    "clean_name",
    "load_voice",
    "resolve_voice",
]
