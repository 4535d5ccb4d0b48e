"""Training of a semantic encoder to recognize phones.

Its features inform the language model about the speech so far. In training, a linear layer on top of them
predicts the four phones of the latest frame.

Shapes: B rows, F frames, N = 3200 F samples, S = 4 slots a frame.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vibevoice_nb.model.codec import Encoder
from vibevoice_nb.model.config import ModelConfig, StackConfig

from .common import LoopConfig, Trainer, initialize, step_rng
from .excerpts import Crops, LatentCorpus
from .frames import PHONE_SLOTS


@dataclasses.dataclass(frozen=True)
class SemanticConfig:
    """Contents of ``configs/semantic.json``. `noise` is the largest deviation of the noise added to audio;
    `feature_weight` keeps features small.
    """

    batch: int
    frames: int
    noise: float
    feature_weight: float
    loop: LoopConfig


class Listener(nn.Module):
    """Encoder and the linear layer that predicts phones."""

    def __init__(self, config: StackConfig, phones: int) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.phones = nn.Linear(config.size, PHONE_SLOTS * phones)
        initialize(self)

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [B, F, C] and phone scores [B, F, S, phones] of audio [B, N]."""
        features = self.encoder(audio.unsqueeze(1))
        return features, self.phones(features).unflatten(-1, (PHONE_SLOTS, -1))


def train_semantic(
    corpus: LatentCorpus, work_dir: Path, config: SemanticConfig, shape: ModelConfig, *,
    phones: int, decoder: nn.Module | None = None, resume: bool = False,
) -> Trainer:  # fmt: skip
    """Train; write the weights to ``{work_dir}/semantic.safetensors``.

    Parameters
    ----------
    corpus : LatentCorpus
    work_dir : Path
    config : SemanticConfig
    shape : ModelConfig
    phones : int
        Number of labels.
    decoder : nn.Module, optional
        Decodes the corpus's latents to audio [B, 1, N]: half of the training audio is decoded, as
        all audio is in use.
    resume : bool
        Resume from the checkpoint in `work_dir`.
    """
    torch.manual_seed(config.loop.seed)
    trainer = Trainer(Listener(shape.semantic, phones), "semantic", work_dir, config.loop)
    if resume:
        trainer.resume()
    if decoder is not None:
        decoder.to(trainer.device).eval().requires_grad_(False)
    crops = Crops(corpus, config.batch, config.frames)

    def losses(step: int) -> dict[str, Tensor]:
        rng, generator = step_rng(config.loop.seed, step)
        drawn = crops.draw(rng)
        audio, phones = drawn.audio.to(trainer.device), drawn.phones.long().to(trainer.device)
        if decoder is not None and step % 2:
            with torch.no_grad():
                audio = decoder(drawn.latents.to(trainer.device)).squeeze(1)
        spread = config.noise * torch.rand(len(audio), 1, generator=generator).square()
        audio = audio + (spread * torch.randn(audio.shape, generator=generator)).to(trainer.device)
        features, scores = trainer.model(audio)
        phone = F.cross_entropy(scores.flatten(0, -2), phones.flatten())
        right = (scores.argmax(-1) == phones).float().mean()
        return {
            "loss": phone + config.feature_weight * features.square().mean(),
            "phone_right": right,
            "size": features.detach().square().mean().sqrt(),
        }

    trainer.fit(losses)
    return trainer
