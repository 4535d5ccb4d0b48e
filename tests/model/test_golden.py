"""Recorded runs of the reference, and ours of other shapes; `verify` detects errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import native_config
from model_helpers import small_config
from record import write_recording
from safetensors.torch import load_file, save_file

from vibevoice_nb.errors import CheckpointError, DeviceError, OptionError
from vibevoice_nb.model.tokenizer import SpecialTokens
from vibevoice_nb.verify import Comparison, summary, verify

GOLDEN = Path(__file__).parent.parent / "data" / "golden"


def _status(comparisons: list[Comparison]) -> dict[str, str]:
    return {comparison.name: comparison.status for comparison in comparisons}


@pytest.fixture(scope="module")
def golden() -> list[Comparison]:
    """Replay of the reference's runs."""
    return verify(GOLDEN)


def test_every_array_of_the_reference_is_reproduced(golden: list[Comparison]) -> None:
    assert [comparison for comparison in golden if comparison.status != "ok"] == []
    assert len(golden) == 63


def test_frames_on_fixed_buffers_reproduce_it_too() -> None:
    assert [comparison for comparison in verify(GOLDEN, frames="fixed") if comparison.status != "ok"] == []


@pytest.mark.gpu
@pytest.mark.parametrize("frames", ["loop", "fixed", "fused"])
def test_a_card_reproduces_it(frames: str) -> None:
    comparisons = verify(GOLDEN, device="cuda", frames=frames)
    assert [comparison for comparison in comparisons if comparison.status != "ok"] == []


def test_another_way_to_make_frames_is_refused() -> None:
    with pytest.raises(OptionError, match="loop, fixed, fused"):
        verify(GOLDEN, frames="quick")


def test_the_recorded_runs_are_all_there(golden: list[Comparison]) -> None:
    names = {comparison.name for comparison in golden}
    for run in ("main", "ragged", "natural"):
        assert f"{run}_tokens" in names
    assert {"main_audio", "ragged_audio", "sampler_sde_out_20", "decode_stream3", "lm_hidden_layer1"} <= names


def test_tolerances_are_those_promised(golden: list[Comparison]) -> None:
    tolerance = {comparison.name: comparison.tolerance for comparison in golden}
    stages = ("head_out", "sampler_trace_10", "semantic_stream", "lm_last_hidden", "main_acoustic_mean")
    assert {tolerance[name] for name in stages} == {1e-5}
    assert {tolerance[name] for name in ("main_audio", "ragged_audio", "decode_stream")} == {1e-4}
    assert {tolerance[name] for name in ("natural_tokens", "sampler_timesteps_5")} == {0}


def test_the_summary_is_one_line_of_json(golden: list[Comparison]) -> None:
    flat = json.loads(json.dumps(summary(golden), allow_nan=False))
    assert (flat["ok"], flat["beyond"], flat["skipped"], flat["passed"]) == (63, 0, 0, True)
    assert flat["arrays"] == [] and 0 < flat["worst_relative"] < 1e-5


