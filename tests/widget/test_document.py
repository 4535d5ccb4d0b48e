"""Rooms for JupyterLab's documents: asked for with one expression, shared by pages, on the file's project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vibevoice_nb import display
from vibevoice_nb.project import Project
from vibevoice_nb.widgets import document
from vibevoice_nb.widgets.shelf import Shelf


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    budget = display.default_budget
    yield
    display.default_budget = budget
    for room in document._rooms.values():
        room.close()
    document._rooms.clear()


def show(folder: Path, text: str = "", **more: Any) -> dict[str, Any]:
    asked = {"room": "studio", "root": str(folder), "path": "talk.vvscript", "text": text, **more}
    return dict(document.show(json.dumps(asked)).data)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "talk.vvscript").touch()
    return tmp_path


def test_a_new_file_begins_as_the_page_wishes(folder: Path) -> None:
    state = show(folder, "Anna: Hi.", settings={"num_steps": 7, "seed": 3}, budget=5000)["state"]
    assert (state["script"], state["num_steps"], state["seed"]) == ("Anna: Hi.", 7, 3)
    assert display.default_budget == 5000
    assert not {"_esm", "_css", "layout"} & state.keys()
    again = show(folder, "Anna: Hi there.", settings={"num_steps": 9})["state"]
    assert (again["script"], again["num_steps"]) == ("Anna: Hi there.", 7)


def test_pages_share_a_room(folder: Path) -> None:
    assert show(folder)["comm"] == show(folder)["comm"]


def test_an_empty_file_takes_the_script_of_its_project(folder: Path) -> None:
    Project.create(folder / "talk", "Ben: Here before.").close()
    assert show(folder)["state"]["script"] == "Ben: Here before."


def test_a_project_that_is_in_use_is_only_read(folder: Path) -> None:
    with pytest.warns(UserWarning, match="read only"), Project.create(folder / "talk", "Ben: Mine.") as mine:
        assert show(folder, "Anna: Hi.")["state"]["project"]["read_only"]
        assert mine.script_text == "Ben: Mine."


@pytest.mark.parametrize("asked", [{"path": "none.vvscript"}, {"room": "attic"}])
def test_what_is_wrong_is_said(folder: Path, asked: dict[str, str]) -> None:
    assert show(folder, **asked)["failed"].keys() == {"got", "expected", "remedy"}


def test_a_shelf_lists_projects_and_leaves_out_what_is_none(folder: Path) -> None:
    Project.create(folder / "talk", "Ben: Here.\nAnna: There.").close()
    (folder / "broken.vibevoice").mkdir()
    shelf = Shelf()
    shelf.look(folder)
    assert [(project["name"], project["turns"]) for project in shelf.projects] == [("talk", 2)]
    assert shelf.audio_source(f"project:{folder / 'talk.vibevoice'}").samples == 0


def test_a_project_follows_its_file(folder: Path) -> None:
    first = show(folder, "Anna: Hi.")
    (folder / "talk.vvscript").rename(folder / "chat.vvscript")
    second = show(folder, "Anna: Hi.", path="chat.vvscript", before="talk.vvscript")
    assert second["comm"] != first["comm"] and second["state"]["project"]["name"] == "chat"
    assert second["state"]["turns"][0]["id"] == first["state"]["turns"][0]["id"]
    assert not (folder / "talk.vibevoice").exists() and not second["state"]["project"]["read_only"]
