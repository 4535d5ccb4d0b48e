"""GenerationControls: plain traits that refuse invalid values, and link with any other widget."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from itertools import groupby
from typing import Any

import ipywidgets
import pytest
import traitlets
from widget_helpers import FakePage

from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.engine.registry import LoadedInfo
from vibevoice_nb.errors import OptionError
from vibevoice_nb.project.storage.schema import MAX_GAP_MS
from vibevoice_nb.ranges import ADJUSTMENTS, MUSIC
from vibevoice_nb.widgets import model_loader as models
from vibevoice_nb.widgets.controls import MAX_SEED, RANGES, GenerationControls


@pytest.fixture
def controls() -> GenerationControls:
    return GenerationControls()


def test_begin_as_the_model_likes_it(controls: GenerationControls) -> None:
    assert (controls.num_steps, controls.cfg_scale, controls.seed) == (5, 2.0, None)
    controls.model = "vibevoice/VibeVoice-1.5B-hf"
    assert controls.cfg_scale == 1.3
    assert controls.model_state["state"] == "unloaded"


def test_the_page_has_the_ranges_of_the_kernel() -> None:
    """`ranges.json` is a copy for the page; after a change of a range, write the expected values there."""
    expected = {
        name: dict(zip(("min", "max"), RANGES[name][:2], strict=True))
        for name in ("num_steps", "cfg_scale", "seed")
    }
    adjustments, music = (
        {name: {"min": low, "max": high} for name, (low, high, _) in ranges.items()}
        for ranges in (ADJUSTMENTS, MUSIC)
    )
    assert adjustments["pause"]["max"] * 1000 == MAX_GAP_MS
    expected |= {**adjustments, "music": music}
    assert json.loads(files("vibevoice_nb.widgets").joinpath("ranges.json").read_text("utf-8")) == expected


def test_the_suggested_models_are_described_in_sentence_case(controls: GenerationControls) -> None:
    notes = [known["note"] for known in controls.models]
    assert notes[0].startswith("Small embedded model") and all(note[0].isupper() for note in notes)


def test_a_chosen_value_stays_with_another_model(controls: GenerationControls) -> None:
    controls.cfg_scale = 2.5
    controls.model = "vibevoice/VibeVoice-1.5B-hf"
    assert controls.cfg_scale == 2.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_steps", 0),
        ("num_steps", 1000),
        ("cfg_scale", 0.9),
        ("cfg_scale", 10.1),
        ("cfg_scale", float("nan")),
        ("seed", -1),
        ("seed", MAX_SEED + 1),
        ("solver", "euler"),
        ("mode", "backwards"),
        ("model", "  "),
    ],
)
def test_out_of_range(controls: GenerationControls, name: str, value: Any) -> None:
    before = getattr(controls, name)
    with pytest.raises(OptionError, match=name.split("_")[0]):
        setattr(controls, name, value)
    assert getattr(controls, name) == before


def test_wrong_types(controls: GenerationControls) -> None:
    for name, value in (("num_steps", 5.5), ("seed", "7"), ("cfg_scale", "high"), ("mode", None)):
        with pytest.raises(traitlets.TraitError):
            setattr(controls, name, value)


def test_options(controls: GenerationControls) -> None:
    controls.num_steps, controls.seed, controls.solver = 5, 7, "sde-dpmsolver++"
    assert controls.options() == GenerationOptions(2.0, 5, 7, "sde-dpmsolver++")


def test_link_with_other_widgets(controls: GenerationControls) -> None:
    slider = ipywidgets.IntSlider(min=1, max=50)
    ipywidgets.link((slider, "value"), (controls, "num_steps"))
    slider.value = 33
    assert controls.num_steps == 33
    controls.num_steps = 12
    assert slider.value == 12


def test_interactive_output(controls: GenerationControls) -> None:
    seen: list[float] = []
    ipywidgets.interactive_output(lambda cfg: seen.append(cfg), {"cfg": _Value(controls, "cfg_scale")})
    controls.cfg_scale = 1.5
    assert seen == [2.0, 1.5]


class _Value(ipywidgets.ValueWidget):
    """One of the traits as a widget's value, which is what interactive_output listens to."""

    value = traitlets.Float()

    def __init__(self, controls: GenerationControls, name: str) -> None:
        super().__init__()
        traitlets.link((controls, name), (self, "value"))


class FakeRegistry:
    """Holds a word for each model, at once."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def get(self, model: str, **_: str) -> str | None:
        return self.held.get(model)

    def load(self, model: str, *, making: Callable[[], None], **_: str) -> str:
        making()
        return self.held.setdefault(model, f"engine {model}")

    def unload(self, model: str) -> None:
        self.held.pop(model)


def test_load_and_unload(controls: GenerationControls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "engines", FakeRegistry())
    monkeypatch.setattr(models, "describe", lambda _: LoadedInfo("nano", "cpu", "float32", 112))
    page = FakePage(controls)
    states: list[str] = []
    controls.observe(lambda change: states.append(change["new"]["state"]), "model_state")
    page.call("load_model")
    page.until(lambda: controls.model_state["state"] == "ready")
    assert (controls.model_state["memory"], controls.model_state["device"]) == (112, "cpu")
    assert controls.engine == "engine nano"
    page.call("unload_model")
    assert [state for state, _ in groupby(states)] == ["loading", "ready", "loading", "ready", "unloaded"]


def test_a_mirror_is_named(controls: GenerationControls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "engines", FakeRegistry())
    monkeypatch.setattr(models, "describe", lambda _: LoadedInfo("a/b", "cpu", "float32", 1, "c/d@1904eae3"))
    controls.model = "a/b"
    FakePage(controls).call("load_model")
    FakePage.until(lambda: controls.model_state["state"] == "ready")
    message = controls.model_state["message"]
    assert message == "loaded from the mirror c/d@1904eae3, as a/b could not be downloaded"


def test_a_missing_model_is_reported(controls: GenerationControls, tmp_path: Any) -> None:
    controls.model = str(tmp_path / "nothing")
    FakePage(controls).call("load_model")
    FakePage.until(lambda: controls.model_state["state"] == "failed", seconds=60)
    assert "nothing" in controls.model_state["message"]


def test_loading_reports_its_progress() -> None:
    """A large model takes minutes: whole tenths of the weights, in order."""
    told: list[dict[str, Any]] = []
    loader = models.ModelLoader(told.append, device="cpu", dtype="float32")
    models.engines.unload("nano")
    loader.engine("nano")
    loading = [state["message"] for state in told if state["state"] == "loading"]
    shares = [int(message.split()[0]) for message in loading if "%" in message]
    assert loading[0] == "loading …" and told[-1]["state"] == "ready"
    assert shares == sorted(set(shares)) and shares[-1] == 100


def test_a_model_is_kept_in_fewer_bits() -> None:
    controls = GenerationControls("nano", device="cpu", dtype="float32", quantize="int8")
    plain = GenerationControls("nano", device="cpu", dtype="float32")
    for each in (controls, plain):
        FakePage(each).call("load_model")
        FakePage.until(lambda each=each: each.model_state["state"] == "ready", seconds=60)
    assert controls.engine.quantize == "int8" and plain.engine.quantize is None
    assert controls.model_state["dtype"] == "float32, int8"
    assert controls.model_state["memory"] < plain.model_state["memory"]
