"""Losses of the language model and the diffusion head.

Shapes: B rows, T positions, F target frames in the whole batch, K draws of noise for each, H hidden size.
"""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from torch import Tensor

from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.language_model import LanguageModel
from vibevoice_nb.model.modules.attention import attend_causal
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.vibevoice import VibeVoiceModel

from .batches import Batch
from .examples import ExampleMaker
from .frames import PHONE_SLOTS
from .student import LanguageTrainingConfig, Student

# Sampling of the model's own latents: few steps and less noise, which suits small models best.
SELF_STEPS, SELF_TEMPERATURE = 3, 0.7


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
    if not known.any():  # only unconditional examples
        return queries.new_zeros(())
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
