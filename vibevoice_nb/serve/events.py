"""Events of a speech request, from the queue to the last sample. Needs no torch.

Shapes: Z latent size, F semantic size, N samples of a frame; audio is 24 kHz mono.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import VibeVoiceError


@dataclass(frozen=True)
class Queued:
    """The request waits for its turn.

    Attributes
    ----------
    position : int
        Place in the order in which requests start, from 1.
    waiting : int
        Requests that wait, of all users.
    """

    position: int
    waiting: int


@dataclass(frozen=True, eq=False)
class Accepted:
    """The prompt is read, and generation begins.

    Attributes
    ----------
    model, revision, weights : str
        Name, repository with commit, and fingerprint of the weights.
    seed : int
        As requested, or drawn.
    options : mapping
        All `GenerationOptions` in use, the seed included.
    max_seconds, estimated_seconds : float
        Longest and estimated length of the audio.
    context_used : int
        Number of the context's last turns that the model reads.
    prefill_hash : str
        SHA-256 of the model's input before its first frame.
    lead : float32 [480]
        The 20 ms of audio before the first sample; zeros without context.
    replaced : mapping from speaker index to name
        Built-in voices in place of recordings that the model cannot follow.
    hop_length, latent_size, semantic_size : int
        Sizes N, Z and F.
    """

    model: str
    revision: str
    weights: str
    seed: int
    options: Mapping[str, Any]
    max_seconds: float
    estimated_seconds: float
    context_used: int
    prefill_hash: str
    lead: NDArray[np.float32]
    replaced: Mapping[int, str] = field(default_factory=dict)
    hop_length: int = 3200
    latent_size: int = 64
    semantic_size: int = 128


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame of audio.

    Attributes
    ----------
    index : int
        Number in the speech, from 0; a resumed stream begins after its last received frame.
    audio : float32 [N]
    latent : float32 [Z]
        latent_norm.
    semantic : float32 [F]
    tokens : tuple of int
        Tokens of the model since the frame before; the last one is the frame's.
    """

    index: int
    audio: NDArray[np.float32]
    latent: NDArray[np.float32]
    semantic: NDArray[np.float32]
    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Silence:
    """A pause of `samples` samples."""

    samples: int


@dataclass(frozen=True, eq=False)
class Ended:
    """The speech is complete, or has reached a limit.

    Attributes
    ----------
    ended : {"finished", "length", "stalled", "cancelled"}
        See `vibevoice_nb.engine.options.Ended`; "cancelled" if the server stops.
    samples, pauses : int
        Samples of the whole speech, and those of them that are pauses.
    spans : tuple of (int, int, float)
        First and last frame (exclusive) of each turn, with a confidence.
    turn_samples : tuple of (int, int, float)
        The same in samples of the audio, pauses counted.
    odd_length : {"", "short", "long"}
        Set if a passage is far too short or too long for its text.
    lengths : tuple of (float, float)
        Seconds of speech and their estimate, for each finished passage.
    prompt_tokens, tokens : int
        Positions of the prompts that the model read, and tokens that it generated.
    """

    ended: str
    samples: int
    pauses: int
    spans: tuple[tuple[int, int, float], ...]
    turn_samples: tuple[tuple[int, int, float], ...]
    odd_length: str
    lengths: tuple[tuple[float, float], ...]
    prompt_tokens: int = 0
    tokens: int = 0


@dataclass(frozen=True)
class Failed:
    """The request failed; the message has no paths of the server.

    Attributes
    ----------
    kind : str
        Name of the error class, such as "ScriptError"; or "busy" (the queue or the quota of the user is
        full: retry later), "too_large", "lost" (the server lost the request: resume it), "internal".
    got, expected, remedy : str
        Parts of the message, as in `VibeVoiceError`.
    """

    kind: str
    got: str
    expected: str
    remedy: str


class FailedError(VibeVoiceError):
    """Error with the kind of a failure.

    Parameters
    ----------
    event : Failed

    Examples
    --------
    >>> FailedError(Failed("busy", "a full queue", "a place", "retry later")).kind
    'busy'
    """

    def __init__(self, event: Failed) -> None:
        super().__init__(event.got, event.expected, event.remedy)
        self.kind = event.kind


INTERNAL = Failed("internal", "the server failed", "an answer", "try again, or report it to the operator")
"""The last event of a request that met a fault of the server."""

Event: TypeAlias = "Queued | Accepted | Frame | Silence | Ended | Failed"


def length(event: Event | None) -> int:
    """Return the samples of audio of an event.

    >>> length(Silence(4800)), length(Queued(1, 1))
    (4800, 0)
    """
    if isinstance(event, Frame):
        return len(event.audio)
    return event.samples if isinstance(event, Silence) else 0


def closable(events: AsyncIterator[Event]) -> AsyncGenerator[Event, None]:
    """Return the events of a service, which are a generator: closing it cancels the request."""
    return events  # type: ignore[return-value]
