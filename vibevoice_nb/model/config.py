"""Model configuration: frozen dataclasses, read from config.json by `loading.config_file`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

SAMPLE_RATE = 24_000
Layout = Literal["original", "native"]
Solver = Literal["dpmsolver++", "sde-dpmsolver++"]
SOLVERS: tuple[Solver, ...] = get_args(Solver)


@dataclass(frozen=True)
class StackConfig:
    """One stack of convolutional stages: an encoder (ratios go down) or a decoder (ratios go up)."""

    size: int
    """Width of the latent (or feature) side."""
    filters: int
    """Channels at the audio side; they double at every ratio towards the latent side."""
    ratios: tuple[int, ...]
    """Resampling ratios in the order they are applied."""
    depths: tuple[int, ...]
    """Blocks per stage in the order they are applied; one more than ratios."""
    norm_eps: float

    @property
    def hop_length(self) -> int:
        """Samples per latent."""
        return math.prod(self.ratios)


@dataclass(frozen=True)
class AcousticConfig:
    """The acoustic sigma-VAE: encoder, decoder and noise scale of its latents."""

    encoder: StackConfig
    decoder: StackConfig
    noise_scale: float
    """Standard deviation of the noise scale drawn per voice (0.5 / 0.8 as published)."""


@dataclass(frozen=True)
class LanguageConfig:
    """The Qwen2 decoder."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    max_positions: int
    rope_theta: float
    norm_eps: float


@dataclass(frozen=True)
class HeadConfig:
    """The diffusion head and the noise schedule it was trained with."""

    hidden_size: int
    latent_size: int
    ffn_size: int
    num_layers: int
    norm_eps: float
    train_steps: int


@dataclass(frozen=True)
class ModelConfig:
    """Configuration of a VibeVoice model."""

    acoustic: AcousticConfig
    semantic: StackConfig
    language: LanguageConfig
    head: HeadConfig
    layout: Layout

    @property
    def hop_length(self) -> int:
        """Samples per frame (3200 as published)."""
        return self.acoustic.decoder.hop_length

    @property
    def frame_rate(self) -> float:
        """Frames per second (7.5 as published)."""
        return SAMPLE_RATE / self.hop_length


@dataclass(frozen=True)
class RealtimeConfig:
    """Configuration of a VibeVoice-Realtime: one speaker, text read in windows while it speaks.

    It has no encoder: a voice is a `VoicePrompt`, not a recording.
    """

    decoder: StackConfig
    """The acoustic decoder."""
    text: LanguageConfig
    """The text language model: the first layers, without a last norm."""
    language: LanguageConfig
    """The speech language model: the other layers."""
    head: HeadConfig
    layout: Layout = "original"

    @property
    def hop_length(self) -> int:
        """Samples per frame (3200 as published)."""
        return self.decoder.hop_length

    @property
    def frame_rate(self) -> float:
        """Frames per second (7.5 as published)."""
        return SAMPLE_RATE / self.hop_length

    @property
    def prompt_shape(self) -> PromptShape:
        """Sizes of the voice prompts that fit the model."""
        language = self.language
        return PromptShape(
            self.text.num_layers,
            language.num_layers,
            language.num_kv_heads,
            language.head_dim,
            language.hidden_size,
        )


@dataclass(frozen=True)
class PromptShape:
    """Sizes that a voice prompt shares with the model it was made with.

    Examples
    --------
    >>> str(PromptShape(4, 20, 2, 64, 896))
    '4 + 20 layers, 2 key-value heads of size 64, hidden size 896'
    """

    text_layers: int
    speech_layers: int
    kv_heads: int
    head_dim: int
    hidden_size: int

    def __str__(self) -> str:
        layers = f"{self.text_layers} + {self.speech_layers} layers"
        heads = f"{self.kv_heads} key-value heads of size {self.head_dim}"
        return f"{layers}, {heads}, hidden size {self.hidden_size}"
