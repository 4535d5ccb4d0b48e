"""A project made with version 0.1.0 opens, keeps its takes, plays, and generates again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vibevoice_nb import Engine
from vibevoice_nb.project import Project

MADE_WITH_0_1_0 = Path(__file__).parents[1] / "data" / "project_0_1_0"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(MADE_WITH_0_1_0, tmp_path / "talk.vibevoice"))


def test_it_opens_with_its_words_voices_and_takes(folder: Path) -> None:
    with Project.open(folder) as project:
        assert [(turn.turn.label, turn.turn.text) for turn in project.turns] == [
            ("Anna", "Hello there."),
            ("Ben", "Good morning, Anna. How nice to see you."),
            ("Anna", "Fine, thank you."),
        ]
        assert [(turn.state, len(turn.takes)) for turn in project.turns] == [
            ("spoken", 1),
            ("changed", 2),
            ("spoken", 1),
        ]
        assert project.cast["Anna"].voice and project.cast["Ben"].voice
        audio = [np.asarray(project.take(name).audio) for turn in project.turns for name in turn.takes]
        assert all(samples.size % 3200 == 0 and np.abs(samples).max() > 0.05 for samples in audio)


def test_its_changes_can_be_undone(folder: Path) -> None:
    with Project.open(folder) as project:
        before = project.turns[1].chosen
        project.undo()
        assert project.turns[1].chosen != before
        assert project.turns[1].state == "spoken"


def test_a_turn_is_regenerated_and_the_others_keep_every_sample(folder: Path) -> None:
    with Project.open(folder) as project:
        kept = {turn.id: turn.chosen for turn in project.turns}
        project.script_text = "Anna: Hello there.\nBen: Good evening.\nAnna: Fine, thank you.\n"
        project.generate(Engine.load("nano"), seed=3).result()
        assert [turn.state for turn in project.turns] == ["spoken"] * 3
        assert [turn.chosen == kept[turn.id] for turn in project.turns] == [True, False, True]
    with Project.open(folder) as project:
        assert [turn.state for turn in project.turns] == ["spoken"] * 3


def test_a_saved_project_has_a_format_that_0_1_refuses_by_its_number(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: Hello.") as project:
        project.set_voice("Anna", "Ada")  # its record has no `colour`, which 0.1 needs
    assert json.loads((tmp_path / "talk.vibevoice" / "project.json").read_text())["format"] == 2


def test_the_old_name_of_set_color_works_and_warns(folder: Path) -> None:
    with Project.open(folder) as project:
        with pytest.warns(DeprecationWarning, match="set_colour is deprecated; use project.set_color"):
            project.set_colour("Anna", "#112233")  # type: ignore[attr-defined]
        assert project.cast["Anna"].color == "#112233"
