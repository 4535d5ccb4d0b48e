"""The frame loop's states: stopped, cloned, saved and gone on from bit for bit; refused when damaged."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import END, EOS, FRAME, START, random_model, write_checkpoint
from model_helpers import (
    HOP,
    LATENT,
    SPECIAL,
    after,
    audio_of,
    begun,
    forced,
    prepared_model,
    same_steps,
    sampler_of,
    small_checkpoint,
    small_config,
    small_model,
    small_prompt,
    walk,
)
from safetensors.torch import load_file, save_file
from torch import Tensor

from vibevoice_nb.errors import CheckpointError
from vibevoice_nb.model.generation.loop import Step, generate, prefill
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.loading.fingerprint import Fingerprint
from vibevoice_nb.model.loading.prepare import load_prepared, prepare
from vibevoice_nb.model.loading.weights import load_model
from vibevoice_nb.model.modules.kv_cache import BLOCK
from vibevoice_nb.model.vibevoice import VibeVoiceModel

CFG = 1.7
S, E, F, Z = START, END, FRAME, EOS


@pytest.fixture(scope="module")
def model() -> VibeVoiceModel:
    return prepared_model()


# Stopping and going on.

LONG = [F, F, E, S, F, S, F, E, F, S, E, F, Z]


def _take(steps: Iterator[Step], count: int) -> list[Step]:
    return list(itertools.islice(steps, count))


@pytest.fixture(scope="module")
def whole(model: VibeVoiceModel) -> list[Step]:
    """One run from beginning to end."""
    return walk(model, [begun(model, small_prompt())], sampler_of(model, CFG, 2), choose=forced(LONG))


@pytest.mark.parametrize("cut", range(len(LONG)))
def test_stopped_at_any_step_it_goes_on_bit_for_bit(
    model: VibeVoiceModel, whole: list[Step], cut: int, tmp_path: Path
) -> None:
    """From the state itself, from its clone, and from disk; after frames, start and end tokens alike."""
    state, sampler = begun(model, small_prompt()), sampler_of(model, CFG, 2)
    choose = forced(LONG)
    first = _take(generate(model, [state], sampler, SPECIAL, choose=choose), cut) if cut else []
    assert same_steps(first, whole[:cut])
    state.save(tmp_path / "state", model.config)
    others = {"clone": state.clone(), "disk": GenerationState.load(tmp_path / "state", model)}
    for name, other in {"itself": state, **others}.items():
        rest = walk(model, [other], sampler, choose=forced(LONG[cut:]))
        assert same_steps(rest, whole[cut:]), name
        assert other.finished and (other.steps, other.frames) == (len(LONG), LONG.count(F))


@pytest.mark.parametrize("cut", [BLOCK - 3, BLOCK, BLOCK + 5])
def test_going_on_is_bit_for_bit_across_a_growing_cache(
    model: VibeVoiceModel, cut: int, tmp_path: Path
) -> None:
    prompt = small_prompt(text=cut - 26)
    state, sampler = begun(model, prompt), sampler_of(model, CFG, 1)
    assert BLOCK - 30 < state.cond.length <= BLOCK + 5
    wanted = walk(model, [state.clone()], sampler, stop=after(12))
    walk(model, [state], sampler, stop=after(5))
    state.save(tmp_path, model.config)
    loaded = GenerationState.load(tmp_path, model)
    assert (loaded.cond.length, loaded.cond.capacity) == (state.cond.length, state.cond.capacity)
    for other in (state.clone(), loaded):
        assert same_steps(walk(model, [other], sampler, stop=after(7)), wanted[5:])


def test_the_stochastic_solver_goes_on_bit_for_bit(model: VibeVoiceModel, tmp_path: Path) -> None:
    sampler = sampler_of(model, CFG, 3, solver="sde-dpmsolver++")
    wanted = walk(model, [begun(model, small_prompt(), 4)], sampler, choose=forced(LONG))
    state = begun(model, small_prompt(), 4)
    _take(generate(model, [state], sampler, SPECIAL, choose=forced(LONG)), 7)
    state.save(tmp_path, model.config)
    loaded = GenerationState.load(tmp_path, model)
    assert same_steps(walk(model, [loaded], sampler, choose=forced(LONG[7:])), wanted[7:])


def test_two_takes_from_one_point(model: VibeVoiceModel) -> None:
    state, sampler = begun(model, small_prompt()), sampler_of(model, CFG, 2)
    walk(model, [state], sampler, stop=after(3))
    one, other = state.clone(), state.clone()
    other.generator.manual_seed(77)
    before = state.cond.keys[0][:, : state.cond.length].clone()
    first = audio_of(walk(model, [one], sampler, stop=after(3)))
    second = audio_of(walk(model, [other], sampler, stop=after(3)))
    assert not torch.equal(first, second)
    assert torch.equal(state.cond.keys[0][:, : state.cond.length], before), "the point itself is untouched"
    assert torch.equal(audio_of(walk(model, [state], sampler, stop=after(3))), first)


def test_a_batch_left_in_the_middle_of_a_step_is_whole(model: VibeVoiceModel) -> None:
    """Leave after the first row's frame: the second row has also taken its step, and both continue."""
    sampler = sampler_of(model, CFG, 2)
    states = [begun(model, small_prompt(row), row) for row in range(2)]
    _take(generate(model, states, sampler, SPECIAL), 3)
    assert [state.steps for state in states] == [2, 2]
    for row, state in enumerate(states):
        alone = begun(model, small_prompt(row), row)
        wanted = audio_of(walk(model, [alone], sampler, stop=after(4)))[2 * HOP :]
        got = audio_of(walk(model, [state], sampler, stop=after(2)))
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-3)


