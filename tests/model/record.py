"""Record a run for `verify` with the plain loop and unprepared weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from checkpoints import random_model, save_weights
from plain_loop import PlainLoop, scheduler_of, solve
from torch import Tensor

from vibevoice_nb.model.prompt import Prompt, VoiceSlot, embed_prompt
from vibevoice_nb.model.tokenizer import SpecialTokens
from vibevoice_nb.model.vibevoice import VibeVoiceModel

Arrays = dict[str, Tensor]


@torch.no_grad()
def write_recording(
    folder: Path,
    config: dict[str, Any],
    *,
    special: SpecialTokens,
    voices: tuple[int, ...],
    cfg_scale: float,
    num_steps: int,
    tied: bool = True,
    layout: str = "original",
) -> Path:
    """Record a run of a random model with voices of the given numbers of samples."""
    folder.mkdir(parents=True)
    model = random_model(config, tied=tied)
    save_weights(model, folder, layout=layout)
    (folder / "config.json").write_text(json.dumps(config))
    ids = {"start": special.start, "end": special.end, "diff": special.frame, "eos": special.eos, "pad": 0}
    meta = {"special_ids": ids, "steps": num_steps, "cfg": cfg_scale, "hop": model.config.hop_length}
    (folder / "meta.json").write_text(json.dumps(meta))
    generator = torch.Generator().manual_seed(11)
    inputs, expected = {}, {}
    for part in (
        _parts(model, generator, num_steps, cfg_scale),
        _run(model, generator, special, voices, num_steps, cfg_scale),
    ):
        inputs |= part[0]
        expected |= part[1]
    expected |= {"nobody_knows_this": torch.ones(3), "hf_main_audio": torch.ones(4)}
    np.savez(folder / "inputs.npz", **{name: tensor.numpy() for name, tensor in inputs.items()})
    np.savez(folder / "expected.npz", **{name: tensor.numpy() for name, tensor in expected.items()})
    return folder


def _parts(
    model: VibeVoiceModel, generator: torch.Generator, num_steps: int, cfg_scale: float
) -> tuple[Arrays, Arrays]:
    """Record single parts: head, connectors, solvers, decoder and semantic encoder."""

    def randn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    size, features = model.config.head.latent_size, model.config.semantic.size
    hidden = model.config.language.hidden_size
    inputs = {
        "head_x": randn(3, size),
        "head_t": torch.tensor([900.0, 31.0, 500.0]),
        "head_cond": randn(3, hidden),
        "stage_latents": randn(2, 4, size),
        "stage_semantic_feats": randn(2, 4, features),
        "sampler_noise": randn(2, size),
        "sampler_pos_cond": randn(1, hidden),
        "sampler_neg_cond": randn(1, hidden),
        f"sampler_sde_noise_{num_steps}": randn(num_steps, 2, size),
        "norm3_in": 0.2 * randn(500),
    }
    audio = model.acoustic.decode(inputs["stage_latents"])
    cond, uncond, noise = (inputs[f"sampler_{name}"] for name in ("pos_cond", "neg_cond", "noise"))
    fresh = inputs[f"sampler_sde_noise_{num_steps}"][:, :1]
    options = {"num_steps": num_steps, "cfg_scale": cfg_scale}
    path = solve(model, cond, uncond, noise[:1], **options)
    x = inputs["norm3_in"]
    expected = {
        "head_out": model.head(inputs["head_x"], inputs["head_t"], inputs["head_cond"]),
        "acoustic_connector": model.acoustic_connector(inputs["stage_latents"]),
        "semantic_connector": model.semantic_connector(inputs["stage_semantic_feats"]),
        f"sampler_timesteps_{num_steps}": scheduler_of(num_steps).timesteps,
        f"sampler_sigmas_{num_steps}": scheduler_of(num_steps).sigmas,
        f"sampler_trace_{num_steps}": torch.cat(path),
        f"sampler_out_{num_steps}": path[-1],
        f"sampler_sde_out_{num_steps}": solve(model, cond, uncond, noise[:1], fresh, **options)[-1],
        "decode_offline": audio,
        "decode_stream": audio,
        "decode_stream3": audio,
        "semantic_offline": model.semantic(audio),
        "semantic_stream": model.semantic(audio),
        "norm3_out": x * 10 ** (-25 / 20) / (x.square().mean().sqrt() + 1e-6),
    }
    return inputs, expected


def _run(
    model: VibeVoiceModel,
    generator: torch.Generator,
    special: SpecialTokens,
    lengths: tuple[int, ...],
    num_steps: int,
    cfg_scale: float,
) -> tuple[Arrays, Arrays]:
    """Record a whole run with its prompt."""
    size, hop = model.config.head.latent_size, model.config.hop_length
    counts = [-(-length // hop) for length in lengths]
    ids, slots, audio = [5, 6], [], torch.zeros(len(lengths), max(lengths))
    for voice, (length, count) in enumerate(zip(lengths, counts, strict=True)):
        audio[voice, :length] = 0.1 * torch.randn(length, generator=generator)
        ids += [40 + voice, special.start]
        slots.append(VoiceSlot(len(ids), audio[voice]))
        ids += [special.frame] * count + [special.end]
    ids += [50, 51, 52, special.start]
    S, E, F, Z = special.valid_tokens[0], special.valid_tokens[1], special.frame, special.eos
    plan = [F, F, E, S, F, E, F, S, S, F, Z]
    masks = torch.arange(max(counts))[None] < torch.tensor(counts)[:, None]
    vae_noise = torch.randn(len(lengths), max(counts), size, generator=generator)
    spread, noise = (
        torch.randn(len(lengths), generator=generator),
        torch.randn(5, 2, size, generator=generator),
    )
    mean = model.acoustic.encode(audio[:, None])
    scale = (spread * model.config.acoustic.noise_scale)[:, None, None]
    latents = (mean + scale * vae_noise + model.latent_bias) * model.latent_scale
    voices = [latents[voice, :count] for voice, count in enumerate(counts)]
    embeds = embed_prompt(model, Prompt(tuple(ids), tuple(slots)), voices)
    layers = list(model.language_model.hidden_states(embeds))
    loop = PlainLoop(model, embeds[0], list(noise[:, 0]), special, cfg_scale=cfg_scale, num_steps=num_steps)
    steps = [loop.step(token) for token in plan]
    frames = [step for step in steps if "audio" in step]
    inputs = {
        "main_input_ids": torch.tensor(ids)[None],
        "main_speech_input_mask": torch.tensor(
            [
                any(slot.start <= i < slot.start + n for slot, n in zip(slots, counts, strict=True))
                for i in range(len(ids))
            ]
        )[None],
        "main_speech_tensors": audio,
        "main_speech_masks": masks,
        "main_vae_noise": vae_noise,
        "main_vae_std_noise": spread,
        "main_diffusion_noise": noise,
        "forced_tokens": torch.tensor(plan),
    }
    named = {"tokens": torch.tensor(plan), "audio": torch.cat([f["audio"] for f in frames])[None]}
    for name, key in (("hidden", "hidden"), ("allowed_logits", "logits")):
        named[name] = torch.stack([step[key] for step in steps])
    named["step_embeds"] = torch.stack([step["embed"] for step in steps[:-1]])
    keys = {"pos_cond": "hidden", "latents": "latent_norm", "semantic": "semantic"}
    if cfg_scale != 1.0:
        keys["neg_cond"] = "hidden_uncond"
    named |= {name: torch.stack([frame[key] for frame in frames]) for name, key in keys.items()}
    expected = {f"main_{name}": tensor for name, tensor in named.items()} | {
        "main_acoustic_mean": mean,
        "lm_inputs_embeds": embeds,
        "lm_last_hidden": layers[-1],
        "lm_logits_last": model.token_logits(layers[-1][:, -1], range(model.config.language.vocab_size)),
        **{f"lm_hidden_layer{index}": layer for index, layer in enumerate(layers[:-1], start=1)},
    }
    whole = audio[:1, : max(lengths) // hop * hop]
    expected["main_acoustic_mean_stream_voice0"] = model.acoustic.encode(whole[:, None])
    if whole.shape[1] != audio.shape[1]:
        del expected["main_acoustic_mean_stream_voice0"]  # only whole frames can be streamed
    return inputs, expected
