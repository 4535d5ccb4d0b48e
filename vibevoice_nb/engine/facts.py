"""`ModelFacts`: what an engine's model is and takes, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import OptionError
from ..script.frontends import Frontend
from .interface import QueuePlace, SpeechModel
from .model_limits import ModelLimits
from .options import GenerationOptions

if TYPE_CHECKING:
    import torch

    from ..model.generation.prompt_cache import PromptCache
    from ..model.kernels.quantized import Quantize
    from ..model.tokenizer import Tokenizer
    from ..model.vibevoice import VibeVoiceModel
    from .loaded_model import LoadedModel
    from .loaded_realtime import LoadedRealtime


class ModelFacts:
    """Facts of a model in memory or on a server.

    Parameters
    ----------
    source : LoadedModel, LoadedRealtime or RemoteModel
    """

    def __init__(self, source: SpeechModel) -> None:
        self._source = source

    def __repr__(self) -> str:
        return repr(self._source).replace(type(self._source).__name__, type(self).__name__)

    @property
    def loaded(self) -> LoadedModel:
        """The model in memory.

        Raises
        ------
        OptionError
            If the model is on a server.
        """
        from .loaded_model import LoadedModel

        if not isinstance(self._source, LoadedModel) and not self.server:
            raise OptionError(
                f"the network of {self.name}, a VibeVoice-Realtime",
                "a VibeVoice for conversations",
                "see `Engine.realtime`",
            )
        if not isinstance(self._source, LoadedModel):
            raise OptionError(
                f"the network of {self.name}, which is on a server",
                "a model in this process",
                "load it here with `Engine.load`",
            )
        return self._source

    @property
    def realtime(self) -> LoadedRealtime:
        """The VibeVoice-Realtime in memory, whose `open` speaks a text while it arrives.

        Raises
        ------
        OptionError
            If the model is of another kind, or on a server.
        """
        from .loaded_realtime import LoadedRealtime

        if not isinstance(self._source, LoadedRealtime):
            raise OptionError(
                f"the model {self.name}",
                "a VibeVoice-Realtime in this process",
                "load one, for example microsoft/VibeVoice-Realtime-0.5B",
            )
        return self._source

    @property
    def name(self) -> str:
        """Name, folder or hub id that the model was loaded by."""
        return self._source.name

    @property
    def server(self) -> str:
        """Address of the server that has the model; empty for a model in this process."""
        return self._source.server

    @property
    def hop_length(self) -> int:
        """Samples of a frame; 3200 as published."""
        return self._source.hop_length

    @property
    def max_positions(self) -> int:
        """Positions of the model's context: tokens of the script, voices and frames."""
        return self._source.max_positions

    @property
    def queue_listeners(self) -> list[Callable[[QueuePlace | None], None]]:
        """Functions that are called with the place in a server's queue; never for a model in this process."""
        return self._source.queue_listeners

    def weights_digest(self) -> str:
        """Return the fingerprint of the weights, the same in any dtype and layout they are loaded in."""
        return self._source.weights_digest()

    def versions(self) -> dict[str, str]:
        """Return the versions of the libraries that affect the audio, where the model is."""
        return self._source.versions()

    def nbytes(self) -> int:
        """Return the most memory of the weights in this process."""
        return self._source.nbytes()

    @property
    def model(self) -> VibeVoiceModel:
        """The network."""
        return self.loaded.model

    @property
    def tokenizer(self) -> Tokenizer:
        """Tokenizer of the model."""
        return self.loaded.tokenizer

    @property
    def revision(self) -> str:
        """Repository and commit of the weights."""
        return self._source.revision

    @property
    def mirror(self) -> str:
        """Repository and commit that served the weights, if it is not the requested repository; else ""."""
        return self._source.mirror

    @property
    def quantize(self) -> Quantize | None:
        """Bits of the language model's layers, where they are fewer than the rest has."""
        return self._source.quantize

    @property
    def defaults(self) -> GenerationOptions:
        """Options of the model where a call names none."""
        return self._source.defaults

    @property
    def frontend(self) -> Frontend:
        """Conversion from text to the tokenizer's input; reports text that the model cannot speak."""
        return self._source.frontend

    @property
    def limits(self) -> ModelLimits:
        """Languages, voices and lengths that the model supports."""
        return self._source.limits

    @property
    def prompt_cache(self) -> PromptCache:
        """Cache of voices and prompts read before."""
        return self.loaded.prompt_cache

    @property
    def device(self) -> torch.device:
        """Main device of the model; layers that did not fit may be on another."""
        return self._source.device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the computation."""
        return self._source.dtype

    @property
    def attention(self) -> str:
        """Attention kernel: ``"flash-attn"`` or ``"sdpa"``."""
        return self._source.attention
