"""A project survives crashes, moves, damage and malice, and has one writer at a time."""

from __future__ import annotations

import json
import os
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
from project_helpers import FRAME, SCRIPT, speak, speak_all, tone

from vibevoice_nb.errors import ProjectError
from vibevoice_nb.project import Project
from vibevoice_nb.project.state import FORMAT

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


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with Project.create(tmp_path_factory.mktemp("spoken") / "talk", SCRIPT) as project:
        speak_all(project)
    return project.path


@pytest.fixture
def path(spoken: Path, tmp_path: Path) -> Path:
    """The folder of a project with eight spoken turns."""
    return shutil.copytree(spoken, tmp_path / spoken.name)


# Crashes


def test_killed_in_the_middle_of_turn_seven(tmp_path: Path) -> None:
    code = """
project = Project.create(sys.argv[1], SCRIPT)
ids = [turn.id for turn in project.turns]
for turn_id in ids[:6]:
    speak(project, turn_id)
writer = project.begin_take(ids[6])
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
        assert [take.audio.size for turn in project.turns[:6] for take in project.takes(turn.id)] == [
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
        with project.keep_audio() as kept:
            kept.write(tone(FRAME))
            assert kept.samples == FRAME and not project.unfinished
        assert not project.unfinished
        with pytest.raises(ZeroDivisionError), project.keep_audio() as kept:
            kept.write(tone(FRAME))
            raise ZeroDivisionError
        (part,) = project.unfinished
        assert np.array_equal(part.audio, tone(FRAME)) and part.turns == ()
        project.discard_unfinished()
        assert not project.unfinished


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk, Project.create(disk / "talk", SCRIPT) as project:
        first = speak(project, project.turns[0].id, 1)
        writer = project.begin_take(project.turns[1].id)
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
        with pytest.warns(UserWarning, match="read only"):
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
    yield lambda: project.set_colour("Anna", "#123456")
    yield lambda: project.set_gap(turn.id, 10)
    yield lambda: project.choose(turn.id, take)
    yield lambda: project.star(take)
    yield lambda: project.delete_take(take)
    yield lambda: project.undo()
    yield lambda: project.begin_take(turn.id)
    yield lambda: project.keep_audio().__enter__()
    yield lambda: project.discard_unfinished()


@pytest.mark.parametrize("how", ["read_only", "closed"])
def test_a_project_that_cannot_be_changed(path: Path, how: str) -> None:
    project = Project.open(path, read_only=how == "read_only")
    if how == "closed":
        project.close()
        assert project.closed
    before = {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    for change in changes(project):
        with pytest.raises(ProjectError, match=r"read only|closed"):
            change()
    assert before == {file: file.read_bytes() for file in path.rglob("*") if file.is_file()}
    assert project.can_undo == "" or how == "closed"


def test_the_same_process_is_told_so(path: Path) -> None:
    with Project.open(path), pytest.warns(UserWarning, match="this very process"):
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


# Moves, damage, later formats


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
def test_a_damaged_state_gives_way_to_the_one_before(path: Path, rubbish: bytes) -> None:
    with Project.open(path) as project:
        before = project.turns
        project.settings["seed"] = 1
        project.settings["seed"] = 2
    (path / "project.json").write_bytes(rubbish)
    with pytest.warns(UserWarning, match=r"project\.json.*the state before is taken"):
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
    with pytest.raises(ProjectError, match=r"format 7.*at most format 1.*newer vibevoice-nb"):
        Project.open(path)
    assert json.loads((path / "project.json").read_text())["format"] == 7


def test_keys_of_others_are_kept(path: Path) -> None:
    data = json.loads((path / "project.json").read_text())
    data["of_a_plugin"] = {"a": 1}
    data["turns"][0]["colour_of_a_plugin"] = "red"
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
        ("cast", [{"label": "Anna", "colour": "#000000", "voice": "../../secret"}]),
        ("cast", [{"label": "Anna", "colour": "url(evil)"}]),
        ("starred", ["/etc/passwd"]),
        ("undo", [{"words": "x", "back": [["restore", "../../x"]]}]),
        (
            "undo",
            [
                {
                    "words": "x",
                    "back": [["member", "Anna", {"label": "Anna", "colour": "#000000", "voice": "../x"}]],
                }
            ],
        ),
        ("undo", [{"words": "x", "back": [["nonsense"]]}]),
        ("settings", {"gap_ms": -5}),
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
    with pytest.raises(ProjectError, match="plain file"):
        Project.open(path)
    (path / "script.txt").unlink()
    (path / "script.txt").write_bytes(b"a" * 5_000_000)
    with pytest.raises(ProjectError, match="more than"):
        Project.open(path)


def test_where_a_project_can_be(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ProjectError, match="which is there"):
        Project.create(path)
    with pytest.raises(ProjectError, match="no such folder"):
        Project.open(tmp_path / "nothing")
    with pytest.raises(ProjectError, match=r"project\.json is missing"):
        Project.open(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError):
        Project.create(tmp_path / "file" / "talk")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file", "talk.vibevoice"]
    with Project.create(tmp_path / "new" / "näme 1.5") as project:
        assert project.path.name == "näme 1.5.vibevoice" and project.name == "näme 1.5"
