"""Checkpoints on disk and on the hub: what loads, and what is said about what doesn't."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import (
    END,
    EOS,
    FRAME,
    START,
    byte_tokenizer,
    original_config,
    random_model,
    save_weights,
    write_checkpoint,
)
from engine_helpers import small_config, small_model
from safetensors.torch import load_file, save_file
from torch import Tensor

from vibevoice_nb.engine import checkpoint
from vibevoice_nb.engine.checkpoint import MIRRORS, find_checkpoint, read_json
from vibevoice_nb.engine.config import parse_config
from vibevoice_nb.engine.model import VibeVoiceModel
from vibevoice_nb.engine.tokenizer import load_tokenizer
from vibevoice_nb.engine.weights import build_model, list_tensors, load_model, read_config
from vibevoice_nb.errors import CheckpointError, ConfigError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the smallest model, original layout, tied; copy it before changing it."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "config.json").write_text(json.dumps(small_config()))
    save_weights(small_model(), folder)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def folder(small: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(small, tmp_path / "copy"))


def _load(folder: Path, dtype: torch.dtype = torch.float32) -> VibeVoiceModel:
    return load_model(folder, CPU, dtype)


def _same(one: VibeVoiceModel, other: VibeVoiceModel) -> bool:
    left, right = one.state_dict(), other.state_dict()
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def _edit(folder: Path, change: Callable[[dict[str, Tensor]], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


# What loads.


@pytest.mark.parametrize("layout", ["original", "native"])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("shards", [1, 3])
def test_every_kind_of_checkpoint_gives_the_same_model(
    tmp_path: Path, layout: str, tied: bool, shards: int
) -> None:
    folder = write_checkpoint(tmp_path / "model", layout=layout, tied=tied, shards=shards, seed=3)
    model = _load(folder)
    assert model.config.layout == layout
    assert (model.lm_head is None) == tied
    assert len(list(folder.glob("*.safetensors"))) == shards
    assert _same(model, random_model(original_config(), tied=tied, seed=3))
    assert not model.training and not any(weight.requires_grad for weight in model.parameters())


def test_values_and_scalars_are_those_of_the_file(folder: Path) -> None:
    model, saved = _load(folder), load_file(folder / "model.safetensors")
    assert torch.equal(model.latent_scale, saved["model.speech_scaling_factor"])
    assert model.latent_scale.shape == model.latent_bias.shape == ()
    key = "model.acoustic_tokenizer.decoder.upsample_layers.1.0.convtr.convtr.weight"
    assert torch.equal(model.acoustic.decoder.stages[1].entry.weight, saved[key])
    assert list_tensors(folder)[key].shape == tuple(saved[key].shape)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_scalars_are_read_in_both_spellings(folder: Path, shape: tuple[int, ...]) -> None:
    _edit(folder, lambda weights: weights.update({"model.speech_bias_factor": torch.full(shape, 0.5)}))
    assert _load(folder).latent_bias == 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_are_cast(folder: Path, dtype: torch.dtype) -> None:
    wanted = _load(folder).language_model.norm.weight.to(dtype)
    model = _load(folder, dtype)
    assert {weight.dtype for weight in model.parameters()} == {dtype}
    assert torch.equal(model.language_model.norm.weight, wanted)


def test_a_half_precision_file_is_widened(folder: Path) -> None:
    weights = {key: tensor.bfloat16() for key, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors")
    model = _load(folder)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert torch.equal(model.language_model.norm.weight, weights["model.language_model.norm.weight"].float())


def test_an_own_head_beats_the_configs_word(folder: Path) -> None:
    """The published 7B says it is tied and isn't."""
    head = torch.randn(320, 48)
    _edit(folder, lambda weights: weights.update({"lm_head.weight": head}))
    assert json.loads((folder / "config.json").read_text())["decoder_config"]["tie_word_embeddings"] is True
    model = _load(folder)
    assert model.lm_head is not None and torch.equal(model.lm_head.weight, head)


