"""Payloads of the traits: classes, table and real values agree. payloads.test.ts checks the page."""

from __future__ import annotations

import importlib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pytest
from endless import ENDLESS

from vibevoice_nb import (
    GenerationControls,
    Player,
    Project,
    ScriptEditor,
    Studio,
    SweepGrid,
    Take,
    VoicePicker,
)
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.engine.registry import engines
from vibevoice_nb.lab.listing import Listing
from vibevoice_nb.widgets import payloads
from vibevoice_nb.widgets.base import VibeVoiceWidget
from vibevoice_nb.widgets.controls import MODES
from vibevoice_nb.widgets.lab_document import DocumentStudio
from vibevoice_nb.widgets.library import LibraryBrowser
from vibevoice_nb.widgets.payloads import TABLE, fault_in_payload, fault_in_trait

SCRIPT = "Anna: Hello there.\nBen: Good morning."
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
CHOICES = {getattr(payloads, name): name for name in TABLE["choices"]}
CLASSES = {name: value for name, value in vars(payloads).items() if typing.is_typeddict(value)}
WIDGETS = (
    Studio,
    DocumentStudio,
    ScriptEditor,
    VoicePicker,
    GenerationControls,
    Player,
    SweepGrid,
    LibraryBrowser,
)


def written(hint: Any) -> str:
    """Write a type of a field as the table does."""
    if hint in CHOICES:
        return CHOICES[hint]
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (one,) = [part for part in typing.get_args(hint) if part is not type(None)]
        return written(one) + "?"
    if typing.get_origin(hint) is list:
        return written(typing.get_args(hint)[0]) + "[]"
    return PLAIN.get(hint) or hint.__name__


def shared(widget: VibeVoiceWidget | type[VibeVoiceWidget]) -> dict[str, Any]:
    """Return the traits of our own that a widget shares with its page."""
    base = ipywidgets.DOMWidget.class_trait_names(sync=True)
    return {
        name: trait
        for name, trait in widget.class_traits(sync=True).items()
        if not name.startswith("_") and name not in base
    }


def with_voices(studio: Studio, script: str) -> None:
    studio.script = script
    for row, voice in zip(studio.speakers, ("Ada", "Kai"), strict=False):
        studio.project.set_voice(row["label"], voice)


def assert_valid(widget: VibeVoiceWidget) -> None:
    names = shared(widget)
    state = widget.get_state(list(names))
    faults = {name: fault_in_trait(name, state[name]) for name in names}
    assert not any(faults.values()), faults


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path / "show", dtype="float32", num_steps=2, seed=1)
    yield studio
    studio.close()
    studio.project.close()


def test_the_classes_are_those_of_the_table() -> None:
    declared = {
        name: {field: written(hint) for field, hint in typing.get_type_hints(kind).items()}
        for name, kind in CLASSES.items()
    }
    assert declared == TABLE["payloads"]
    assert all(kind.__total__ for kind in CLASSES.values())  # the table has no optional keys


@pytest.mark.parametrize("name", TABLE["choices"])
def test_the_choices_are_those_of_the_table(name: str) -> None:
    assert list(typing.get_args(getattr(payloads, name))) == TABLE["choices"][name]


def test_the_modes_are_those_of_the_table() -> None:
    assert list(MODES) == TABLE["choices"]["Mode"]


@pytest.mark.parametrize("widget", WIDGETS)
def test_every_shared_trait_is_in_the_table(widget: type[VibeVoiceWidget]) -> None:
    traits = shared(widget)
    assert set(traits) <= set(TABLE["traits"])
    for name, trait in traits.items():
        if payload := trait.metadata.get("payload"):
            assert TABLE["traits"][name].rstrip("?") == payload


def test_every_trait_of_the_table_exists() -> None:
    assert {name for widget in WIDGETS for name in shared(widget)} == set(TABLE["traits"])


def test_an_empty_studio(studio: Studio) -> None:
    assert_valid(studio)


def test_a_cast_with_a_recording_and_diagnostics(studio: Studio) -> None:
    studio.script = SCRIPT + "\nAnna: 你好。\nBen: [pause:x]"
    studio.project.set_voice("Anna", "Ada")
    noise = np.random.default_rng(0).normal(0, 0.1, 8 * SAMPLE_RATE).astype(np.float32)
    studio.project.set_voice("Ben", noise, kind="recording")
    assert studio.diagnostics and any(row["voice"] and row["voice"]["checks"] for row in studio.speakers)
    assert {turn["state"] for turn in studio.turns} == {"unspoken", "unspeakable"}
    assert_valid(studio)


