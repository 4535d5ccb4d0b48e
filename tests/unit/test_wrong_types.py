"""Arguments of wrong types: one clear error of ours, before any work is done."""

from __future__ import annotations

import os
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vibevoice_nb import Engine, Project, Speech, VoiceLibrary, load_script
from vibevoice_nb.engine.defaults import PUBLISHED, known_settings
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.ranges import plain, real, whole

SCRIPT = "Anna: One.\nBen: Two."
NO_HOME = "~nobody-of-this-name/talk"


class Broken:
    """Raises whatever is asked of it."""

    def __index__(self) -> int:
        raise ValueError("no number")

    def __float__(self) -> float:
        raise RuntimeError("no number")

    def __repr__(self) -> str:
        raise RuntimeError("no text")


class Three:
    """A whole number of a foreign class."""

    def __index__(self) -> int:
        return 3


WRONG = [True, 2.5, b"x", [], [3], {"a": 1}, object(), np.array([1, 2]), Decimal("sNaN"), Broken(), int]
WRONG += [torch.zeros(2), torch.empty((), device="meta")]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("nano")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.create(tmp_path / "talk", SCRIPT)


@pytest.mark.parametrize("value", [Broken(), torch.empty((), device="meta"), 10**400])
def test_a_class_that_raises_is_no_number(value: Any) -> None:
    assert plain(value) is value
    assert real(value) is None
    assert isinstance(value, int) or whole(value) is None


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_wrong_types_of_load(value: Any) -> None:
    for name in ("model", "device", "dtype", "quantize"):
        with pytest.raises(VibeVoiceError):
            Engine.load(**{name: value})


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_wrong_types_of_callbacks(engine: Engine, value: Any) -> None:
    for name in ("sink", "progress", "cancelled"):
        if not callable(value) and not (name == "progress" and value is True):
            with pytest.raises(OptionError, match=name):
                engine.speak("Anna: Hi.", max_seconds=0.3, **{name: value})


@pytest.mark.parametrize("value", WRONG, ids=lambda value: type(value).__name__)
def test_paths(value: Any, engine: Engine, project: Project) -> None:
    speech: Speech = engine.speak("Anna: Hi.", max_seconds=0.3, num_steps=1)
    calls: list[Callable[[Any], Any]] = [load_script, speech.save]
    if not isinstance(value, bytes):  # the name of a folder, as the system has it
        calls += [Project.create, Project.open, project.save_copy]
    for call in calls:
        with pytest.raises(VibeVoiceError):
            call(value)


@pytest.mark.parametrize("value", [*WRONG, "x" * 5000], ids=lambda value: type(value).__name__)
def test_ids_labels_and_modes(engine: Engine, project: Project, value: Any) -> None:
    calls: list[Callable[[Any], Any]] = [
        project.turn,
        project.context_for,
        project.take,
        project.star,
        project.delete_take,
        project.context_changed,
        lambda value: project.set_gap(value, 5),
        lambda value: project.set_voice(value, "Ada"),
        lambda value: project.generation(engine, mode=value),
    ]
    for call in calls:
        with pytest.raises(VibeVoiceError) as raised:
            call(value)
        assert len(str(raised.value)) < 400


@pytest.mark.parametrize("value", [*WRONG, "id"], ids=lambda value: type(value).__name__)
def test_one_value_instead_of_a_list_of_turns(engine: Engine, project: Project, value: Any) -> None:
    if isinstance(value, list) and not value:
        pytest.skip("no turns is a list of turns")
    for call in (project.check_voices, lambda value: project.generation(engine, value)):
        with pytest.raises(OptionError, match="a list of turn ids"):
            call(value)


def test_a_gap_is_any_whole_number(project: Project) -> None:
    turn = project.turns[0].id
    for value in (Three(), np.int8(3), torch.tensor(3), torch.tensor([3])):
        project.set_gap(turn, None)
        project.set_gap(turn, value)  # type: ignore[arg-type]
        assert project.turn(turn).gap_ms == 3
        assert Project.open(project.path, read_only=True).turn(turn).gap_ms == 3


@pytest.mark.parametrize("value", [5, None, True, b"nano"])
def test_a_model_setting_is_a_name(project: Project, value: Any) -> None:
    with pytest.raises(OptionError, match="model="):
        project.settings["model"] = value


def test_a_path_in_the_home_of_an_unknown_user(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that names one leaves the project readable."""
    assert known_settings(NO_HOME) is PUBLISHED
    project.settings["model"] = NO_HOME
    assert [turn.state for turn in project.turns] == ["unspoken", "unspoken"]
    assert not [item for item in project.diagnostics if item.severity == "error"]
    with pytest.raises(VibeVoiceError, match="full path"):
        VoiceLibrary(NO_HOME)
    monkeypatch.setitem(os.environ, "VIBEVOICE_NB_HOME", NO_HOME)
    with pytest.raises(VibeVoiceError, match="VIBEVOICE_NB_HOME"):
        VoiceLibrary()
