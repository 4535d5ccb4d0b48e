"""Training of nano's language model and diffusion head: from a script and voices to latents.

``python -m vibevoice_nb.training.language --work-dir nano-work [--resume]``

Besides the two losses of VibeVoice (next token, and velocity of the diffusion) there are two auxiliary
losses, whose layers are removed at the end: a linear layer predicts the phones of the next frame, and a few
attention heads are trained to attend to the current character. With them a small model learns to follow the
text in minutes instead of hours.

Shapes: B rows, T positions, F target frames in the whole batch, K draws of noise for each, H hidden size.
"""

from __future__ import annotations

import argparse
import dataclasses
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from torch import Tensor, nn

from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.language_model import LanguageModel
from vibevoice_nb.model.modules.attention import attend_causal
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.vibevoice import VibeVoiceModel

from .common import CONFIGS, LoopConfig, Trainer, initialize, load_weights, nano_config, read_config, step_rng
from .features import PHONE_NAMES, PHONE_SLOTS, Corpus
from .scripts import Example, ExampleConfig, ExampleMaker, load_semantic

UNUSED_PARTS = ("acoustic", "semantic")
# Sampling of the model's own latents: few steps and less noise, which suits small models best.
SELF_STEPS, SELF_TEMPERATURE = 3, 0.7


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

    def __init__(self, config: ModelConfig, phones: int = len(PHONE_NAMES), voice: int = 0) -> None:
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