def test_every_state_of_a_generation(studio: Studio) -> None:
    with_voices(studio, SCRIPT)
    seen: dict[str, set[str]] = {"turns": set(), "job": set(), "model_state": set()}

    def check(change: Any) -> None:
        fault = fault_in_trait(change["name"], change["new"])
        rows = change["new"] if isinstance(change["new"], list) else [change["new"]]
        seen[change["name"]] |= {row["state"] for row in rows} | ({fault} if fault else set())

    engines.unload("nano")  # another test may have loaded it
    studio.observe(check, list(seen))
    studio.generate().result(180)
    assert seen["turns"] == {"queued", "speaking", "spoken"}
    assert {"loading", "speaking", "finished"} <= seen["job"] <= set(TABLE["choices"]["JobStatus"])
    assert "ready" in seen["model_state"] <= set(TABLE["choices"]["ModelStatus"])
    assert_valid(studio)
    for source in ("episode", f"take:{next(iter(studio.takes))}", "library:Ada"):
        assert not fault_in_payload("TakeSummary", studio._methods["describe"](source))


def test_a_partial_take_and_a_project_that_is_gone(studio: Studio, tmp_path: Path) -> None:
    with_voices(studio, ENDLESS)
    job = studio.generate()
    next(iter(job))
    studio.cancel()
    job.result(180)
    assert studio.turns[0]["partial"] and studio.job["state"] == "cancelled"
    assert_valid(studio)
    studio.project.path.rename(tmp_path / "elsewhere")
    studio.set_state({"script": "Anna: Typed."})
    assert studio.project_state["actions"] == ["recreate", "save_copy"]
    assert_valid(studio)


def test_a_sweep_and_the_library(studio: Studio, tmp_path: Path) -> None:
    with_voices(studio, "Anna: Hello.")
    grid = studio.sweep(num_steps=[1, 2], solver=["dpmsolver++"])
    assert_valid(grid)
    grid.sweep.result(180)
    assert_valid(grid)
    studio.generate().result(180)
    assert_valid(LibraryBrowser())
    home = Listing().home(tmp_path, "")
    assert len(home["projects"][0]["takes"]) == 1
    assert not fault_in_payload("Home", home)


def test_the_other_widgets() -> None:
    silence = Take.from_audio(np.zeros(SAMPLE_RATE, np.float32), name="silence")
    editor = ScriptEditor(SCRIPT + "\nnobody says this")
    for widget in (
        editor,
        VoicePicker(["Anna", "Ben"], voices={"Anna": "Ada"}),
        GenerationControls(seed=3),
        Player(),
        Player(silence),
    ):
        assert_valid(widget)


def test_a_read_only_project_names_its_holder(studio: Studio) -> None:
    with Project.open(studio.project.path, read_only=True) as project:
        other = Studio(project)
        assert other.project_state["read_only"]
        assert_valid(other)
        other.close()


def test_the_fixtures_of_the_browser_tests_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "ui"))
    fixtures = importlib.import_module("studio_traits")
    traits = {**fixtures.studio_traits(), **fixtures.review_traits(), **fixtures.sweep_traits()}
    faults = {name: fault_in_trait(name, value) for name, value in traits.items()}
    assert not any(faults.values()), faults
    assert not fault_in_payload("TakeSummary", fixtures.SOUND["describe"](source="voice:Ben"))


TURN = {
    **dict.fromkeys(TABLE["payloads"]["TakeTurn"], ""),
    "start": 0,
    "stop": 1,
    "confidence": 1.0,
    "words": [],
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({}, ""),
        ({"start": "0"}, 'TakeTurn.start is "0", not of type integer'),
        ({"confidence": float("nan")}, "TakeTurn.confidence is NaN, not of type number"),
        ({"tone": 1}, "TakeTurn has no field tone"),
        ({"words": [0, 5, 0, 0.5]}, "TakeTurn.words[3] is 0.5, not of type integer"),
        ({"label": None}, "TakeTurn.label is null, not of type string"),
    ],
)
def test_faults_of_payloads(change: dict[str, Any], fault: str) -> None:
    assert fault_in_payload("TakeTurn", {**TURN, **change}) == fault
