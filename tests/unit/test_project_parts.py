"""The parts of a project: its cast, takes, history and settings; names that moved; hostile nesting."""

from __future__ import annotations

import gc
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from project_helpers import FRAME, SCRIPT, path, speak, spoken, tone

from vibevoice_nb import Engine
from vibevoice_nb.errors import OptionError, ProjectError
from vibevoice_nb.project import Project, Take
from vibevoice_nb.project.history import History, inverse
from vibevoice_nb.project.registry import shared_project
from vibevoice_nb.project.storage.undo import Kept
from vibevoice_nb.project.store import ProjectStore

__all__ = ["path", "spoken"]  # fixtures

MADE_WITH_0_1_0 = Path(__file__).parents[1] / "data" / "project_0_1_0"
FAST = {"num_steps": 1, "max_seconds": 0.5, "seed": 3}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("nano")


def test_a_project_is_composed_not_inherited() -> None:
    assert Project.__mro__ == (Project, object)


def test_the_cast_and_the_takes_are_mappings_of_now(path: Path) -> None:
    with Project.open(path) as project:
        cast, takes = project.cast, project.takes
        assert list(cast) == ["Anna", "Ben"] and len(takes) == 8
        project.set_voice("Ben", tone(24_000 * 3))
        assert cast["Ben"].voice is not None and "Cleo" not in cast
        with pytest.raises(KeyError):
            cast["Cleo"]
        turn = project.turns[0]
        take = speak(project, turn.id, phase=1.0)
        assert takes[take.id].samples == take.samples and len(takes) == 9
        assert [one.id for one in takes.of(turn.id)] == [turn.takes[0], take.id]
        with pytest.raises(KeyError):
            takes["nothing"]


def test_an_operation_registers_its_inverse(path: Path) -> None:
    applied = []

    @inverse("test-rename", lambda key, before: Kept(letters=len(before)))
    def rename_back(store: ProjectStore, key: str, before: str) -> bool:
        applied.append((key, before))
        return True

    with Project.open(path) as project:
        with project.store.changing("script"):
            project.history.record("renamed a thing", ["test-rename", "a", "before"])
        assert project.history.steps[-1].kept.letters == 6
        assert (project.can_undo, project.undo()) == ("renamed a thing", "renamed a thing")
        assert applied == [("a", "before")] and isinstance(project.history, History)
        with pytest.raises(KeyError), project.store.changing("script"):
            project.history.record("of no operation", ["nothing", "a"])
        assert project.can_undo == ""


@pytest.mark.parametrize(
    "entry",
    [
        ["gap_ms", "x"],
        ["restore", "x", "y"],
        ["starred", "../x"],
        ["nothing", "x"],
        [],
        ["member", ""],
        ["trim", "x", [1]],
        ["adjust_turn", "x", {"gain": 99, "pace": 1, "gap_ms": None}],
        ["adjust_speaker", "x", {}],
    ],
)
def test_damaged_undo_steps_do_not_make_a_project_unreadable(path: Path, entry: list[str]) -> None:
    with Project.open(path) as project:
        project.settings["seed"] = 1
    file = path / "project.json"
    data = json.loads(file.read_text("utf-8"))
    data["undo"] = [{"words": "did something", "back": [entry] if entry else []}]
    file.write_text(json.dumps(data), "utf-8")
    with pytest.warns(UserWarning, match=r"project\.json\.bak"), Project.open(path) as project:
        assert project.script_text == SCRIPT and project.settings["seed"] is None


def test_deep_nesting_is_damage(path: Path) -> None:
    file = path / "project.json"
    data = json.loads(file.read_text("utf-8"))
    deep: object = "end"
    for _ in range(400):
        deep = {"colour": [deep]}
    file.write_text(json.dumps({**data, "note": deep}), "utf-8")
    take = sorted((path / "takes").iterdir())[0] / "take.json"
    take.write_text(json.dumps({**json.loads(take.read_text("utf-8")), "note": deep}), "utf-8")
    with pytest.warns(UserWarning, match="levels of nesting"), Project.open(path) as project:
        project.settings["seed"] = 1
        assert len(project.takes) == 7 and project.assemble().samples > 0


def test_undo_steps_of_version_0_1_bring_back_their_colors_and_voices(tmp_path: Path) -> None:
    folder = shutil.copytree(MADE_WITH_0_1_0, tmp_path / "talk.vibevoice")
    file = folder / "project.json"
    data = json.loads(file.read_text("utf-8"))
    member = {"label": "Zoe", "colour": "#123456", "voice": data["cast"][0]["voice"], "consent": True}
    earlier = {"text": "Zoe: Hello.\n", "turns": [], "cast": [member]}
    data["undo"].append({"words": "replaced the script", "back": [["script", "", earlier]]})
    file.write_text(json.dumps(data), "utf-8")
    with Project.open(folder) as project:
        project.undo()
        assert project.cast["Zoe"].color == "#123456" and project.cast["Zoe"].voice is not None
        project.undo(), project.undo()
        assert project.cast["Ben"].voice is None


