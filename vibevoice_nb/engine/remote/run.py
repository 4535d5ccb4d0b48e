"""`RemoteRun`: a script, or a turn in context, generated on a server and iterated for its audio."""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ...audio.pcm import SAMPLE_RATE
from ...errors import OptionError, ServerError
from ...model.generation.spans import Span
from ...script import Turn
from ..frames import LEAD_SAMPLES, FrameBuffer, Frames
from ..interface import Audio, Cancelled, never
from ..model_limits import OddLength
from ..options import Ended, GenerationOptions
from .request import Received, RemoteRequest
from .wire import Message, malformed

if TYPE_CHECKING:
    from .model import RemoteModel

_Run = TypeVar("_Run", bound="RemoteRun")
_ENDINGS: tuple[Ended, ...] = ("finished", "length", "stalled", "cancelled")


class RemoteRun:
    """One script, or one turn in context, while a server generates it; a `Run`.

    Iterate it for audio, float32 [N] a frame (or a pause). A broken connection is opened again, and the audio
    continues without a gap. The errors of the server are raised by the iteration.

    Parameters
    ----------
    model : RemoteModel
    request : RemoteRequest
    options : GenerationOptions
    estimated_seconds : float
    cancelled : callable, optional
        Called at least every 50 ms; if it returns True, the run stops and keeps its frames.

    Attributes
    ----------
    tokens : list of int
        Tokens of the model up to the last frame.
    end : mapping
        Facts with which the server ended it; empty until then.
    """

    def __init__(
        self,
        model: RemoteModel,
        request: RemoteRequest,
        options: GenerationOptions,
        estimated_seconds: float,
        cancelled: Cancelled | None = None,
    ) -> None:
        self._source: RemoteModel | None = model
        self.request, self.options = request, options.seeded()
        self.estimated_seconds = estimated_seconds
        self.max_seconds = options.max_seconds or 3 * estimated_seconds + 10
        self.lead: Audio = np.zeros(LEAD_SAMPLES, np.float32)
        self.samples = self.pauses = 0
        self.started = time.perf_counter()
        self.first_audio: float | None = None
        self.tokens: list[int] = []
        self._cancelled: Cancelled = cancelled or never
        self._buffer = FrameBuffer(*model.frame_sizes)
        self._hop = model.hop_length
        self._accepted: Mapping[str, Any] = {}
        self.end: Mapping[str, Any] = {}
        self._walk: Iterator[Audio] | None = None

    def __iter__(self) -> Iterator[Audio]:
        if self._walk is None:
            self._walk = (audio for _, audio in self._source_or_error().advance([self], self._cancelled))
        return self._walk

    def __repr__(self) -> str:
        return f"<RemoteRun {self.ended}: {self.seconds:.1f} s of audio>"

    def __getstate__(self) -> dict[str, Any]:
        """Leave the model out of copies and pickles: it has the token."""
        return {**vars(self), "_source": None, "_cancelled": never, "_walk": None}

    def without_model(self: _Run) -> _Run:
        """Return a copy that can be kept; no network is in memory."""
        other = copy.copy(self)
        other._cancelled, other._walk = never, None
        return other

    def resumed(self: _Run, max_seconds: float, model: Any) -> _Run:
        """Return a copy that continues with a model and a new length limit; this run stays as it is.

        Raises
        ------
        OptionError
            If another model made this run.
        """
        from .model import RemoteModel

        if not isinstance(model, RemoteModel) or not (self._source is None or model.same_as(self._source)):
            got = "a speech of a server's model, or of other weights"
            raise OptionError(got, f"a speech of {model}", "resume it with the engine that generated it")
        other = self.without_model()
        other._source = model
        other.options = replace(self.options, max_seconds=max_seconds)
        other.max_seconds = max_seconds
        other.tokens = list(self.tokens)
        other._buffer = FrameBuffer(*model.frame_sizes, frames=self.frames)
        other.end = self.end if self.ended == "finished" else {}
        other.started, other.first_audio = time.perf_counter(), None
        return other

    @property
    def model(self) -> RemoteModel:
        """The model."""
        return self._source_or_error()

    @property
    def turns(self) -> Sequence[Turn]:
        """Turns of the script."""
        return self.request.turns

    @property
    def frames(self) -> Frames:
        """Frames so far."""
        return self._buffer.frames

    @property
    def received(self) -> Received:
        """Part of the speech that was received so far."""
        return Received(self.frames, tuple(self.tokens), self.samples)

    @property
    def seconds(self) -> float:
        """Length of the audio so far."""
        return self.samples / SAMPLE_RATE

    @property
    def done(self) -> bool:
        """True if the server has said that it ended."""
        return bool(self.end)

    @property
    def ended(self) -> Ended:
        """Reason the run stopped; "cancelled" until it finishes."""
        return next((ending for ending in _ENDINGS if ending == self.end.get("ended")), "cancelled")

    @property
    def context_used(self) -> int:
        """Number of the context's last turns, whole, that the model reads first."""
        used = self._accepted.get("context_used")
        return min(used, len(self.request.context)) if isinstance(used, int) and used > 0 else 0

    @property
    def context_full(self) -> bool:
        """True if it ended at a length below its limit."""
        room = self.max_seconds * SAMPLE_RATE - self.samples
        return self.ended == "length" and room >= self._hop

    @property
    def prefill_hash(self) -> str:
        """SHA-256 of the model's input before its first frame; empty until the server has read it."""
        return str(self._accepted.get("prefill_hash", ""))

    @property
    def odd_length(self) -> OddLength:
        """Set if a passage is far too short or too long for its text."""
        found = self.end.get("odd_length")
        return "short" if found == "short" else "long" if found == "long" else ""

    def take(self, message: Message) -> Audio | None:
        """Account for a message of the server; return its audio, if it has some."""
        if message.type == "accepted":
            self._accept(message)
        elif message.type == "ended":
            self.end = message.fields
        elif message.type == "frame":
            self._buffer.append(message.arrays["latent"], message.arrays["semantic"])
            self.tokens += message.fields["tokens"]
            return self._delivered(message.arrays["audio"])
        elif message.type == "silence":
            count: int = message.fields["samples"]
            self.pauses += count
            return self._delivered(np.zeros(count, np.float32))
        return None

    def spans(self) -> list[Span]:
        """Return the frames of each turn.

        The server finds them; if it cannot be reached for a run that was cancelled, they are estimated from
        the lengths of the texts, with confidence 0.
        """
        return [Span(*entry) for entry in self._divided("spans", len(self.frames))]

    def turn_samples(self) -> list[tuple[int, int, float]]:
        """Return start, stop and confidence of each turn in the audio, pauses counted; see `spans`."""
        return self._divided("turn_samples", self.samples)

    def _divided(self, name: str, length: int) -> list[tuple[int, int, float]]:
        if not len(self.frames):
            return [(0, 0, 0.0)] * len(self.turns)
        if not self.end and len(self.turns) == 1:
            return [(0, length, 1.0)]
        end = self.end
        if not end and self._source is not None:
            try:
                end = self._source.ask_end(self)
            except ServerError:
                end = {}
        return checked_spans(end.get(name), len(self.turns), length) or _by_length(self.turns, length)

    def _source_or_error(self) -> RemoteModel:
        if self._source is None:
            raise OptionError(
                "a run that was copied or saved without its model", "one with a model", "call `resumed`"
            )
        return self._source

    def _accept(self, message: Message) -> None:
        first = not self._accepted
        self._accepted = message.fields
        lead = message.arrays.get("lead")
        if first and lead is not None and lead.shape == self.lead.shape:
            self.lead = lead
        for name in ("max_seconds", "estimated_seconds"):
            value = message.fields.get(name)
            if isinstance(value, int | float) and 0 < value < math.inf:
                setattr(self, name, float(value))

    def _delivered(self, audio: Audio) -> Audio:
        self.samples += len(audio)
        self.first_audio = self.first_audio or time.perf_counter()
        return audio


