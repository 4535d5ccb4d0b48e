"""Models of another kind are recognized before they are read, and the error names the way to use them."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_helpers import folder, load, small
from checkpoints import save_weights
from engine_helpers import small_config, small_model
from huggingface_hub.errors import EntryNotFoundError
from safetensors.torch import load_file, save_file

from vibevoice_nb import Engine
from vibevoice_nb.errors import CheckpointError, OptionError
from vibevoice_nb.model.config import parse_config
from vibevoice_nb.model.loading.checkpoint import find_checkpoint, mirror_of
from vibevoice_nb.model.loading.weights import list_tensors, read_config
from vibevoice_nb.model.tokenizer import load_tokenizer
from vibevoice_nb.system.model_info import describe

__all__ = ["folder", "small"]  # fixtures

QWEN = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 896}
NO_DIFFUSION = {key: value for key, value in small_config().items() if key != "diffusion_head_config"}


def _refused(model: Path | str) -> CheckpointError:
    """The error of loading, which is also that of `info`."""
    errors = []
    for look in (lambda: Engine.load(model, device="cpu"), lambda: describe(str(model))):
        with pytest.raises(CheckpointError) as caught:
            look()
        errors.append(caught.value)
    assert str(errors[0]) == str(errors[1])
    return errors[0]


def _config(folder: Path, change: dict[str, Any]) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))


# By config.json.


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (QWEN, r"another model: qwen2 \(Qwen2ForCausalLM\)"),
        ({"architectures": ["WhisperForConditionalGeneration"]}, "another model: one"),
        ({"_class_name": "StableDiffusionPipeline"}, "another model: StableDiffusionPipeline"),
        (small_config() | {"model_type": "vibevoice_streaming"}, "VibeVoice-Realtime"),
        (
            small_config() | {"architectures": ["VibeVoiceStreamingForConditionalGenerationInference"]},
            "VibeVoice-Realtime",
        ),
        (small_config() | {"tts_backbone_num_hidden_layers": 20}, "VibeVoice-Realtime"),
        (NO_DIFFUSION | {"architectures": ["VibeVoiceASRForConditionalGeneration"]}, "VibeVoice-ASR"),
        (NO_DIFFUSION | {"model_type": "vibevoice_asr"}, "VibeVoice-ASR"),
        ({"model_type": "vibevoice_acoustic_tokenizer"}, "only a part of a VibeVoice"),
        ({"peft_type": "LORA", "base_model_name_or_path": "x"}, "LoRA adapter"),
    ],
)
def test_other_models(folder: Path, config: dict[str, Any], kind: str) -> None:
    (folder / "config.json").write_text(json.dumps(config))
    error = _refused(folder)
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
    _config(folder, change)
    error = _refused(folder)
    assert error.got == f"config.json says that the weights are quantized with {method}"
    assert "quantize='int8'" in error.remedy


@pytest.mark.parametrize("empty", [None, {}])
def test_a_quantization_that_is_empty_is_none(folder: Path, empty: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _config(folder, {"quantization_config": empty})
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
    assert kind in _refused(folder).got


# By the files in the folder.


def _adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text(
        '{"peft_type": "LORA", "base_model_name_or_path": "vibevoice/VibeVoice-1.5B"}'
    )
    save_file({"base_model.model.q_proj.lora_A.weight": torch.ones(1)}, folder / "adapter_model.safetensors")


def test_a_lora_folder(tmp_path: Path) -> None:
    _adapter(tmp_path)
    error = _refused(tmp_path)
    assert "is a LoRA adapter for vibevoice/VibeVoice-1.5B" in error.got
    assert "merge_and_unload" in error.remedy


def test_a_lora_folder_in_a_folder(folder: Path) -> None:
    """Files that a trainer writes: config.json of the base model, and the adapter in `lora/`."""
    (folder / "model.safetensors").unlink()
    (folder / "lora").mkdir()
    _adapter(folder / "lora")
    assert "lora is a LoRA adapter" in _refused(folder).got


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
    assert kind in _refused(tmp_path).got


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
    error = _refused(folder / name)
    assert got in error.got and remedy in error.remedy


def test_a_lone_weights_file_without_config(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "single.safetensors"
    shutil.copy(folder / "model.safetensors", file)
    assert "put config.json of the model's repository beside it" in _refused(file).remedy


def test_weights_under_another_name_are_found(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "VibeVoice-1.5B-bf16.safetensors")
    load(folder)


def test_shards_without_their_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    save_weights(small_model(), folder, shards=2)
    (folder / "model.safetensors.index.json").unlink()
    error = _refused(folder)
    assert "model-00001-of-00002.safetensors" in error.got and "index" in error.remedy


def test_a_pointer_of_git_lfs(folder: Path) -> None:
    (folder / "model.safetensors").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    error = _refused(folder)
    assert "pointer of Git LFS" in error.got and "git lfs pull" in error.remedy


def test_a_folder_above_the_model(folder: Path) -> None:
    error = _refused(folder.parent)
    assert error.remedy == f"pass {folder}"


def test_an_address_of_the_hub() -> None:
    error = _refused("https://huggingface.co/microsoft/VibeVoice-1.5B/tree/main")
    assert error.remedy == "write microsoft/VibeVoice-1.5B"


@pytest.mark.parametrize("model", [None, 5, b"nano", ["nano"]])
def test_a_model_that_is_no_name(model: Any) -> None:
    with pytest.raises(OptionError, match="a model of type"):
        Engine.load(model)


# The hub's cache.


@pytest.fixture
def cache(small: Path, tmp_path: Path) -> Callable[..., Path]:
    """Make a cached model with snapshots, of which one may be marked as `main`."""

    def make(*commits: str, main: str = "") -> Path:
        root = tmp_path / "hub" / "models--me--Voice"
        (root / "refs").mkdir(parents=True)
        (root / "blobs").mkdir()
        (root / "snapshots").mkdir()
        for commit in commits:
            shutil.copytree(small, root / "snapshots" / commit)
        if main:
            (root / "refs" / "main").write_text(main)
        return root

    return make


def test_the_only_snapshot_is_used(cache: Callable[..., Path]) -> None:
    root = cache("abc1")
    for place in (root, root / "snapshots", root / "snapshots" / "abc1"):
        assert find_checkpoint(place) == root / "snapshots" / "abc1"
    assert Engine.load(root, device="cpu").revision == "me/Voice@abc1"
    assert describe(str(root)).source.revision == "me/Voice@abc1"


def test_the_marked_snapshot_is_used(cache: Callable[..., Path]) -> None:
    root = cache("abc1", "def2", main="def2")
    assert find_checkpoint(root).name == "def2"
    assert find_checkpoint(root, revision="abc1").name == "abc1"


def test_no_snapshot_is_guessed(cache: Callable[..., Path]) -> None:
    root = cache("abc1", "def2", main="gone")
    error = _refused(root)
    assert "2 snapshots" in error.got and str(root / "snapshots" / "abc1") in error.remedy
    assert "0 snapshots" in _refused(cache_without(root)).got


def cache_without(root: Path) -> Path:
    shutil.rmtree(root / "snapshots")
    (root / "snapshots").mkdir()
    return root


def test_the_cache_of_many_models_is_named(cache: Callable[..., Path]) -> None:
    root = cache("abc1")
    for place in (root.parent, root.parent.parent):
        assert _refused(place).remedy == "pass the id of one of them: me/Voice"


# Repositories on the hub, before their weights are fetched.


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A hub with one repository, of which these are the files; weights must not be fetched."""

    def make(config: dict[str, Any] | None, *names: str) -> None:
        def download(repository: str, name: str, **options: Any) -> str:
            if config is None or name != "config.json":
                raise EntryNotFoundError(f"no {name}")
            (tmp_path / "config.json").write_text(json.dumps(config))
            return str(tmp_path / "config.json")

        def snapshot(repository: str, *, local_files_only: bool = False, **options: Any) -> str:
            assert local_files_only, "nothing of another kind is fetched"
            raise OSError("not fetched")

        monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
        monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
        monkeypatch.setattr("huggingface_hub.HfApi.list_repo_files", lambda *args, **options: list(names))

    return make


