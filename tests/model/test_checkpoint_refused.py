"""Rejected checkpoints, with the reason: pickles, parts of files, damaged ones, ways elsewhere."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_helpers import change_config, folder, load, refused, small
from checkpoints import save_weights
from model_helpers import small_config, small_model
from safetensors.torch import load_file, save_file

from vibevoice_nb import Engine
from vibevoice_nb.errors import CheckpointError, ConfigError
from vibevoice_nb.model.loading.checkpoint import read_json
from vibevoice_nb.model.loading.weights import list_tensors, read_config
from vibevoice_nb.model.tokenizer import load_tokenizer

__all__ = ["folder", "small"]  # fixtures


class _Trap:
    """Object that creates a file when unpickled."""

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
        load(folder)
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
        load(folder)
    assert not mark.exists()


@pytest.mark.parametrize("size", [0, 1, 7])
def test_an_empty_file_is_refused(folder: Path, size: int) -> None:
    (folder / "model.safetensors").write_bytes(b"\0" * size)
    with pytest.raises(CheckpointError, match=rf"model\.safetensors has {size} bytes"):
        load(folder)


@pytest.mark.parametrize("keep", [8, 100, 0.5, 0.999])
def test_a_broken_off_download_is_refused(folder: Path, keep: float) -> None:
    file = folder / "model.safetensors"
    data = file.read_bytes()
    file.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is damaged.*fetch it again"):
        load(folder)


@pytest.mark.parametrize(
    "start", [b"\xff" * 8, b"\x10" + b"\0" * 7 + b'{"a": not json}}', b"<html>404 not found"]
)
def test_a_file_of_something_else_is_refused(folder: Path, start: bytes) -> None:
    (folder / "model.safetensors").write_bytes(start + b" " * 100)
    with pytest.raises(CheckpointError, match="is damaged"):
        load(folder)


def test_a_folder_without_weights_names_the_missing_files(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(
        CheckpointError, match=r"no model\.safetensors and no model\.safetensors\.index\.json"
    ):
        load(folder)


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
        load(sharded)


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
        load(sharded)


@pytest.mark.parametrize("listed", [{}, [], None, "model.safetensors"])
def test_an_index_without_files_is_refused(sharded: Path, listed: Any) -> None:
    _index(sharded, lambda index: index.update({"weight_map": listed}))
    with pytest.raises(CheckpointError, match="lists no files"):
        load(sharded)


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
        load(folder)


def test_a_config_the_size_of_weights_is_not_read(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(CheckpointError, match="20000000 bytes"):
        read_json(folder / "config.json")


def test_a_config_that_fits_no_model_is_a_config_error(folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    with pytest.raises(ConfigError, match="acoustic_tokenizer_config is missing"):
        load(folder)


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
        load(folder)


def test_a_folder_in_the_place_of_a_file(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").mkdir()
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load(folder)


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
def test_irregular_files_are_not_read(folder: Path, name: str, kind: str) -> None:
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
    error = refused(folder)
    assert "index.json lists" in error.got and len(error.got) < 1000


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
    assert len(str(refused(folder))) < 2000


def test_a_size_without_weights_bounds_nothing(folder: Path) -> None:
    """An empty tensor may claim any size: its header costs no bytes of data."""
    save_file(
        load_file(folder / "model.safetensors") | {"extra": torch.zeros(0, 2**40)},
        folder / "model.safetensors",
    )
    assert max(max(info.shape, default=0) for info in list_tensors(folder).values()) == 2**40
    change_config(folder, {"decoder_config": {**small_config()["decoder_config"], "vocab_size": 10**9}})
    assert "the vocabulary is 1000000000" in refused(folder).got
