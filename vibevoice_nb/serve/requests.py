"""Requests of the speech server, and the service that answers them. Needs no torch.

Shapes: T frames, Z latent size, F semantic size, N samples.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..script import Turn
from ..voices.voice import Voice
from .events import Event

Mode = Literal["whole", "context"]


@dataclass(frozen=True)
class User:
    """A user of the server.

    Attributes
    ----------
    name : str
        Queue, quota and voices belong to this name.
    """

    name: str


@dataclass(frozen=True, eq=False)
class ContextTurn:
    """A turn generated before, which the model reads first.

    Attributes
    ----------
    turn : Turn
    latent : float32 [T, Z]
        latent_norm of its frames.
    semantic : float32 [T, F]
    """

    turn: Turn
    latent: NDArray[np.float32]
    semantic: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Received:
    """Part of a speech that its client has already: the stream continues after it.

    Join it from events with `Received.after`. The rest is equal bit for bit to that of an uninterrupted
    stream, for the same weights in float32 on the same kind of CPU.

    Attributes
    ----------
    latent : float32 [T, Z]
    semantic : float32 [T, F]
    tokens : tuple of int
        Tokens of the model up to the last frame: `Frame.tokens` of every frame.
    samples : int
        Samples of audio received, pauses included.

    Examples
    --------
    >>> from vibevoice_nb.serve.events import Frame, Silence
    >>> frame = Frame(0, np.zeros(8, np.float32), np.ones(2, np.float32), np.ones(3, np.float32), (7, 9))
    >>> received = Received.after([frame, Silence(4)])
    >>> received.latent.shape, received.tokens, received.samples
    ((1, 2), (7, 9), 12)
    """

    latent: NDArray[np.float32]
    semantic: NDArray[np.float32]
    tokens: tuple[int, ...]
    samples: int

    def __len__(self) -> int:
        return len(self.latent)

    @classmethod
    def after(cls, events: Sequence[Event], earlier: Received | None = None) -> Received:
        """Return what was received with some events, and in an earlier part of the stream."""
        from .events import Frame, Silence

        frames = [event for event in events if isinstance(event, Frame)]
        samples = sum(len(frame.audio) for frame in frames)
        samples += sum(event.samples for event in events if isinstance(event, Silence))
        latent = [np.asarray(frame.latent)[None] for frame in frames]
        semantic = [np.asarray(frame.semantic)[None] for frame in frames]
        tokens = tuple(token for frame in frames for token in frame.tokens)
        if earlier is not None and len(earlier):
            latent, semantic = [earlier.latent, *latent], [earlier.semantic, *semantic]
        if earlier is not None:
            tokens, samples = earlier.tokens + tokens, earlier.samples + samples
        empty = np.zeros((0, 0), np.float32)
        return cls(
            np.concatenate(latent) if latent else empty,
            np.concatenate(semantic) if semantic else empty,
            tokens,
            samples,
        )


@dataclass(frozen=True, eq=False)
class SpeechRequest:
    """Request for speech.

    Attributes
    ----------
    turns : sequence of Turn
        In mode "context" exactly one. Their texts are those for the model: a lexicon is applied before.
    cast : mapping from speaker index to name of a built-in voice, float32 [N], or Voice
        Recordings are at 24 kHz, as `Voice.audio`. Empty: the model invents voices.
    options : mapping
        Fields of `GenerationOptions`; those left out have the model's defaults. Without a seed one is drawn,
        which `Accepted` names. A request that is resumed must have the seed and the options of the first.
    mode : {"whole", "context"}
        A whole script, or one turn after others.
    context : sequence of ContextTurn
        Turns before it, in order; for mode "context".
    pauses : bool
        Whether the script's pauses become silence; for mode "whole".
    done : Received, optional
        Part of the speech that the client has already.
    spans : bool
        Whether `Ended` has the places of the turns, which take another pass of the model to find.
    """

    turns: Sequence[Turn]
    cast: Mapping[int, str | NDArray[np.float32] | Voice] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    mode: Mode = "whole"
    context: Sequence[ContextTurn] = ()
    pauses: bool = True
    done: Received | None = None
    spans: bool = True


@dataclass(frozen=True)
class ModelFacts:
    """Facts of the model that a service speaks with.

    Attributes
    ----------
    model, revision, weights : str
        Name, repository with commit, and fingerprint of the weights.
    device, dtype : str
    quantize : str or None
    frontend : str
        Name in `vibevoice_nb.script.frontends.FRONTENDS`.
    defaults : mapping
        `GenerationOptions` of the model, as plain values.
    limits : mapping
        `ModelLimits` of the model, as plain values.
    hop_length, latent_size, semantic_size : int
    max_positions : int
        Longest context.
    attention : str
        Attention kernel.
    versions : mapping from library to version
        Those that affect the audio.
    """

    model: str
    revision: str
    weights: str
    device: str
    dtype: str
    quantize: str | None
    frontend: str
    defaults: Mapping[str, Any]
    limits: Mapping[str, Any]
    hop_length: int
    latent_size: int
    semantic_size: int
    max_positions: int
    attention: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)


class SpeechService(Protocol):
    """Service that generates speech for users: one engine here, or replicas elsewhere."""

    async def facts(self) -> ModelFacts:
        """Return the facts of the model; waits until it is loaded."""

    def submit(self, request: SpeechRequest, user: User) -> AsyncIterator[Event]:
        """Generate a request; closing the iterator (`aclose`) cancels it within a frame.

        Yields
        ------
        Event
            `Queued` any number of times, `Accepted` once, `Frame` and `Silence` in the order of the audio,
            and last `Ended`. Or `Failed`, at any place, as the last one: no error of the request is raised.
        """
