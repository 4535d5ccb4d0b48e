"""`Loaded`: a network in memory with its tokenizer, front end, limits and defaults."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Generic, TypeVar

import torch

from ..model.kernels.quantized import Quantize
from ..model.loading.checkpoint import mirror_of
from ..model.modules.attention import attention_name
from ..model.realtime import RealtimeModel
from ..model.tokenizer import Tokenizer
from ..model.vibevoice import VibeVoiceModel
from ..script.frontends import Frontend
from ..script.turns import CHARS_PER_SECOND
from .defaults import ModelSettings
from .interface import QueuePlace
from .model_limits import ModelLimits
from .options import GenerationOptions

_Network = TypeVar("_Network", VibeVoiceModel, RealtimeModel)

_LIBRARIES = ("torch", "numpy", "tokenizers", "transformers", "num2words")
"""Libraries that affect the audio: arithmetic, and conversion of text to tokens."""

TEXT_TOKENS_PER_SECOND = CHARS_PER_SECOND / 4.2
"""Positions taken by the text of one second of speech, beside its frames: about 4.2 characters a token."""


class Loaded(Generic[_Network]):
    """The part that `LoadedModel` and `LoadedRealtime` share: a network and what belongs to it.

    Attributes
    ----------
    name : str
        Name, folder or hub id that it was loaded by.
    model : VibeVoiceModel or RealtimeModel
        The network.
    tokenizer : Tokenizer
    revision : str
        Repository and commit of the weights.
    quantize : {"int8", "int4"} or None
        Bits of the language models' layers, where they are fewer than the rest has.
    defaults : GenerationOptions
    frontend : Frontend
        Conversion from text to the tokenizer's input; reports text that the model cannot speak.
    limits : ModelLimits
    """

    def __init__(
        self,
        name: str,
        model: _Network,
        tokenizer: Tokenizer,
        settings: ModelSettings,
        revision: str,
        quantize: Quantize | None,
    ) -> None:
        self.name, self.tokenizer = name, tokenizer
        self.model: _Network = model
        self.revision, self.quantize = revision, quantize
        self.defaults: GenerationOptions = settings.options
        self.frontend: Frontend = settings.frontend
        self.limits: ModelLimits = settings.limits
        self.queue_listeners: list[Callable[[QueuePlace | None], None]] = []

    @property
    def device(self) -> torch.device:
        """Main device of the model; layers that did not fit may be on another."""
        return self.model.latent_scale.device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the computation."""
        return self.model.latent_scale.dtype

    @property
    def attention(self) -> str:
        """Attention kernel: ``"flash-attn"`` or ``"sdpa"``."""
        return attention_name(self.device, self.dtype)

    @property
    def mirror(self) -> str:
        """Repository and commit that served the weights, if it is not the requested repository; else ""."""
        return mirror_of(self.name, self.revision)

    @property
    def server(self) -> str:
        """Empty: the model is in memory."""
        return ""

    @property
    def hop_length(self) -> int:
        """Samples of a frame."""
        return self.model.config.hop_length

    @property
    def max_positions(self) -> int:
        """Positions of the model's context: voices, text and frames."""
        return self.model.config.language.max_positions

    @property
    def longest_seconds(self) -> float:
        """Longest audio that fits into the model's context together with its text, in seconds."""
        return self.max_positions / (self.model.config.frame_rate + TEXT_TOKENS_PER_SECOND)

    def weights_digest(self) -> str:
        """Return the fingerprint of the weights."""
        return self.model.weights_digest()

    def versions(self) -> dict[str, str]:
        """Return the versions of the libraries that affect the audio."""
        return library_versions()

    def __repr__(self) -> str:
        dtype = str(self.dtype).removeprefix("torch.")
        bits = f", {self.quantize}" if self.quantize else ""
        return f"<{type(self).__name__} {self.name!r} on {self.device}, {dtype}{bits}>"


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that affect the audio."""
    return {name: _version(name) for name in _LIBRARIES}


@functools.cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
