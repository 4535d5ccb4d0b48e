"""Computation of every recorded array from its recorded inputs.

Arrays are recognized by name, so a recording may hold any subset.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from ..audio.io import normalize_loudness
from ..model.config import Solver
from ..model.generation.loop import Step, generate, prefill
from ..model.generation.sampler import Sampler
from ..model.generation.state import GenerationState
from ..model.modules.conv import StreamState
from ..model.prompt import Prompt, VoiceSlot, embed_prompt
from ..model.solver import solver_steps
from ..model.vibevoice import TokenScores
from .recording import PROMPT, Recording

Computed = Iterator[tuple[str, Tensor | NDArray[Any]]]


def _components(rec: Recording) -> Computed:
    model = rec.model
    if rec.has("head_x", "head_t", "head_cond"):
        yield "head_out", model.head(rec.tensor("head_x"), rec.tensor("head_t"), rec.tensor("head_cond"))
    if rec.has("stage_latents"):
        yield "acoustic_connector", model.acoustic_connector(rec.tensor("stage_latents"))
    if rec.has("stage_semantic_feats"):
        yield "semantic_connector", model.semantic_connector(rec.tensor("stage_semantic_feats"))


def _samplers(rec: Recording) -> Computed:
    names = {
        match for name in rec.expected if (match := re.fullmatch(r"sampler_(?:sde_)?[a-z]+_(\d+)", name))
    }
    counts = sorted({int(match[1]) for match in names})
    noise = [f"sampler_{part}" for part in ("noise", "pos_cond", "neg_cond")]
    for count in counts:
        steps = solver_steps(count, "dpmsolver++", rec.model.config.head.train_steps)
        yield f"sampler_timesteps_{count}", np.array([step.timestep for step in steps])
        yield f"sampler_sigmas_{count}", np.array([step.sigma / step.alpha for step in steps] + [0.0])
        if not rec.has(*noise):
            continue
        start, cond, negative = (rec.tensor(name) for name in noise)
        uncond = negative if rec.cfg_scale != 1.0 else None
        path = list(_sampler(rec, count, "dpmsolver++").path(cond, uncond, start[:1].float()))
        yield f"sampler_trace_{count}", torch.cat(path)
        yield f"sampler_out_{count}", path[-1]
        if rec.has(f"sampler_sde_noise_{count}"):
            fresh = rec.tensor(f"sampler_sde_noise_{count}")[:, :1]
            sampler = _sampler(rec, count, "sde-dpmsolver++")
            yield f"sampler_sde_out_{count}", sampler(cond, uncond, start[:1].float(), fresh.float())


def _sampler(rec: Recording, num_steps: int, solver: Solver) -> Sampler:
    steps = solver_steps(num_steps, solver, rec.model.config.head.train_steps)
    return Sampler(rec.model.head, steps, rec.cfg_scale)


def _codec(rec: Recording) -> Computed:
    codec, semantic, hop = rec.model.acoustic, rec.model.semantic, rec.model.config.hop_length
    if rec.has("stage_latents"):
        latents = rec.tensor("stage_latents")
        audio = codec.decode(latents)
        yield "decode_offline", audio
        for name in rec.expected:
            if match := re.fullmatch(r"decode_stream(\d*)", name):
                size, state = int(match[1] or 1), codec.decoder.new_state(len(latents))
                yield name, torch.cat([codec.decode(part, state) for part in latents.split(size, 1)], -1)
        # The recorded semantic features are those of the recorded audio.
        if "decode_offline" in rec.expected:
            audio = torch.from_numpy(rec.expected["decode_offline"]).to(latents)
        yield "semantic_offline", semantic(audio)
        yield "semantic_stream", _stream(semantic, audio, semantic.new_state(len(audio)), hop)
    for name in rec.expected:
        if match := re.fullmatch(r"(.+)_acoustic_mean(?:_stream_voice(\d+))?", name):
            source = f"{match[1]}_speech_tensors"
            if name.startswith("hf_") or not rec.has(source):
                continue
            audio = rec.tensor(source)[:, None]
            if match[2] is None:
                yield name, codec.encode(audio)
            else:
                voice = audio[int(match[2]) :][:1]
                yield name, _stream(codec.encode, voice, codec.encoder.new_state(1), hop)


def _stream(
    encode: Callable[[Tensor, StreamState], Tensor], audio: Tensor, state: StreamState, hop: int
) -> Tensor:
    return torch.cat([encode(part, state) for part in audio.split(hop, dim=-1)], dim=1)


def _loudness(rec: Recording) -> Computed:
    for name in rec.expected:
        if (match := re.fullmatch(r"norm(\d+)_out", name)) and rec.has(f"norm{match[1]}_in"):
            yield name, normalize_loudness(rec.inputs[f"norm{match[1]}_in"])


def whole_runs(rec: Recording) -> Computed:
    """Replay every recorded run, and the main one again without forced tokens."""
    for run in rec.runs:
        prompt, voices = _prompt(rec, run)
        forced = rec.inputs.get(f"{run}_forced_tokens", rec.inputs.get("forced_tokens"))
        yield from _arrays_of_run(run, _replay(rec, run, prompt, voices, forced))
    override = rec.folder / "natural_lm_head.safetensors"
    if override.exists() and "main" in rec.runs:
        rec.model.lm_head = _lm_head(override, rec)
        prompt, voices = _prompt(rec, "main")
        yield from _arrays_of_run("natural", _replay(rec, "main", prompt, voices, None))


def _lm_head(file: Path, rec: Recording) -> TokenScores:
    weight = load_file(file)["lm_head.weight"]
    head = TokenScores(weight.shape[1], weight.shape[0])
    head.weight = torch.nn.Parameter(weight.to(rec.device, rec.dtype), requires_grad=False)
    return head


def _prompt(rec: Recording, run: str) -> tuple[Prompt, list[Tensor]]:
    """Rebuild a run's prompt."""
    ids_name, places_name, audio_name, masks_name = (rec.own(run, part) for part in PROMPT)
    ids, places = rec.inputs[ids_name].reshape(-1), np.flatnonzero(rec.inputs[places_name].reshape(-1))
    audio, masks = rec.tensor(audio_name), rec.inputs[masks_name]
    mean = rec.model.acoustic.encode(audio[:, None])
    spread = (
        rec.tensor(f"{run}_vae_std_noise") if rec.has(f"{run}_vae_std_noise") else mean.new_zeros(len(mean))
    )
    vae_noise = rec.own(run, "vae_noise")
    if rec.has(vae_noise):
        scale = (spread * rec.model.config.acoustic.noise_scale)[:, None, None]
        mean = mean + scale * rec.tensor(vae_noise)
    latents = rec.model.normalize_latent(mean)
    slots, voices, used = [], [], 0
    for index, count in enumerate(masks.sum(axis=1)):
        slots.append(VoiceSlot(int(places[used]), audio[index]))
        voices.append(latents[index, :count])
        used += int(count)
    return Prompt(tuple(int(i) for i in ids), tuple(slots)), voices