@dataclasses.dataclass
class Batch:
    """Rows of examples, padded on the right, as tensors."""

    ids: Tensor  # [B, T]
    latents: Tensor  # [B, T, 64], zero at other positions
    is_frame: Tensor  # [B, T]
    generated: Tensor  # [B, T], target frames
    rows: Tensor  # [F], position that predicts each frame
    columns: Tensor  # [F]
    target: Tensor  # [F, 64]
    phones: Tensor  # [F, 4]
    pointers: Tensor  # [F, 4]
    semantic: Tensor  # [F, C]
    heard: Tensor  # [F], true where there are semantic features
    voices: Tensor  # [F], index of the voice

    def to(self, device: torch.device) -> Batch:
        """Copy to a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in dataclasses.fields(self)))


def collate(examples: list[Example], maker: ExampleMaker) -> Batch:
    """Collate examples."""
    longest = max(len(e.ids) for e in examples)
    size = (len(examples), longest)
    ids, latents = np.full(size, maker.eos), np.zeros((*size, examples[0].latents.shape[1]), np.float32)
    is_frame, generated = np.zeros(size, bool), np.zeros(size, bool)
    rows, columns = [], []
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = example.ids
        where = np.flatnonzero(example.ids == maker.frame)
        is_frame[row, where] = True
        latents[row, where] = example.latents
        generated[row, where[-example.said :]] = True
        rows.append(np.full(example.said, row))
        columns.append(where[-example.said :] - 1)
    of_frames = [
        rows,
        columns,
        [e.latents[-e.said :] for e in examples],
        [e.phones.astype(np.int64) for e in examples],
        [e.pointers for e in examples],
        [e.semantic for e in examples],
        [e.heard for e in examples],
        [e.voices for e in examples],
    ]
    arrays = [ids, latents, is_frame, generated, *map(np.concatenate, of_frames)]
    return Batch(*map(torch.from_numpy, arrays))


class Batches:
    """Batches of examples of similar length, drawn by step number."""

    def __init__(self, maker: ExampleMaker, config: LanguageTrainingConfig) -> None:
        self.maker, self.config = maker, config
        self.indices = maker.corpus.train
        # An estimate of the length that needs no text processing.
        self.sizes = np.array([maker.corpus.meta[i]["frames"] for i in self.indices])
        self.order = np.argsort(self.sizes, kind="stable")

    def draw(self, step: int, rng: random.Random) -> Batch:
        """Return the batch of one step."""
        config = self.config
        multi = step >= config.single_until * config.loop.steps and rng.random() < config.multi_turn
        # Neighbors by length, around a random place.
        center, turns = rng.randrange(len(self.order)), rng.randint(*config.turns) if multi else 1
        reach = max(40, len(self.order) // 25)
        groups: list[list[int]] = []
        longest = 0
        while True:
            group = self.group(center, reach, turns, rng)
            longest = max(longest, self.maker.length(group))
            if groups and (len(groups) + 1) * longest > config.batch_tokens:
                break
            groups.append(group)
        return collate([self.maker.make(group, rng) for group in groups], self.maker)

    def group(self, center: int, reach: int, turns: int, rng: random.Random) -> list[int]:
        """Return the utterances of one example, in order."""
        return [self._near(center, reach, rng) for _ in range(turns)]

    def _near(self, center: int, reach: int, rng: random.Random) -> int:
        place = min(max(0, center + rng.randint(-reach, reach)), len(self.order) - 1)
        return self.indices[self.order[place]]


def hidden_states(
    lm: LanguageModel, embeds: Tensor, rows: Tensor, columns: Tensor, pointer_layers: tuple[int, ...]
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """Run `LanguageModel.forward` for some positions, keeping queries and keys of some layers.

    Parameters
    ----------
    lm : LanguageModel
    embeds : Tensor [B, T, H]
    rows, columns : Tensor [P]
        Positions of the hidden states to return. The last layer is completed for these only: three in four
        positions are text and voices, whose last hidden states are not used.
    pointer_layers : tuple of int

    Returns
    -------
    hidden : Tensor [P, H]
    kept : list of (Tensor [B, A, T, D], Tensor [B, K, T, D])
        Queries and keys.
    """
    cos, sin = lm.rotary(torch.arange(embeds.shape[1], device=embeds.device), embeds.dtype)
    kept, x = [], embeds
    for index, layer in enumerate(lm.layers):
        q, k, v = layer.project(x, cos, sin)
        if index in pointer_layers:
            kept.append((q, k))
        attended = attend_causal(q, k, v)
        if index == len(lm.layers) - 1:
            x, attended = x[rows, columns].unsqueeze(1), attended[rows, :, columns].unsqueeze(2)
        x = layer.finish(x, attended)
    return lm.norm(x.squeeze(1)), kept


def pointer_loss(queries: Tensor, keys: Tensor, batch: Batch) -> Tensor:
    """Compute the attention loss of two heads with respect to the current character.

    The target of head 0 is the character of each frame's first half, that of the last head the second half.
    """
    known = batch.pointers[:, 0] >= 0
    rows, columns, aims = batch.rows[known], batch.columns[known], batch.pointers[known]
    total = queries.new_zeros(())
    for head, kv_head, slots in ((0, 0, (0, 1)), (queries.shape[1] - 1, keys.shape[1] - 1, (2, 3))):
        scores = queries[:, head] @ keys[:, kv_head].transpose(1, 2) * queries.shape[-1] ** -0.5  # [B, T, T]
        scores = scores[rows, columns]
        future = torch.arange(scores.shape[1], device=scores.device) > columns[:, None]
        scores = scores.masked_fill(future, float("-inf")).log_softmax(-1)
        for slot in slots:
            total = total - scores.gather(1, aims[:, slot : slot + 1]).mean() / 4
    return total


def token_targets(batch: Batch, tokens: tuple[int, int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Find the positions that predict a token, and its class of (frame, end, start, eos)."""
    _, end, _, _ = tokens
    following = batch.ids[:, 1:]
    speech = batch.generated[:, 1:]
    # The end after the last frame, and the eos after that; padding is eos too, so only the first one counts.
    is_end = (following == end) & batch.generated[:, :-1]
    is_eos = torch.zeros_like(is_end)
    is_eos[:, 1:] = is_end[:, :-1]
    classes = torch.where(speech, 0, torch.where(is_end, 1, 3))
    rows, columns = (speech | is_end | is_eos).nonzero(as_tuple=True)
    return rows, columns, classes[rows, columns]


