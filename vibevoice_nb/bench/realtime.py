"""Speed and memory of VibeVoice-Realtime with random weights: time per part, real-time factor, lower bound.

A part's time is that of its calls alone; `total` is the time of whole windows (five tokens, six frames) per
frame. The clock is CPU time, so that other work of the machine matters little; on a GPU it is the time to
completion. The lower bound is the bytes that a frame reads at this machine's memory bandwidth.
"""

from __future__ import annotations

import functools
import gc
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import torch
from safetensors.torch import save_file

from vibevoice_nb.bench.model import random_values
from vibevoice_nb.bench.roofline import Floor, measure_bandwidth
from vibevoice_nb.model.config import SAMPLE_RATE, PromptShape
from vibevoice_nb.model.generation.realtime import (
    SPEECH_WINDOW,
    TEXT_WINDOW,
    RealtimeState,
    read_text,
    speak_frame,
)
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.loading.footprint import kept_bytes
from vibevoice_nb.model.loading.placement import DTYPES, cpu_has_fast_bfloat16, pick_device
from vibevoice_nb.model.loading.prepare import load_prepared_realtime
from vibevoice_nb.model.loading.realtime_config import parse_realtime_config
from vibevoice_nb.model.loading.weights import SINGLE, weights_of
from vibevoice_nb.model.modules.kv_cache import position_bytes
from vibevoice_nb.model.realtime import RealtimeModel
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.model.voice_prompt import GROUPS, HIDDEN, VoicePrompt

SIZES = ("realtime-0.5b", "realtime-tiny")
PARTS = ("language", "head", "decoder", "text")
STEPS, CFG_SCALE = 5, 1.5
VOICE = 49, 148, 1
"""Positions of a published voice (Mike) in the three caches."""
_ROUNDS = 3


@dataclass(frozen=True)
class RealtimePlan:
    """Cases to run."""

    threads: int = 1
    model: str = SIZES[0]
    device: str = "cpu"
    dtypes: tuple[str, ...] = ("float32", "bfloat16")


def realtime_config(size: str) -> dict[str, Any]:
    """Return a config.json: the published one, or one of the same shape with tiny sizes."""
    tiny = size == "realtime-tiny"
    hidden, latent, filters = (64, 16, 2) if tiny else (896, 64, 32)
    ratios = [8, 5, 5, 4, 2, 2]
    return {
        "architectures": ["VibeVoiceStreamingForConditionalGenerationInference"],
        "model_type": "vibevoice_streaming",
        "acoustic_vae_dim": latent,
        "tts_backbone_num_hidden_layers": 3 if tiny else 20,
        "acoustic_tokenizer_config": {
            "causal": True,
            "channels": 1,
            "conv_bias": True,
            "conv_norm": "none",
            "decoder_depths": None,
            "decoder_n_filters": filters,
            "decoder_ratios": ratios,
            "disable_last_norm": True,
            "encoder_depths": "1-1-1-1-1-1-2" if tiny else "3-3-3-3-3-3-8",
            "encoder_n_filters": filters,
            "encoder_ratios": ratios,
            "fix_std": 0.5,
            "layernorm": "RMSNorm",
            "layernorm_elementwise_affine": True,
            "layernorm_eps": 1e-5,
            "mixer_layer": "depthwise_conv",
            "pad_mode": "constant",
            "std_dist_type": "gaussian",
            "vae_dim": latent,
        },
        "decoder_config": {
            "hidden_act": "silu",
            "hidden_size": hidden,
            "intermediate_size": 160 if tiny else 4864,
            "max_position_embeddings": 8192,
            "num_attention_heads": 4 if tiny else 14,
            "num_hidden_layers": 5 if tiny else 24,
            "num_key_value_heads": 2,
            "rms_norm_eps": 1e-6,
            "rope_scaling": None,
            "rope_theta": 1_000_000.0,
            "use_sliding_window": False,
            "vocab_size": 320 if tiny else 151_936,
        },
        "diffusion_head_config": {
            "ddpm_beta_schedule": "cosine",
            "ddpm_num_steps": 1000,
            "diffusion_type": "ddpm",
            "head_ffn_ratio": 3.0,
            "head_layers": 2 if tiny else 4,
            "hidden_size": hidden,
            "latent_size": latent,
            "prediction_type": "v_prediction",
            "rms_norm_eps": 1e-5,
            "speech_vae_dim": latent,
        },
    }


def write_random_realtime(folder: Path, config: dict[str, Any]) -> int:
    """Write config.json and random bfloat16 weights, as published; return the number of parameters."""
    with torch.device("meta"):
        model = RealtimeModel(parse_realtime_config(config))
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            value = random_values(name, parameter.shape, generator).to(torch.bfloat16)
            setattr(module, name, torch.nn.Parameter(value, requires_grad=False))
    # It never ends the speech on its own.
    model.stop.fc2.bias = torch.nn.Parameter(torch.full((1,), -1e4).bfloat16(), requires_grad=False)
    save_file(weights_of(model, "original"), folder / SINGLE, metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config))
    return sum(parameter.numel() for parameter in model.parameters())