def test_building_takes_no_memory(folder: Path) -> None:
    model = build_model(read_config(folder), list_tensors(folder))
    assert all(parameter.is_meta for parameter in model.parameters())


# What doesn't fit.


def test_missing_unexpected_and_mis_shaped_keys_are_all_named(folder: Path) -> None:
    def change(weights: dict[str, Tensor]) -> None:
        del weights["model.acoustic_connector.fc1.weight"], weights["model.language_model.norm.weight"]
        weights |= {"model.brand_new.weight": torch.ones(2), "extra": torch.ones(1)}
        weights["model.semantic_connector.norm.weight"] = torch.ones(47)
        weights["model.speech_bias_factor"] = torch.ones(2)

    _edit(folder, change)
    with pytest.raises(CheckpointError) as caught:
        _load(folder)
    told = caught.value.got
    assert "2 missing: " in told and "2 unexpected: " in told and "2 of another shape: " in told
    for name in (
        "model.acoustic_connector.fc1.weight",
        "model.language_model.norm.weight",
        "model.brand_new.weight",
        "extra",
        "model.semantic_connector.norm.weight is [47], not [48]",
        "model.speech_bias_factor is [2], not []",
    ):
        assert name in told


def test_a_long_list_of_keys_is_cut_and_counted(folder: Path) -> None:
    _edit(folder, lambda weights: weights.update({f"new.{i:02}": torch.ones(1) for i in range(40)}))
    with pytest.raises(CheckpointError, match=r"40 unexpected: new\.00.* and 28 more"):
        _load(folder)


def test_weights_of_another_layout_than_the_config(tmp_path: Path) -> None:
    one = write_checkpoint(tmp_path / "one", layout="original")
    other = write_checkpoint(tmp_path / "other", layout="native")
    shutil.copy(other / "model.safetensors", one / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"missing: .*unexpected: .*one revision of one repository"):
        _load(one)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_single_value_that_is_no_number_is_found(folder: Path, value: float) -> None:
    def change(weights: dict[str, Tensor]) -> None:
        weights["model.prediction_head.layers.1.ffn.up_proj.weight"][3, 5] = value

    _edit(folder, change)
    with pytest.raises(
        CheckpointError, match=r"prediction_head\.layers\.1\.ffn\.up_proj\.weight.*not finite"
    ):
        _load(folder)


def test_what_overflows_in_half_precision_is_found(folder: Path) -> None:
    _edit(folder, lambda weights: weights["model.language_model.norm.weight"].fill_(1e6))
    assert _load(folder).language_model.norm.weight[0] == 1e6
    with pytest.raises(CheckpointError, match=r"language_model\.norm\.weight.*not finite.*float16.*float32"):
        _load(folder, torch.float16)


def test_whole_numbers_are_no_weights(folder: Path) -> None:
    _edit(folder, lambda weights: weights.update({"model.speech_bias_factor": torch.tensor(1)}))
    with pytest.raises(CheckpointError, match="speech_bias_factor"):
        _load(folder)


# What is no checkpoint.


