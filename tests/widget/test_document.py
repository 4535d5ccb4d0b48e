"""Studios of JupyterLab's documents: created by one expression, shared by pages, on the file's project."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vibevoice_nb import display
from vibevoice_nb.errors import ProjectError, VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.widgets import lab_document as document
from vibevoice_nb.widgets.library import LibraryBrowser


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    budget = display.default_budget
    yield
    display.default_budget = budget
    for studio in document._widgets.values():
        studio.close()
    document._widgets.clear()


def show(folder: Path, text: str = "", **more: Any) -> dict[str, Any]:
    asked = {"view": "studio", "root": str(folder), "path": "talk.vvscript", "text": text, **more}
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


@pytest.mark.parametrize("text", ["", "Anna: Hi."])
def test_a_new_file_has_nothing_to_undo(folder: Path, text: str) -> None:
    state = show(folder, text)["state"]
    assert (state["script"], state["can_undo"]) == (text, "")
    (studio,) = document._widgets.values()
    studio.set_state({"script": "Anna: Typed."})
    assert studio.can_undo == "edited the script"


def test_pages_share_a_studio(folder: Path) -> None:
    assert show(folder)["comm"] == show(folder)["comm"]


def test_an_empty_file_takes_the_script_of_its_project(folder: Path) -> None:
    Project.create(folder / "talk", "Ben: Here before.").close()
    assert show(folder)["state"]["script"] == "Ben: Here before."


def test_a_project_that_is_in_use_is_only_read(folder: Path) -> None:
    with pytest.warns(UserWarning, match="read-only"), Project.create(folder / "talk", "Ben: Mine.") as mine:
        assert show(folder, "Anna: Hi.")["state"]["project_state"]["read_only"]
        assert mine.script_text == "Ben: Mine."


@pytest.mark.parametrize("asked", [{"path": "none.vvscript"}, {"view": "attic"}])
def test_errors_are_reported(folder: Path, asked: dict[str, str]) -> None:
    assert show(folder, **asked)["failed"].keys() == {"got", "expected", "remedy"}


def test_the_library_plays_a_listed_project_as_it_is_now(folder: Path) -> None:
    Project.create(folder / "talk", "Ben: Here.\nAnna: There.").close()
    library = LibraryBrowser()
    with pytest.raises(VibeVoiceError, match="unknown audio"):
        library.audio_source("project:talk.vibevoice")
    library._open_listed(str(folder), "talk.vibevoice")
    assert library.audio_source("project:talk.vibevoice").samples == 0
    with pytest.raises(ProjectError):
        library._open_listed(str(folder), "none.vibevoice")


def test_a_project_follows_its_file(folder: Path) -> None:
    first = show(folder, "Anna: Hi.")
    (folder / "talk.vvscript").rename(folder / "chat.vvscript")
    second = show(folder, "Anna: Hi.", path="chat.vvscript", previous_path="talk.vvscript")
    assert second["comm"] != first["comm"] and second["state"]["project_state"]["name"] == "chat"
    assert second["state"]["turns"][0]["id"] == first["state"]["turns"][0]["id"]
    assert not (folder / "talk.vibevoice").exists() and not second["state"]["project_state"]["read_only"]


@pytest.mark.parametrize("name", ["😀", "𠮷野家 好", "naïve 𝒻ancy", "a.b"])
def test_any_text_and_any_name(folder: Path, name: str) -> None:
    (folder / f"{name}.vvscript").touch()
    text = "Anna: A smile for you \U0001f600.\n好𠮷: 你好 𝒻."
    state = show(folder, text, path=f"{name}.vvscript")["state"]
    assert state["script"] == text and state["project_state"]["name"] == name
    assert (folder / f"{name}.vibevoice" / "script.txt").read_text("utf-8") == text


@pytest.mark.parametrize("text", ["Anna: half \ud83d", "Anna: \udcff"])
def test_half_of_a_character_can_be_answered(folder: Path, text: str) -> None:
    answer = show(folder, text)
    json.dumps(answer, ensure_ascii=False, allow_nan=False).encode()
    assert answer["state"]["script"].endswith("\ufffd")
    refused = show(folder, path="half \ud83d.vvscript")
    json.dumps(refused, ensure_ascii=False).encode()
    assert refused["failed"]["remedy"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), MemoryError(), KeyError("x"), RuntimeError("\ud83d")]
)
def test_any_exception_is_answered(folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    # pytest-xdist cannot send a report whose captured log holds half a character.
    monkeypatch.setattr(document._log, "exception", lambda *_: None)

    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(document, "shared_project", fails)
    answer = show(folder, "Anna: Hi.")
    json.dumps(answer, ensure_ascii=False).encode()
    assert answer["failed"]["got"] and "Errno" not in answer["failed"]["got"]
    assert dict(document.show("no JSON").data)["failed"]["got"]


@pytest.mark.parametrize("path", ["x" * 5000, "nul\0", "~nobody-of-this-name/x"])
def test_paths_that_are_none(folder: Path, path: str) -> None:
    assert "not accessible" in show(folder, path=path)["failed"]["got"]
    assert show(folder, root=path)["failed"] if path != "x" * 5000 else True


def test_a_file_with_another_text_is_taken_and_the_old_one_kept(folder: Path) -> None:
    Project.create(folder / "talk", "Ben: Edited in a notebook.").close()
    answer = show(folder, "Anna: What the file says.")
    studio = next(iter(document._widgets.values()))
    assert answer["state"]["script"] == "Anna: What the file says."
    notices = [item.fields["text"] for item in studio.channel._kept.values() if item.kind == "notice"]
    assert notices and "Undo" in notices[0]
    studio.project.undo()
    assert studio.script == "Ben: Edited in a notebook."
