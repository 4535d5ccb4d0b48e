"""Location of a checkpoint, in a folder or on the hub, and of its tokenizer or Qwen's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from checkpoint_helpers import folder, refused, small
from checkpoints import END, EOS, FRAME, START
from model_helpers import small_config

from vibevoice_nb import Engine
from vibevoice_nb.errors import CheckpointError
from vibevoice_nb.model.loading import checkpoint
from vibevoice_nb.model.loading.checkpoint import MIRRORS, find_checkpoint
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.loading.weights import read_config
from vibevoice_nb.model.tokenizer import load_tokenizer
from vibevoice_nb.system.model_info import describe

__all__ = ["folder", "small"]  # fixtures


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
    """Stand-in for huggingface_hub.snapshot_download, with existing and missing repositories."""

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


def test_a_mirror_is_used_instead(hub: Callable[..., _Hub], folder: Path) -> None:
    there = hub("aoi-ot/VibeVoice-Large")
    assert find_checkpoint("vibevoice/VibeVoice-7B") == folder
    assert there.asked == [("vibevoice/VibeVoice-7B", None), ("aoi-ot/VibeVoice-Large", None)]
    assert not any("bin" in pattern or pattern == "*" for pattern in there.patterns), "no pickles, no code"


def test_own_mirrors_replace_the_default_ones(hub: Callable[..., _Hub], folder: Path) -> None:
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


def test_mirrors_work_in_both_directions() -> None:
    assert all(name not in MIRRORS[name] for name in MIRRORS)
    assert "vibevoice/VibeVoice-1.5B" in MIRRORS["microsoft/VibeVoice-1.5B"]
    assert checkpoint.NANO == "nano"


# The tokenizer beside the weights, or Qwen's.


def test_the_checkpoints_own_tokenizer_is_used(folder: Path) -> None:
    tokenizer = load_tokenizer(folder, read_config(folder))
    assert tokenizer.special.valid_tokens == (START, END, FRAME, EOS)
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
        CheckpointError, match=r"Qwen/Qwen2\.5-7B could not be loaded.*404.*copy tokenizer\.json"
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
    assert tokenizer.special.valid_tokens == (START, END, FRAME, EOS)
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
    assert "holds 2 tokenizers: other, qwen" in refused(folder).got


@pytest.mark.parametrize("above", [0, 5, 2**31])
def test_ids_beyond_the_embedding(folder: Path, above: int) -> None:
    file = folder / "tokenizer.json"
    data = json.loads(file.read_text())
    size = small_config()["decoder_config"]["vocab_size"]
    data["model"]["vocab"]["a"] = size + above
    file.write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match=rf"ids up to {size + above}.*ids below {size}"):
        Engine.load(folder, device="cpu")
