"""Which device and dtype, and how a model too large for one device is spread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from checkpoints import save_weights
from engine_helpers import begun, prepared_model, small_config, small_model, small_prompt

from vibevoice_nb.engine import placement
from vibevoice_nb.engine.config import parse_config
from vibevoice_nb.engine.model import VibeVoiceModel
from vibevoice_nb.engine.placement import (
    DTYPES,
    cpu_has_fast_bfloat16,
    pick_device,
    pick_dtype,
    place,
    split_layers,
)
from vibevoice_nb.engine.weights import device_of, load_model
from vibevoice_nb.errors import DeviceError, OptionError

CPU, FIRST = torch.device("cpu"), torch.device("cuda", 0)
LAYERS = 8


@pytest.fixture(scope="module")
def model() -> VibeVoiceModel:
    """Eight layers that take no memory."""
    config = small_config()
    config["decoder_config"]["num_hidden_layers"] = LAYERS
    with torch.device("meta"):
        return VibeVoiceModel(parse_config(config), tied=True)


@pytest.fixture(scope="module")
def sizes(model: VibeVoiceModel) -> tuple[int, int]:
    """Bytes in float32 of what can't be split, and of a layer."""
    whole = sum(parameter.numel() for parameter in model.parameters()) * 4
    layer = sum(parameter.numel() for parameter in model.language_model.layers[0].parameters()) * 4
    return whole - LAYERS * layer, layer


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let accelerate's planner believe in cards that are not here, and in 1 GB of main memory."""
    monkeypatch.setattr("accelerate.utils.modeling.get_max_memory", lambda memory: memory)
    monkeypatch.setattr(placement, "_cpu_memory", lambda: 10**9)


def _where(model: VibeVoiceModel, device: torch.device, budgets: dict[int, int]) -> list[str]:
    """The device of every layer; everything else must be on the first one."""
    plan = split_layers(model, device, torch.float32, budgets)
    for name in ("language_model.embed_tokens.weight", "language_model.norm.weight", "head.final.weight"):
        assert device_of(name, plan) == device
    weight = "self_attn.q_proj.weight"
    return [str(device_of(f"language_model.layers.{i}.{weight}", plan)) for i in range(LAYERS)]


