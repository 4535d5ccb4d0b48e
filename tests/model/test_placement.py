"""Which device and dtype, and how a model too large for one device is spread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from checkpoints import random_model, save_weights
from fake_gpu import fake_gpus, gpu, read_nothing
from machines import pretend
from model_helpers import (
    LATENT,
    SPECIAL,
    begun,
    prepared_model,
    sampler_of,
    small_config,
    small_model,
    small_prompt,
    walk,
)

from vibevoice_nb.errors import DeviceError, OptionError
from vibevoice_nb.model.generation.cuda_graphs import one_device
from vibevoice_nb.model.kernels import quantized
from vibevoice_nb.model.kernels.quantized import Quantize
from vibevoice_nb.model.loading import placement, weights
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.loading.footprint import kept_bytes
from vibevoice_nb.model.loading.placement import (
    DTYPES,
    cpu_has_fast_bfloat16,
    pick_device,
    pick_dtype,
    place,
    split_layers,
)
from vibevoice_nb.model.loading.prepare import load_prepared
from vibevoice_nb.model.loading.weights import device_of, load_model
from vibevoice_nb.model.vibevoice import VibeVoiceModel

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
    whole, layer = (
        kept_bytes(part, torch.float32, device_type="cuda")
        for part in (model, model.language_model.layers[0])
    )
    return whole - LAYERS * layer, layer


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate GPUs that do not exist, and 1 GB of main memory, for accelerate's planner."""
    monkeypatch.setattr("accelerate.utils.modeling.get_max_memory", lambda memory: memory)
    monkeypatch.setattr(placement, "_cpu_memory", lambda: 10**9)


def _where(model: VibeVoiceModel, device: torch.device, budgets: dict[int, int]) -> list[str]:
    """The device of every layer; everything else must be on the first one."""
    plan = split_layers(model, device, torch.float32, budgets)
    for name in ("language_model.embed_tokens.weight", "language_model.norm.weight", "head.final.weight"):
        assert device_of(name, plan) == device
    weight = "self_attn.q_proj.weight"
    return [str(device_of(f"language_model.layers.{i}.{weight}", plan)) for i in range(LAYERS)]


