"""Damaged project folders: they open with every word and take, or report what is missing."""

from __future__ import annotations

import copy
import json
import os
import random
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzz_helpers import generators

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from project_helpers import FRAME, speak, speak_all, tone

from vibevoice_nb.audio.io import write_audio
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.voices import resolve_voice
from vibevoice_nb.widgets.cast_panel import _row
from vibevoice_nb.widgets.project_traits import EPISODE, take_cards, take_summary, turn_states

SCRIPT = (
    "# A comment.\nAnna: One, two.\nBen: Three. [pause:200]\nAnna: Four 😀.\nCleo: Nobody has spoken this."
)
CASES = 160
VALUES: list[Any] = [
    None, True, 0, -1, 2**70, 1e308, float("nan"), float("inf"), "", "x", "../x", "\0", "\ud83d", "x" * 9000,
    [], [None], {}, {"a": [1]}, [[]] * 40, "/etc/passwd", {"text": 5}, [{"id": "../x"}],
]  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with everything in it: voices, takes, a deleted one, undo of each kind, unfinished audio."""
    with Project.create(tmp_path_factory.mktemp("sound") / "talk", SCRIPT) as project:
        project.set_voice("Anna", "Ada")
        project.set_voice("Ben", tone(24_000 * 3), consent=True)
        last = project.turns[-1].id
        for turn_id in project.missing():
            if turn_id != last:
                speak(project, turn_id, 2)
        extra = speak(project, project.turns[0].id, 2, phase=1.0)
        project.star(extra.id)
        project.set_gap(project.turns[1].id, 300)
        project.script_text = SCRIPT + "\nDan: Gone again."
        project.script_text = SCRIPT
        project.delete_take(extra.id)
        project.settings["num_steps"] = 7
        hum = write_audio(project.path.parent / "hum.wav", tone(24_000))
        project.set_music("bed", hum, license="CC0")
        project.set_music("bed", gain=-20)
        writer = project.takes.begin(project.turns[-1].id)
        writer.write(tone(FRAME))
        writer._leave()
    return project.path


# Damage


def bytes_changed(file: Path, rng: random.Random) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(rng.choice([1, 3, 20])):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    file.write_bytes(bytes(data))


def cut(file: Path, rng: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: rng.randrange(len(data) + 1)])


def replaced(file: Path, rng: random.Random) -> None:
    rubbish = [
        b"",
        bytes(50),
        b"\xff\xfe\x80" * 9,
        b"[" * 50_000,
        b"{}",
        b"null",
        b'{"format": 1}',
        rng.randbytes(500),
    ]
    file.write_bytes(rng.choice(rubbish))


def swapped(file: Path, rng: random.Random) -> None:
    root = next(parent for parent in file.parents if parent.suffix == ".vibevoice")
    others = sorted(path for path in root.rglob("*") if path.is_file() and path != file)
    shutil.copyfile(rng.choice(others), file)


def missing(file: Path, rng: random.Random) -> None:
    file.unlink()


def folder_instead(file: Path, rng: random.Random) -> None:
    file.unlink()
    file.mkdir()


def pipe_instead(file: Path, rng: random.Random) -> None:
    file.unlink()
    os.mkfifo(file)


def hostile_json(file: Path, rng: random.Random) -> None:
    try:
        data = json.loads(file.read_bytes())
    except ValueError:
        return bytes_changed(file, rng)
    places = list(_places(data))
    for _ in range(rng.choice([1, 1, 3])):
        holder, key = rng.choice(places)
        if rng.random() < 0.2:
            holder.pop(key, None) if isinstance(holder, dict) else None
        elif isinstance(holder, dict) or key < len(holder):
            holder[key] = copy.deepcopy(rng.choice(VALUES))
    file.write_text(json.dumps(data), "utf-8", "replace")


def _places(data: Any) -> Any:
    for key in list(data if isinstance(data, dict) else range(len(data))):
        yield data, key
        if isinstance(data[key], (dict, list)):
            yield from _places(data[key])


def link_out(file: Path, rng: random.Random) -> None:
    outside = file.parents[len(file.parents) - 1 - _depth(file)] / "outside"
    file.unlink()
    file.symlink_to(outside / rng.choice(["same", "other.flac", "none"]))


def hard_link_out(file: Path, rng: random.Random) -> None:
    outside = file.parents[len(file.parents) - 1 - _depth(file)] / "outside"
    file.unlink()
    os.link(outside / "same", file)


def _depth(file: Path) -> int:
    root = next(parent for parent in file.parents if parent.suffix == ".vibevoice")
    return len(root.parent.parts) - 1


DAMAGE: list[Callable[[Path, random.Random], None]] = [
    bytes_changed, cut, cut, replaced, swapped, missing, folder_instead, pipe_instead, hostile_json,
    hostile_json, hostile_json, link_out, link_out, hard_link_out,
]  # fmt: skip


# User actions


def facts(project: Project) -> dict[str, Any]:
    return {
        "text": project.script_text,
        "words": [(turn.turn.label, turn.turn.text) for turn in project.turns],
        "takes": {turn.id: turn.takes for turn in project.turns},
        "voices": {label: member.voice and member.voice.sha256 for label, member in project.cast.items()},
    }


def shown(project: Project) -> None:
    """Everything a page shows can be serialized for it."""
    rows = [_row(member, "", "") for member in project.cast.values()]
    values = [
        turn_states(project, {}),
        take_cards(project),
        take_summary(project.assemble(), EPISODE, 1),
        rows,
    ]
    json.dumps(values)


def used(project: Project, voice: Any) -> None:
    """Call everything that writes to each kind of file; only our errors may be raised."""
    steps: list[Callable[[], Any]] = [
        lambda: project.unfinished,
        lambda: project.timeline().read(0, 10**6),
        lambda: project.set_voice("Anna", "Ada"),
        lambda: project.set_voice("Ben", voice, consent=True),
        lambda: setattr(project, "script_text", project.script_text + " More."),
        lambda: project.settings.update(seed=5),
        lambda: (
            project.delete_take(project.turns[0].takes[0]) if project.turns and project.turns[0].takes else 0
        ),
        lambda: speak_all(project, 1),
        lambda: project.assemble().peaks(0, 1000, 10),
        lambda: [project.undo() for _ in range(3)],
    ]
    for step in steps:
        try:
            step()
        except VibeVoiceError as error:
            assert error.got and error.remedy is not None


def opened(path: Path, **options: Any) -> tuple[Project | None, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            project = Project.open(path, **options)
            shown(project)
        except VibeVoiceError as error:
            assert error.got and "Traceback" not in str(error)
            return None, [str(error)]
    return project, [str(warning.message) for warning in caught]


def outside_of(folder: Path, content: bytes) -> dict[Path, bytes]:
    outside = folder / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir()
    (outside / "same").write_bytes(content)
    (outside / "other.flac").write_bytes(b"precious")
    return {path: path.read_bytes() for path in outside.iterdir()}


def test_damaged_projects(sound: Path, tmp_path: Path) -> None:
    """Each file, each way: no raw exception, no word or take lost silently, nothing written elsewhere."""
    names = sorted(path.relative_to(sound) for path in sound.rglob("*") if path.is_file())
    original = facts(Project.open(sound, read_only=True))
    audio = {
        take_id: Project.open(sound, read_only=True).take(take_id).audio
        for takes in original["takes"].values()
        for take_id in takes
    }
    voice = resolve_voice("Kai")
    for number, numpy_rng in generators("projects", CASES):
        rng = random.Random(int(numpy_rng.integers(2**60)))
        name = names[number % len(names)] if number < 3 * len(names) else rng.choice(names)
        damage = rng.choice(DAMAGE)
        about = f"case {number}: {name}, {damage.__name__}"
        folder = tmp_path / "case"
        folder.mkdir()
        path = shutil.copytree(sound, folder / sound.name)
        before = outside_of(folder, (path / name).read_bytes())
        damage(path / name, rng)
        try:
            project, said = opened(path)
            if project is not None:
                with project, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    check_nothing_lost(project, said, original, audio, damage is hostile_json)
                    used(project, voice)
                again, said = opened(path)
                assert again is not None, said
                again.close()
        except Exception as error:
            raise AssertionError(about) from error
        assert {file: file.read_bytes() for file in (folder / "outside").iterdir()} == before, about
        shutil.rmtree(folder)


def check_nothing_lost(
    project: Project, said: list[str], original: dict[str, Any], audio: dict[str, Any], values_changed: bool
) -> None:
    """Everything that was there is still there, or a warning has reported it."""
    now = facts(project)
    if not said:
        assert now["text"] == original["text"]
        assert {take for takes in now["takes"].values() for take in takes} == audio.keys()
        if not values_changed:
            assert now["voices"] == original["voices"]
    earlier = [
        entry[2]["text"] for step in project.history.steps for entry in step.back if entry[0] == "script"
    ]
    assert any("script" in text or "project.json" in text for text in said) or now["text"] == original["text"]
    assert original["text"] in (now["text"], *earlier) or any("project.json" in text for text in said)
    for take_id in audio:
        try:
            take = project.take(take_id)
            heard = take.audio
        except VibeVoiceError:
            assert said or take_id in project.store.takes  # an error during playback is a report, too
        else:
            assert said or np.array_equal(heard, audio[take_id])