@pytest.mark.parametrize(
    ("config", "names", "kind"),
    [
        (small_config() | {"model_type": "vibevoice_streaming"}, [], "VibeVoice-Realtime"),
        (QWEN, ["model.safetensors"], "another model: qwen2"),
        (small_config() | {"quantization_config": {"quant_method": "awq"}}, [], "quantized with awq"),
        (None, ["README.md", "VibeVoice-Q4_K_M.gguf"], "me/Voice holds weights for llama.cpp"),
        (None, ["onnx/model.onnx"], "me/Voice holds a graph for ONNX Runtime"),
    ],
)
def test_a_repository_of_another_kind_is_not_fetched(
    remote: Callable[..., None], config: dict[str, Any] | None, names: list[str], kind: str
) -> None:
    remote(config, *names)
    assert kind in _refused("me/Voice").got


# The tokenizer in a folder of its own.


def test_a_tokenizer_in_a_folder_is_found(folder: Path) -> None:
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer.json").rename(folder / "tokenizer" / "tokenizer.json")
    assert load_tokenizer(folder, read_config(folder)).encode("ab")
    assert describe(str(folder)).source.tokenizer == "in its folder tokenizer"


def test_two_tokenizers_are_named(folder: Path) -> None:
    for name in ("qwen", "other"):
        (folder / name).mkdir()
        shutil.copy(folder / "tokenizer.json", folder / name)
    (folder / "tokenizer.json").unlink()
    assert "holds 2 tokenizers: other, qwen" in _refused(folder).got


@pytest.mark.parametrize("above", [0, 5, 2**31])
def test_ids_beyond_the_embedding(folder: Path, above: int) -> None:
    file = folder / "tokenizer.json"
    data = json.loads(file.read_text())
    size = small_config()["decoder_config"]["vocab_size"]
    data["model"]["vocab"]["a"] = size + above
    file.write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match=rf"ids up to {size + above}.*ids below {size}"):
        Engine.load(folder, device="cpu")