def _language_model(rec: Recording) -> Computed:
    plain = [run for run in ("main_nonoise", "main") if run in rec.runs]
    if not plain:
        return
    model = rec.model.language_model
    prompt, voices = _prompt(rec, plain[0])
    embeds = embed_prompt(rec.model, prompt, voices)
    yield "lm_inputs_embeds", embeds
    states = list(model.hidden_states(embeds))
    for index, hidden in enumerate(states[:-1]):
        yield f"lm_hidden_layer{index + 1}", hidden
    yield "lm_last_hidden", states[-1]
    yield (
        "lm_logits_last",
        rec.model.token_logits(states[-1][:, -1], range(rec.model.config.language.vocab_size)),
    )


def _replay(
    rec: Recording, run: str, prompt: Prompt, voices: list[Tensor], forced: NDArray[Any] | None
) -> list[Step]:
    state = GenerationState.new(rec.model, seed=0)
    prefill(rec.model, prompt, state, voices)
    noise = torch.from_numpy(rec.inputs[f"{run}_diffusion_noise"])[:, 0].float()
    limit = 2 * len(noise) + 16

    def choose(row: int, logits: Tensor) -> int:
        if forced is None:
            return int(logits.argmax())
        return rec.special.valid_tokens.index(int(forced.reshape(-1)[state.steps]))

    steps: list[Step] = []
    sampler = _sampler(rec, rec.num_steps, "dpmsolver++")
    end = limit if forced is None else len(forced.reshape(-1))
    walk = generate(
        rec.model,
        [state],
        sampler,
        rec.special,
        choose=choose,
        draw=lambda row, s: noise[s.frames % len(noise)],
        graph_pool=rec.pool(),
    )
    for step in walk:
        steps.append(step)
        if len(steps) >= end:
            break
    return steps


def _arrays_of_run(run: str, steps: list[Step]) -> Computed:
    yield f"{run}_tokens", np.array([step.token for step in steps])
    yield f"{run}_allowed_logits", torch.stack([step.logits for step in steps])
    yield f"{run}_hidden", torch.stack([step.hidden for step in steps])
    if len(steps) > 1:
        yield f"{run}_step_embeds", torch.stack([step.embed for step in steps[:-1]])
    frames = [(step, step.frame) for step in steps if step.frame is not None]
    if frames:
        yield f"{run}_pos_cond", torch.stack([step.hidden for step, _ in frames])
        if frames[0][0].hidden_uncond is not None:
            yield (
                f"{run}_neg_cond",
                torch.stack([s.hidden_uncond for s, _ in frames if s.hidden_uncond is not None]),
            )
        yield f"{run}_latents", torch.stack([frame.latent_norm for _, frame in frames])
        yield f"{run}_semantic", torch.stack([frame.semantic for _, frame in frames])
        yield f"{run}_audio", torch.cat([frame.audio for _, frame in frames])


STAGES = (_components, _samplers, _codec, _loudness, _language_model)
"""Functions that compute single stages; `whole_runs` feeds frames back."""
