"""Train nano's language model and diffusion head: from a script and voices to latents.

``python -m vibevoice_nb.training.language --work-dir nano-work [--resume]``

Beside the two losses of VibeVoice (which token comes next, and the velocity of the diffusion) there are two
crutches, thrown away at the end. A linear layer names the phones of the frame to come, and a few attention
heads are told which character to look at: with them a model this small finds the way along the text in
minutes instead of hours.

Shapes: B rows, T positions, F frames to say in the whole batch, K draws of noise for each, H hidden size.
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
from vibevoice_nb.model.generation.sampler import Sampler, solver_steps
from vibevoice_nb.model.language_model import LanguageModel
from vibevoice_nb.model.modules.attention import attend_causal
from vibevoice_nb.model.vibevoice import VibeVoiceModel

from .common import CONFIGS, LoopConfig, Trainer, initialize, load_weights, nano_config, read_config, step_rng
from .features import PHONE_NAMES, PHONE_SLOTS, Corpus
from .scripts import Example, ExampleConfig, ExampleMaker, load_semantic

UNUSED_PARTS = ("acoustic", "semantic")
# How the model speaks to itself: in a few steps, from less noise, as small models sound best.
SELF_STEPS, SELF_TEMPERATURE = 3, 0.7


@dataclasses.dataclass(frozen=True)
class LanguageTrainingConfig:
    """What ``configs/language.json`` holds."""

    batch_tokens: int
    """Positions in a batch, padding included."""
    draws: int
    """Timesteps drawn for each frame."""
    multi_turn: float
    """Share of batches that hold scripts of several turns, once `single_until` of the steps are done."""
    turns: tuple[int, int]
    """Fewest and most turns of those."""
    single_until: float
    null: float
    voiceless: float
    spelled: float
    voice_frames: tuple[int, int, int]
    canned_prompts: int
    voice_noise: float
    """Largest deviation of the noise on voices: the encoder is not exact."""
    noise: tuple[float, float]
    """Largest deviation of the noise on what is fed back, before and after `noise_from` of the steps."""
    noise_from: float
    self_fed: float
    """Share of batches, from then on, in which what is fed back is partly what the model itself would say."""
    phone_weight: float
    pointer_weight: float
    voice_weight: float
    """Weight of a third crutch, where voices have features: a linear layer names those of who is speaking."""
    pointer_layers: tuple[int, ...]
    token_weight: float
    end_weight: float
    """Weight of an end or eos beside that of a frame."""
    semantic: bool
    """Whether semantic features (``*.semantic.npy`` beside the latents) are fed back too."""
    semantic_noise: float
    """Largest deviation of the noise on them."""
    semantic_drop: float
    """Share of examples that go without them."""
    only: str
    """Train only the parameters whose names start so; empty for all."""
    loop: LoopConfig

    @property
    def examples(self) -> ExampleConfig:
        """How examples are made."""
        return ExampleConfig(self.null, self.spelled, self.voice_frames, self.voiceless, self.canned_prompts)


class Student(nn.Module):
    """The model and its crutches: layers that name `phones` labels, and `voice` features if there are any."""

    def __init__(self, config: ModelConfig, phones: int = len(PHONE_NAMES), voice: int = 0) -> None:
        super().__init__()
        self.model = VibeVoiceModel(config, tied=True)
        for part in UNUSED_PARTS:
            delattr(self.model, part)
        self.phones = nn.Linear(config.language.hidden_size, PHONE_SLOTS * phones)
        initialize(self)
        nn.init.normal_(self.phones.weight, std=0.02)
        self.voice = nn.Linear(config.language.hidden_size, voice) if voice else None
        # Without semantic features their connector says nothing.
        for parameter in self.model.semantic_connector.fc2.parameters():
            nn.init.zeros_(parameter)


@dataclasses.dataclass
class Batch:
    """Rows of examples, padded on the right, as tensors."""

    ids: Tensor  # [B, T]
    latents: Tensor  # [B, T, 64], zero where there is none
    is_frame: Tensor  # [B, T]
    generated: Tensor  # [B, T], frames the model says itself
    rows: Tensor  # [F], where each frame is predicted from
    columns: Tensor  # [F]
    target: Tensor  # [F, 64]
    phones: Tensor  # [F, 4]
    pointers: Tensor  # [F, 4]
    semantic: Tensor  # [F, C]
    heard: Tensor  # [F], whether there are semantic features
    voices: Tensor  # [F], whose voice

    def to(self, device: torch.device) -> Batch:
        """Copy to a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in dataclasses.fields(self)))


