"""Writing a project: nothing is lost in a crash or on a full disk, and one process writes at a time."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_helpers import nobody, small_disk
from project_helpers import FRAME, SCRIPT, path, speak, speak_all, spoken, tone

from vibevoice_nb.errors import ProjectError
from vibevoice_nb.project import Project

__all__ = ["path", "spoken"]  # fixtures

HELPERS = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from project_helpers import *\n"


def start(code: str, *args: object) -> subprocess.Popen[str]:
    """Run Python that prints a line when it is ready."""
    return subprocess.Popen(
        [sys.executable, "-c", HELPERS + code, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


# Crashes


def test_killed_in_the_middle_of_turn_seven(tmp_path: Path) -> None:
    code = """
project = Project.create(sys.argv[1], SCRIPT)
ids = [turn.id for turn in project.turns]
for turn_id in ids[:6]:
    speak(project, turn_id)
writer = project.takes.begin(ids[6])
writer.write(tone(2 * FRAME))
print("ready", flush=True)
while True:
    writer.write(tone(FRAME))
"""
    process = start(code, tmp_path / "talk")
    assert said(process) == "ready"
    kill(process)
    with Project.open(tmp_path / "talk") as project:
        assert not project.read_only
        assert [turn.state for turn in project.turns] == ["spoken"] * 6 + ["unspoken"] * 2
        assert [take.audio.size for turn in project.turns[:6] for take in project.takes.of(turn.id)] == [
            3 * FRAME
        ] * 6
        (part,) = project.unfinished
        assert part.turns[0].turn_id == project.turns[6].id and part.turns[0].text == "Seven."
        assert np.array_equal(part.read(0, 2 * FRAME), tone(2 * FRAME)) and part.samples >= 2 * FRAME
        speak_all(project)  # the turn's whole take replaces what was left of it
        assert [turn.state for turn in project.turns] == ["spoken"] * 8 and not project.unfinished
        assert not list((project.path / "takes").glob(".*"))


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Again and again, while takes are finished, chosen and deleted and the script is edited."""
    code = """
project = Project.open(sys.argv[1])
print("ready", flush=True)
for number in range(10**6):
    turn = project.turns[number % 8]
    speak(project, turn.id)
    project.script_text = SCRIPT + f" {number}"
    if len(project.turns[0].takes) > 3:
        project.delete_take(project.turns[0].takes[0])
    print(number, flush=True)
"""
    target = Project.create(tmp_path / "talk", SCRIPT)
    target.close()
    rounds = np.random.default_rng(5).uniform(0.0, 0.25, 4)
    for seconds in rounds:
        process = start(code, target.path)
        said(process), said(process)
        time.sleep(seconds)
        kill(process)
        with Project.open(target.path) as project:
            assert not project.read_only and len(project.turns) == 8
            folders = {path.name for path in (project.path / "takes").iterdir() if path.name[0] != "."}
            assert {take for turn in project.turns for take in turn.takes} == folders
            assert all(project.take(take).audio.size == 3 * FRAME for take in folders)
            assert all((turn.chosen is None) == (not turn.takes) for turn in project.turns)


def test_a_deletion_counts_once_it_is_written(path: Path) -> None:
    """A crash between moving a take into the trash, or out of it, and saying so."""
    project = Project.open(path)
    take = project.turns[0].takes[0]
    before = (path / "project.json").read_bytes()
    project.delete_take(take)
    after = (path / "project.json").read_bytes()
    project.close()
    (path / "project.json").write_bytes(before)
    (path / "trash" / "Somebody's folder").mkdir()
    with Project.open(path) as again:
        assert again.turns[0].takes == (take,) and again.turns[0].chosen == take
    (path / "project.json").write_bytes(after)
    with Project.open(path) as again:
        assert again.turns[0].takes == (take,)  # it had been undone
        assert again.undo().startswith("deleted") and again.turns[0].state == "spoken"


def test_audio_of_a_whole_script_is_kept_until_it_is_cut(path: Path) -> None:
    with Project.open(path) as project:
        with project.takes.keep_audio() as kept:
            kept.write(tone(FRAME))
            assert kept.samples == FRAME and not project.unfinished
        assert not project.unfinished
        with pytest.raises(ZeroDivisionError), project.takes.keep_audio() as kept:
            kept.write(tone(FRAME))
            raise ZeroDivisionError
        (part,) = project.unfinished
        assert np.array_equal(part.audio, tone(FRAME)) and part.turns == ()
        project.takes.discard_unfinished()
        assert not project.unfinished


