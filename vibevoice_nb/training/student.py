"""Model with auxiliary layers, for the training of its language model, and the settings of this training."""

from __future__ import annotations

import dataclasses

from torch import nn

from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.model.vibevoice import VibeVoiceModel

from .common import LoopConfig, initialize
from .examples import ExampleConfig
from .frames import PHONE_SLOTS

UNUSED_PARTS = ("acoustic", "semantic")


@dataclasses.dataclass(frozen=True)
class LanguageTrainingConfig:
    """Contents of ``configs/language.json``."""

    batch_tokens: int
    """Positions in a batch, padding included."""
    draws: int
    """Timesteps drawn for each frame."""
    multi_turn: float
    """Fraction of batches with scripts of several turns, after the fraction `single_until` of the steps."""
    turns: tuple[int, int]
    """Minimum and maximum number of turns of those."""
    single_until: float
    null: float
    voiceless: float
    spelled: float
    voice_frames: tuple[int, int, int]
    canned_prompts: int
    voice_noise: float
    """Largest standard deviation of the noise on voices, since the encoder is not exact."""
    noise: tuple[float, float]
    """Largest deviation of the noise on fed-back latents, before and after `noise_from` of the steps."""
    noise_from: float
    self_fed: float
    """Fraction of batches, from then on, in which the fed-back latents are partly the model's own."""
    phone_weight: float
    pointer_weight: float
    voice_weight: float
    """Weight of a third auxiliary loss, if voices have features: a linear layer predicts the speaker's."""
    pointer_layers: tuple[int, ...]
    token_weight: float
    end_weight: float
    """Weight of an end or eos token relative to a frame."""
    semantic: bool
    """Whether semantic features (``*.semantic.npy`` beside the latents) are fed back too."""
    semantic_noise: float
    """Largest standard deviation of the noise on them."""
    semantic_drop: float
    """Fraction of examples without them."""
    only: str
    """Prefix of the parameters to train; empty for all."""
    loop: LoopConfig

    @property
    def examples(self) -> ExampleConfig:
        """Settings of the examples."""
        return ExampleConfig(self.null, self.spelled, self.voice_frames, self.voiceless, self.canned_prompts)


class Student(nn.Module):
    """Model and auxiliary layers, which predict `phones` labels and, if there are any, `voice` features."""

    def __init__(self, config: ModelConfig, phones: int, voice: int = 0) -> None:
        super().__init__()
        self.model = VibeVoiceModel(config, tied=True)
        for part in UNUSED_PARTS:
            delattr(self.model, part)
        self.phones = nn.Linear(config.language.hidden_size, PHONE_SLOTS * phones)
        initialize(self)
        nn.init.normal_(self.phones.weight, std=0.02)
        self.voice = nn.Linear(config.language.hidden_size, voice) if voice else None
        # Without semantic features their connector must output zero.
        for parameter in self.model.semantic_connector.fc2.parameters():
            nn.init.zeros_(parameter)