# Mirrors.


@pytest.fixture
def mirrored(cache: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub that has only me/Voice, already fetched."""
    root = cache("abc1")

    def download(repository: str, **options: Any) -> str:
        if repository != "me/Voice":
            raise OSError(f"404 for {repository}")
        return str(root / "snapshots" / "abc1")

    def refuse(*args: Any, **options: Any) -> str:
        raise OSError("404")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    monkeypatch.chdir(root)
    return root


def test_a_mirror_is_named_wherever_it_serves(mirrored: Path) -> None:
    said = r"you/Voice could not be fetched .*404.*; its mirror me/Voice@abc1 is used instead"
    with pytest.warns(UserWarning, match=said):
        engine = Engine.load("you/Voice", mirrors=["me/Voice"], device="cpu")
    assert engine.mirror == engine.revision == "me/Voice@abc1"
    with pytest.warns(UserWarning, match=said):
        found = describe("you/Voice", mirrors=["me/Voice"])
    assert found.to_json()["mirror"] == found.to_json()["revision"] == "me/Voice@abc1"


def test_what_was_asked_for_is_no_mirror(mirrored: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert Engine.load("me/Voice", mirrors=["you/Voice"], device="cpu").mirror == ""
    assert mirror_of(str(mirrored), "me/Voice@abc1") == ""


def test_mirrors_can_be_switched_off(mirrored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.model.loading.checkpoint.MIRRORS", {"you/Voice": ("me/Voice",)})
    with pytest.raises(CheckpointError, match="you/Voice: 404 for you/Voice"):
        find_checkpoint("you/Voice", mirrors=[])
    with pytest.warns(UserWarning, match="its mirror me/Voice"):
        find_checkpoint("you/Voice")


# Files that are no files.


def _special(place: Path, kind: str) -> None:
    place.unlink()
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place.symlink_to("/dev/zero")
    else:
        place.mkdir()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize(
    "name",
    ["config.json", "tokenizer.json", "model.safetensors", "model.safetensors.index.json", "generation.json"],
)
def test_what_is_no_regular_file_is_not_read(folder: Path, name: str, kind: str) -> None:
    if name == "model.safetensors.index.json":
        (folder / "model.safetensors").unlink()
    (folder / name).touch()
    _special(folder / name, kind)
    what = "a folder" if kind == "folder" else "a pipe, a socket or a device"
    with pytest.raises(CheckpointError, match=rf"{name} is {what}"):
        Engine.load(folder, device="cpu")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
@pytest.mark.parametrize("name", ["vocab.json", "merges.txt", "tokenizer_config.json", "added_tokens.json"])
def test_a_pipe_in_an_older_tokenizer(folder: Path, name: str) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text("{}")
    (folder / name).touch()
    _special(folder / name, "pipe")
    with pytest.raises(CheckpointError, match=rf"{name} is a pipe"):
        load_tokenizer(folder, read_config(folder))


@pytest.mark.parametrize("name", ["x" * 300, "ä" * 130, "a\0b", "a\nb", "\ud800"])
def test_impossible_names_of_shards(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"lm_head.weight": f"{name}.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    error = _refused(folder)
    assert "index.json lists" in error.got and len(error.got) < 1000


# Sizes that no file has.


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        *(("decoder_config", key, 10**6) for key in ("num_hidden_layers", "hidden_size", "vocab_size")),
        *(("decoder_config", key, 2**31) for key in ("num_hidden_layers", "intermediate_size", "head_dim")),
        ("diffusion_head_config", "head_layers", 10**6),
        ("diffusion_head_config", "head_layers", 2**31),
        ("diffusion_head_config", "head_ffn_ratio", 1e9),
        ("acoustic_tokenizer_config", "encoder_n_filters", 10**9),
        ("acoustic_tokenizer_config", "decoder_n_filters", 10**9),
        ("acoustic_tokenizer_config", "encoder_depths", "3-3-3-3-3-3-1000000"),
        ("acoustic_tokenizer_config", "encoder_depths", "1-" * 10**6),
        ("acoustic_tokenizer_config", "encoder_ratios", [2] * 10**5),
        ("semantic_tokenizer_config", "encoder_n_filters", 10**9),
        ("semantic_tokenizer_config", "vae_dim", 2**31),
    ],
)
def test_sizes_beyond_the_files(folder: Path, section: str, key: str, value: Any) -> None:
    data = json.loads((folder / "config.json").read_text())
    data[section][key] = value
    (folder / "config.json").write_text(json.dumps(data))
    assert len(str(_refused(folder))) < 2000


def test_a_size_without_weights_bounds_nothing(folder: Path) -> None:
    """An empty tensor may claim any size: its header costs no bytes of data."""
    save_file(
        load_file(folder / "model.safetensors") | {"extra": torch.zeros(0, 2**40)},
        folder / "model.safetensors",
    )
    assert max(max(info.shape, default=0) for info in list_tensors(folder).values()) == 2**40
    _config(folder, {"decoder_config": {**small_config()["decoder_config"], "vocab_size": 10**9}})
    assert "the vocabulary is 1000000000" in _refused(folder).got
