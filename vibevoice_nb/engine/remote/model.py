"""`RemoteModel`: a model on a server. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from ...audio.pcm import SAMPLE_RATE
from ...errors import ServerError, VibeVoiceError
from ...ranges import shown
from ...script import Turn
from ...script.frontends import FRONTENDS, Frontend
from ...voices.voice import Voice
from ..defaults import ModelSettings, keep_settings
from ..estimates import in_context_seconds, whole_seconds
from ..frames import Spoken
from ..interface import Audio, Cancelled, QueuePlace
from ..model_limits import ModelLimits
from ..options import GenerationOptions
from .address import Address, check_address, default_model
from .connection import ConnectionLostError, RetryError, opened, unreachable
from .receive import advance, ask_end
from .request import RemoteRequest, readable
from .run import RemoteRun
from .wire import Message, malformed

QUEUE_SHOWN = 1_000_000


class RemoteModel:
    """A model on a server: its facts are here, its network is there.

    Parameters
    ----------
    address : Address
    facts : mapping
        As the server sent them.

    Attributes
    ----------
    address : Address
    name, revision : str
        Name that the server loaded it by; repository and commit of its weights.
    device, dtype, attention, mirror : str
    quantize : str or None
    defaults : GenerationOptions
    frontend : Frontend
        It runs in this process.
    limits : ModelLimits
    hop_length, max_positions : int
        Samples of a frame; positions of the model's context.
    frame_sizes : (int, int)
        Sizes of a frame's latent and semantic features.
    queue : QueuePlace or None
        Place of the latest request while it waits.
    queue_listeners : list of callable
        Called when `queue` changes, in the thread that generates.
    """

    def __init__(self, address: Address, facts: Mapping[str, Any]) -> None:
        self.address = address
        read = _Facts(facts)
        self.name, self.revision = read.text("model"), read.text("revision")
        self._weights = read.text("weights")
        self.device, self.dtype = read.text("device"), read.text("dtype")
        self.quantize: Any = facts.get("quantize") and read.text("quantize")
        self.attention, self.mirror = str(facts.get("attention", ""))[:100], ""
        self.hop_length, self.max_positions = read.count("hop_length"), read.count("max_positions")
        self.frame_sizes: tuple[int, int] = read.count("latent_size"), read.count("semantic_size")
        self.defaults, self.limits = read.defaults(), read.limits()
        self.frontend: Frontend = read.frontend()
        self._versions = read.versions()
        self.queue: QueuePlace | None = None
        self.queue_listeners: list[Callable[[QueuePlace | None], None]] = []

    @classmethod
    def connect(
        cls, address: str | None = None, *, token: str | None = None, insecure: bool | None = None
    ) -> RemoteModel:
        """Connect to a server; see `Engine.connect` for parameters and errors."""
        address = address or default_model("")
        checked = check_address(address, token, insecure)
        try:
            with opened(checked) as connection:
                model = cls(checked, connection.facts)
        except ConnectionLostError as error:
            raise unreachable(checked, error).final() from error
        except RetryError as error:
            raise error.final() from error.__cause__
        for name in {address, checked.url}:
            keep_settings(name, ModelSettings(model.defaults, model.frontend, model.limits))
        return model

    def __repr__(self) -> str:
        bits = f", {self.quantize}" if self.quantize else ""
        return f"<RemoteModel {self.name!r} at {self.server}, {self.device}, {self.dtype}{bits}>"

    @property
    def server(self) -> str:
        """Address of the server."""
        return self.address.url

    def weights_digest(self) -> str:
        """Return the fingerprint of the weights."""
        return self._weights

    def versions(self) -> dict[str, str]:
        """Return the versions of the server's libraries that affect the audio."""
        return dict(self._versions)

    def nbytes(self) -> int:
        """Return 0: the weights are on the server."""
        return 0

    def same_as(self, other: RemoteModel) -> bool:
        """Return true for a model with the same weights, dtype and quantization, on any server."""
        mine, its = ((one._weights, one.dtype, one.quantize, one.frame_sizes) for one in (self, other))
        return mine == its

    def check(self, facts: Mapping[str, Any]) -> None:
        """Check, at a new connection, that the server still has this model.

        Raises
        ------
        ServerError
            If it has another one.
        """
        other = RemoteModel(self.address, facts)
        if not self.same_as(other):
            raise ServerError(
                f"the server {self.address.host} now has other weights of {other.name}",
                f"those of {self.name} that the engine was connected to",
                "connect again with `Engine.connect`, or unload the model and load it again",
            )

    def whole(
        self,
        turns: Sequence[Turn],
        cast: Mapping[int, Voice],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
        *,
        pauses: bool = False,
    ) -> RemoteRun:
        """Return a run of a whole script; see `SpeechRun.whole`.

        Raises
        ------
        ScriptError
            If there is nothing to speak. Other errors of the script are raised by the first iteration.
        """
        estimated = whole_seconds(turns, self.frontend, self.name, pauses=pauses)
        request = RemoteRequest(tuple(turns), dict(cast), pauses=pauses)
        return RemoteRun(self, request, options, estimated, cancelled)

    def in_context(
        self,
        turn: Turn,
        cast: Mapping[int, Voice],
        context: Sequence[Spoken],
        options: GenerationOptions,
        cancelled: Cancelled | None = None,
    ) -> RemoteRun:
        """Return a run of one turn after others; see `SpeechRun.in_context` and `whole`."""
        estimated = in_context_seconds(turn, self.frontend, self.name, options.passage_seconds)
        rate = SAMPLE_RATE / self.hop_length
        needed = readable(context, options, self.max_positions, rate)
        indices = {one.speaker_index for one in (turn, *(spoken.turn for spoken in needed))}
        voices = {index: voice for index, voice in cast.items() if index in indices}
        request = RemoteRequest((turn,), voices, needed, whole=False)
        return RemoteRun(self, request, options, estimated, cancelled)

    def advance(self, runs: Sequence[RemoteRun], cancelled: Cancelled) -> Iterator[tuple[RemoteRun, Audio]]:
        """Receive runs together; see `vibevoice_nb.engine.remote.receive.advance`."""
        return advance(self, runs, cancelled)

    def ask_end(self, run: RemoteRun) -> Mapping[str, Any]:
        """Return the facts with which the server ends a run where it is; see `receive.ask_end`."""
        return ask_end(self, run)

    def queued(self, message: Message | None) -> None:
        """Note a place in the queue, or that no request waits; call the listeners."""
        place = None
        if message is not None:
            numbers = [message.fields.get(name) for name in ("position", "waiting")]
            position, waiting = (
                number if isinstance(number, int) and 0 < number <= QUEUE_SHOWN else 1 for number in numbers
            )
            place = QueuePlace(position, max(position, waiting))
        if place != self.queue:
            self.queue = place
            for listener in list(self.queue_listeners):
                listener(place)


