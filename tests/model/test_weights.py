"""Weights of a checkpoint: layouts that load, and messages for those that do not fit the model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_helpers import folder, load, small
from checkpoints import original_config, random_model, write_checkpoint
from safetensors.torch import load_file, save_file
from torch import Tensor

from vibevoice_nb.errors import CheckpointError
from vibevoice_nb.model.loading.weights import build_model, list_tensors, read_config
from vibevoice_nb.model.vibevoice import VibeVoiceModel

__all__ = ["folder", "small"]  # fixtures


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
    model = load(folder)
    assert model.config.layout == layout
    assert (model.lm_head is None) == tied
    assert len(list(folder.glob("*.safetensors"))) == shards
    assert _same(model, random_model(original_config(), tied=tied, seed=3))
    assert not model.training and not any(weight.requires_grad for weight in model.parameters())


def test_values_and_scalars_are_those_of_the_file(folder: Path) -> None:
    model, saved = load(folder), load_file(folder / "model.safetensors")
    assert torch.equal(model.latent_scale, saved["model.speech_scaling_factor"])
    assert model.latent_scale.shape == model.latent_bias.shape == ()
    key = "model.acoustic_tokenizer.decoder.upsample_layers.1.0.convtr.convtr.weight"
    assert torch.equal(model.acoustic.decoder.stages[1].entry.weight, saved[key])
    assert list_tensors(folder)[key].shape == tuple(saved[key].shape)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_scalars_are_read_in_both_spellings(folder: Path, shape: tuple[int, ...]) -> None:
    _edit(folder, lambda weights: weights.update({"model.speech_bias_factor": torch.full(shape, 0.5)}))
    assert load(folder).latent_bias == 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_are_cast(folder: Path, dtype: torch.dtype) -> None:
    wanted = load(folder).language_model.norm.weight.to(dtype)
    model = load(folder, dtype)
    assert {weight.dtype for weight in model.parameters()} == {dtype}
    assert torch.equal(model.language_model.norm.weight, wanted)


def test_a_half_precision_file_is_widened(folder: Path) -> None:
    weights = {key: tensor.bfloat16() for key, tensor in load_file(folder / "model.safetensors").items()}
    save_file(weights, folder / "model.safetensors")
    model = load(folder)
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert torch.equal(model.language_model.norm.weight, weights["model.language_model.norm.weight"].float())


def test_an_own_head_beats_the_configs_word(folder: Path) -> None:
    """The published 7B says it is tied and isn't."""
    head = torch.randn(320, 48)
    _edit(folder, lambda weights: weights.update({"lm_head.weight": head}))
    assert json.loads((folder / "config.json").read_text())["decoder_config"]["tie_word_embeddings"] is True
    model = load(folder)
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
        load(folder)
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
        load(folder)


def test_weights_of_another_layout_than_the_config(tmp_path: Path) -> None:
    one = write_checkpoint(tmp_path / "one", layout="original")
    other = write_checkpoint(tmp_path / "other", layout="native")
    shutil.copy(other / "model.safetensors", one / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"missing: .*unexpected: .*one revision of one repository"):
        load(one)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_single_value_that_is_no_number_is_found(folder: Path, value: float) -> None:
    def change(weights: dict[str, Tensor]) -> None:
        weights["model.prediction_head.layers.1.ffn.up_proj.weight"][3, 5] = value

    _edit(folder, change)
    with pytest.raises(
        CheckpointError, match=r"prediction_head\.layers\.1\.ffn\.up_proj\.weight.*not finite"
    ):
        load(folder)


def test_overflow_in_half_precision_is_found(folder: Path) -> None:
    _edit(folder, lambda weights: weights["model.language_model.norm.weight"].fill_(1e6))
    assert load(folder).language_model.norm.weight[0] == 1e6
    with pytest.raises(CheckpointError, match=r"language_model\.norm\.weight.*not finite.*float16.*float32"):
        load(folder, torch.float16)


def test_whole_numbers_are_no_weights(folder: Path) -> None:
    _edit(folder, lambda weights: weights.update({"model.speech_bias_factor": torch.tensor(1)}))
    with pytest.raises(CheckpointError, match="speech_bias_factor"):
        load(folder)
