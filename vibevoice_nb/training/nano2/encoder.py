"""Training of the acoustic encoder on the PCA's latents before the codec: a tenth of the codec's cost per
step.

``python -m vibevoice_nb.training.nano2 encoder --work-dir nano-work [--resume] [--start-from
vibevoice_nb/nano]``

It can start from the encoder of an earlier model of the same layout: the linear map from its latents to the
PCA's is folded into its last convolution.

Shapes: B rows, F frames, N = 3200 F samples.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from vibevoice_nb.model.codec import Encoder
from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.model.loading.weights import load_model
from vibevoice_nb.training.common import LoopConfig, Trainer, initialize, step_rng
from vibevoice_nb.training.latent_space import LatentSpace

from .mel import LogMel, Projection
from .speech import CropConfig, Crops, Speech

FIT_BATCHES = 16
RIDGE = 0.1


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """Contents of ``configs/encoder.json``."""

    crops: CropConfig
    loop: LoopConfig


class Lesson:
    """Audio [B, N] and its PCA latents [B, F, 64].

    The first frame of an excerpt is left out of the loss, since the audio before it is missing.
    """

    def __init__(self, crops: Crops, space: LatentSpace, seed: int, device: torch.device) -> None:
        self.crops, self.seed, self.device = crops, seed, device
        self.log_mel, self.project = LogMel().to(device), Projection(space).to(device)

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the batch of one step."""
        rng, _ = step_rng(self.seed, step)
        audio = self.crops.draw(rng).to(self.device)
        return audio, self.project(self.log_mel(audio))


@torch.no_grad()
def adopt(encoder: Encoder, checkpoint: Path, lesson: Lesson) -> None:
    """Start from the encoder of `checkpoint`, with its latents mapped to the PCA's by least squares."""
    source = load_model(checkpoint, torch.device("cpu"), torch.float32).acoustic.encoder
    encoder.load_state_dict(source.state_dict())
    given, wanted = [], []
    for batch in range(FIT_BATCHES):
        audio, target = lesson.draw(-1 - batch)
        given.append(encoder(audio.unsqueeze(1))[:, 1:].flatten(0, 1))
        wanted.append(target[:, 1:].flatten(0, 1))
    latents = torch.cat(given)
    latents = torch.cat((latents, torch.ones(len(latents), 1)), 1)
    square = latents.T @ latents + RIDGE * torch.eye(latents.shape[1])
    solved = torch.linalg.solve(square, latents.T @ torch.cat(wanted))
    matrix, shift = solved[:-1], solved[-1]
    encoder.head.weight.copy_(torch.einsum("ock,op->pck", encoder.head.weight, matrix))
    encoder.head.bias.copy_(encoder.head.bias @ matrix + shift)


def train_encoder(
    speech: Speech,
    work_dir: Path,
    shape: ModelConfig,
    config: EncoderConfig,
    *,
    resume: bool = False,
    start_from: Path | None = None,
    until: int | None = None,
) -> Trainer:
    """Train; write the averaged weights to ``{work_dir}/encoder.safetensors``.

    Parameters
    ----------
    resume : bool
        Resume from ``{work_dir}/encoder.state``.
    start_from : Path, optional
        Checkpoint folder whose encoder is the initial one.
    until : int, optional
        Stop before this step.
    """
    torch.manual_seed(config.loop.seed)
    encoder = Encoder(shape.acoustic.encoder)
    initialize(encoder)
    space, crops = LatentSpace.load(work_dir / "pca.npz"), Crops(speech, config.crops)
    if start_from is not None and not resume:
        adopt(encoder, start_from, Lesson(crops, space, config.loop.seed, torch.device("cpu")))
    trainer = Trainer(encoder, "encoder", work_dir, config.loop)
    if resume:
        trainer.resume()
    lesson = Lesson(crops, space, config.loop.seed, trainer.device)

    def losses(step: int) -> dict[str, Tensor]:
        audio, wanted = lesson.draw(step)
        heard = trainer.model(audio.unsqueeze(1))
        error = (heard - wanted)[:, 1:].square().mean()
        return {"loss": error, "unexplained": error.detach() / wanted[:, 1:].var()}

    trainer.fit(losses, until)
    return trainer
