"""A Studio loses nothing: cells that are run again, disks that refuse, folders that go, hostile paths."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from widget_helpers import FakePage

from vibevoice_nb import Project, Studio
from vibevoice_nb.errors import AudioError, OptionError, ProjectError
from vibevoice_nb.project.registry import shared_project
from vibevoice_nb.texts import whole_text
from vibevoice_nb.widgets.library import LibraryBrowser

SCRIPT = "Anna: Hello there.\nBen: Good morning."
EDITED = SCRIPT + "\nAnna: Typed in the page."


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path / "show", script=SCRIPT, num_steps=5)
    yield studio
    studio.close()


def from_page(studio: Studio, **values: Any) -> None:
    studio.set_state(values)


def reopened(studio: Studio) -> Project:
    return Project.open(studio.project.path, read_only=True)


# Cells that are run again


@pytest.mark.parametrize("after_restart", [False, True])
def test_the_documented_cell_can_be_run_again(studio: Studio, tmp_path: Path, after_restart: bool) -> None:
    from_page(studio, script=EDITED)
    from_page(studio, num_steps=8, seed=3)
    if after_restart:
        studio.close()
        studio.project.close()
    with pytest.warns(UserWarning, match=r"already has a script.*replace_script=True"):
        again = Studio(tmp_path / "show", script=SCRIPT, num_steps=5)
    assert (again.script, again.num_steps, again.seed) == (EDITED, 8, 3)
    kept = [item.fields for item in again.channel._kept.values() if item.kind == "notice"]
    assert [notice["severity"] for notice in kept] == ["info"] and "replace_script" in kept[0]["text"]
    assert reopened(again).script_text == EDITED
    again.close()


def test_an_argument_that_is_another_one_counts(studio: Studio, tmp_path: Path) -> None:
    from_page(studio, num_steps=8)
    again = Studio(tmp_path / "show", num_steps=12, cfg_scale=2.0)
    assert (again.num_steps, again.cfg_scale, studio.project.settings["num_steps"]) == (12, 2.0, 12)
    with pytest.raises(OptionError):
        Studio(tmp_path / "show", num_steps=0)
    assert studio.project.settings["num_steps"] == 12
    again.close()


def test_a_changed_script_of_the_cell_is_applied_and_can_be_undone(studio: Studio, tmp_path: Path) -> None:
    changed = SCRIPT + "\nBen: Changed in the cell."
    again = Studio(tmp_path / "show", script=changed)  # nothing was edited: no warning
    assert again.script == studio.script == changed
    from_page(studio, script=EDITED)
    with pytest.warns(UserWarning, match="has changed and replaces"):
        again = Studio(tmp_path / "show", script=SCRIPT)
    assert again.script == SCRIPT
    FakePage(again).call("undo")
    assert again.script == EDITED
    with pytest.warns(UserWarning, match="already has a script"):
        assert Studio(tmp_path / "show", script=SCRIPT).script == EDITED


def test_the_first_script_of_a_project_is_no_change_to_undo(studio: Studio, tmp_path: Path) -> None:
    assert studio.can_undo == "" == studio.project.undo() and studio.script == SCRIPT
    with Project.create(tmp_path / "empty") as project:
        project.script_text = SCRIPT
        assert project.can_undo == ""
        project.script_text = ""
        project.script_text = "Zoe: Another one."
        project.undo(), project.undo()
        assert (project.script_text, project.can_undo) == (SCRIPT, "")
    with Project.create(tmp_path / "blank") as project:
        project.write_script(SCRIPT, typing=True)  # pasted
        assert project.can_undo == "edited the script"


def test_a_script_that_no_cell_wrote_is_kept(tmp_path: Path) -> None:
    Project.create(tmp_path / "made", "Zoe: Mine.").close()
    with pytest.warns(UserWarning, match="already has a script"):
        studio = Studio(tmp_path / "made", script=SCRIPT)
    assert studio.script == "Zoe: Mine."
    studio.close()


def test_a_script_can_be_replaced_on_purpose(studio: Studio, tmp_path: Path) -> None:
    from_page(studio, script=EDITED)
    again = Studio(tmp_path / "show", script="Anna: New.", replace_script=True)
    assert again.script == studio.script == "Anna: New." and again.can_undo == "replaced the script"
    answer = FakePage(again).call("undo")
    assert answer["result"] == {"undone": "replaced the script"} and again.script == EDITED
    again.script = ""
    assert Studio(tmp_path / "show", script="Anna: Into an empty one.").script == "Anna: Into an empty one."
    again.close()


@pytest.mark.parametrize("text", ["Anna: \ud83d\ude00", "Anna: \ud83d", "Anna: \U00020bb7 好"])
def test_any_text_is_saved_and_shown(studio: Studio, text: str) -> None:
    from_page(studio, script=text)
    assert studio.script == studio.project.script_text == reopened(studio).script_text
    json.dumps(studio.get_state(), ensure_ascii=False).encode()


# Disks that refuse


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A disk that is full while `full[0]` is true."""
    state = [False]
    from vibevoice_nb import files

    write_all = files.write_all

    def write(file: Any, data: Any) -> None:
        if state[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_all(file, data)

    monkeypatch.setattr(files, "write_all", write)
    return state


def test_unsaved_text_is_reported_and_saved_later(studio: Studio, full: list[bool]) -> None:
    full[0] = True
    from_page(studio, script=EDITED)
    from_page(studio, num_steps=9)
    assert studio.script == EDITED and studio.project.script_text == reopened(studio).script_text == SCRIPT
    assert studio.project_state["unsaved"] and "disk is full" in studio.project_state["problem"]
    assert studio.project_state["actions"] == ["retry", "save_copy"]
    page = FakePage(studio)
    assert "disk is full" in page.call("retry_save")["got"]
    full[0] = False
    assert page.call("retry_save")["kind"] == "reply"
    assert (
        not studio.project_state["problem"]
        and not studio.project_state["actions"]
        and not studio.project_state["unsaved"]
    )
    again = reopened(studio)
    assert again.script_text == EDITED and again.settings["num_steps"] == 9


def test_the_next_edit_saves_unsaved_text(studio: Studio, full: list[bool]) -> None:
    full[0] = True
    from_page(studio, script=EDITED)
    full[0] = False
    from_page(studio, script=EDITED + "!")
    assert not studio.project_state["problem"] and reopened(studio).script_text == EDITED + "!"


# Folders that go


def test_a_deleted_folder_is_reported_and_recreated(studio: Studio) -> None:
    studio.project.set_voice("Anna", "Ada")
    from_page(studio, num_steps=7)
    shutil.rmtree(studio.project.path)
    from_page(studio, script=EDITED)
    assert studio.project_state["actions"] == ["recreate", "save_copy"] and studio.project_state["unsaved"]
    assert "was deleted or moved" in studio.project_state["problem"]
    page = FakePage(studio)
    assert "deleted" in page.call("set_voice", speaker="Ben", voice="Kai")["got"]
    assert page.call("recreate_project")["kind"] == "reply"
    assert not studio.project_state["problem"]
    again = reopened(studio)
    assert again.script_text == EDITED and again.cast["Anna"].voice is not None
    assert again.settings["num_steps"] == 7


def test_a_call_that_fails_shows_that_the_folder_is_gone(studio: Studio) -> None:
    shutil.rmtree(studio.project.path)
    FakePage(studio).call("set_color", speaker="Anna", color="#123456")
    assert studio.project_state["problem"]


def test_a_copy_is_saved_elsewhere_and_worked_on(studio: Studio, tmp_path: Path) -> None:
    shutil.rmtree(studio.project.path)
    from_page(studio, script=EDITED)
    page = FakePage(studio)
    Project.create(tmp_path / "taken").close()
    assert "already exists" in page.call("save_copy", path=str(tmp_path / "taken"))["got"]
    answer = page.call("save_copy", path=str(tmp_path / "elsewhere" / "copy"))
    assert (
        answer["kind"] == "reply"
        and studio.project_state["name"] == "copy"
        and not studio.project_state["problem"]
    )
    from_page(studio, script=EDITED + " And more.")
    assert reopened(studio).script_text == EDITED + " And more."
    assert shared_project(tmp_path / "elsewhere" / "copy") is studio.project


def test_another_project_in_its_place_stays_as_it_is(studio: Studio, tmp_path: Path) -> None:
    path = studio.project.path
    path.rename(tmp_path / "moved.vibevoice")
    Project.create(path, "Zoe: Mine.").close()
    from_page(studio, script=EDITED)
    assert (
        studio.project_state["actions"] == ["save_copy"]
        and "another folder" in studio.project_state["problem"]
    )
    other = Studio(path)
    assert other.script == "Zoe: Mine." and not other.project_state["problem"]
    other.close()


def test_a_recovered_script_is_reported_in_the_page(studio: Studio, tmp_path: Path) -> None:
    studio.close()
    studio.project.close()
    (tmp_path / "show.vibevoice" / "script.txt").write_text("Anna: Hel")
    with pytest.warns(UserWarning, match="recovered"):
        again = Studio(tmp_path / "show")
    assert again.script == SCRIPT
    kept = [item.fields for item in again.channel._kept.values() if item.kind == "notice"]
    assert "recovered from project.json" in kept[0]["text"]
    again.close()


# Hostile paths

PATHS = [
    "",
    ".",
    "/",
    "~nobody-of-this-name",
    "x" * 300,
    "x/" * 3000,
    "nul\0",
    "half \ud83d",
    "CON",
    "line\nbreak",
]


@pytest.mark.parametrize("path", [path for path in PATHS if path == whole_text(path)], ids=ascii)
def test_paths_from_a_page_fail_with_a_message(
    studio: Studio, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    exported = {"format": "wav", "parts": "whole", "subtitles": [], "chapters": False, "folder": path}
    page, library = FakePage(studio), FakePage(LibraryBrowser())
    answers = [
        page.call("open_project", path=path, create=True),
        page.call("open_project", path=path, create=False),
        page.call("save_copy", path=path),
        page.call("export", **exported),
        library.call("open_listed", root=str(tmp_path), path=path + "/none"),
        library.call("open_listed", root=path, path="none"),
        library.call("add_voice", root=str(tmp_path), path=path + ".none"),
    ]
    for answer in answers:
        said = f"{answer['got']} {answer['expected']} {answer['remedy']}"
        assert answer["kind"] == "failed" and answer["got"]
        assert not any(word in said for word in ("Errno", "OSError", "Error:", "went wrong", "Traceback")), (
            said
        )
        assert len(said) < 900
    assert studio.project_state["name"] == "show"


def test_the_python_api_raises_the_same() -> None:
    for path in PATHS:
        with pytest.raises((ProjectError, AudioError)):
            Studio(path) if path else Project.create(path)