class _Facts:
    """Reads and checks the facts that a server sent."""

    def __init__(self, facts: Mapping[str, Any]) -> None:
        self._facts = facts

    def text(self, name: str) -> str:
        value = self._facts.get(name)
        if not isinstance(value, str) or len(value) > 500:
            raise malformed(f"facts of a model with {name}={shown(value)}")
        return value

    def count(self, name: str) -> int:
        value = self._facts.get(name)
        if type(value) is not int or not 0 < value <= 1 << 24:
            raise malformed(f"facts of a model with {name}={shown(value)}")
        return value

    def defaults(self) -> GenerationOptions:
        values = self._facts.get("defaults")
        try:
            return GenerationOptions().updated(values if isinstance(values, dict) else {})
        except VibeVoiceError as error:
            raise malformed(f"defaults of a model with {error.got}") from error

    def limits(self) -> ModelLimits:
        values = self._facts.get("limits")
        values = values if isinstance(values, dict) else {}
        if values.get("voice_prompts") is not None:
            raise ServerError(
                "a server with a VibeVoice-Realtime",
                "a server with a VibeVoice for conversations",
                "start the server with another model, or load this one here",
            )
        known = {entry.name for entry in fields(ModelLimits)} - {"voice_prompts"}
        given = {name: value for name, value in values.items() if name in known}
        ratio = given.get("length_ratio", ModelLimits.length_ratio)
        lists = {name: given.get(name, ()) for name in ("languages", "notes")}
        right = (
            all(isinstance(value, list | tuple) for value in lists.values())
            and all(isinstance(text, str) for value in lists.values() for text in value)
            and isinstance(given.get("follows_voices", True), bool)
            and isinstance(ratio, list | tuple)
            and len(ratio) == 2
            and all(isinstance(value, int | float) for value in ratio)
            and all(
                given.get(name) is None or isinstance(given[name], int | float)
                for name in ("max_seconds", "passage_seconds")
            )
        )
        if not right:
            raise malformed(f"limits of a model: {shown(values)}")
        tuples = {name: tuple(value) for name, value in (*lists.items(), ("length_ratio", ratio))}
        return ModelLimits(**{**given, **tuples})

    def frontend(self) -> Frontend:
        name = self._facts.get("frontend")
        if not isinstance(name, str) or name not in FRONTENDS:
            raise ServerError(
                f"a model with the text frontend {shown(name)}",
                f"one of {', '.join(FRONTENDS)}",
                "update vibevoice-nb",
            )
        return FRONTENDS[name]

    def versions(self) -> dict[str, str]:
        values = self._facts.get("versions")
        pairs = values.items() if isinstance(values, dict) else ()
        return {str(name)[:40]: str(version)[:40] for name, version in list(pairs)[:20]}