@pytest.mark.usefixtures("gpus")
def test_parts_that_fit_stay_on_one_device(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    assert split_layers(model, FIRST, torch.float32, {0: rest + LAYERS * layer, 1: 10**9}) == {"": FIRST}
    half = {0: (rest + LAYERS * layer) // 2}
    assert split_layers(model, FIRST, torch.bfloat16, half) == {"": FIRST}, "half the bytes"


@pytest.mark.usefixtures("gpus")
def test_quantized_layers_are_counted_as_they_are_kept(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    small = kept_bytes(model.language_model.layers[0], torch.float32, device_type="cuda", quantize="int8")
    assert small < 0.3 * layer
    budgets = {0: rest + 4 * small + small // 2}
    plan = split_layers(model, FIRST, torch.float32, budgets, "int8")
    weight = "mlp.up_proj.weight"
    where = [device_of(f"language_model.layers.{i}.{weight}", plan).type for i in range(LAYERS)]
    assert where.count("cuda") in (3, 4) and where == sorted(where, reverse=True)
    assert split_layers(model, FIRST, torch.float32, {0: rest + LAYERS * small}, "int8") == {"": FIRST}


@pytest.mark.usefixtures("gpus")
def test_layers_go_to_the_next_card_in_order(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    where = _where(model, FIRST, {0: rest + 5 * layer, 1: 10 * layer})
    assert set(where) == {"cuda:0", "cuda:1"} and where == sorted(where)
    assert where.count("cuda:0") <= 5 and where.count("cuda:1") <= 10
    three = _where(model, FIRST, {0: rest + 3 * layer, 1: 4 * layer, 2: 4 * layer})
    assert set(three) == {"cuda:0", "cuda:1", "cuda:2"} and three == sorted(three)


@pytest.mark.usefixtures("gpus")
def test_all_layers_on_another_card(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    assert _where(model, FIRST, {0: rest, 1: 20 * layer}) == ["cuda:1"] * LAYERS
    assert _where(model, FIRST, {0: rest}) == ["cpu"] * LAYERS


@pytest.mark.usefixtures("gpus")
def test_parts_that_fit_on_no_gpu_go_to_main_memory(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    where = _where(model, FIRST, {0: rest + 4 * layer, 1: layer})
    assert where[0] == "cuda:0" and where[-1] == "cpu"
    assert sorted(where, key=["cuda:0", "cuda:1", "cpu"].index) == where


@pytest.mark.usefixtures("gpus")
def test_the_requested_device_comes_first(model: VibeVoiceModel, sizes: tuple[int, int]) -> None:
    rest, layer = sizes
    where = _where(model, torch.device("cuda", 1), {0: 10 * layer, 1: rest + 4 * layer})
    assert where[0] == "cuda:1" and where[-1] == "cuda:0"


@pytest.mark.usefixtures("gpus")
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


def test_a_model_is_loaded_to_the_devices_of_the_plan(tmp_path: Path) -> None:
    """The meta device simulates a second GPU."""
    (tmp_path / "config.json").write_text(json.dumps(small_config()))
    save_weights(small_model(), tmp_path)
    meta = torch.device("meta")
    model = load_model(tmp_path, {"": CPU, "language_model.layers.1": meta}, torch.float32)
    for name, parameter in model.named_parameters():
        assert parameter.is_meta == name.startswith("language_model.layers.1."), name
    cache = model.language_model.new_cache(4)
    assert [keys.is_meta for keys in cache.keys] == [False, True], "each layer's cache is beside it"


@pytest.mark.parametrize("quantize", [None, "int8"])
def test_a_split_model_speaks(tmp_path: Path, quantize: Quantize | None) -> None:
    """Over two GPUs and main memory, from loading on: no operation mixes devices (see `fake_gpu`)."""
    one, two = gpu(0), gpu(1)
    config = small_config()
    config["decoder_config"]["num_hidden_layers"] = 4
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_weights(random_model(config, tied=False), tmp_path)
    plan = {"": one, "language_model.layers.1": two, "language_model.layers.2": CPU}
    frame, prompt = SPECIAL.valid_tokens.index(SPECIAL.frame), small_prompt()
    sampler_of(prepared_model())  # the noise schedule is worked out here, with numbers
    with pytest.MonkeyPatch.context() as patch, fake_gpus(one, two) as held, torch.no_grad():
        # Values there are none, and what asks for them is not what is tested.
        patch.setattr(weights, "_read", read_nothing)
        pretend(patch)
        patch.setattr(quantized, "_is_right", lambda *_: False)
        model = load_prepared(tmp_path, plan, torch.float32, quantize=quantize, scored=SPECIAL.valid_tokens)
        assert held[0].live > held[1].live > 0
        assert not one_device(list(model.parameters()))
        state = begun(model, prompt)
        assert [keys.device for keys in state.cond.keys] == [one, two, CPU, one]
        asked = iter(range(4))
        made = walk(
            model,
            [state],
            sampler_of(model),
            choose=lambda row, logits: frame,
            draw=lambda row, state: torch.zeros(LATENT),
            stop=lambda row: next(asked) > 2,
        )
        assert len(made) == 3
        assert {step.frame.audio.device for step in made if step.frame is not None} == {one}
        assert [keys.device for keys in state.uncond.keys] == [one, two, CPU, one]
        broken = model.language_model.layers[1]
        broken.input_layernorm.weight = torch.nn.Parameter(torch.ones(48, device=one), requires_grad=False)
        with pytest.raises(RuntimeError, match="same device"):
            walk(model, [state], sampler_of(model), choose=lambda row, logits: frame)


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
        pretend(monkeypatch, onednn=[torch.float32, torch.bfloat16] if fast else [torch.float32])
        assert cpu_has_fast_bfloat16() is fast
        assert pick_dtype(CPU) == wanted
        assert pick_dtype(CPU, small=True) == torch.float32
    assert pick_dtype(torch.device("mps")) == torch.float32
    with pytest.raises(OptionError, match="float64"):
        pick_dtype(CPU, "float64")


def test_states_are_where_the_model_is() -> None:
    model = prepared_model()
    state = begun(model, small_prompt())
    tensors = [*state.cond.keys, *state.uncond.values, *state.acoustic, *state.semantic, state.pending]
    assert {tensor.device for tensor in tensors} == {CPU}
    assert state.generator.device == CPU