def collate(examples: list[Example], maker: ExampleMaker) -> Batch:
    """Put examples side by side."""
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
    """Batches of examples of about the same length, drawn by step."""

    def __init__(self, maker: ExampleMaker, config: LanguageTrainingConfig) -> None:
        self.maker, self.config = maker, config
        self.indices = maker.corpus.train
        # A stand-in for the length that needs no text work.
        self.sizes = np.array([maker.corpus.meta[i]["frames"] for i in self.indices])
        self.order = np.argsort(self.sizes, kind="stable")

    def draw(self, step: int, rng: random.Random) -> Batch:
        """The batch of one step."""
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
        """The utterances of one example, in the order they are said."""
        return [self._near(center, reach, rng) for _ in range(turns)]

    def _near(self, center: int, reach: int, rng: random.Random) -> int:
        place = min(max(0, center + rng.randint(-reach, reach)), len(self.order) - 1)
        return self.indices[self.order[place]]


def hidden_states(
    lm: LanguageModel, embeds: Tensor, rows: Tensor, columns: Tensor, pointer_layers: tuple[int, ...]
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """`LanguageModel.forward` at the positions asked for, keeping queries and keys of some layers.

    Parameters
    ----------
    lm : LanguageModel
    embeds : Tensor [B, T, H]
    rows, columns : Tensor [P]
        The positions whose hidden states are wanted. The last layer is finished for these alone: three in
        four are text and voices, whose last hidden states nobody reads.
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
    """How far two heads are from looking at the character being spoken.

    Head 0 is told the character of each frame's first half, the last head that of its second.
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
    """Where a token is decided, and which of (frame, end, start, eos) it is: rows, columns, classes."""
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
    """All of a batch's losses.

    Parameters
    ----------
    maker : ExampleMaker
    config : LanguageTrainingConfig
    train_steps : int
        Timesteps of the diffusion.
    voice_features : Tensor [V, D], optional
        Of each of the corpus's voices.
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
        """Move the latents fed back towards what the model says after the true ones, by a random part a row.

        While speaking, the model hears its own frames, never the corpus's. Learning to go on from them keeps
        its small errors from growing.
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
        """Embed a batch [B, T, H]; what the model said itself is imperfect, and so are encoded voices."""
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
        """Mean squared error of the velocity, over K timesteps for each frame."""
        draws, device = self.config.draws, saying.device
        target, saying = target.repeat(draws, 1), saying.repeat(draws, 1)
        t = torch.randint(len(self.alphas), (len(target),), generator=generator)
        signal = self.alphas[t, None].to(device)
        noise = torch.randn(target.shape, generator=generator).to(device)
        noisy = signal.sqrt() * target + (1 - signal).sqrt() * noise
        velocity = signal.sqrt() * noise - (1 - signal).sqrt() * target
        return (model.head(noisy, t.to(device), saying) - velocity).square().mean()

    def token(self, model: VibeVoiceModel, hidden: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy over the four legal tokens, and how many of the ends were seen."""
        logits = model.token_logits(hidden, self.tokens)
        weight = torch.where(classes == 0, 1.0, self.config.end_weight)
        loss = (F.cross_entropy(logits, classes, reduction="none") * weight).sum() / weight.sum()
        ends = classes == 1
        return loss, (logits[ends].argmax(-1) == 1).float().mean()


@dataclasses.dataclass(frozen=True)
class Task:
    """What is learned from: examples in batches, and how many labels their phones have."""

    maker: ExampleMaker
    batches: Batches
    phones: int = len(PHONE_NAMES)
    voice_features: Tensor | None = None

    @classmethod
    def of_corpus(cls, corpus: Corpus, work_dir: Path, config: LanguageTrainingConfig) -> Task:
        """Of flite's speech."""
        maker = ExampleMaker(corpus, config.examples, load_semantic(work_dir) if config.semantic else None)
        return cls(maker, Batches(maker, config))


def train_language(
    task: Task, work_dir: Path, config: LanguageTrainingConfig, *,
    resume: bool = False, start_from: Path | None = None, shape: ModelConfig | None = None,
    until: int | None = None, name: str = "language",
) -> Trainer:  # fmt: skip
    """Train; weights go to ``{work_dir}/{name}.safetensors``.

    Parameters
    ----------
    task : Task
    work_dir : Path
    config : LanguageTrainingConfig
    resume : bool
        Go on from the checkpoint in `work_dir`.
    start_from : Path, optional
        Weights to start with, for a second stage.
    shape : ModelConfig, optional
        Of the model; nano's own when left out.
    until : int, optional
        Stop before this step.
    name : str
        Of checkpoint, weights and log.

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
    """Train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=CONFIGS / "language.json")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start-from", type=Path, help="weights to start with")
    parser.add_argument("--name", default="language", help="of checkpoint, weights and log")
    options: Any = parser.parse_args()
    config = read_config(LanguageTrainingConfig, options.config)
    train_language(
        Task.of_corpus(Corpus(options.work_dir), options.work_dir, config), options.work_dir, config,
        resume=options.resume, start_from=options.start_from, name=options.name,
    )  # fmt: skip


if __name__ == "__main__":
    main()
