"""Interface of an engine's model and its runs: what `Engine`, projects and displays need of either kind.

A model is in memory (`LoadedModel`, `SpeechRun`) or on a server (`RemoteModel`, `RemoteRun`). Importing this
module does not import torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..model.generation.spans import Span
from ..script import Turn
from ..script.frontends import Frontend
from ..voices.voice import Voice
from .frames import Frames, Spoken
from .model_limits import ModelLimits, OddLength
from .options import Ended, GenerationOptions

Audio = NDArray[np.float32]
Cancelled = Callable[[], bool]
_Run = TypeVar("_Run", bound="Run")


@dataclass(frozen=True)
class QueuePlace:
    """Place of a request in the queue of a server.

    Attributes
    ----------
    position : int
        From 1.
    waiting : int
        Requests that wait, of all users.
    """

    position: int
    waiting: int


def never() -> bool:
    """Return False: the default of `cancelled`."""
    return False


class Run(Protocol):
    """One script, or one turn in context, while it is generated.

    Iterate it for audio, float32 [N] a frame (or a pause); iterate again to continue after a break.

    Attributes
    ----------
    options : GenerationOptions
        As used, with the seed.
    max_seconds, estimated_seconds : float
        Longest audio, and the estimate of its length, pauses included.
    samples, pauses : int
        Samples of audio so far, and those of them that are pauses.
    lead : float32 [480]
        The 20 ms of audio before the first sample; zeros without context.
    started, first_audio : float, float or None
        Clock (`time.perf_counter`) at the start and at the first audio.
    """

    options: GenerationOptions
    max_seconds: float
    estimated_seconds: float
    samples: int
    pauses: int
    lead: Audio
    started: float
    first_audio: float | None

    @property
    def turns(self) -> Sequence[Turn]:
        """Turns of the script."""

    @property
    def model(self) -> Any:
        """The model, which has a `name`."""

    @property
    def frames(self) -> Frames:
        """Frames so far."""

    @property
    def seconds(self) -> float:
        """Length of the audio so far."""

    @property
    def ended(self) -> Ended:
        """Reason the run stopped; "cancelled" until it finishes."""

    @property
    def odd_length(self) -> OddLength:
        """Set if a passage is far too short or too long for its text."""

    @property
    def context_used(self) -> int:
        """Number of the context's last turns, whole, that the model reads first."""

    @property
    def context_full(self) -> bool:
        """True if no position of the model's context is left."""

    @property
    def prefill_hash(self) -> str:
        """SHA-256 of the model's input before its first frame."""

    def spans(self) -> list[Span]:
        """Return the frames of each turn."""

    def turn_samples(self) -> list[tuple[int, int, float]]:
        """Return start, stop and confidence of each turn in the audio, pauses counted."""

    def without_model(self: _Run) -> _Run:
        """Return a copy that does not keep the model in memory."""

    def resumed(self: _Run, max_seconds: float, model: Any) -> _Run:
        """Return a copy that continues with a model and a new length limit; this run stays as it is."""

    def __iter__(self) -> Iterator[Audio]: ...


class SpeechModel(Protocol):
    """A model that generates speech, in memory or on a server.

    Attributes
    ----------
    name, revision : str
        Name that it was loaded by; repository and commit of its weights.
    quantize : {"int8", "int4"} or None
    defaults : GenerationOptions
    frontend : Frontend
        Conversion from text to the tokenizer's input; it runs in this process.
    limits : ModelLimits
    queue_listeners : list of callable
        Called with a `QueuePlace` while a request waits, and with None once none does.
    """

    name: str
    revision: str
    quantize: Any
    defaults: GenerationOptions
    frontend: Frontend
    limits: ModelLimits
    queue_listeners: list[Callable[[QueuePlace | None], None]]

    @property
    def device(self) -> Any:
        """Main device of the model."""

    @property
    def dtype(self) -> Any:
        """Dtype of the computation."""

    @property
    def attention(self) -> str:
        """Attention kernel."""

    @property
    def mirror(self) -> str:
        """Repository and commit that served the weights, if it is not the requested repository; else ""."""

    @property
    def server(self) -> str:
        """Address of the server; empty for a model in memory."""

    @property
    def hop_length(self) -> int:
        """Samples of a frame."""

    @property
    def max_positions(self) -> int:
        """Positions of the model's context."""

    def weights_digest(self) -> str:
        """Return the fingerprint of the weights."""

    def versions(self) -> dict[str, str]:
        """Return the versions of the libraries that affect the audio."""

    def nbytes(self) -> int:
        """Return the most memory of the weights in this process."""

    def whole(
        self,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
        *,
        pauses: bool = False,
    ) -> Run:
        """Return a run of a whole script; see `SpeechRun.whole`."""

    def in_context(
        self,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
    ) -> Run:
        """Return a run of one turn after others; see `SpeechRun.in_context`."""

    def advance(self, runs: Sequence[Any], cancelled: Cancelled) -> Iterator[tuple[Any, Audio]]:
        """Advance runs of this model together: yield (run, audio), a frame or a pause at a time."""