def random_prompt(shape: PromptShape) -> VoicePrompt:
    """Return a voice prompt of random numbers, as long as a published one."""
    generator = torch.Generator().manual_seed(1)
    counts = dict(zip(GROUPS, (shape.text_layers, shape.speech_layers, shape.speech_layers), strict=True))
    tensors = {
        f"{group}_{kind}_{index}": torch.randn(
            1, shape.kv_heads, length, shape.head_dim, generator=generator
        ).bfloat16()
        for group, length in zip(GROUPS, VOICE, strict=True)
        for kind in ("key", "value")
        for index in range(counts[group])
    }
    tensors[HIDDEN] = torch.randn(1, VOICE[2], shape.hidden_size, generator=generator).bfloat16()
    return VoicePrompt.of(tensors)


def run_realtime(plan: RealtimePlan) -> dict[str, Any]:
    """Run the benchmark, print a table, and return the flat figures of the JSON line."""
    device = pick_device(plan.device)
    torch.set_num_threads(plan.threads)
    dtypes = [
        name for name in plan.dtypes if device.type != "cpu" or name == "float32" or cpu_has_fast_bfloat16()
    ]
    figures: dict[str, Any] = {"model": plan.model, "device": plan.device, "threads": plan.threads}
    with tempfile.TemporaryDirectory(prefix="vibevoice-nb-bench-") as name:
        folder = Path(name)
        count = write_random_realtime(folder, realtime_config(plan.model))
        print(
            f"{count / 1e6:.0f}M random parameters, {plan.threads} threads, ms per frame (text: per window)"
        )
        print(" " * 10 + "".join(f"{part:>10}" for part in (*PARTS, "total", "floor", "rtf", "GB")))
        for dtype in dtypes:
            gc.collect()
            measured = _measure(folder, DTYPES[dtype], device)
            print(f"{dtype:10}" + "".join(f"{value:10.2f}" for value in measured.values()))
            figures |= {f"{key}_{dtype}": round(value, 3) for key, value in measured.items()}
    return figures | {"parameters_m": round(count / 1e6, 1), "torch": torch.__version__}


@torch.inference_mode()
def _measure(folder: Path, dtype: torch.dtype, device: torch.device) -> dict[str, float]:
    model = load_prepared_realtime(folder, device, dtype)
    model.max_threads = None  # the plan's
    config = model.config
    sampler = Sampler(model.head, solver_steps(STEPS, "dpmsolver++", config.head.train_steps), CFG_SCALE)
    state = RealtimeState.new(model, random_prompt(config.prompt_shape), torch.Generator().manual_seed(2))
    like = state.hidden
    rows = torch.randn(2, 1, like.shape[1]).to(like)
    noise = torch.randn(1, config.head.latent_size).to(like)

    def window() -> None:
        read_text(model, state, range(TEXT_WINDOW))
        for _ in range(SPEECH_WINDOW):
            speak_frame(model, state, sampler)

    def language() -> None:
        model.speech_model.step(rows, [state.cond, state.uncond])
        state.cond.length -= 1
        state.uncond.length -= 1

    text_state = state.clone()
    calls: dict[str, Callable[[], object]] = {
        "language": language,
        "head": lambda: sampler(like, like, noise.float()),
        "decoder": lambda: model.acoustic.decode(noise[:, None], state.acoustic),
        "text": lambda: read_text(model, text_state, range(TEXT_WINDOW)),
    }
    window()  # first-use allocations
    figures = {name: 1e3 * _seconds(call, device) for name, call in calls.items()}
    figures["total"] = 1e3 * _seconds(window, device) / SPEECH_WINDOW
    figures["floor"] = 1e3 * Floor(_frame_bytes(model, dtype, device), measure_bandwidth(device)).seconds
    figures["rtf"] = figures["total"] / 1e3 / (config.hop_length / SAMPLE_RATE)
    figures["gb"] = _memory(device) / 1e9
    return figures


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    """Return the median time of a call: CPU time, or on a GPU the time to completion."""
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    times = []
    for _ in range(_ROUNDS):
        _finish(device)
        began = clock()
        call()
        _finish(device)
        times.append(clock() - began)
    return median(times)


def _finish(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _memory(device: torch.device) -> int:
    """Return the memory of this process, or the most that torch had on a GPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import psutil

    return int(psutil.Process().memory_info().rss)


def _frame_bytes(prepared: RealtimeModel, dtype: torch.dtype, device: torch.device) -> int:
    """Count the bytes that a frame reads, with its share of a window's text."""
    with torch.device("meta"):
        model = RealtimeModel(prepared.config)
    size = functools.partial(kept_bytes, dtype=dtype, device_type=device.type, published_half=True)
    head, config = model.head, prepared.config
    each_step = sum(
        map(size, [head.x_proj, head.final, *(layer.get_submodule("ffn") for layer in head.layers)])
    )
    speech = sum(map(size, model.speech_model.layers))
    text = speech + sum(map(size, model.text_model.layers))
    frame = speech + size(model.acoustic) + size(model.acoustic_connector) + size(model.stop)
    frame += size(head) + (STEPS - 1) * each_step + text // SPEECH_WINDOW
    return frame + VOICE[1] * position_bytes(config.language, dtype.itemsize)