class Losses:
    """All losses of a batch.

    Parameters
    ----------
    maker : ExampleMaker
    config : LanguageTrainingConfig
    train_steps : int
        Timesteps of the diffusion.
    voice_features : Tensor [V, D], optional
        Features of the corpus's voices.
    """

    def __init__(
        self,
        maker: ExampleMaker,
        config: LanguageTrainingConfig,
        train_steps: int,
        voice_features: Tensor | None = None,
    ) -> None:
        self.config, self.voice_features = config, voice_features
        self.tokens = (maker.frame, maker.end, maker.start, maker.eos)
        schedule = DDPMScheduler(num_train_timesteps=train_steps, beta_schedule="squaredcos_cap_v2")
        self.alphas = schedule.alphas_cumprod.float()

    def __call__(
        self, student: Student, batch: Batch, noise: float, generator: torch.Generator
    ) -> dict[str, Tensor]:
        model, config = student.model, self.config
        embeds = self.embed(model, batch, noise, generator)
        rows, columns, classes = token_targets(batch, self.tokens)
        layers = tuple(config.pointer_layers)
        hidden, kept = hidden_states(model.language_model, embeds, rows, columns, layers)
        saying = hidden[classes == 0]  # [F, H]

        diffusion = self.diffusion(model, saying, batch.target, generator)
        token, end_right = self.token(model, hidden, classes)
        logits = student.phones(saying).unflatten(-1, (PHONE_SLOTS, -1)).flatten(0, 1)
        phone = F.cross_entropy(logits, batch.phones.flatten())
        accuracy = (logits.argmax(-1) == batch.phones.flatten()).float().mean()
        pointer = sum((pointer_loss(q, k, batch) for q, k in kept), saying.new_zeros(())) / max(1, len(kept))
        loss = diffusion + config.token_weight * token + config.phone_weight * phone
        loss = loss + config.pointer_weight * pointer
        voice = saying.new_zeros(())
        if student.voice is not None and self.voice_features is not None:
            wanted = self.voice_features.to(saying.device)[batch.voices]
            voice = (student.voice(saying) - wanted).square().sum(-1).mean()
            loss = loss + config.voice_weight * voice
        return {
            "loss": loss,
            "diffusion": diffusion,
            "token": token,
            "end_right": end_right,
            "phone_right": accuracy,
            "pointer": pointer,
            "voice": voice,
        }

    @torch.no_grad()
    def feed_self(
        self, model: VibeVoiceModel, batch: Batch, noise: float, generator: torch.Generator
    ) -> Batch:
        """Move the fed-back latents towards the model's own prediction, by a random fraction per row.

        In generation the input is the model's own frames, not the corpus's. Training on them keeps small
        errors from growing.
        """
        embeds = self.embed(model, batch, noise, generator)
        hidden, _ = hidden_states(model.language_model, embeds, batch.rows, batch.columns, ())
        start = torch.randn(batch.target.shape, generator=generator).to(hidden.device)
        sampler = Sampler(model.head, solver_steps(SELF_STEPS, "dpmsolver++", len(self.alphas)), 1.0)
        said = sampler(hidden, None, SELF_TEMPERATURE * start)
        part = torch.rand(len(batch.ids), 1, generator=generator).to(hidden.device)
        latents = batch.latents.clone()
        latents[batch.rows, batch.columns + 1] = torch.lerp(batch.target, said, part[batch.rows])
        return dataclasses.replace(batch, latents=latents)

    def embed(self, model: VibeVoiceModel, batch: Batch, noise: float, generator: torch.Generator) -> Tensor:
        """Embed a batch [B, T, H], with noise on fed-back latents and voices."""
        config, device = self.config, batch.ids.device

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator).to(device)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=generator).to(device)

        count = len(batch.ids)
        said, voice = noise * uniform(count, 1), config.voice_noise * uniform(count, 1)
        spread = torch.where(batch.generated, said, voice)[..., None]
        frames = model.acoustic_connector(batch.latents + spread * normal(*batch.latents.shape))
        if batch.semantic.shape[1]:
            spread = config.semantic_noise * uniform(count, 1)
            kept = (uniform(count) >= config.semantic_drop)[batch.rows] & batch.heard
            heard = batch.semantic + spread[batch.rows] * normal(*batch.semantic.shape)
            heard = kept[:, None] * model.semantic_connector(heard)
            frames = frames.index_put((batch.rows, batch.columns + 1), heard, accumulate=True)
        return torch.where(batch.is_frame[..., None], frames, model.embed_tokens(batch.ids))

    def diffusion(
        self, model: VibeVoiceModel, saying: Tensor, target: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Compute the mean squared error of the velocity, over K timesteps for each frame."""
        draws, device = self.config.draws, saying.device
        target, saying = target.repeat(draws, 1), saying.repeat(draws, 1)
        t = torch.randint(len(self.alphas), (len(target),), generator=generator)
        signal = self.alphas[t, None].to(device)
        noise = torch.randn(target.shape, generator=generator).to(device)
        noisy = signal.sqrt() * target + (1 - signal).sqrt() * noise
        velocity = signal.sqrt() * noise - (1 - signal).sqrt() * target
        return (model.head(noisy, t.to(device), saying) - velocity).square().mean()

    def token(self, model: VibeVoiceModel, hidden: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the cross-entropy over the four valid tokens, and the fraction of ends predicted."""
        logits = model.token_logits(hidden, self.tokens)
        weight = torch.where(classes == 0, 1.0, self.config.end_weight)
        loss = (F.cross_entropy(logits, classes, reduction="none") * weight).sum() / weight.sum()
        ends = classes == 1
        return loss, (logits[ends].argmax(-1) == 1).float().mean()


@dataclasses.dataclass(frozen=True)
class Task:
    """Training task: batches of examples, and the number of phone labels."""

    maker: ExampleMaker
    batches: Batches
    phones: int = len(PHONE_NAMES)
    voice_features: Tensor | None = None

    @classmethod
    def of_corpus(cls, corpus: Corpus, work_dir: Path, config: LanguageTrainingConfig) -> Task:
        """Return the task for flite's speech."""
        maker = ExampleMaker(corpus, config.examples, load_semantic(work_dir) if config.semantic else None)
        return cls(maker, Batches(maker, config))


def train_language(
    task: Task, work_dir: Path, config: LanguageTrainingConfig, *,
    resume: bool = False, start_from: Path | None = None, shape: ModelConfig | None = None,
    until: int | None = None, name: str = "language",
) -> Trainer:  # fmt: skip
    """Train; write the weights to ``{work_dir}/{name}.safetensors``.

    Parameters
    ----------
    task : Task
    work_dir : Path
    config : LanguageTrainingConfig
    resume : bool
        Resume from the checkpoint in `work_dir`.
    start_from : Path, optional
        Initial weights, for a second stage.
    shape : ModelConfig, optional
        Configuration of the model; by default that of nano.
    until : int, optional
        Stop before this step.
    name : str
        Name of checkpoint, weights and log.

    Returns
    -------
    Trainer
    """
    shape = shape or nano_config()
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


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=CONFIGS / "language.json")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start-from", type=Path, help="initial weights")
    parser.add_argument("--name", default="language", help="name of checkpoint, weights and log")
    options: Any = parser.parse_args()
    config = read_config(LanguageTrainingConfig, options.config)
    train_language(
        Task.of_corpus(Corpus(options.work_dir), options.work_dir, config), options.work_dir, config,
        resume=options.resume, start_from=options.start_from, name=options.name,
    )  # fmt: skip


if __name__ == "__main__":
    main()
