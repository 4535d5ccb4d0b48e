"""A failed save changes nothing: memory has what the disk has, and the same call works later."""

from __future__ import annotations

import builtins
import errno
import itertools
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from project_helpers import FRAME, SCRIPT, frames, path, speak, speak_all, spoken, tone

from vibevoice_nb import files
from vibevoice_nb.errors import ProjectError, VibeVoiceError
from vibevoice_nb.project import Project

__all__ = ["path", "spoken"]  # fixtures

WITHOUT_SPACE = ("replace", "rename")
OPERATIONS = ("link", "mkdir", "fsync", *WITHOUT_SPACE)
THREE = "Anna: One.\nBen: Two.\n# A comment.\nAnna: Three. [pause:300]"


class Disk:
    """Counts what is written; the write number `full_at` fails, and those after it if it stays full."""

    def __init__(self) -> None:
        self.count, self.full_at, self.stays_full = 0, 0, False

    def step(self, takes_space: bool = True) -> None:
        self.count += 1
        still_full = self.stays_full and takes_space and self.count > self.full_at
        if self.full_at and (self.count == self.full_at or still_full):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()

    def counted(function: Callable[..., Any], takes_space: bool = True) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            disk.step(takes_space)
            return function(*args, **options)

        return call

    for name in OPERATIONS:
        monkeypatch.setattr(os, name, counted(getattr(os, name), name not in WITHOUT_SPACE))
    monkeypatch.setattr(files, "write_all", counted(files.write_all))
    monkeypatch.setattr("vibevoice_nb.project.draft.write_all", counted(files.write_all))
    plain_open = builtins.open

    def open_counted(file: Any, mode: str = "r", *args: Any, **options: Any) -> Any:
        if "x" in mode or "w" in mode:
            disk.step()
        return plain_open(file, mode, *args, **options)

    monkeypatch.setattr(builtins, "open", open_counted)
    yield disk
    disk.full_at = 0


def facts(project: Project) -> dict[str, Any]:
    """All that a person sees of a project."""
    return {
        "text": project.script_text,
        "turns": project.turns,
        "takes": {turn.id: [take.id for take in project.takes.of(turn.id)] for turn in project.turns},
        "starred": sorted(
            take.id
            for turn in project.turns
            for take in project.takes.of(turn.id)
            if project.takes.is_starred(take.id)
        ),
        "settings": dict(project.settings),
        "cast": {
            label: (m.color, m.voice and m.voice.sha256, m.consent) for label, m in project.cast.items()
        },
        "undo": [step.words for step in project.history.steps],
        "adjusted": [project.adjustments.of_speaker(label) for label in project.cast],
        "trims": dict(project.store.state.trims),
        "samples": project.timeline().samples,
    }


def finish_take(project: Project) -> None:
    speak(project, project.turns[1].id, phase=0.5)


CHANGES: dict[str, Callable[[Project], Any]] = {
    "script": lambda project: setattr(
        project, "script_text", THREE.replace("Three", "Thirty-three") + "\nCleo: Nine."
    ),
    "typing": lambda project: project.write_script(THREE + "!", typing=True),
    "no script": lambda project: setattr(project, "script_text", ""),
    "setting": lambda project: project.settings.update(seed=99, num_steps=3),
    "no setting": lambda project: project.settings.__delitem__("cfg_scale"),
    "given": lambda project: project.settings.give({"num_steps": 7}),
    "voice": lambda project: project.set_voice("Ben", tone(24_000 * 3, 210)),
    "no voice": lambda project: project.clear_voice("Anna"),
    "trim": lambda project: project.trim_voice("Anna", 0.25, 2.75),
    "consent": lambda project: project.set_consent("Anna", True),
    "color": lambda project: project.set_color("Anna", "#123456"),
    "choice": lambda project: project.choose(project.turns[0].id, project.turns[0].takes[0]),
    "star": lambda project: project.star(project.turns[1].takes[0]),
    "gap": lambda project: project.set_gap(project.turns[2].id, 700),
    "adjusted turn": lambda project: project.adjust(project.turns[1].id, gain=-3, pause=0.5),
    "adjusted speaker": lambda project: project.adjust_speaker("Ben", pace=1.2),
    "trimmed take": lambda project: project.trim_take(project.turns[0].takes[0], 0.05, 0.2),
    "deletion": lambda project: project.delete_take(project.turns[0].takes[1]),
    "undo of a deletion": lambda project: project.undo(),
    "take": finish_take,
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a voice, two takes of its first turn, a setting and a deletion to undo."""
    with Project.create(tmp_path_factory.mktemp("prepared") / "talk", THREE) as project:
        speak_all(project, 2)
        project.set_voice("Anna", tone(24_000 * 3))
        project.settings["cfg_scale"] = 2.0
        speak(project, project.turns[0].id, phase=1.0)
        project.star(project.turns[2].takes[0])
        project.delete_take(project.turns[2].takes[0])
    return project.path


@pytest.mark.parametrize("what", CHANGES)
def test_a_full_disk_changes_nothing(prepared: Path, tmp_path: Path, disk: Disk, what: str) -> None:
    """Each write in turn fails: then memory and disk agree, nothing is lost, and the retry works."""
    points = 0
    for full_at, stays_full in ((at, stays) for at in itertools.count(1) for stays in (False, True)):
        if stays_full and full_at not in (1, 4, 7):
            continue
        folder = shutil.copytree(prepared, tmp_path / "copy.vibevoice")
        with Project.open(folder) as project:
            before = facts(project)
            disk.count, disk.full_at, disk.stays_full = 0, full_at, stays_full
            try:
                CHANGES[what](project)
                failed = False
            except VibeVoiceError:
                failed = True
            reached, disk.full_at = disk.count >= full_at, 0
            after = facts(project)
            again = facts(Project.open(folder, read_only=True))
            assert {**after, "undo": 0} == {**again, "undo": 0}, f"{what}, write {full_at}"
            if failed and what != "take":  # a take that is complete on disk is kept
                assert after == before, f"{what}, write {full_at}"
            if failed:
                CHANGES[what](project)
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    assert facts(Project.open(folder, read_only=True)) == facts(project) != before
        points += reached
        if not reached:
            break
        shutil.rmtree(folder)
    assert points >= 5


def test_the_same_text_is_saved_once_there_is_space(path: Path, disk: Disk) -> None:
    long = SCRIPT + "\nAnna: " + "Very long. " * 1000
    with Project.open(path) as project:
        disk.count, disk.full_at, disk.stays_full = 0, 1, True
        with pytest.raises(ProjectError, match="disk is full"):
            project.script_text = long
        assert project.script_text == SCRIPT
        disk.full_at = 0
        project.script_text = long
    with Project.open(path) as again:
        assert again.script_text == long


def test_a_take_that_could_not_be_finished_can_be_finished_later(path: Path, disk: Disk) -> None:
    with Project.open(path) as project:
        writer = project.takes.begin(project.turns[0].id)
        writer.write(tone(2 * FRAME))
        disk.count, disk.full_at, disk.stays_full = 0, 2, True
        with pytest.raises(VibeVoiceError):
            writer.finish(frames(2))
        disk.full_at = 0
        take = writer.finish(frames(2))
        assert project.turns[0].chosen == take.id and take.samples == 2 * FRAME