def checked_spans(value: object, turns: int, length: int) -> list[tuple[int, int, float]]:
    """Return spans as a server sent them; none if they are not those of so many turns.

    >>> checked_spans([[0, 7, 1.0], [7, 9, 0.5]], 2, 9), checked_spans([[5, 3, 1.0]], 1, 9)
    ([(0, 7, 1.0), (7, 9, 0.5)], [])
    """
    if not isinstance(value, list) or len(value) != turns:
        return []
    spans = []
    for entry in value:
        if not isinstance(entry, list) or len(entry) != 3:
            return []
        start, stop, confidence = entry
        if type(start) is not int or type(stop) is not int or not isinstance(confidence, int | float):
            return []
        if not 0 <= start <= stop <= length or not 0 <= confidence <= 1:
            return []
        spans.append((start, stop, float(confidence)))
    return spans


def _by_length(turns: Sequence[Turn], length: int) -> list[tuple[int, int, float]]:
    """Divide a length by the estimates of the turns, with confidence 0."""
    ends = list(itertools.accumulate(turn.estimated_seconds for turn in turns))
    stops = [round(length * end / ends[-1]) for end in ends]
    return [(start, stop, 0.0) for start, stop in zip([0, *stops], stops, strict=False)]


def check_event(message: Message, received: int, sizes: tuple[int, int], hop: int) -> None:
    """Check a frame or a pause.

    Raises
    ------
    ServerError
        If it is malformed, or not the next one.
    """
    fields, arrays = message.fields, message.arrays
    if message.type == "frame":
        shapes = {name: array.shape for name, array in arrays.items()}
        wanted = {"audio": (hop,), "latent": (sizes[0],), "semantic": (sizes[1],)}
        tokens = fields.get("tokens")
        if fields.get("index") != received or shapes != wanted:
            raise malformed(f"frame {fields.get('index')!r} of {shapes} in place of {received} of {wanted}")
        if not isinstance(tokens, list) or any(type(token) is not int for token in tokens):
            raise malformed("a frame without tokens")
    elif message.type == "silence":
        samples = fields.get("samples")
        if type(samples) is not int or not 0 <= samples <= 3600 * SAMPLE_RATE:
            raise malformed(f"a pause of {samples!r} samples")
