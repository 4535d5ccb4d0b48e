"""Opening a project: one that was moved, damaged, made by a later version or meant to do harm."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from project_helpers import FRAME, path, speak, speak_all, spoken, tone

from vibevoice_nb.errors import ProjectError
from vibevoice_nb.project import Project
from vibevoice_nb.project.storage.schema import FORMAT

__all__ = ["path", "spoken"]  # fixtures


def test_a_moved_folder_still_works(path: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        project.set_voice("Anna", tone(96_000))
        speak(project, project.turns[0].id)
        before, audio = project.turns, project.assemble().audio
    moved = tmp_path / "elsewhere" / "renamed.vibevoice"
    shutil.copytree(path, moved)
    shutil.rmtree(path)
    for file in moved.rglob("*.json"):
        assert str(path) not in file.read_text()
    with Project.open(moved.with_suffix("")) as project:
        assert project.name == "renamed" and project.turns == before
        assert np.array_equal(project.assemble().audio, audio)
        speak(project, project.turns[1].id)


@pytest.mark.parametrize(
    "rubbish", [b"", b"{", b"[]", b'{"format": 1, "turns": 3}', b"\xff\xfe", b"[" * 100_000]
)
def test_a_damaged_state_is_replaced_by_its_backup(path: Path, rubbish: bytes) -> None:
    with Project.open(path) as project:
        before = project.turns
        project.settings["seed"] = 1
        project.settings["seed"] = 2
    (path / "project.json").write_bytes(rubbish)
    with pytest.warns(UserWarning, match=r"project\.json.*the previous state was recovered"):
        again = Project.open(path)
    with again:
        assert again.settings["seed"] == 1 and again.turns == before
        again.settings["seed"] = 3
    assert (path / "project.json.damaged").read_bytes() == rubbish
    with Project.open(path) as project:
        assert project.settings["seed"] == 3
    for name in ("project.json", "project.json.bak"):
        (path / name).write_bytes(rubbish)
    with pytest.raises(ProjectError, match=r"project\.json.*project\.json\.bak"):
        Project.open(path)
    with pytest.raises(ProjectError):  # and the lock is free
        Project.open(path)


def test_without_any_state_the_takes_are_found_again(path: Path) -> None:
    """Somebody restores a project.json with nothing in it: script and takes are enough."""
    before = [turn.takes for turn in Project.open(path, read_only=True).turns]
    (path / "project.json").write_text(json.dumps({"format": FORMAT}))
    with Project.open(path) as project:
        assert [turn.takes for turn in project.turns] == before
        assert [turn.state for turn in project.turns] == ["spoken"] * 8


def test_a_later_format_is_named(path: Path) -> None:
    data = json.loads((path / "project.json").read_text())
    (path / "project.json").write_text(json.dumps({**data, "format": 7}))
    with pytest.raises(ProjectError, match=r"format 7.*at most format 2.*newer vibevoice-nb"):
        Project.open(path)
    assert json.loads((path / "project.json").read_text())["format"] == 7


def test_keys_of_others_are_kept(path: Path) -> None:
    data = json.loads((path / "project.json").read_text())
    data["of_a_plugin"] = {"a": 1}
    data["turns"][0]["color_of_a_plugin"] = "red"
    (path / "project.json").write_text(json.dumps(data))
    with Project.open(path) as project:
        project.settings["seed"] = 9
    assert json.loads((path / "project.json").read_text())["of_a_plugin"] == {"a": 1}


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def promise(file: Path) -> None:
    """Set the 36 bits that say how many samples there are."""
    data = bytearray(file.read_bytes())
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    file.write_bytes(bytes(data))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "no audio": lambda take: (take / "audio.flac").unlink(),
    "half its audio": lambda take: truncate(take / "audio.flac"),
    "no frames": lambda take: (take / "frames.safetensors").unlink(),
    "no manifest": lambda take: (take / "take.json").unlink(),
    "half its manifest": lambda take: truncate(take / "take.json"),
    "a list for a manifest": lambda take: (take / "take.json").write_text("[]") and None,
    "a header that promises days": lambda take: promise(take / "audio.flac"),
    "no words": lambda take: (take / "take.json").write_text('{"audio_bytes": 1}') and None,
    "a bad id": lambda take: (
        (take / "take.json").write_text(
            (take / "take.json").read_text().replace('"turn_id": "', '"turn_id": "../')
        )
        and None
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_take_is_named_and_left_out(path: Path, what: str) -> None:
    third = Project.open(path, read_only=True).turns[2].takes[0]
    DAMAGE[what](path / "takes" / third)
    with pytest.warns(UserWarning, match=third):
        project = Project.open(path)
    with project:
        assert [turn.state for turn in project.turns] == ["spoken"] * 2 + ["unspoken"] + ["spoken"] * 5
        assert project.assemble().samples == 7 * 3 * FRAME
        speak_all(project)
    assert (path / "takes" / third).is_dir()  # whatever is left may be worth something


def test_a_damaged_voice_is_named(path: Path) -> None:
    with Project.open(path) as project:
        project.set_voice("Anna", tone(96_000))
    (file,) = (path / "voices").glob("*.flac")
    truncate(file)
    with Project.open(path) as project:
        with pytest.warns(UserWarning, match="voice of Anna"):
            assert project.cast["Anna"].voice is None
        assert len(project.turns) == 8


@pytest.mark.parametrize("file", ["script.txt", "project.json", "takes", "voices", "trash"])
def test_links_that_lead_out_are_refused(path: Path, tmp_path: Path, file: str) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(path, outside)
    target = path / file
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    (outside / file).mkdir(exist_ok=True) if file in ("voices", "trash") else None
    target.symlink_to(outside / file)
    before = sorted(outside.rglob("*"))
    with pytest.raises(ProjectError, match="leads out"):
        Project.open(path)
    assert sorted(outside.rglob("*")) == before


def test_a_take_that_is_a_link_is_left_out(path: Path, tmp_path: Path) -> None:
    third = path / "takes" / Project.open(path, read_only=True).turns[2].takes[0]
    third.rename(tmp_path / "take")
    third.symlink_to(tmp_path / "take")
    with pytest.warns(UserWarning, match="leads out"):
        assert Project.open(path, read_only=True).turns[2].state == "unspoken"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("turns", [{"id": "../x", "speaker": "A", "text": "B"}]),
        ("turns", [{"id": "a", "speaker": "A", "text": "B", "chosen": "../../etc"}]),
        ("cast", [{"label": "Anna", "color": "#000000", "voice": "../../secret"}]),
        ("cast", [{"label": "Anna", "color": "url(evil)"}]),
        ("starred", ["/etc/passwd"]),
        ("undo", [{"words": "x", "back": [["restore", "../../x"]]}]),
        (
            "undo",
            [
                {
                    "words": "x",
                    "back": [["member", "Anna", {"label": "Anna", "color": "#000000", "voice": "../x"}]],
                }
            ],
        ),
        ("undo", [{"words": "x", "back": [["nonsense"]]}]),
        ("settings", {"gap_ms": -5}),
        ("settings", {"edge_silence": 99}),
        ("trims", {"../x": [0.0, 1.0]}),
        ("trims", {"x": [1.0, 0.5]}),
        ("turns", [{"id": "a", "speaker": "Anna", "text": "One.", "pace": 20}]),
    ],
)
def test_hostile_names_are_refused(path: Path, key: str, value: Any) -> None:
    data = json.loads((path / "project.json").read_text())
    (path / "project.json").write_text(json.dumps({**data, key: value}))
    (path / "project.json.bak").unlink()
    with pytest.raises(ProjectError, match=r"project\.json"):
        Project.open(path)


def test_pipes_and_giants_are_refused(path: Path) -> None:
    (path / "script.txt").unlink()
    os.mkfifo(path / "script.txt")
    with pytest.raises(ProjectError, match="regular file"):
        Project.open(path)
    (path / "script.txt").unlink()
    (path / "script.txt").write_bytes(b"a" * 5_000_000)
    with pytest.raises(ProjectError, match="larger than"):
        Project.open(path)


def test_where_a_project_can_be(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ProjectError, match="already exists"):
        Project.create(path)
    with pytest.raises(ProjectError, match="no such folder"):
        Project.open(tmp_path / "nothing")
    with pytest.raises(ProjectError, match=r"project\.json is missing"):
        Project.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match=r"file is a file.*move or rename"):
        Project.open(tmp_path / "file")
    with pytest.raises(ProjectError):
        Project.create(tmp_path / "file" / "talk")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "talk.vibevoice"]
    with Project.create(tmp_path / "new" / "näme 1.5") as project:
        assert project.path.name == "näme 1.5.vibevoice" and project.name == "näme 1.5"
