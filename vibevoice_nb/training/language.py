"""Training of the language model and diffusion head: from a script and voices to latents.

Besides the two losses of VibeVoice (next token, and velocity of the diffusion) there are two auxiliary
losses, whose layers are removed at the end: a linear layer predicts the phones of the next frame, and a few
attention heads are trained to attend to the current character. With them a small model learns to follow the
text in minutes instead of hours.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from vibevoice_nb.model.config import ModelConfig

from .batches import Batches
from .common import Trainer, load_weights, step_rng
from .examples import ExampleMaker
from .losses import Losses
from .student import LanguageTrainingConfig, Student


@dataclasses.dataclass(frozen=True)
class Task:
    """Training task: batches of examples, and the number of phone labels."""

    maker: ExampleMaker
    batches: Batches
    phones: int
    voice_features: Tensor | None = None


def train_language(
    task: Task, work_dir: Path, config: LanguageTrainingConfig, shape: ModelConfig, *,
    resume: bool = False, start_from: Path | None = None, until: int | None = None, name: str = "language",
) -> Trainer:  # fmt: skip
    """Train; write the weights to ``{work_dir}/{name}.safetensors``.

    Parameters
    ----------
    task : Task
    work_dir : Path
    config : LanguageTrainingConfig
    shape : ModelConfig
    resume : bool
        Resume from the checkpoint in `work_dir`.
    start_from : Path, optional
        Initial weights, for a second stage.
    until : int, optional
        Stop before this step.
    name : str
        Name of checkpoint, weights and log.

    Returns
    -------
    Trainer
    """
    torch.manual_seed(config.loop.seed)
    voice = 0 if task.voice_features is None else task.voice_features.shape[1]
    student = Student(shape, task.phones, voice)
    if start_from is not None:
        load_weights(student, start_from)
    for parameter_name, parameter in student.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and parameter_name.startswith(config.only))
    trainer = Trainer(student, name, work_dir, config.loop)
    if resume:
        trainer.resume()
    batches = task.batches
    losses_of = Losses(task.maker, config, shape.head.train_steps, task.voice_features)

    def losses(step: int) -> dict[str, Tensor]:
        rng, generator = step_rng(config.loop.seed, step)
        batch = batches.draw(step, rng).to(trainer.device)
        late = step >= config.noise_from * config.loop.steps
        noise, model = config.noise[late], trainer.accelerator.unwrap_model(trainer.model)
        if late and rng.random() < config.self_fed:
            batch = losses_of.feed_self(model.model, batch, noise, generator)
        return losses_of(model, batch, noise, generator)

    trainer.fit(losses, until)
    return trainer
