"""Distillation of guidance and solver steps into the model: one branch, three steps, a third of the compute.

``python -m vibevoice_nb.training.nano2 distil --work-dir nano-work [--resume]``

The student starts as a copy of the teacher, ``language.safetensors``. First it learns to predict, without
guidance, the velocity that the teacher predicts with guidance; then also to reach, in `num_steps` steps from
the same noise, the latent that the teacher reaches in many. It is used with ``cfg_scale`` 1 and these
``num_steps``.

Shapes: B rows, T positions, F target frames in the whole batch, H hidden size.
"""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.vibevoice import VibeVoiceModel
from vibevoice_nb.training.batches import Batch
from vibevoice_nb.training.common import LoopConfig, Trainer, load_weights, step_rng
from vibevoice_nb.training.language import Task
from vibevoice_nb.training.losses import Losses, hidden_states, token_targets
from vibevoice_nb.training.student import LanguageTrainingConfig, Student


@dataclasses.dataclass(frozen=True)
class DistilConfig:
    """Contents of ``configs/distil.json``.

    `end_from` is the fraction of the steps after which latents are compared as well, `temperature` the range
    of the initial noise, `fed_noise` the largest standard deviation of the noise on the latents fed back.
    """

    cfg_scale: float
    teacher_steps: int
    num_steps: int
    end_from: float
    end_weight: float
    temperature: tuple[float, float]
    fed_noise: float
    loop: LoopConfig


def null_branch(batch: Batch, start: int, eos: int) -> Batch:
    """Return the same frames without a prompt, as in guidance: a start token, then the frames."""
    counts = batch.generated.sum(1)
    ordinals = torch.cat([torch.arange(int(count)) for count in counts]).to(batch.ids.device)
    size = (len(batch.ids), int(counts.max()) + 1)
    ids = torch.full(size, eos, device=batch.ids.device)
    ids[:, 0] = start
    generated = torch.zeros(size, dtype=torch.bool, device=batch.ids.device)
    generated[batch.rows, ordinals + 1] = True
    latents = batch.latents.new_zeros(*size, batch.latents.shape[-1])
    latents[batch.rows, ordinals + 1] = batch.latents[batch.rows, batch.columns + 1]
    return dataclasses.replace(
        batch, ids=ids, latents=latents, is_frame=generated, generated=generated, columns=ordinals
    )


class Distillation:
    """Return the losses of one batch.

    Parameters
    ----------
    teacher : VibeVoiceModel
        Frozen.
    losses : Losses
        Losses of the language model's training; the embedding, the schedule and the token loss are used.
    config : DistilConfig
    tokens : tuple of int
        Start token and end-of-speech token.
    """

    def __init__(
        self, teacher: VibeVoiceModel, losses: Losses, config: DistilConfig, tokens: tuple[int, int]
    ) -> None:
        self.teacher, self.losses, self.config, self.tokens = teacher, losses, config, tokens
        self.train_steps = len(losses.alphas)

    def _hidden(
        self, model: VibeVoiceModel, batch: Batch, seed: int, rows: Tensor, columns: Tensor
    ) -> Tensor:
        """Return hidden states [P, H] at some positions; teacher and student get the same noise."""
        generator = torch.Generator().manual_seed(seed)
        embeds = self.losses.embed(model, batch, self.config.fed_noise, generator)
        return hidden_states(model.language_model, embeds, rows, columns, ())[0]

    def _sampler(self, model: VibeVoiceModel, steps: int, cfg_scale: float) -> Sampler:
        return Sampler(model.head, solver_steps(steps, "dpmsolver++", self.train_steps), cfg_scale)

    def __call__(self, student: VibeVoiceModel, batch: Batch, seed: int, *, ends: bool) -> dict[str, Tensor]:
        config, device = self.config, batch.ids.device
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            cond = self._hidden(self.teacher, batch, seed, batch.rows, batch.columns)
            alone = null_branch(batch, *self.tokens)
            uncond = self._hidden(self.teacher, alone, seed, alone.rows, alone.columns)
        rows, columns, classes = token_targets(batch, self.losses.tokens)
        decided = self._hidden(student, batch, seed, rows, columns)
        hidden = decided[classes == 0]
        t = torch.randint(self.train_steps, (len(hidden),), generator=generator)
        noise = torch.randn(batch.target.shape, generator=generator).to(device)
        signal = self.losses.alphas[t, None].to(device)
        noisy, t = signal.sqrt() * batch.target + (1 - signal).sqrt() * noise, t.to(device)
        with torch.no_grad():
            v_cond, v_uncond = self.teacher.head(noisy, t, cond), self.teacher.head(noisy, t, uncond)
            guided = v_uncond + config.cfg_scale * (v_cond - v_uncond)
        velocity = (student.head(noisy, t, hidden) - guided).square().mean()
        token, _ = self.losses.token(student, decided, classes)
        loss = velocity + self.losses.config.token_weight * token
        values = {"velocity": velocity.detach(), "token": token.detach()}
        if ends:
            low, high = config.temperature
            scale = low + (high - low) * torch.rand(len(hidden), 1, generator=generator).to(device)
            with torch.no_grad():
                teacher = self._sampler(self.teacher, config.teacher_steps, config.cfg_scale)
                wanted = teacher(cond, uncond, scale * noise)
            reached = self._sampler(student, config.num_steps, 1.0)(hidden, None, scale * noise)
            end = (reached - wanted).square().mean()
            loss = loss + config.end_weight * end
            values["end"] = end.detach()
        return {"loss": loss} | values


def train_distil(
    task: Task,
    work_dir: Path,
    shape: ModelConfig,
    config: DistilConfig,
    language: LanguageTrainingConfig,
    *,
    resume: bool = False,
    until: int | None = None,
) -> Trainer:
    """Train; write the weights to ``{work_dir}/distil.safetensors``, named as in ``language.safetensors``."""
    torch.manual_seed(config.loop.seed)
    voice = 0 if task.voice_features is None else task.voice_features.shape[1]
    student = Student(shape, task.phones, voice)
    load_weights(student, work_dir / "language.safetensors")
    # The auxiliary layers are not trained further.
    for crutch in (student.phones, student.voice):
        if crutch is not None:
            crutch.requires_grad_(False)
    teacher = copy.deepcopy(student.model).requires_grad_(False).eval()
    trainer = Trainer(student, "distil", work_dir, config.loop)
    if resume:
        trainer.resume()
    maker = task.maker
    losses_of = Losses(maker, language, shape.head.train_steps)
    distillation = Distillation(teacher.to(trainer.device), losses_of, config, (maker.start, maker.eos))

    def losses(step: int) -> dict[str, Tensor]:
        rng, _ = step_rng(config.loop.seed, step)
        batch = task.batches.draw(step, rng).to(trainer.device)
        model = trainer.accelerator.unwrap_model(trainer.model).model
        ends = step >= config.end_from * config.loop.steps
        return distillation(model, batch, rng.randrange(2**31), ends=ends)

    trainer.fit(losses, until)
    return trainer