# Recordings of our own: other strides, depths, sizes, special ids, layouts, and one voice instead of two.


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two voices, hop 240; copy it before changing it."""
    return write_recording(
        tmp_path_factory.mktemp("recordings") / "small",
        small_config(),
        special=SpecialTokens(start=301, end=17, frame=260, eos=3),
        voices=(3 * 240, 2 * 240 - 50),
        cfg_scale=1.7,
        num_steps=4,
    )


@pytest.fixture
def folder(small: Path, tmp_path: Path) -> Path:
    """Copy of the recording to damage."""
    return Path(shutil.copytree(small, tmp_path / "copy"))


@pytest.fixture(scope="module")
def replayed(small: Path) -> list[Comparison]:
    """Replay of the recording."""
    return verify(small)


UNKNOWN = {"nobody_knows_this", "hf_main_audio"}


def test_a_recording_of_other_sizes_is_reproduced(replayed: list[Comparison]) -> None:
    status = _status(replayed)
    assert {name for name, state in status.items() if state != "ok"} == UNKNOWN
    assert len(status) == 31
    assert summary(replayed)["passed"]


def test_stages_without_inputs_are_skipped_with_the_reason(replayed: list[Comparison]) -> None:
    by_name = {comparison.name: comparison for comparison in replayed}
    assert {by_name[name].status for name in UNKNOWN} == {"skipped"}
    assert by_name["nobody_knows_this"].reason == "no inputs recorded for it"
    assert "another implementation" in by_name["hf_main_audio"].reason


def test_one_voice_other_strides_and_depths(tmp_path: Path) -> None:
    config = small_config()
    for section in ("acoustic_tokenizer_config", "semantic_tokenizer_config"):
        config[section] |= {"encoder_ratios": [10, 8, 8, 5], "encoder_depths": "1-2-1-1-2"}
    config["acoustic_tokenizer_config"] |= {
        "decoder_ratios": [10, 8, 8, 5],
        "decoder_depths": [1, 1, 2, 1, 1],
    }
    config["semantic_tokenizer_config"]["encoder_ratios"] = [8, 10, 5, 8]
    config["decoder_config"] |= {"num_hidden_layers": 3, "num_key_value_heads": 6, "rope_theta": 1e4}
    config["diffusion_head_config"] |= {"head_layers": 1, "head_ffn_ratio": 1.5}
    folder = write_recording(
        tmp_path / "run",
        config,
        special=SpecialTokens(start=1, end=2, frame=0, eos=319),
        voices=(3 * 3200,),
        cfg_scale=3.0,
        num_steps=2,
    )
    status = _status(verify(folder))
    assert {name for name, state in status.items() if state != "ok"} == UNKNOWN
    assert "main_acoustic_mean_stream_voice0" in status


def test_native_layout_own_head_and_no_guidance(tmp_path: Path) -> None:
    config = native_config()
    for section in ("audio_config", "semantic_model_config"):
        config[section] |= {"downsampling_ratios": [2, 3, 5], "depths": [1, 0, 2, 1]}
    folder = write_recording(
        tmp_path / "run",
        config,
        special=SpecialTokens(start=300, end=299, frame=298, eos=297),
        voices=(61, 30),
        cfg_scale=1.0,
        num_steps=1,
        tied=False,
        layout="native",
    )
    status = _status(verify(folder))
    assert {name for name, state in status.items() if state != "ok"} == UNKNOWN


# What is wrong is found.


def _npz(file: Path, change: Callable[[dict[str, np.ndarray]], Any]) -> None:
    arrays = dict(np.load(file))
    change(arrays)
    np.savez(file, **arrays)


@pytest.mark.parametrize(
    "name, caught_by",
    [
        ("model.prediction_head.layers.0.ffn.down_proj.weight", {"head_out", "sampler_out_4", "main_audio"}),
        ("model.acoustic_tokenizer.decoder.head.conv.conv.weight", {"decode_stream", "main_audio"}),
        ("model.acoustic_tokenizer.encoder.stages.0.0.ffn.linear1.bias", {"main_acoustic_mean"}),
        ("model.semantic_tokenizer.encoder.stages.3.1.gamma", {"semantic_stream", "main_semantic"}),
        ("model.language_model.layers.1.self_attn.v_proj.weight", {"lm_last_hidden", "main_hidden"}),
        ("model.semantic_connector.norm.weight", {"semantic_connector", "main_step_embeds"}),
        ("model.speech_scaling_factor", {"lm_inputs_embeds", "main_audio"}),
    ],
)
def test_a_weight_off_by_one_percent_is_found(folder: Path, name: str, caught_by: set[str]) -> None:
    weights = load_file(folder / "model.safetensors")
    weights[name] *= 1.01
    save_file(weights, folder / "model.safetensors")
    comparisons = verify(folder)
    status = _status(comparisons)
    assert {array for array in caught_by if status[array] != "beyond"} == set()
    assert not summary(comparisons)["passed"]


def test_every_single_array_is_really_compared(folder: Path, replayed: list[Comparison]) -> None:
    """One element of each is changed a little: all must fail."""

    def change(arrays: dict[str, np.ndarray]) -> None:
        for array in arrays.values():
            flat = array.reshape(-1)
            scale = np.sqrt(np.mean(np.square(flat.astype(float))))
            flat[len(flat) // 2] += 1 if array.dtype.kind == "i" else 0.01 * scale

    _npz(folder / "expected.npz", change)
    status = _status(verify(folder))
    changed = {name for name, state in status.items() if state == "beyond"}
    # What the recorded audio says is an input here: the semantic features follow it.
    assert changed == set(status) - UNKNOWN


def test_one_element_beyond_all_others_is_found(folder: Path, replayed: list[Comparison]) -> None:
    """Spread over many elements its rms is within tolerance, but it is no rounding."""

    def change(arrays: dict[str, np.ndarray]) -> None:
        audio = arrays["main_audio"]
        audio[0, 7] += 2e-3 * np.sqrt(np.mean(audio.astype(float) ** 2))

    _npz(folder / "expected.npz", change)
    (found,) = [comparison for comparison in verify(folder) if comparison.status == "beyond"]
    assert found.name == "main_audio" and "one element is 2.0e-03 off" in found.reason


def test_another_shape_and_no_number_fail_and_still_make_json(folder: Path) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays["head_out"] = arrays["head_out"][:2]
        arrays["main_latents"][1, 1] = np.nan

    _npz(folder / "expected.npz", change)
    comparisons = verify(folder)
    assert {name for name, state in _status(comparisons).items() if state == "beyond"} == {
        "head_out",
        "main_latents",
    }
    flat = summary(comparisons)
    assert not flat["passed"] and flat["worst_relative"] is None
    assert json.loads(json.dumps(flat, allow_nan=False))["arrays"][0]["reason"].startswith("shape [3, 8]")


def test_nothing_compared_is_no_pass(folder: Path) -> None:
    for name in ("inputs.npz", "expected.npz"):
        np.savez(folder / name)
    assert summary(verify(folder)) == {
        **{"ok": 0, "beyond": 0, "skipped": 0, "worst": None, "worst_relative": None},
        **{"passed": False, "arrays": []},
    }


@pytest.mark.parametrize(
    "lost", ["main_input_ids", "main_speech_tensors", "main_diffusion_noise", "stage_latents", "head_t"]
)
def test_stages_that_depend_on_a_lost_input_are_skipped(folder: Path, lost: str) -> None:
    _npz(folder / "inputs.npz", lambda arrays: arrays.pop(lost))
    comparisons = verify(folder)
    status = _status(comparisons)
    skipped = {name for name, state in status.items() if state == "skipped"} - UNKNOWN
    dependent = {"stage_latents": "decode_offline", "head_t": "head_out"}.get(lost, "main_audio")
    assert dependent in skipped and "beyond" not in status.values()
    assert summary(comparisons)["passed"]


@pytest.mark.parametrize(
    "name", ["config.json", "meta.json", "model.safetensors", "inputs.npz", "expected.npz"]
)
def test_a_missing_or_damaged_file_is_named(folder: Path, name: str) -> None:
    file = folder / name
    data = file.read_bytes()
    file.unlink()
    with pytest.raises(CheckpointError, match=name.replace(".npz", r"\.npz")):
        verify(folder)
    for damaged in (b"", b"PK\3\4 and nothing more", data[: len(data) // 2], data[len(data) // 2 :]):
        file.write_bytes(damaged)
        with pytest.raises(CheckpointError):
            verify(folder)


def test_a_bit_flipped_in_an_archive_is_noticed(folder: Path) -> None:
    data = bytearray((folder / "inputs.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "inputs.npz").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"inputs\.npz"):
        verify(folder)


def test_arrays_of_objects_are_never_unpickled(folder: Path) -> None:
    np.savez(folder / "inputs.npz", head_x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(CheckpointError, match=r"inputs\.npz"):
        verify(folder)


def test_a_single_array_is_no_archive(folder: Path) -> None:
    with (folder / "expected.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(CheckpointError, match=r"expected\.npz"):
        verify(folder)


@pytest.mark.parametrize(
    "change",
    [{"hop": 3200}, {"hop": None}, {"steps": "many"}, {"special_ids": {"start": 1}}, {"cfg": ...}],
    ids=str,
)
def test_a_meta_file_that_contradicts_or_lacks_something(folder: Path, change: dict[str, Any]) -> None:
    meta = json.loads((folder / "meta.json").read_text()) | change
    (folder / "meta.json").write_text(json.dumps({k: v for k, v in meta.items() if v is not ...}))
    with pytest.raises(CheckpointError, match=r"meta\.json"):
        verify(folder)


def test_another_dtype_is_checked_with_its_own_tolerance(folder: Path) -> None:
    comparisons = {comparison.name: comparison for comparison in verify(folder, dtype=torch.bfloat16)}
    assert comparisons["head_out"].tolerance == 0.1
    assert 1e-4 < comparisons["head_out"].relative < 0.1
    assert comparisons["acoustic_connector"].status == "ok"


def test_a_device_that_is_not_here_is_a_clear_error(folder: Path) -> None:
    with pytest.raises(DeviceError, match="auto"):
        verify(folder, device="abacus")
