"""Request of a run, as it is sent: its JSON, and its arrays by their checksums.

Shapes: T frames, Z latent size, F semantic size.

Recordings and frames are sent once: a request names them by SHA-256, and the server asks for those it lacks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ...script import Turn
from ...voices.voice import Voice
from ..frames import Frames, Spoken
from ..options import GenerationOptions
from .wire import PART, Floats, Message, blob_digest

_MARGIN = 512
"""Frames sent beyond those that the model can read: the codec reads up to 116 before them."""


@dataclass(frozen=True)
class Received:
    """Part of a speech that was received.

    Attributes
    ----------
    frames : Frames
    tokens : sequence of int
        Tokens of the model up to the last frame.
    samples : int
        Samples of audio, pauses included.
    """

    frames: Frames
    tokens: Sequence[int]
    samples: int


@dataclass(frozen=True)
class RemoteRequest:
    """A script with its voices, or a turn with its context.

    Attributes
    ----------
    turns : sequence of Turn
    cast : mapping from speaker index to Voice
    context : sequence of Spoken
    whole, pauses : bool
        Whether it is a whole script, and whether the script's pauses become silence.
    """

    turns: Sequence[Turn]
    cast: Mapping[int, Voice]
    context: Sequence[Spoken] = ()
    whole: bool = True
    pauses: bool = False
    _blobs: dict[str, Floats] = field(default_factory=dict, repr=False)

    def message(self, options: GenerationOptions, done: Received | None) -> Message:
        """Return the request for the audio after what was received."""
        fields: dict[str, Any] = {
            "mode": "whole" if self.whole else "context",
            "turns": [asdict(turn) for turn in self.turns],
            "cast": {str(index): self._voice(voice) for index, voice in self.cast.items()},
            "context": [
                {"turn": asdict(spoken.turn), **self._frames(spoken.frames)} for spoken in self.context
            ],
            "options": {name: value for name, value in asdict(options).items() if value is not None},
            "pauses": self.pauses,
        }
        if done is not None:
            fields["done"] = {
                **self._frames(done.frames),
                "tokens": list(done.tokens),
                "samples": done.samples,
            }
        return Message("request", fields)

    def parts(self, digest: str) -> Iterator[Message]:
        """Yield the messages that send an array; nothing for an unknown checksum."""
        array = self._blobs.get(digest)
        if array is None:
            return
        values = array.reshape(-1)
        for offset in range(0, max(1, len(values)), PART):
            fields = {"sha256": digest, "shape": list(array.shape), "offset": offset}
            yield Message("blob", fields, {"part": values[offset : offset + PART]})

    def _voice(self, voice: Voice) -> dict[str, Any]:
        name = {"name": voice.name} if voice.source == "built-in" else {}
        return {**name, "audio": self._blob(np.asarray(voice.audio, np.float32))}

    def _frames(self, frames: Frames) -> dict[str, Any]:
        """Name frames by the checksum of [T, Z + F]."""
        array = np.concatenate((frames.latent, frames.semantic), axis=1)
        return {"frames": self._blob(array), "latent_size": frames.latent.shape[1]}

    def _blob(self, array: Floats) -> str:
        digest = blob_digest(array)
        self._blobs[digest] = array
        return digest


def readable(
    context: Sequence[Spoken], options: GenerationOptions, positions: int, rate: float
) -> list[Spoken]:
    """Return the last turns of a context: those that the model can read, and some for the codec."""
    seconds = min(
        math.inf if limit is None else limit for limit in (options.passage_seconds, options.context_seconds)
    )
    most = min(positions, seconds * rate) + _MARGIN
    kept: list[Spoken] = []
    frames = 0
    for spoken in reversed(context):
        if frames > most:
            break
        kept.append(spoken)
        frames += len(spoken.frames)
    return kept[::-1]