class _Trap:
    """Unpickling this would leave a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pth", "model.ckpt", "weights.pkl"])
def test_pickles_are_refused_with_the_reason(folder: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    mark = folder / "mark"
    (folder / name).write_bytes(pickle.dumps(_Trap(mark)))
    with pytest.raises(CheckpointError) as caught:
        _load(folder)
    assert name in caught.value.got
    assert "can run any code" in caught.value.expected and ".safetensors" in caught.value.remedy
    assert not mark.exists()


@pytest.mark.parametrize("protocol", [2, 3, 4, 5, "zip"])
def test_a_pickle_in_disguise_is_refused(folder: Path, protocol: int | str) -> None:
    file, mark = folder / "model.safetensors", folder / "mark"
    if protocol == "zip":
        torch.save({"weight": torch.ones(3)}, file)
    else:
        file.write_bytes(pickle.dumps(_Trap(mark), protocol=int(protocol)))
    with pytest.raises(CheckpointError, match="is a pickle, whatever its name says"):
        _load(folder)
    assert not mark.exists()


@pytest.mark.parametrize("size", [0, 1, 7])
def test_an_empty_file_is_refused(folder: Path, size: int) -> None:
    (folder / "model.safetensors").write_bytes(b"\0" * size)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors has {size} bytes"):
        _load(folder)


@pytest.mark.parametrize("keep", [8, 100, 0.5, 0.999])
def test_a_broken_off_download_is_refused(folder: Path, keep: float) -> None:
    file = folder / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged.*fetch it again"):
        _load(folder)


@pytest.mark.parametrize(
    "start", [b"\xff" * 8, b"\x10" + b"\0" * 7 + b'{"a": not json}}', b"<html>404 not found"]
)
def test_a_file_of_something_else_is_refused(folder: Path, start: bytes) -> None:
    (folder / "model.safetensors").write_bytes(start + b" " * 100)
    with pytest.raises(CheckpointError, match="is damaged"):
        _load(folder)


def test_a_folder_without_weights_says_what_it_lacks(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(
        CheckpointError, match=r"no model\.safetensors and no model\.safetensors\.index\.json"
    ):
        _load(folder)


@pytest.fixture(scope="module")
def three_shards(small: Path) -> Path:
    folder = small.parent / "sharded"
    folder.mkdir()
    shutil.copy(small / "config.json", folder)
    save_weights(small_model(), folder, shards=3)
    return folder


@pytest.fixture
def sharded(three_shards: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(three_shards, tmp_path / "sharded"))


def _index(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    file = folder / "model.safetensors.index.json"
    index = json.loads(file.read_text())
    change(index)
    file.write_text(json.dumps(index))


def test_a_missing_shard_is_named(sharded: Path) -> None:
    (sharded / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"lacks model-00002-of-00003\.safetensors"):
        _load(sharded)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.safetensors",
        "/etc/passwd",
        "sub/model.safetensors",
        "..",
        "",
        ".",
        "pytorch_model.bin",
        3,
        ["a"],
        None,
        {"a": 1},
        "a\0b/../c",
    ],
)
def test_an_index_may_not_lead_elsewhere(sharded: Path, name: Any) -> None:
    # The file is there: it must be refused for where it is, not for being absent.
    shutil.copy(sharded / "model-00001-of-00003.safetensors", sharded.parent / "secret.safetensors")
    _index(sharded, lambda index: index["weight_map"].update({"lm_head.weight": name}))
    with pytest.raises(CheckpointError, match=r"index\.json lists .*plain names.*you trust"):
        _load(sharded)


@pytest.mark.parametrize("listed", [{}, [], None, "model.safetensors"])
def test_an_index_without_files_is_refused(sharded: Path, listed: Any) -> None:
    _index(sharded, lambda index: index.update({"weight_map": listed}))
    with pytest.raises(CheckpointError, match="lists no files"):
        _load(sharded)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[1]", "null", '"config"', "\x80", "[" * 100_000, '{"a": ' + "1" * 10_000 + "}"],
    ids=["empty", "broken", "list", "null", "text", "binary", "nested", "digits"],
)
def test_a_damaged_config_is_refused(folder: Path, text: str) -> None:
    (folder / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"config\.json .*fetch the checkpoint again"):
        read_config(folder)


def test_a_missing_config_is_named(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"config\.json can't be read \(No such file"):
        _load(folder)


def test_a_config_the_size_of_weights_is_not_read(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(CheckpointError, match="20000000 bytes"):
        read_json(folder / "config.json")


def test_a_config_that_fits_no_model_is_a_config_error(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="acoustic_tokenizer_config is missing"):
        _load(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_an_unreadable_file_is_a_clear_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stat = Path.stat

    def refuse(self: Path, **options: Any) -> Any:
        if self.name == name:
            raise PermissionError(13, "Permission denied")
        return stat(self, **options)

    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(CheckpointError, match=rf"{name} can't be read \(Permission denied"):
        _load(folder)


def test_a_folder_in_the_place_of_a_file(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        _load(folder)


# Where a checkpoint is.


def test_folders_are_found_and_other_names_explained(folder: Path, tmp_path: Path) -> None:
    assert find_checkpoint(folder) == find_checkpoint(str(folder)) == folder
    assert find_checkpoint("nano").name == "nano"
    with pytest.raises(CheckpointError, match=r"is a file.*parent folder"):
        find_checkpoint(folder / "config.json")
    for name in ("no-such-model", str(tmp_path / "nothing" / "here"), "a/b/c", "a b/c", "../x/y"):
        with pytest.raises(CheckpointError, match="hub id such as"):
            find_checkpoint(name)
    with pytest.raises(CheckpointError, match="no folder owner/name"):
        find_checkpoint(Path("owner/name"))


@pytest.mark.parametrize("name", ["x" * 5000, "~nobody-by-this-name/model", "a\0b"])
def test_impossible_paths_are_clear_errors(name: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint(name)
    assert len(str(caught.value)) < 6000


def test_a_folder_that_may_not_be_entered(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(CheckpointError, match=r"can't be looked up .*Permission denied"):
        find_checkpoint("private/model")


class _Hub:
    """huggingface_hub.snapshot_download, with repositories that are there or gone."""

    def __init__(self, folder: Path, *available: str) -> None:
        self.folder, self.available, self.asked = folder, available, list[tuple[str, str | None]]()
        self.patterns: list[str] = []

    def __call__(self, repository: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        self.asked.append((repository, revision))
        self.patterns = allow_patterns
        if repository not in self.available:
            raise OSError(f"404 for {repository}\nand much more text")
        return str(self.folder)


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., _Hub]:
    def make(*available: str) -> _Hub:
        there = _Hub(folder, *available)
        monkeypatch.setattr("huggingface_hub.snapshot_download", there)
        return there

    return make


def test_a_mirror_stands_in(hub: Callable[..., _Hub], folder: Path) -> None:
    there = hub("aoi-ot/VibeVoice-Large")
    assert find_checkpoint("vibevoice/VibeVoice-7B") == folder
    assert there.asked == [("vibevoice/VibeVoice-7B", None), ("aoi-ot/VibeVoice-Large", None)]
    assert not any("bin" in pattern or pattern == "*" for pattern in there.patterns), "no pickles, no code"


def test_own_mirrors_replace_the_known_ones(hub: Callable[..., _Hub], folder: Path) -> None:
    there = hub("me/copy")
    assert find_checkpoint("microsoft/VibeVoice-1.5B", mirrors=["nobody/here", "me/copy"]) == folder
    assert [name for name, _ in there.asked] == ["microsoft/VibeVoice-1.5B", "nobody/here", "me/copy"]


def test_when_all_fail_each_is_named(hub: Callable[..., _Hub]) -> None:
    hub()
    with pytest.raises(CheckpointError) as caught:
        find_checkpoint("WestZhang/VibeVoice-Large-pt")
    for name in ("WestZhang/VibeVoice-Large-pt", *MIRRORS["WestZhang/VibeVoice-Large-pt"]):
        assert f"{name}: 404 for {name}" in caught.value.got
    assert "much more" not in caught.value.got


def test_a_revision_is_of_one_repository(hub: Callable[..., _Hub], folder: Path) -> None:
    there = hub("vibevoice/VibeVoice-1.5B")
    with pytest.raises(CheckpointError, match=r"microsoft/VibeVoice-1\.5B: 404"):
        find_checkpoint("microsoft/VibeVoice-1.5B", revision="abc123")
    assert there.asked == [("microsoft/VibeVoice-1.5B", "abc123")]
    assert find_checkpoint("vibevoice/VibeVoice-1.5B", revision="v1") == folder
    assert there.asked[-1] == ("vibevoice/VibeVoice-1.5B", "v1")


def test_without_a_connection_the_hub_is_a_clear_error() -> None:
    """The tests run offline: this is huggingface_hub's own refusal."""
    with pytest.raises(CheckpointError, match=r"nobody/nothing-at-all: .*check the connection"):
        find_checkpoint("nobody/nothing-at-all")


