"""Helpers of the network tests: a tiny model, its prompts, and forced tokens."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import END, EOS, FRAME, START, byte_tokenizer, original_config, random_model, save_weights
from torch import Tensor

from vibevoice_nb.model.generation.cuda_graphs import GraphPool
from vibevoice_nb.model.generation.loop import Step, generate, prefill
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.language_model import LanguageModel
from vibevoice_nb.model.loading.prepare import prepare
from vibevoice_nb.model.prompt import Prompt, VoiceSlot
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.tokenizer import SpecialTokens
from vibevoice_nb.model.vibevoice import VibeVoiceModel

SPECIAL = SpecialTokens(START, END, FRAME, EOS)
HOP = 240
"""Samples per frame of `small_config`: 100 frames a second."""
LATENT, SEMANTIC = 8, 6


def small_config() -> dict[str, Any]:
    """Return a config.json with pairwise different sizes, so that none can be confused."""
    config = original_config()
    for section, size in (("acoustic_tokenizer_config", LATENT), ("semantic_tokenizer_config", SEMANTIC)):
        config[section] |= {
            "encoder_ratios": [10, 6, 4],
            "encoder_depths": "1-1-1-2",
            "encoder_n_filters": 2,
            "vae_dim": size,
        }
    config["acoustic_tokenizer_config"] |= {"decoder_ratios": [10, 6, 4], "decoder_n_filters": 3}
    config |= {"acoustic_vae_dim": LATENT, "semantic_vae_dim": SEMANTIC}
    config["decoder_config"] |= {"hidden_size": 48, "num_attention_heads": 6, "intermediate_size": 80}
    config["diffusion_head_config"] |= {"hidden_size": 48, "latent_size": LATENT, "speech_vae_dim": LATENT}
    return config


def small_model(seed: int = 0, **options: Any) -> VibeVoiceModel:
    """Return the model of `small_config` with unprepared weights."""
    return random_model(small_config(), seed=seed, **options)


@functools.cache
def prepared_model(seed: int = 0) -> VibeVoiceModel:
    """Return the prepared model; it is shared, so do not change it."""
    model = small_model(seed)
    prepare(model)
    return model


def small_checkpoint(folder: Path, config: dict[str, Any] | None = None) -> Path:
    """Write `small_model` into a new folder, by another config.json if need be, with a tokenizer of bytes."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config or small_config()))
    save_weights(small_model(), folder)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def small_prompt(seed: int = 0, *, voices: Sequence[int] = (2 * HOP, 3 * HOP - 7), text: int = 9) -> Prompt:
    """Return a short prompt of random bytes with voices of the given numbers of samples."""
    generator = torch.Generator().manual_seed(seed)

    def words(count: int) -> list[int]:
        return torch.randint(0, 256, (count,), generator=generator).tolist()

    ids, slots = words(3), []
    for samples in voices:
        ids += [*words(2), START]
        slots.append(VoiceSlot(len(ids), 0.1 * torch.randn(samples, generator=generator)))
        ids += [FRAME] * -(-samples // HOP) + [END]
    return Prompt((*ids, *words(text), START), tuple(slots))


def sampler_of(model: VibeVoiceModel, cfg_scale: float = 1.3, num_steps: int = 3, **options: Any) -> Sampler:
    solver = options.get("solver", "dpmsolver++")
    return Sampler(model.head, solver_steps(num_steps, solver, model.config.head.train_steps), cfg_scale)


class Reads:
    """Counter of the positions that a language model reads."""

    def __init__(self, lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.positions = 0
        read = lm.prefill

        def counted(embeds: Tensor, cache: object) -> Tensor:
            self.positions += embeds.shape[1]
            return read(embeds, cache)  # type: ignore[arg-type]

        monkeypatch.setattr(lm, "prefill", counted)

    def taken(self) -> int:
        positions, self.positions = self.positions, 0
        return positions


def begun(model: VibeVoiceModel, prompt: Prompt, seed: int = 0) -> GenerationState:
    """Return a state prefilled with a prompt."""
    state = GenerationState.new(model, seed=seed)
    prefill(model, prompt, state)
    return state


def forced(*plans: Sequence[int]) -> Callable[[int, Tensor], int]:
    """Force the tokens of each row, in order."""
    walks = [iter(plan) for plan in plans]
    return lambda row, logits: SPECIAL.valid_tokens.index(next(walks[row]))


def walk(
    model: VibeVoiceModel, states: Sequence[GenerationState], sampler: Sampler, **options: Any
) -> list[Step]:
    return list(generate(model, states, sampler, SPECIAL, **options))


def audio_of(steps: Sequence[Step], row: int = 0) -> Tensor:
    """Return the audio of one row, [N]."""
    frames = [step.frame.audio for step in steps if step.row == row and step.frame is not None]
    return torch.cat(frames) if frames else torch.zeros(0)


def same_steps(left: Sequence[Step], right: Sequence[Step]) -> bool:
    """Return true if two runs of one row are equal bit for bit."""

    def flat(step: Step) -> list[Tensor]:
        uncond = [] if step.hidden_uncond is None else [step.hidden_uncond]
        sound = [] if step.frame is None else [step.frame.latent_norm, step.frame.semantic, step.frame.audio]
        return [torch.tensor(step.token), step.hidden, step.logits, step.embed, *uncond, *sound]

    pairs = zip(left, right, strict=True)
    return all(len(flat(a)) == len(flat(b)) and all(map(torch.equal, flat(a), flat(b))) for a, b in pairs)


def restless_model() -> VibeVoiceModel:
    """Return a model that ends and starts speech by itself, at steps that depend on everything read."""
    model = small_model(1, tied=False)
    assert model.lm_head is not None
    rows = 14 * torch.randn(3, 48, generator=torch.Generator().manual_seed(1))
    rows[:, :2] = 0  # deaf to what makes the other models go on speaking
    model.lm_head.weight[[START, END, EOS]] = rows
    return model


def both(
    model: VibeVoiceModel,
    pool: GraphPool,
    sampler: Sampler,
    states: Callable[[], list[GenerationState]],
    options: Callable[[], dict[str, Any]],
) -> tuple[list[Step], list[Step]]:
    """Run from fresh states with the plain loop and with frames of the pool."""
    plain = walk(model, states(), sampler, **options())
    return plain, walk(model, states(), sampler, graph_pool=pool, **options())


def after(count: int) -> Callable[[int], bool]:
    """Return a `stop` that is true after a number of calls per row."""
    asked: dict[int, int] = {}

    def stop(row: int) -> bool:
        asked[row] = asked.get(row, 0) + 1
        return asked[row] > count

    return stop


def limited(count: int) -> Callable[[], dict[str, Any]]:
    """Return options that stop after `count` steps."""
    return lambda: {"stop": after(count)}


def close(left: Sequence[Step], right: Sequence[Step], bound: float = 1e-4) -> bool:
    """Return true if two runs take the same tokens and differ only by rounding."""

    def near(a: torch.Tensor, b: torch.Tensor) -> bool:
        return float((a - b).norm()) <= bound * float(b.norm()) + 1e-6

    for a, b in zip(left, right, strict=True):
        same = a.token == b.token and near(a.hidden, b.hidden) and near(a.embed, b.embed)
        sound = a.frame is None or (b.frame is not None and near(a.frame.audio, b.frame.audio))
        if not (same and sound):
            return False
    return True