@pytest.mark.usefixtures("cards")
def test_what_fits_stays_together(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    assert split_layers(model, FIRST, torch.float32, {0: rest + LAYERS * layer, 1: 10**9}) == {"": FIRST}
    half = {0: (rest + LAYERS * layer) // 2}
    assert split_layers(model, FIRST, torch.bfloat16, half) == {"": FIRST}, "half the bytes"


@pytest.mark.usefixtures("cards")
def test_layers_go_to_the_next_card_in_order(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    where = _where(model, FIRST, {0: rest + 5 * layer, 1: 10 * layer})
    assert set(where) == {"cuda:0", "cuda:1"} and where == sorted(where)
    assert where.count("cuda:0") <= 5 and where.count("cuda:1") <= 10
    three = _where(model, FIRST, {0: rest + 3 * layer, 1: 4 * layer, 2: 4 * layer})
    assert set(three) == {"cuda:0", "cuda:1", "cuda:2"} and three == sorted(three)


@pytest.mark.usefixtures("cards")
def test_all_layers_on_another_card(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    assert _where(model, FIRST, {0: rest, 1: 20 * layer}) == ["cuda:1"] * LAYERS
    assert _where(model, FIRST, {0: rest}) == ["cpu"] * LAYERS


@pytest.mark.usefixtures("cards")
def test_what_no_card_holds_goes_to_main_memory(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    where = _where(model, FIRST, {0: rest + 4 * layer, 1: layer})
    assert where[0] == "cuda:0" and where[-1] == "cpu"
    assert sorted(where, key=["cuda:0", "cuda:1", "cpu"].index) == where


@pytest.mark.usefixtures("cards")
def test_the_device_asked_for_comes_first(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    where = _where(model, torch.device("cuda", 1), {0: 10 * layer, 1: rest + 4 * layer})
    assert where[0] == "cuda:1" and where[-1] == "cuda:0"


@pytest.mark.usefixtures("cards")
def test_too_small_a_machine_is_a_clear_error(
    model: VibeVoiceModel, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rest, layer = sizes
    with pytest.raises(DeviceError, match=r"cuda:0 has room for.*can't be split.*smaller model"):
        split_layers(model, FIRST, torch.float32, {0: rest - 1, 1: 10**9})
    monkeypatch.setattr(placement, "_cpu_memory", lambda: layer)
    with pytest.raises(DeviceError, match=r"hold it together.*smaller model"):
        split_layers(model, FIRST, torch.float32, {0: rest + 3 * layer, 1: 2 * layer})


def test_without_cards_everything_is_in_one_place(model: VibeVoiceModel) -> None:
    assert place(model, CPU, torch.float32) == {"": CPU}


def test_the_longest_prefix_wins_and_a_number_is_no_prefix_of_another() -> None:
    one, two, three = (torch.device("cuda", index) for index in range(3))
    plan = {"": one, "language_model.layers": two, "language_model.layers.1": three}
    assert device_of("head.final.weight", plan) == one
    assert device_of("language_model.layers.0.mlp.up_proj.weight", plan) == two
    assert device_of("language_model.layers.1.mlp.up_proj.weight", plan) == three
    assert device_of("language_model.layers.10.mlp.up_proj.weight", plan) == two
    assert device_of("language_model.layers_extra.weight", plan) == one
    assert device_of("anything", CPU) == CPU


def test_a_model_is_loaded_to_where_the_plan_says(tmp_path: Path) -> None:
    """The meta device stands for a second card."""
    (tmp_path / "config.json").write_text(json.dumps(small_config()))
    save_weights(small_model(), tmp_path)
    meta = torch.device("meta")
    model = load_model(tmp_path, {"": CPU, "language_model.layers.1": meta}, torch.float32)
    for name, parameter in model.named_parameters():
        assert parameter.is_meta == name.startswith("language_model.layers.1."), name
    cache = model.language_model.new_cache(4)
    assert [keys.is_meta for keys in cache.keys] == [False, True], "each layer's cache is beside it"


# Devices and dtypes.


def test_devices() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else pick_device().type)
    for name in ("abacus", "cuda:99", "cpu:x", ""):
        with pytest.raises(DeviceError, match="use auto"):
            pick_device(name)


def test_the_fastest_device_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device() == torch.device("cuda", 1)
    assert pick_device("cuda:0") == FIRST
    with pytest.raises(DeviceError, match="cuda:2"):
        pick_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert pick_device() == torch.device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert pick_device() == CPU


@pytest.mark.parametrize(
    "capability, wanted",
    [((7, 5), "float16"), ((8, 0), "bfloat16"), ((9, 0), "bfloat16"), ((6, 1), "float16")],
)
def test_cards_get_the_dtype_they_are_fast_in(
    monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], wanted: str
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert pick_dtype(FIRST) == DTYPES[wanted]
    assert pick_dtype(FIRST, "float32") == torch.float32


def test_processors_get_bfloat16_only_where_it_is_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    for fast, wanted in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(placement, "cpu_has_fast_bfloat16", lambda fast=fast: fast)
        assert pick_dtype(CPU) == wanted
    assert pick_dtype(torch.device("mps")) == torch.float32
    with pytest.raises(OptionError, match="float64"):
        pick_dtype(CPU, "float64")


@pytest.mark.parametrize("avx512", [True, False])
@pytest.mark.parametrize("amx", [True, False])
def test_either_kind_of_bfloat16_hardware_counts(
    monkeypatch: pytest.MonkeyPatch, avx512: bool, amx: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    assert cpu_has_fast_bfloat16() == (avx512 or amx)
    assert pick_dtype(CPU) == (torch.bfloat16 if avx512 or amx else torch.float32)
    assert pick_dtype(CPU, small=True) == torch.float32


def test_states_are_where_the_model_is() -> None:
    model = prepared_model()
    state = begun(model, small_prompt())
    tensors = [*state.cond.keys, *state.null.values, *state.acoustic, *state.semantic, state.pending]
    assert {tensor.device for tensor in tensors} == {CPU}
    assert state.generator.device == CPU
