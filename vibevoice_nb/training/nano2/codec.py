"""Training of the acoustic codec: latents start as a PCA of log-mel frames, then both sides are freed.

``python -m vibevoice_nb.training.nano2 codec --work-dir nano-work [--resume]``

First the encoder learns to predict the PCA's latents while the decoder learns to decode them. From step
`free_from` on the decoder gets the encoder's output, and both are trained on the audio. Discriminators are
added at `adversarial_from`.

Shapes: B rows, F frames, N = 3200 F samples. Latents [B, F, 64], audio [B, N].
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from vibevoice_nb.model.codec import AcousticCodec
from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.training.common import LoopConfig, Trainer, initialize, load_weights, step_rng
from vibevoice_nb.training.latent_space import LatentSpace
from vibevoice_nb.training.spectral_loss import SpectralLoss

from . import checkpoints
from .discriminators import Critic
from .linear_tail import decode
from .mel import LogMel, Projection
from .speech import CropConfig, Crops, Speech


@dataclasses.dataclass(frozen=True)
class AdversarialConfig:
    """Settings of the discriminators: size, first step, and weight in the loss.

    They get `samples` samples of every `every`-th batch.
    """

    n_ffts: tuple[int, ...]
    channels: int
    learning_rate: float
    begin: int
    ramp: int
    every: int
    samples: int
    fooling: float
    matching: float


@dataclasses.dataclass(frozen=True)
class CodecConfig:
    """Contents of ``configs/codec.json``.

    `noise` is the largest standard deviation of the noise on latents; `anchor` is the weight of the loss that
    keeps latents near the PCA's once the codec is freed.
    """

    crops: CropConfig
    free_from: int
    noise: float
    anchor: float
    mel_weight: float
    adversarial: AdversarialConfig
    loop: LoopConfig


class CodecLosses:
    """Losses of one step."""

    def __init__(self, trainer: Trainer, crops: Crops, space: LatentSpace, config: CodecConfig) -> None:
        self.trainer, self.crops, self.config = trainer, crops, config
        device = trainer.device
        self.distance = SpectralLoss().to(device)
        self.log_mel = LogMel().to(device)
        self.project = Projection(space).to(device)
        adversarial = config.adversarial
        self.critic = Critic(adversarial.n_ffts, adversarial.channels, adversarial.learning_rate, device)

    def __call__(self, step: int) -> dict[str, Tensor]:
        config = self.config
        rng, generator = step_rng(config.loop.seed, step)
        audio = self.crops.draw(rng).to(self.trainer.device)
        columns = self.log_mel(audio)
        start = self.project(columns)
        codec: AcousticCodec = self.trainer.model
        latents = codec.encoder(audio.unsqueeze(1))
        anchor = (latents - start).square().mean()
        free = step >= config.free_from
        spread = config.noise * torch.rand(len(audio), 1, 1, generator=generator)
        noise = (spread * torch.randn(start.shape, generator=generator)).to(audio.device)
        spoken = decode(codec.decoder, (latents if free else start) + noise).squeeze(1)
        spectral = self.distance(spoken, audio)
        mel = (self.log_mel(spoken) - columns).abs().mean()
        loss = spectral + config.mel_weight * mel + (config.anchor if free else 1.0) * anchor
        values = {"spectral": spectral, "mel": mel, "anchor": anchor, "spread": latents.std()}
        adversarial = config.adversarial
        if step >= adversarial.begin and step % adversarial.every == 0:
            first = rng.randrange(audio.shape[1] - adversarial.samples + 1)
            stretch = slice(first, first + adversarial.samples)
            real, made = audio[:, stretch], spoken[:, stretch]
            values["critic"] = self.critic.learn(real, made)
            values["fooling"], values["matching"] = self.critic.judge(real, made)
            weight = min(1.0, (step - adversarial.begin) / adversarial.ramp)
            loss = loss + weight * adversarial.fooling * values["fooling"]
            loss = loss + weight * adversarial.matching * values["matching"]
        return {"loss": loss} | {key: value.detach() for key, value in values.items()}


def train_codec(
    speech: Speech,
    work_dir: Path,
    shape: ModelConfig,
    config: CodecConfig,
    *,
    resume: bool = False,
    start_from: Path | None = None,
    until: int | None = None,
) -> Trainer:
    """Train; averaged weights go to ``{work_dir}/codec.safetensors``.

    The encoder starts from ``{work_dir}/encoder.safetensors`` if that exists.

    Parameters
    ----------
    resume : bool
        Resume from ``{work_dir}/codec.state``, else from the checkpoint in the repository, with its PCA.
    start_from : Path, optional
        Initial weights in any dtype: the optimizers and the discriminators start anew.
    until : int, optional
        Stop before this step.
    """
    torch.manual_seed(config.loop.seed)
    codec = AcousticCodec(shape.acoustic)
    initialize(codec)
    if (work_dir / "encoder.safetensors").exists():
        load_weights(codec.encoder, work_dir / "encoder.safetensors")
    if start_from is not None:
        codec.load_state_dict({name: value.float() for name, value in load_file(str(start_from)).items()})
    landed = checkpoints.read() if resume and not (work_dir / "codec.state").exists() else None
    if landed is not None:
        codec.load_state_dict(landed[0])
        shutil.copyfile(checkpoints.FOLDER / "pca.npz", work_dir / "pca.npz")
    trainer = Trainer(codec, "codec", work_dir, config.loop)
    space = LatentSpace.load(work_dir / "pca.npz")
    losses = CodecLosses(trainer, Crops(speech, config.crops), space, config)
    trainer.accelerator.register_for_checkpointing(losses.critic)
    if landed is not None:
        _, critic, trainer.progress.step = landed
        losses.critic.judges.load_state_dict(critic)
    elif resume:
        trainer.resume()
    trainer.fit(losses, until)
    return trainer
