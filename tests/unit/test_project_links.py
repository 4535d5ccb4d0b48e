"""Links in the folder of a project: no file is read or written through them."""

from __future__ import annotations

import os
import shutil
import warnings
from pathlib import Path

import pytest
from project_helpers import path, speak, spoken, tone

from vibevoice_nb.audio.io import encode_audio, write_audio
from vibevoice_nb.errors import AudioError, ProjectError
from vibevoice_nb.project import Project

__all__ = ["path", "spoken"]  # fixtures


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    file = tmp_path / "elsewhere" / "precious.flac"
    file.parent.mkdir()
    file.write_bytes(b"precious")
    return file


@pytest.mark.parametrize("hard", [False, True], ids=["symbolic", "hard"])
@pytest.mark.parametrize("suffix", [".flac", ".txt"])
def test_a_voice_never_goes_through_a_link(path: Path, precious: Path, hard: bool, suffix: str) -> None:
    outside = precious.rename(precious.with_suffix(suffix))
    with Project.open(path) as project:
        project.set_voice("Anna", "Ada")
        (voice,) = (path / "voices").glob("*.flac")
        project.clear_voice("Anna")
        for file in (voice, voice.with_suffix(".json")):
            file.unlink(missing_ok=True)
            os.link(outside, file) if hard else file.symlink_to(outside)
        project.set_voice("Anna", "Ada")
        assert project.cast["Anna"].voice is not None
    assert outside.read_bytes() == b"precious"


@pytest.mark.parametrize("hard", [False, True], ids=["symbolic", "hard"])
@pytest.mark.parametrize(
    "name", [".lock", ".holder.json", "script.txt", "project.json", "project.json.bak", "script.txt.damaged"]
)
def test_no_file_of_a_project_is_written_through_a_link(
    path: Path, precious: Path, name: str, hard: bool
) -> None:
    target = path / name
    content = target.read_bytes() if target.exists() else b"precious"
    precious.write_bytes(content)
    target.unlink(missing_ok=True)
    os.link(precious, target) if hard else target.symlink_to(precious)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            project = Project.open(path)
        with project:
            project.script_text = "Anna: Changed."
            project.settings["seed"] = 3
            speak(project, project.turns[0].id)
    except ProjectError as refused:
        assert "link that leads out" in str(refused)
    assert precious.read_bytes() == content


def test_an_export_into_a_project_does_not_leave_it(path: Path, precious: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        episode = project.assemble()
        exports = path / "exports"
        exports.mkdir()
        (exports / "episode.flac").symlink_to(precious)
        with pytest.raises(AudioError, match="leads out of the project"):
            episode.save(exports / "episode.flac", force=True)
        (path / "more").symlink_to(precious.parent)
        with pytest.raises(AudioError, match="leads out of the project"):
            episode.save(path / "more" / "precious.flac", force=True)
        episode.save(exports / "other.flac")
        assert precious.read_bytes() == b"precious"
    shutil.move(path, tmp_path / "real.vibevoice")
    path.symlink_to(tmp_path / "real.vibevoice")  # a project that is itself behind a link
    with Project.open(path) as project:
        project.assemble().save(path / "exports" / "third.flac")
        project.script_text = "Anna: Hi."


def test_a_link_to_another_type_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "link.wav").symlink_to(tmp_path / "notes.txt")
    with pytest.raises(AudioError, match=r"a link to notes\.txt"):
        write_audio(tmp_path / "link.wav", tone(100), force=True)
    assert encode_audio("x.flac", tone(100))[:4] == b"fLaC"