def test_an_end_token_resets_only_the_codec(model: VibeVoiceModel) -> None:
    state, sampler = begun(model, small_prompt()), sampler_of(model, CFG, 2)
    walk(model, [state], sampler, choose=forced([F, F, E]), stop=after(3))
    assert not any(buffer.any() for buffer in state.acoustic + state.semantic)
    assert state.uncond.length == 2, "the unconditional row is not reset"
    walk(model, [state], sampler, choose=forced([S]), stop=after(1))
    assert state.uncond.length == 0
    assert state.cond.length == len(small_prompt().ids) - 1 + 4


# States on disk.


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_checkpoint(tmp_path_factory.mktemp("state") / "model")


@pytest.fixture
def saved(model: VibeVoiceModel, tmp_path: Path) -> Path:
    state = begun(model, small_prompt())
    walk(model, [state], sampler_of(model, CFG, 1), stop=after(2))
    state.save(tmp_path / "state", model.config)
    return tmp_path / "state"


def test_a_state_is_two_files_and_can_be_saved_again(model: VibeVoiceModel, saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == ["state.json", "state.safetensors"]
    state = GenerationState.load(saved, model)
    state.save(saved, model.config)
    assert GenerationState.load(saved, model).steps == 2
    assert state.nbytes() > sum(key.numel() for key in state.cond.keys) * 8


def test_a_state_is_refused_by_a_model_of_another_shape(saved: Path) -> None:
    config = small_config()
    config["decoder_config"]["rope_theta"] = 1e5
    with pytest.raises(CheckpointError, match=r"made with another model.*start the script again"):
        GenerationState.load(saved, random_model(config))


@pytest.mark.parametrize("name", ["head.final.weight", "language_model.layers.1.mlp.up_proj.weight"])
def test_a_state_is_refused_by_the_same_model_with_other_weights(saved: Path, name: str) -> None:
    for other in (small_model(), small_model()):
        GenerationState.load(saved, other)  # drawn alike, not prepared: the same weights
    with torch.no_grad():
        other.get_parameter(name)[-1, -1] += 1e-3
    with pytest.raises(CheckpointError, match=r"made with another model.*start the script again"):
        GenerationState.load(saved, other)
    prepare(other)
    with pytest.raises(CheckpointError, match="made with another model"):
        GenerationState.load(saved, other)
    with pytest.raises(CheckpointError, match="made with another model"):
        GenerationState.load(saved, small_model(seed=1))


OPTIONS: dict[str, dict[str, Any]] = {
    "float32": {"dtype": torch.float32},
    "bfloat16": {"dtype": torch.bfloat16},
    "int8": {"dtype": torch.float32, "quantize": "int8"},
}


@pytest.mark.parametrize("made", list(OPTIONS))
@pytest.mark.parametrize("loaded", list(OPTIONS))
def test_a_state_is_refused_in_another_dtype_or_quantization(
    checkpoint: Path, tmp_path: Path, made: str, loaded: str
) -> None:
    models = [load_prepared(checkpoint, torch.device("cpu"), **OPTIONS[kind]) for kind in (made, loaded)]
    state = begun(models[0], small_prompt())
    state.save(tmp_path / "state", models[0].config)
    if made == loaded:
        assert GenerationState.load(tmp_path / "state", models[1]).cond.length == state.cond.length
        return
    differs = "dtype" if "bfloat16" in (made, loaded) else "quantize"
    with pytest.raises(CheckpointError, match=f"made with {differs}=.*or load the model with {differs}="):
        GenerationState.load(tmp_path / "state", models[1])


def test_files_and_layouts_do_not_make_another_model(tmp_path: Path) -> None:
    folders = [
        write_checkpoint(tmp_path / "one"),
        write_checkpoint(tmp_path / "three", shards=3),
    ]
    models = [load_model(folder, torch.device("cpu"), torch.float32) for folder in folders]
    assert models[0].weights_digest() == models[1].weights_digest()
    narrow = load_model(folders[0], torch.device("cpu"), torch.bfloat16)
    assert narrow.weights_digest() == models[0].weights_digest()
    assert models[0].take_fingerprint().hexdigest() == models[0].weights_digest()


def test_large_tensors_are_sampled_from_end_to_end() -> None:
    tensor = torch.zeros(3 << 19)
    digests = set()
    for place in (0, 1 << 19, (3 << 19) - 1, None):
        changed = tensor.clone()
        if place is not None:
            changed[place : place + 2 * len(tensor) // 64] = 1
        fingerprint = Fingerprint()
        fingerprint.add("weight", changed)
        digests.add(fingerprint.hexdigest())
    assert len(digests) == 4


def test_a_state_of_an_earlier_version_is_refused_with_the_reason(model: VibeVoiceModel, saved: Path) -> None:
    file = saved / "state.json"
    about = json.loads(file.read_text())
    del about["maker"]
    file.write_text(json.dumps(about | {"format": 1}))
    with pytest.raises(
        CheckpointError, match=r"earlier version, which did not record the model's weights.*again"
    ):
        GenerationState.load(saved, model)


@pytest.mark.parametrize("name", ["state.json", "state.safetensors"])
def test_a_lost_file_is_named(model: VibeVoiceModel, saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(CheckpointError, match="No such file"):
        GenerationState.load(saved, model)


def test_a_changed_tensor_file_is_noticed(model: VibeVoiceModel, saved: Path) -> None:
    file = saved / "state.safetensors"
    data = bytearray(file.read_bytes())
    data[-100] ^= 1
    file.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"state\.safetensors is damaged"):
        GenerationState.load(saved, model)
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="is damaged"):
        GenerationState.load(saved, model)


def test_a_save_that_broke_off_leaves_the_old_state(
    model: VibeVoiceModel, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = (saved / "state.json").read_text()
    state = GenerationState.load(saved, model)
    state.frames = 99

    def full(*args: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vibevoice_nb.model.generation.state.save_file", full)
    with pytest.raises(OSError, match="No space left"):
        state.save(saved, model.config)
    assert (saved / "state.json").read_text() == wanted
    assert GenerationState.load(saved, model).frames == 2


@pytest.mark.parametrize(
    "change",
    [
        {"format": 99},
        {"format": None},
        {"cond": None},
        {"cond": [5, 3]},
        {"cond": [-1, 256]},
        {"cond": [10, 10**15]},
        {"cond": ["a", "b"]},
        {"cond": [3, 256]},
        {"null": [1]},
        {"steps": "many"},
        {"finished": ...},
        {"maker": ...},
        {"maker": "somebody"},
        {"maker": {}},
        {"sha256": None},
    ],
    ids=str,
)
def test_a_state_that_contradicts_itself_is_refused(
    model: VibeVoiceModel, saved: Path, change: dict[str, Any]
) -> None:
    file = saved / "state.json"
    about = json.loads(file.read_text()) | change
    file.write_text(json.dumps({key: value for key, value in about.items() if value is not ...}))
    with pytest.raises(CheckpointError):
        GenerationState.load(saved, model)


@pytest.mark.parametrize("tensor", [None, torch.ones(1), torch.ones(1, 2, 3)])
def test_a_state_of_other_tensors_is_refused(
    model: VibeVoiceModel, saved: Path, tensor: Tensor | None, tmp_path: Path
) -> None:
    """Even with a corrected checksum."""
    from vibevoice_nb.model.generation.state import _sha256

    weights = load_file(saved / "state.safetensors")
    for name in ("pending", "acoustic.0", "cond.keys.1", "generator"):
        folder = tmp_path / name
        shutil.copytree(saved, folder)
        changed = {key: value for key, value in weights.items() if key != name}
        save_file(changed if tensor is None else {**changed, name: tensor}, folder / "state.safetensors")
        about = json.loads((folder / "state.json").read_text())
        about["sha256"] = _sha256(folder / "state.safetensors")
        (folder / "state.json").write_text(json.dumps(about))
        with pytest.raises(CheckpointError, match="damaged"):
            GenerationState.load(folder, model)


def test_a_fresh_state_is_empty(model: VibeVoiceModel) -> None:
    state = GenerationState.new(model, seed=3)
    assert (state.steps, state.frames, state.finished, state.cond.length) == (0, 0, False, 0)
    assert state.latent_size == LATENT
    assert state.generator.initial_seed() == 3
    before = state.clone()
    prefill(model, small_prompt(), state)
    assert state.cond.length == len(small_prompt().ids) - 1 and state.steps == 0
    assert before.cond.length == 0


def test_half_precision_speaks(tmp_path: Path) -> None:
    model = small_model().to(torch.bfloat16)
    prepare(model)
    steps = walk(model, [begun(model, small_prompt())], sampler_of(model, CFG, 2), stop=after(4))
    sound = audio_of(steps)
    assert sound.dtype == torch.bfloat16 and sound.isfinite().all()
    assert steps[0].logits.dtype == torch.float32
    state = begun(model, small_prompt())
    state.save(tmp_path, model.config)
    assert GenerationState.load(tmp_path, model).pending.dtype == torch.bfloat16