@pytest.mark.parametrize("words", ["{}", '{"turn_id": 5, "speaker": ["Anna"], "text": null, "mood": "calm"}'])
def test_unfinished_audio_is_kept_without_its_words(path: Path, words: str) -> None:
    with Project.open(path) as project:
        with pytest.raises(ZeroDivisionError), project.takes.begin(project.turns[0].id) as writer:
            writer.write(tone(FRAME))
            raise ZeroDivisionError
        file = project.path / "takes" / f".draft-{writer.id}" / "draft.json"
        assert json.loads(file.read_text("utf-8"))["text"] == "One."
        file.write_text(words, "utf-8")
        (part,) = project.unfinished
        assert np.array_equal(part.audio, tone(FRAME)) and part.turns == () and part.ended == "cancelled"
        assert part.manifest.to_json() == {**json.loads(words), "ended": "cancelled"}


def test_a_full_disk_is_reported_and_nothing_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk, Project.create(disk / "talk", SCRIPT) as project:
        first = speak(project, project.turns[0].id, 1)
        writer = project.takes.begin(project.turns[1].id)
        with pytest.raises(ProjectError, match="disk is full"):
            for _ in range(100):
                writer.write(tone(FRAME))
        writer.abandon()
        assert project.turns[0].chosen == first.id and first.audio.size == FRAME
        assert speak(project, project.turns[1].id, 1).audio.size == FRAME


# One writer


def test_two_processes_on_one_project(path: Path) -> None:
    code = """
project = Project.open(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""
    process = start(code, path)
    try:
        assert said(process) == "ready"
        with pytest.warns(UserWarning, match="read-only"):
            second = Project.open(path)
        assert second.read_only and f"process {process.pid}" in second.holder
        assert second.take(second.turns[2].chosen or "").audio.size == 3 * FRAME  # it can be heard
        before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
        for change in changes(second):
            with pytest.raises(ProjectError, match=f"process {process.pid}.*close it there"):
                change()
        assert before == {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    finally:
        kill(process)
    with Project.open(path) as third:  # a dead process holds nothing
        assert not third.read_only and third.holder == ""


def changes(project: Project) -> Iterator[Callable[[], Any]]:
    """Every way to change a project."""
    turn = project.turns[0]
    take = turn.takes[0]
    yield lambda: setattr(project, "script_text", "Anna: New.")
    yield lambda: project.settings.update(seed=5)
    yield lambda: project.set_voice("Anna", tone(96_000))
    yield lambda: project.set_color("Anna", "#123456")
    yield lambda: project.set_gap(turn.id, 10)
    yield lambda: project.choose(turn.id, take)
    yield lambda: project.star(take)
    yield lambda: project.delete_take(take)
    yield lambda: project.undo()
    yield lambda: project.takes.begin(turn.id)
    yield lambda: project.takes.keep_audio().__enter__()
    yield lambda: project.takes.discard_unfinished()


@pytest.mark.parametrize("how", ["read_only", "closed"])
def test_a_project_that_cannot_be_changed(path: Path, how: str) -> None:
    project = Project.open(path, read_only=how == "read_only")
    if how == "closed":
        project.close()
        assert project.closed
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    for change in changes(project):
        with pytest.raises(ProjectError, match=r"read-only|closed"):
            change()
    assert before == {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert project.can_undo == "" or how == "closed"


def test_the_message_names_the_same_process(path: Path) -> None:
    with Project.open(path), pytest.warns(UserWarning, match="this process"):
        assert Project.open(path).read_only
    with Project.open(path) as project:
        assert not project.read_only


def test_a_folder_that_cannot_be_written_is_read(spoken: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # unlike pytest's, others may look into it
        path = shutil.copytree(spoken, Path(folder) / spoken.name)
        (path / ".lock").unlink(missing_ok=True)
        Path(folder).chmod(0o755)
        path.chmod(0o555)
        with nobody(), pytest.warns(UserWarning, match="can't be written"):
            project = Project.open(path)
            assert project.read_only and project.assemble().samples == 8 * 3 * FRAME
        path.chmod(0o755)
