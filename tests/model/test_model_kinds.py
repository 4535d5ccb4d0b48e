"""Models of another kind are recognized before they are read, and the error names the way to use them."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_helpers import change_config, folder, load, refused, small
from checkpoints import save_weights
from model_helpers import small_config, small_model
from safetensors.torch import load_file, save_file

from vibevoice_nb import Engine
from vibevoice_nb.errors import CheckpointError, OptionError
from vibevoice_nb.model.loading.config_file import parse_config

__all__ = ["folder", "small"]  # fixtures

QWEN = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 896}
NO_DIFFUSION = {key: value for key, value in small_config().items() if key != "diffusion_head_config"}


# By config.json.


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (QWEN, r"another model: qwen2 \(Qwen2ForCausalLM\)"),
        ({"architectures": ["WhisperForConditionalGeneration"]}, "another model: one"),
        ({"_class_name": "StableDiffusionPipeline"}, "another model: StableDiffusionPipeline"),
        (NO_DIFFUSION | {"architectures": ["VibeVoiceASRForConditionalGeneration"]}, "VibeVoice-ASR"),
        (NO_DIFFUSION | {"model_type": "vibevoice_asr"}, "VibeVoice-ASR"),
        ({"model_type": "vibevoice_acoustic_tokenizer"}, "only a part of a VibeVoice"),
        ({"peft_type": "LORA", "base_model_name_or_path": "x"}, "LoRA adapter"),
    ],
)
def test_other_models(folder: Path, config: dict[str, Any], kind: str) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    error = refused(folder)
    with pytest.raises(CheckpointError, match=kind):
        raise error
    assert "VibeVoice-1.5B" in error.remedy or "merge" in error.remedy


@pytest.mark.parametrize(
    ("change", "method"),
    [
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bitsandbytes"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "gptq"),
        ({"quantization_config": {"quant_method": "awq"}}, "awq"),
        ({"quantization_config": {"quant_method": "fp8"}}, "fp8"),
        ({"quantization_config": {"bits": 4}}, "another program"),
        ({"quantization": {"group_size": 64, "bits": 4}}, "MLX"),
        (
            {
                "decoder_config": {
                    **small_config()["decoder_config"],
                    "quantization_config": {"quant_method": "hqq"},
                }
            },
            "hqq",
        ),
    ],
)
def test_quantized_weights(folder: Path, change: dict[str, Any], method: str) -> None:
    change_config(folder, change)
    error = refused(folder)
    assert error.got == f"config.json says that the weights are quantized with {method}"
    assert "quantize='int8'" in error.remedy


@pytest.mark.parametrize("empty", [None, {}])
def test_a_quantization_that_is_empty_is_none(folder: Path, empty: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        change_config(folder, {"quantization_config": empty})
        load(folder)


def test_the_published_spelling_of_the_7b_is_no_surprise(folder: Path) -> None:
    data = small_config()
    data["acostic_vae_dim"] = data.pop("acoustic_vae_dim")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_config(data)
    with pytest.raises(CheckpointError, match="acostic_vae_dim is 3"):
        parse_config(data | {"acostic_vae_dim": 3})


# By the tensors.


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("model.language_model.layers.0.mlp.up_proj.scale_weight", "scaled FP8"),
        ("model.language_model.layers.0.mlp.up_proj.weight_scale", "scaled FP8"),
        ("scaled_fp8", "scaled FP8"),
        ("model.language_model.layers.0.mlp.up_proj.weight.absmax", "bitsandbytes"),
        ("model.language_model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4", "bitsandbytes"),
        ("model.language_model.layers.0.mlp.up_proj.SCB", "bitsandbytes"),
        ("model.language_model.layers.0.mlp.up_proj.qweight", "GPTQ or AWQ"),
        ("model.language_model.layers.0.mlp.up_proj.scales", "MLX"),
        ("base_model.model.layers.0.self_attn.q_proj.lora_A.weight", "LoRA adapter"),
        ("model.tts_language_model.layers.0.mlp.up_proj.weight", "VibeVoice-Realtime"),
    ],
)
def test_tensors_of_another_kind(folder: Path, name: str, kind: str) -> None:
    weights = load_file(folder / "model.safetensors")
    save_file(weights | {name: torch.ones(1)}, folder / "model.safetensors")
    assert kind in refused(folder).got


# By the files in the folder.


def _adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text(
        '{"peft_type": "LORA", "base_model_name_or_path": "vibevoice/VibeVoice-1.5B"}'
    )
    save_file({"base_model.model.q_proj.lora_A.weight": torch.ones(1)}, folder / "adapter_model.safetensors")


def test_a_lora_folder(tmp_path: Path) -> None:
    _adapter(tmp_path)
    error = refused(tmp_path)
    assert "is a LoRA adapter for vibevoice/VibeVoice-1.5B" in error.got
    assert "merge_and_unload" in error.remedy


def test_a_lora_folder_in_a_folder(folder: Path) -> None:
    """Files that a trainer writes: config.json of the base model, and the adapter in `lora/`."""
    (folder / "model.safetensors").unlink()
    (folder / "lora").mkdir()
    _adapter(folder / "lora")
    assert "lora is a LoRA adapter" in refused(folder).got


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("VibeVoice-1.5B-Q4_K_M.gguf", "GGUF"),
        ("onnx/model.onnx", "ONNX"),
        ("model_index.json", "diffusers"),
    ],
)
def test_files_for_another_program(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{}")
    (tmp_path / "config.json").write_text(json.dumps(small_config()))
    assert kind in refused(tmp_path).got


@pytest.mark.parametrize(
    ("name", "got", "remedy"),
    [
        ("model.gguf", "GGUF", "converted from"),
        ("model.safetensors", "is a file", "pass its parent folder"),
        ("config.json", "is a file", "pass its parent folder"),
        ("model.pt", "pickle", "safetensors"),
        ("pytorch_model.bin", "pickle", "safetensors"),
        ("model.onnx", "ONNX", "converted from"),
        ("model.zip", "an archive", "unpack it"),
    ],
)
def test_a_lone_file(folder: Path, name: str, got: str, remedy: str) -> None:
    (folder / name).touch()
    error = refused(folder / name)
    assert got in error.got and remedy in error.remedy


def test_a_lone_weights_file_without_config(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "single.safetensors"
    shutil.copy(folder / "model.safetensors", file)
    assert "put config.json of the model's repository beside it" in refused(file).remedy


def test_weights_under_another_name_are_found(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "VibeVoice-1.5B-bf16.safetensors")
    load(folder)


def test_shards_without_their_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    save_weights(small_model(), folder, shards=2)
    (folder / "model.safetensors.index.json").unlink()
    error = refused(folder)
    assert "model-00001-of-00002.safetensors" in error.got and "index" in error.remedy


def test_a_pointer_of_git_lfs(folder: Path) -> None:
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    error = refused(folder)
    assert "pointer of Git LFS" in error.got and "git lfs pull" in error.remedy


def test_a_folder_above_the_model(folder: Path) -> None:
    error = refused(folder.parent)
    assert error.remedy == f"pass {folder}"


def test_an_address_of_the_hub() -> None:
    error = refused("https://huggingface.co/microsoft/VibeVoice-1.5B/tree/main")
    assert error.remedy == "write microsoft/VibeVoice-1.5B"


@pytest.mark.parametrize("model", [None, 5, b"nano", ["nano"]])
def test_a_model_that_is_no_name(model: Any) -> None:
    with pytest.raises(OptionError, match="a model of type"):
        Engine.load(model)