def test_old_names_work_with_a_warning(path: Path) -> None:
    with Project.open(path) as project:
        turn = project.turns[0]
        with pytest.warns(DeprecationWarning, match=r"takes\.is_starred"):
            assert project.is_starred(turn.takes[0]) is False
        with pytest.warns(DeprecationWarning, match=r"takes\.of"):
            assert [take.id for take in project.takes(turn.id)] == list(turn.takes)
        with pytest.warns(DeprecationWarning, match=r"settings\.current\.model"):
            assert project.model == "nano"
        with pytest.raises(AttributeError, match="nonsense"):
            project.nonsense  # noqa: B018


def test_a_part_keeps_a_shared_project_open(tmp_path: Path) -> None:
    settings = shared_project(tmp_path / "talk").settings
    gc.collect()
    again = shared_project(tmp_path / "talk")
    assert not again.read_only
    again.settings["seed"] = 4
    assert settings["seed"] == 4 and settings.current.seed == 4
    again.close()


def test_reprs_are_short(path: Path) -> None:
    with Project.open(path) as project:
        project.set_voice("Anna", "Ada")
        assert repr(project) == "<Project 'talk': 8 turns>"
        assert repr(project.turns[0]) == "<ProjectTurn 'Anna: One.': changed, 1 take>"
        assert repr(project.cast["Anna"]) == "<CastMember 'Anna': voice 'Ada' (built-in)>"
        assert repr(project.cast["Ben"]) == "<CastMember 'Ben': no voice>"
        assert repr(project.timeline()) == f"<Timeline: {8 * 3 * FRAME / 24_000:.1f} s, 8 takes>"
        assert repr(project.take(project.turns[0].takes[0])) == "<Take 'Anna: One.': 0.4 s, 1 turn>"
    assert repr(project) == "<Project 'talk': 8 turns, closed>"


def test_regenerate_sweep_save_and_export(tmp_path: Path, engine: Engine) -> None:
    with Project.create(tmp_path / "talk", "Anna: Hello there.\nBen: Good morning.") as project:
        project.set_voice("Anna", "Ada")
        project.set_voice("Ben", "Ruben")
        project.generate(engine, **FAST).result()
        first, second = project.turns
        project.regenerate(engine, second.id, **FAST).result()
        kept, changed = project.turns
        assert kept.chosen == first.chosen and len(changed.takes) == 2
        seeds = {take.seed for take in project.takes.of(second.id)}
        assert 3 in seeds and len(seeds) == 2, "the seed it has a take of would give the same take"
        project.settings["seed"] = 0
        project.regenerate(engine, second.id, num_steps=1, max_seconds=0.5).result()
        assert project.takes.of(second.id)[-1].seed == 0

        sweep = project.sweep(engine, {"max_seconds": 0.5}, num_steps=[1, 2]).result()
        assert [cell.options["num_steps"] for cell in sweep.cells] == [1, 2]
        assert all(isinstance(cell.take, Take) and cell.take.seed == 0 for cell in sweep.cells)
        with pytest.raises(OptionError, match="nonsense"):
            project.sweep(engine, nonsense=[1])

        file = project.save(tmp_path / "talk.wav")
        assert np.isclose(Take.from_file(file).seconds, project.assemble().seconds)
        names = sorted(file.name for file in project.export(tmp_path / "turns", parts="turns"))
        assert names == ["001-Anna.wav", "002-Ben.wav", "manifest.json"]
    with pytest.raises(ProjectError, match="closed"):
        project.regenerate(engine, second.id)


def test_progress_is_a_bar_or_a_callable(
    tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with Project.create(tmp_path / "talk", "Anna: Hello there.") as project:
        project.set_voice("Anna", "Ada")
        seen: list[float] = []
        take = project.generate(engine, progress=lambda at: seen.append(at.seconds), **FAST).result()
        assert seen == sorted(seen) and np.isclose(seen[-1], take.seconds)
        cells: list[int] = []
        project.sweep(
            engine, {"max_seconds": 0.5}, progress=lambda at: cells.append(at.cells_done), num_steps=[1, 2]
        ).result()
        assert cells == [1, 2]
        project.generate(engine, progress=True, **FAST).result()
        assert "Generating" in capsys.readouterr().err
