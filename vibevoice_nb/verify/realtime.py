"""Replay of recordings of VibeVoice-Realtime: every recorded array from its recorded inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from torch import Tensor

from ..model.config import Solver
from ..model.generation.realtime import RealtimeFrame, RealtimeState, TextWindow, fits, read_text, speak_frame
from ..model.generation.sampler import Sampler
from ..model.language_model import LanguageModel, widened
from ..model.loading.prepare import load_prepared_realtime
from ..model.loading.weights import SINGLE
from ..model.modules.attention import attend_causal
from ..model.realtime import SPEECH, StopClassifier
from ..model.solver import solver_steps
from ..voices.prompt_file import read_voice_prompt
from .recording import Arrays

Computed = Iterator[tuple[str, Tensor | NDArray[Any]]]
_CFG_SCALE = 1.5
"""Guidance of the recorded samplers: the model's default."""
_CLASSIFIER = "tts_eos_classifier."


class RealtimeRecording(Arrays):
    """Recorded runs of VibeVoice-Realtime, and the model to replay them with."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(folder, device, dtype)
        self.model = load_prepared_realtime(folder, device, dtype)
        voice = next((folder / name for name in _VOICES if (folder / name).exists()), folder / _VOICES[0])
        self.voice = read_voice_prompt(voice)
        self._config = self.model.config
        try:
            self.windows = int(self.meta["text_window"]), int(self.meta["speech_window"])
            self.settings: Mapping[str, Mapping[str, Any]] = {
                str(name): {**run, "steps": int(run["steps"]), "cfg": float(run["cfg"])}
                for name, run in dict(self.meta["runs"]).items()
            }
        except (KeyError, TypeError, ValueError) as error:
            raise self.meta_error(error, "text_window, speech_window, and runs with steps and cfg") from error

    def sampler(self, steps: int, cfg_scale: float, solver: Solver) -> Sampler:
        """Return a sampler of the recorded model."""
        return Sampler(self.model.head, solver_steps(steps, solver, self._config.head.train_steps), cfg_scale)

    def classifier(self, bias: Tensor) -> StopClassifier:
        """Return the stop classifier with another last bias."""
        with safe_open(self.folder / SINGLE, framework="pt") as file:
            loaded = {
                name.removeprefix(_CLASSIFIER): file.get_tensor(name).to(self.device, self.dtype)
                for name in file.keys()  # noqa: SIM118 (not a dict)
                if name.startswith(_CLASSIFIER)
            }
        loaded["fc2.bias"] = bias.to(self.device, self.dtype).reshape(1)
        with torch.device("meta"):
            classifier = StopClassifier(self._config.language.hidden_size)
        classifier.load_state_dict(loaded, assign=True)
        return classifier.requires_grad_(False)

    def set_limit(self, run: str) -> None:
        """Give the model the context of a run."""
        positions = int(
            self.settings[run].get("max_position_embeddings", self._config.language.max_positions)
        )
        language = replace(self._config.language, max_positions=positions)
        self.model.config = replace(self._config, language=language)


_VOICES = ("voice.safetensors", "voice.pt")


def _language_models(rec: RealtimeRecording) -> Computed:
    model = rec.model
    if rec.has("stage_text_ids"):
        embeds = model.text_model.embed_tokens(rec.tensor("stage_text_ids"))
        yield "lm_layer1", _first_layer(model.text_model, embeds)
        yield "lm_last_hidden", model.text_model(embeds)
    if rec.has("stage_tts_embeds", "stage_tts_types"):
        embeds = rec.tensor("stage_tts_embeds") + model.type_embeddings[rec.tensor("stage_tts_types")]
        yield "tts_lm_layer1", _first_layer(model.speech_model, embeds)
        yield "tts_lm_last_hidden", model.speech_model(embeds)


def _first_layer(model: LanguageModel, embeds: Tensor) -> Tensor:
    cos, sin = model.rotary(torch.arange(embeds.shape[1], device=embeds.device), embeds.dtype)
    x = widened(embeds)
    q, k, v = model.layers[0].project(x, cos, sin)
    return model.layers[0].finish(x, attend_causal(q, k, v))


def _components(rec: RealtimeRecording) -> Computed:
    model = rec.model
    if rec.has("head_x", "head_t", "head_cond"):
        yield "head_out", model.head(rec.tensor("head_x"), rec.tensor("head_t"), rec.tensor("head_cond"))
    if rec.has("stage_latents"):
        yield "acoustic_connector", model.acoustic_connector(rec.tensor("stage_latents"))
    if rec.has("stage_eos_hidden"):
        yield "eos_logits_without_bias", rec.classifier(torch.zeros(1))(rec.tensor("stage_eos_hidden"))
    if rec.has("stage_unscaled"):
        latents = rec.tensor("stage_unscaled")
        yield "decode_offline", model.acoustic.decode(latents)
        for name in rec.expected:
            if name.startswith("decode_stream"):
                size = int(name.removeprefix("decode_stream") or 1)
                state = model.acoustic.decoder.new_state(len(latents))
                yield (
                    name,
                    torch.cat([model.acoustic.decode(part, state) for part in latents.split(size, 1)], -1),
                )


def _samplers(rec: RealtimeRecording) -> Computed:
    counts = sorted({int(n.rpartition("_")[2]) for n in rec.expected if n.startswith("sampler_timesteps_")})
    recorded = rec.has("sampler_noise", "sampler_pos_cond", "sampler_neg_cond")
    for count in counts:
        steps = solver_steps(count, "dpmsolver++", rec.model.config.head.train_steps)
        yield f"sampler_timesteps_{count}", np.array([step.timestep for step in steps])
        yield f"sampler_sigmas_{count}", np.array([step.sigma / step.alpha for step in steps] + [0.0])
        if not recorded:
            continue
        start, cond, uncond = (rec.tensor(f"sampler_{part}") for part in ("noise", "pos_cond", "neg_cond"))
        start = start[:1].float()
        path = rec.sampler(count, _CFG_SCALE, "dpmsolver++").path(cond, uncond, start)
        yield f"sampler_trace_{count}", torch.cat(list(path))
        if rec.has(f"sampler_sde_noise_{count}"):
            fresh = rec.tensor(f"sampler_sde_noise_{count}")[:, :1].float()
            path = rec.sampler(count, _CFG_SCALE, "sde-dpmsolver++").path(cond, uncond, start, fresh)
            yield f"sampler_sde_trace_{count}", torch.cat(list(path))


def _prompt(rec: RealtimeRecording) -> Computed:
    """Compute the voice prompt from its frames and its transcript."""
    if not rec.has("prompt_text_ids", "prompt_latents"):
        return
    model = rec.model
    hidden = model.text_model(model.text_model.embed_tokens(rec.tensor("prompt_text_ids")))
    yield "prompt_lm_hidden_fp32", hidden
    frames = model.acoustic_connector(rec.tensor("prompt_latents")) + model.type_embeddings[SPEECH]
    yield "prompt_tts_lm_hidden_fp32", model.speech_model(torch.cat((frames, model.embed_text(hidden)), 1))
    pad = (rec.meta.get("special_ids") or {}).get("pad")
    if pad is not None:
        hidden = model.text_model(
            model.text_model.embed_tokens(torch.tensor([[int(pad)]], device=rec.device))
        )
        yield "prompt_neg_lm_hidden_fp32", hidden
        yield "prompt_neg_tts_lm_hidden_fp32", model.speech_model(model.embed_text(hidden))


def whole_realtime_runs(rec: RealtimeRecording) -> Computed:
    """Replay every recorded run."""
    kept = rec.model.stop
    try:
        for run in rec.settings:
            if not rec.has(f"{run}_text_ids", f"{run}_diffusion_noise"):
                continue
            if rec.has(f"{run}_eos_fc2_bias"):
                rec.model.stop = rec.classifier(rec.tensor(f"{run}_eos_fc2_bias"))
            rec.set_limit(run)
            for name, value in _run(rec, run):
                yield f"{run}_{name}", value
    finally:
        rec.model.stop = kept


def _run(rec: RealtimeRecording, run: str) -> Computed:
    model, settings = rec.model, rec.settings[run]
    sampler = rec.sampler(settings["steps"], settings["cfg"], settings.get("solver", "dpmsolver++"))
    noise = torch.from_numpy(rec.inputs[f"{run}_diffusion_noise"])[:, :1]
    if rec.has(f"{run}_solver_noise"):
        noise = torch.cat((noise, torch.from_numpy(rec.inputs[f"{run}_solver_noise"])[:, :, 0]), 1)
    draws = iter(noise.flatten(0, 1).float())
    ids = [int(token) for token in rec.inputs[f"{run}_text_ids"].reshape(-1)]
    state = RealtimeState.new(model, rec.voice, torch.Generator("cpu"))
    read: list[TextWindow] = []
    frames: list[RealtimeFrame] = []
    places: dict[str, list[int]] = {name: [] for name in ("lm", "tts_text", "tts", "neg")}
    kept = 0
    while len(frames) < len(noise) and not kept and not state.full:
        window, ids = ids[: rec.windows[0]], ids[rec.windows[0] :]
        if window:
            if not fits(model, state, len(window)):
                break
            places["lm"] += range(state.text.length, state.text.length + len(window))
            places["tts_text"] += range(state.cond.length, state.cond.length + len(window))
            read.append(read_text(model, state, window))
        # The reference computes the rest of a window after the end of the speech, and keeps nothing of it.
        for _ in range(min(rec.windows[1], len(noise) - len(frames))):
            places["tts"].append(state.cond.length)
            places["neg"].append(state.uncond.length)
            frames.append(speak_frame(model, state, sampler, draw=lambda _: next(draws), guided=True))
            kept = kept or (len(frames) if state.finished else 0)
            if frames[-1].hidden is None:  # the context is full
                break
    yield from _arrays(frames, kept or len(frames))
    yield "lm_hidden", torch.cat([window.hidden_text for window in read])
    yield "tts_text_hidden", torch.cat([window.hidden for window in read])
    stepped = sum(frame.hidden is not None for frame in frames)
    for name, found in places.items():
        yield f"{name}_position_ids", np.array(found[:stepped] if name in ("tts", "neg") else found)


def _arrays(frames: list[RealtimeFrame], kept: int) -> Computed:
    yield "pos_cond", torch.stack([frame.cond for frame in frames])
    yield "neg_cond", torch.stack([frame.uncond for frame in frames])
    yield "latents", torch.stack([frame.latent_norm for frame in frames])
    yield "next_embeds", torch.stack([frame.embed for frame in frames])
    yield "tts_hidden", torch.stack([f.hidden for f in frames if f.hidden is not None])
    yield "neg_hidden", torch.stack([f.hidden_uncond for f in frames if f.hidden_uncond is not None])
    yield "eos_logits", np.array([f.stop_logit for f in frames if f.hidden is not None], np.float32)
    yield "audio", torch.cat([frame.audio for frame in frames[:kept]])[None]


REALTIME_STAGES = (_language_models, _components, _samplers, _prompt)
