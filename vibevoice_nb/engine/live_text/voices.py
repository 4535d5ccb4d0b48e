"""Cast of a text stream: speakers get their voices as they appear."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import VoiceError
from ...script.lines import name_key, speaker_number
from ...voices.casting import default_voice, stand_in_message
from ...voices.resolve import resolve_voice
from ...voices.voice import Voice
from ..model_limits import VoiceWarning

if TYPE_CHECKING:
    from ..engine import Engine


class StreamCast:
    """Voices of the speakers of a text stream.

    Parameters
    ----------
    engine : Engine
    voices : voice, sequence of voices, or mapping from label or number to voice, optional
        A sequence is in the order in which speakers appear. Others have built-in voices, in turn.

    Raises
    ------
    VoiceError
        If a given value is no voice.

    Examples
    --------
    >>> from vibevoice_nb import Engine
    >>> cast = StreamCast(Engine.load("nano"), {"Ben": "Kai"})
    >>> cast.index("Ben"), cast.index("Anna"), cast.names
    (0, 1, {'Ben': 'Kai', 'Anna': 'Ruben'})
    """

    def __init__(self, engine: Engine, voices: Any = None) -> None:
        self._engine = engine
        self._by_label: dict[str, Voice] = {}
        self._in_order: list[Voice] = []
        self._first = "Speaker 1"
        if isinstance(voices, (str, os.PathLike, Voice, np.ndarray)):
            voices = [voices]
        if isinstance(voices, Mapping):
            for key, spec in voices.items():
                number = speaker_number(str(key)) if not str(key).isdecimal() else int(str(key))
                label = str(key) if number is None else f"Speaker {number}"
                self._by_label[name_key(label)] = resolve_voice(spec)
                self._first = label if len(self._by_label) == 1 else self._first
        elif isinstance(voices, Sequence):
            self._in_order = [resolve_voice(spec) for spec in voices]
        elif voices is not None:
            raise VoiceError(
                f"voices of type {type(voices).__name__}",
                "a voice, a list of voices, or a dictionary from speakers to voices",
                'write voices={"Anna": "Ada"}, for example',
            )
        self._indices: dict[str, int] = {}
        self._labels: dict[str, str] = {}
        self._given: dict[int, Voice] = {}
        self.voices: dict[int, Voice] = {}
        """Voices that are used, by the speaker's index."""

    @property
    def names(self) -> dict[str, str]:
        """Names of the voices, by label."""
        return {self._labels[key]: self.voices[index].name for key, index in self._indices.items()}

    def label(self, speaker: str) -> str:
        """Return the label of a speaker; text before the first label belongs to the first speaker."""
        return speaker or next(iter(self._labels.values()), self._first)

    def index(self, speaker: str) -> int:
        """Return the index of a speaker, who gets a voice when they first appear."""
        label = self.label(speaker)
        key = name_key(label)
        if key not in self._indices:
            index = len(self._indices)
            self._given[index] = self._voice(key, index, label)
            try:
                self._follow(index, label)
            except VoiceError:
                del self._given[index]  # they may appear again, with another error or none
                raise
            self._indices[key], self._labels[key] = index, label
        return self._indices[key]

    def _voice(self, key: str, index: int, label: str) -> Voice:
        if key in self._by_label:
            return self._by_label[key]
        if index < len(self._in_order):
            return self._in_order[index]
        name = default_voice(index, [voice.name for voice in self._given.values()])
        if name is None:
            raise VoiceError(
                f"no voice for {label}, and this installation has no built-in voices",
                "a voice for every speaker",
                "pass `voices`",
            )
        return resolve_voice(name)

    def _follow(self, index: int, label: str) -> None:
        """Use a built-in voice if the model cannot follow the given one; those in use stay."""
        followed = self._engine.followed(self._given)
        self.voices[index] = followed[index]
        if followed[index] is not self._given[index]:
            given = self._given[index].name
            message = stand_in_message(self._engine.name, label, given, followed[index].name)
            warnings.warn(message, VoiceWarning, stacklevel=2)
