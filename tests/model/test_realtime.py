"""VibeVoice-Realtime: config, keys, recorded runs of the reference, dtypes."""

from __future__ import annotations

import copy
import gzip
import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from realtime_helpers import REALTIME, write_realtime
from safetensors.torch import load_file, save_file

from vibevoice_nb.errors import CheckpointError, ConfigError, OptionError
from vibevoice_nb.model.config import PromptShape, RealtimeConfig
from vibevoice_nb.model.generation.realtime import RealtimeState, read_text, speak_frame
from vibevoice_nb.model.generation.sampler import Sampler
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.loading.model_kind import is_realtime
from vibevoice_nb.model.loading.parameter_names import published_name
from vibevoice_nb.model.loading.prepare import load_prepared_realtime
from vibevoice_nb.model.loading.realtime_config import parse_any_config, parse_realtime_config
from vibevoice_nb.model.loading.weights import TensorInfo, build_realtime, load_realtime
from vibevoice_nb.model.realtime import unread_tensors
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.verify import Comparison, verify
from vibevoice_nb.voices.prompt_file import read_voice_prompt

CPU = torch.device("cpu")
KEYS = Path(__file__).parent.parent / "data" / "keys" / "realtime_0.5b.json.gz"
UNREAD = "model.tts_language_model.embed_tokens.weight"


def small() -> dict[str, Any]:
    return json.loads((REALTIME / "config.json").read_text())


def published_config() -> dict[str, Any]:
    """The published config.json, from the small one and the published sizes."""
    config = copy.deepcopy(small())
    config |= {"acoustic_vae_dim": 64, "tts_backbone_num_hidden_layers": 20}
    config["acoustic_tokenizer_config"] |= {
        "encoder_depths": "3-3-3-3-3-3-8",
        "decoder_n_filters": 32,
        "encoder_n_filters": 32,
        "vae_dim": 64,
    }
    config["decoder_config"] |= {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "max_position_embeddings": 8192,
    }
    config["diffusion_head_config"] |= {
        "hidden_size": 896,
        "head_layers": 4,
        "head_ffn_ratio": 3.0,
        "latent_size": 64,
        "speech_vae_dim": 64,
    }
    return config


# Config and keys.


def test_published_size_has_all_605_keys_and_shapes_less_the_one_that_is_not_read() -> None:
    with gzip.open(KEYS, "rt") as file:
        published = {key: tuple(shape) for key, shape in json.load(file).items()}
    assert len(published) == 605
    config = parse_realtime_config(published_config())
    tensors = {key: TensorInfo(Path("weights"), shape, "BF16") for key, shape in published.items()}
    model = build_realtime(config, tensors)
    ours = {published_name(name, "original"): tuple(t.shape) for name, t in model.state_dict().items()}
    assert ours == {key: shape for key, shape in published.items() if key != UNREAD}
    assert all(parameter.is_meta for parameter in model.parameters()), "no memory is taken"
    assert config.prompt_shape == PromptShape(4, 20, 2, 64, 896)


def test_config_is_recognized_and_kept_apart_from_conversations() -> None:
    assert is_realtime(small())
    assert isinstance(parse_any_config(small()), RealtimeConfig)
    with pytest.raises(CheckpointError, match="VibeVoice-Realtime, a streaming model for one speaker"):
        parse_config(small())


@pytest.mark.parametrize("layers", [0, 5, 6])
def test_more_speech_layers_than_layers_are_an_error(layers: int) -> None:
    with pytest.raises(ConfigError, match=f"tts_backbone_num_hidden_layers is {layers}"):
        parse_realtime_config(small() | {"tts_backbone_num_hidden_layers": layers})


@pytest.mark.parametrize("section", ["acoustic_tokenizer_config", "decoder_config", "diffusion_head_config"])
def test_a_missing_section_is_named(section: str) -> None:
    config = small()
    del config[section]
    with pytest.raises(ConfigError, match=f"{section} is missing"):
        parse_realtime_config(config)


def test_sizes_that_contradict_each_other_are_named() -> None:
    config = small()
    config["diffusion_head_config"] |= {"hidden_size": 32}
    with pytest.raises(ConfigError, match="diffusion head hidden_size 32, language model 64"):
        parse_realtime_config(config)


def test_unread_tensors_may_be_missing_or_an_encoder_added(tmp_path: Path) -> None:
    folder = write_realtime(tmp_path)
    weights = load_file(folder / "model.safetensors")
    assert unread_tensors(weights) == {UNREAD}
    del weights[UNREAD]
    weights["model.acoustic_tokenizer.encoder.head.conv.conv.bias"] = torch.full((16,), float("nan"))
    save_file(weights, folder / "model.safetensors")
    with_one = load_realtime(folder, CPU, torch.float32)
    whole = load_realtime(REALTIME, CPU, torch.float32)
    assert with_one.weights_digest() == whole.weights_digest()


@pytest.mark.parametrize("key", ["tts_eos_classifier.fc1.weight", "model.tts_input_types.weight"])
def test_a_missing_tensor_is_named(tmp_path: Path, key: str) -> None:
    folder = write_realtime(tmp_path)
    weights = load_file(folder / "model.safetensors")
    del weights[key]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(CheckpointError, match=f"1 missing: {key}"):
        load_realtime(folder, CPU, torch.float32)


# Recorded runs.


