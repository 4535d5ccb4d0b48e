"""Models of the hub: in its cache on this machine, in a repository, and at a mirror."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from checkpoint_helpers import folder, refused, small
from huggingface_hub.errors import EntryNotFoundError
from model_helpers import small_config

from vibevoice_nb import Engine
from vibevoice_nb.errors import CheckpointError
from vibevoice_nb.model.loading.checkpoint import find_checkpoint, mirror_of
from vibevoice_nb.system.model_info import describe

__all__ = ["folder", "small"]  # fixtures

QWEN = {"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 896}


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
    error = refused(root)
    assert "2 snapshots" in error.got and str(root / "snapshots" / "abc1") in error.remedy
    assert "0 snapshots" in refused(cache_without(root)).got


def cache_without(root: Path) -> Path:
    shutil.rmtree(root / "snapshots")
    (root / "snapshots").mkdir()
    return root


def test_the_cache_of_many_models_is_named(cache: Callable[..., Path]) -> None:
    root = cache("abc1")
    for place in (root.parent, root.parent.parent):
        assert refused(place).remedy == "pass the id of one of them: me/Voice"


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
    assert kind in refused("me/Voice").got


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


def test_the_requested_repository_does_not_count_as_a_mirror(mirrored: Path) -> None:
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
