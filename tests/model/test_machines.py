"""Whole models on simulated machines, and kernels with oneDNN and torch limited to older processors."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import byte_tokenizer, random_model, save_weights
from machines import machine
from model_helpers import SPECIAL, audio_of, begun, sampler_of, small_config, small_prompt, walk
from torch import Tensor

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.model.kernels import choice as kernel_choice
from vibevoice_nb.model.kernels.quantized import Quantize
from vibevoice_nb.model.vibevoice import VibeVoiceModel

__all__ = ["machine"]  # a fixture
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
BOUNDS = {"float32": 2e-5, "bfloat16": 0.1, "float16": 0.01, "int8": 0.1, "int4": 0.5}
"""Largest relative error of the audio of three frames, against the plain model in float32."""
OLDER = {
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "sse41": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
}
TESTS = Path(__file__).parent
KERNEL_TESTS = [TESTS / f"test_{name}.py" for name in ("kernels", "half_precision", "quantized", "threads")]


def _config() -> dict[str, Any]:
    """Wide enough for every kind of kernel and block."""
    config = small_config()
    config["decoder_config"] |= {"hidden_size": 192, "intermediate_size": 256}
    config["diffusion_head_config"] |= {"hidden_size": 192}
    config["acoustic_tokenizer_config"] |= {"decoder_n_filters": 48}
    config["semantic_tokenizer_config"] |= {"encoder_n_filters": 40}
    return config


def _published() -> VibeVoiceModel:
    """A model whose weights have no more than 16 bits, as the published ones."""
    return random_model(_config()).to(torch.bfloat16).float()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("machines")
    (folder / "config.json").write_text(json.dumps(_config()))
    save_weights(_published(), folder)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


@torch.inference_mode()
def _three_frames(model: VibeVoiceModel) -> Tensor:
    asked, frame = iter(range(4)), SPECIAL.valid_tokens.index(SPECIAL.frame)
    steps = walk(
        model,
        [begun(model, small_prompt())],
        sampler_of(model),
        choose=lambda row, logits: frame,
        stop=lambda row: next(asked) > 2,
    )
    return audio_of(steps)


@functools.cache
def _wanted() -> Tensor:
    return _three_frames(_published())


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("quantize", [None, "int8", "int4"])
@pytest.mark.parametrize("dtype", list(DTYPES))
def test_a_model_loads_and_computes_the_same(
    folder: Path, dtype: str, quantize: Quantize | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_choice, "_NARROW_FROM", 1 << 12)  # some matrices widened at once, some not
    engine = Engine.load(folder, device="cpu", dtype=dtype, quantize=quantize)
    got = _three_frames(engine.model)
    assert got.dtype == DTYPES[dtype]
    bound = max(BOUNDS[dtype], BOUNDS[quantize] if quantize else 0)
    error = float((got.double() - _wanted().double()).norm() / _wanted().double().norm())
    assert error < bound


@functools.cache
def _nano_loudness() -> float:
    return _loudness(Engine.load("nano", device="cpu", dtype="float32"))


def _loudness(engine: Engine) -> float:
    speech = engine.speak("Speaker 1: Good morning.", max_seconds=1.5, seed=1)
    assert np.isfinite(speech.audio).all()
    return float(np.sqrt(np.mean(speech.audio**2)))


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("quantize", [None, "int8", "int4"])
@pytest.mark.parametrize("dtype", list(DTYPES))
def test_nano_speaks_as_loud_as_ever(dtype: str, quantize: Quantize | None) -> None:
    engine = Engine.load("nano", device="cpu", dtype=dtype, quantize=quantize)
    assert engine.dtype == DTYPES[dtype]
    assert _loudness(engine) == pytest.approx(_nano_loudness(), rel=0.3 if quantize == "int4" else 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("processor", list(OLDER))
def test_the_kernels_on_older_processors(processor: str) -> None:
    """In processes of their own: oneDNN and torch read these limits once."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not slow", *map(str, KERNEL_TESTS)],
        cwd=TESTS.parents[1],
        env={**os.environ, **OLDER[processor]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