@pytest.fixture(scope="module")
def replayed() -> list[Comparison]:
    return verify(REALTIME)


def test_every_array_of_the_reference_is_reproduced(replayed: list[Comparison]) -> None:
    assert [comparison for comparison in replayed if comparison.status != "ok"] == []
    assert len(replayed) == 106


def test_the_largest_difference_is_small_too(replayed: list[Comparison]) -> None:
    """Stages within 1e-5 and runs within 1e-4 of the recorded array's root mean square."""
    with np.load(REALTIME / "expected.npz") as expected:
        for comparison in replayed:
            scale = float(np.sqrt(np.mean(expected[comparison.name].astype(float) ** 2))) or 1.0
            assert comparison.max_abs <= comparison.tolerance * scale, comparison


def test_all_recorded_runs_are_there(replayed: list[Comparison]) -> None:
    runs = Counter(comparison.name.partition("_")[0] for comparison in replayed)
    assert {runs[run] for run in ("short", "early", "sde", "limit")} == {14}
    assert {runs[run] for run in ("main", "exact")} == {13}


def test_the_published_form_of_a_voice_serves_as_well(tmp_path: Path) -> None:
    for file in REALTIME.iterdir():
        if file.name != "voice.safetensors":
            shutil.copyfile(file, tmp_path / file.name)
    assert all(comparison.status == "ok" for comparison in verify(tmp_path))


@pytest.mark.parametrize("key", ["tts_eos_classifier.fc1.bias", "model.tts_input_types.weight"])
def test_a_changed_weight_is_detected(tmp_path: Path, key: str) -> None:
    for file in REALTIME.iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    weights = load_file(tmp_path / "model.safetensors")
    weights[key] = weights[key] + 0.25
    save_file(weights, tmp_path / "model.safetensors")
    assert any(comparison.status == "beyond" for comparison in verify(tmp_path))


def test_frames_on_fixed_buffers_are_refused() -> None:
    with pytest.raises(OptionError, match="loop"):
        verify(REALTIME, frames="fixed")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near_the_reference_in_every_stage(dtype: torch.dtype) -> None:
    stages = ("lm_", "tts_lm_", "acoustic_", "head_", "decode_", "prompt_", "sampler_")
    compared = [one for one in verify(REALTIME, dtype=dtype) if one.name.startswith(stages)]
    assert len(compared) >= 20
    assert [one for one in compared if one.status != "ok"] == []


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float32])
def test_a_gpu_reproduces_it(dtype: torch.dtype) -> None:
    assert [one for one in verify(REALTIME, device="cuda", dtype=dtype) if one.status != "ok"] == []


# Generation.


def _speak(model: Any, *, frames: int = 12, state: RealtimeState | None = None) -> torch.Tensor:
    prompt = read_voice_prompt(REALTIME / "voice.safetensors")
    state = state or RealtimeState.new(model, prompt, torch.Generator("cpu").manual_seed(1))
    sampler = Sampler(model.head, solver_steps(5, "dpmsolver++"), 1.5)
    audio = []
    for index in range(frames):
        if index % 6 == 0:
            read_text(model, state, [10 + index, 11, 12, 13, 14])
        audio.append(speak_frame(model, state, sampler).audio)
    return torch.cat(audio).float()


@pytest.mark.parametrize("quantize", ["int8", "int4"])
def test_quantized_layers_speak_nearly_the_same(quantize: Any) -> None:
    exact = load_prepared_realtime(REALTIME, CPU, torch.float32)
    coarse = load_prepared_realtime(REALTIME, CPU, torch.float32, quantize=quantize)
    assert coarse.quantize == quantize
    wanted, got = (_speak(model, frames=1) for model in (exact, coarse))
    assert not torch.equal(wanted, got)
    error = (wanted - got).square().mean().sqrt() / wanted.square().mean().sqrt()
    assert error < (0.05 if quantize == "int8" else 0.5)


def test_offline_decoding_equals_the_stream() -> None:
    model = load_prepared_realtime(REALTIME, CPU, torch.float32)
    latents = torch.randn(1, 64, 16)  # 64 at once are where the reference transposes them
    state = model.acoustic.decoder.new_state(1)
    with torch.inference_mode():
        whole = model.acoustic.decode(latents)
        parts = [model.acoustic.decode(part, state) for part in latents.split(1, 1)]
    torch.testing.assert_close(torch.cat(parts, -1), whole, rtol=0, atol=1e-5)


def test_a_clone_continues_identically() -> None:
    model = load_prepared_realtime(REALTIME, CPU, torch.float32)
    prompt = read_voice_prompt(REALTIME / "voice.pt")
    state = RealtimeState.new(model, prompt, torch.Generator("cpu").manual_seed(3))
    _speak(model, frames=6, state=state)
    clone = state.clone()
    assert torch.equal(_speak(model, state=state), _speak(model, state=clone))
    assert clone.nbytes() == state.nbytes() > 0


def test_the_description_of_a_checkpoint_counts_its_parts() -> None:
    from vibevoice_nb.system.model_info import describe

    info = describe(str(REALTIME))
    assert sum(info.parameters.values()) == sum(
        tensor.numel() for name, tensor in load_file(REALTIME / "model.safetensors").items() if name != UNREAD
    )
    assert info.parameters["stop classifier"] == 64 * 64 + 64 + 64 + 1
    assert info.needs["float32"].total(1) > info.needs["float32"].weights > 0