def test_mirrors_are_known_both_ways() -> None:
    assert all(name not in MIRRORS[name] for name in MIRRORS)
    assert "vibevoice/VibeVoice-1.5B" in MIRRORS["microsoft/VibeVoice-1.5B"]
    assert checkpoint.NANO == "nano"


# The tokenizer beside the weights, or Qwen's.


def test_the_checkpoints_own_tokenizer_is_used(folder: Path) -> None:
    tokenizer = load_tokenizer(folder, read_config(folder))
    assert tokenizer.special.legal == (START, END, FRAME, EOS)
    assert len(tokenizer.encode(" Speaker 1: Hä?\n")) == 17, "bytes, nothing added"


def test_without_one_qwens_tokenizer_is_fetched_and_nothing_else(
    hub: Callable[..., _Hub], folder: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare"
    bare.mkdir()
    there = hub("Qwen/Qwen2.5-1.5B")
    assert load_tokenizer(bare, read_config(folder)).special.frame == FRAME
    assert there.asked == [("Qwen/Qwen2.5-1.5B", None)]
    assert not any(".safetensors" in pattern or "*" in pattern for pattern in there.patterns)


def test_the_larger_model_takes_the_larger_qwens(hub: Callable[..., _Hub], tmp_path: Path) -> None:
    data = small_config()
    data["decoder_config"] |= {"hidden_size": 3584, "num_attention_heads": 28, "num_key_value_heads": 4}
    data["diffusion_head_config"] |= {"hidden_size": 3584}
    there = hub()
    with pytest.raises(
        CheckpointError, match=r"Qwen/Qwen2\.5-7B gave none either.*404.*copy tokenizer\.json"
    ):
        load_tokenizer(tmp_path, parse_config(data))
    assert there.asked == [("Qwen/Qwen2.5-7B", None)]


def test_the_older_pair_of_tokenizer_files_is_read(folder: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    older.mkdir()
    (folder / "tokenizer.json").replace(tmp_path / "whole.json")
    model = json.loads((tmp_path / "whole.json").read_text())["model"]
    words = {**model["vocab"], "<|endoftext|>": EOS, "<|vision_start|>": START}
    words |= {"<|vision_end|>": END, "<|vision_pad|>": FRAME}
    (older / "vocab.json").write_text(json.dumps(words))
    (older / "merges.txt").write_text("#version: 0.2\n")
    (older / "config.json").write_text((folder / "config.json").read_text())
    tokenizer = load_tokenizer(older, read_config(older))
    assert tokenizer.special.legal == (START, END, FRAME, EOS)
    assert tokenizer.encode("ab") == [words["a"], words["b"]]


def test_half_a_tokenizer_is_refused(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer.*Qwen/Qwen2\.5-1\.5B"):
        load_tokenizer(folder, read_config(folder))


@pytest.mark.parametrize("text", ["", "{}", "not json"])
def test_a_damaged_tokenizer_is_refused(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json is damaged"):
        load_tokenizer(folder, read_config(folder))


def test_a_tokenizer_without_the_speech_tokens_is_refused(folder: Path) -> None:
    data = json.loads((folder / "tokenizer.json").read_text())
    data["added_tokens"] = [token for token in data["added_tokens"] if "vision" not in token["content"]]
    (folder / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(
        CheckpointError, match=r"lacks <\|vision_start\|>, <\|vision_end\|>, <\|vision_pad\|>"
    ):
        load_tokenizer(folder, read_config(folder))


def test_a_tokenizer_of_a_larger_model_is_refused(folder: Path) -> None:
    data = small_config()
    data["decoder_config"]["vocab_size"] = FRAME
    with pytest.raises(CheckpointError, match=rf"ids up to {FRAME}.*ids below {FRAME}"):
        load_tokenizer(folder, parse_config(data))
