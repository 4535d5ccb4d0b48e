"""Generations that end early: stopped, killed, or broken off by an error; the audio so far is kept."""

from __future__ import annotations

import errno
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from endless import ENDLESS
from generation_helpers import QUICK, engine, project

from vibevoice_nb import Project
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.errors import ProjectError
from vibevoice_nb.project.jobs.generation import Event

__all__ = ["engine", "project"]  # fixtures


def test_a_stop_keeps_the_audio(project: Project, engine: Engine) -> None:
    project.script_text = ENDLESS
    frames = 0

    def stop_after_three(event: Event) -> None:
        nonlocal frames
        frames += event.kind == "audio"
        if frames == 3:
            job.cancel()

    job = project.generation(engine, listener=stop_after_three, **QUICK)
    episode = job.start().result(180)
    assert job.state == "cancelled" and frames <= 4  # within a frame
    assert episode.samples == frames * 3200
    turn = project.turns[0]
    assert turn.partial and project.missing() == [turn.id]
    assert project.take(turn.chosen).ended == "cancelled"


KILLED = """
import sys
from vibevoice_nb import Project
from vibevoice_nb.engine.engine import Engine
project = Project.open(sys.argv[1])
turns = [turn.id for turn in project.turns]
def listen(event):
    if event.kind == "audio" and event.turn == turns[6]:
        print("seven", flush=True)
engine = Engine.load("nano", dtype="float32")
project.generation(engine, listener=listen, num_steps=1, seed=1).start().result()
"""


def test_a_kernel_killed_in_turn_seven_leaves_six(tmp_path: Path) -> None:
    lines = [f"Anna: This is turn number {word}." for word in ("one", "two", "three", "four", "five", "six")]
    script = "\n".join([*lines, ENDLESS])
    with Project.create(tmp_path / "talk", script) as project:
        project.set_voice("Anna", "Ruben")
        path = project.path
    process = subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "seven\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with Project.open(path) as project:
        states = [turn.state for turn in project.turns]
        assert states == ["spoken"] * 6 + ["unspoken"]
        assert all(np.abs(project.take(turn.chosen).audio).max() > 0.01 for turn in project.turns[:6])
        assert project.missing() == [project.turns[6].id]
        assert [take.samples > 0 for take in project.unfinished] == [True]


def test_stop_comes_within_a_frame(project: Project, engine: Engine) -> None:
    project.script_text = ENDLESS
    first = threading.Event()
    job = project.generation(engine, listener=lambda event: event.kind == "audio" and first.set(), **QUICK)
    job.start()
    assert first.wait(180)
    before = job.progress.seconds
    job.cancel()
    asked = time.perf_counter()
    job.result(180)
    assert job.progress.seconds - before <= 2 * 3200 / 24000 + 1e-6
    assert time.perf_counter() - asked < 5


def test_a_whole_script_stopped_early_keeps_the_turns_it_came_to(project: Project, engine: Engine) -> None:
    frames = 0

    def stop_in_time(event: Event) -> None:
        nonlocal frames
        frames += event.kind == "audio"
        if frames == 12:
            job.cancel()

    job = project.generation(engine, mode="whole", passage_seconds=60.0, listener=stop_in_time, **QUICK)
    episode = job.start().result(180)
    takes = [project.take(turn.chosen) for turn in project.turns if turn.chosen]
    assert job.state == "cancelled" and episode.samples == frames * 3200 == sum(
        take.samples for take in takes
    )
    assert 1 <= len(takes) < 4
    assert [take.ended for take in takes] == ["finished"] * (len(takes) - 1) + ["cancelled"]
    assert project.missing() == [turn.id for turn in project.turns[len(takes) - 1 :]]


FAULTS: dict[str, tuple[str, BaseException]] = {
    "full disk": ("vibevoice_nb.project.draft.write_all", OSError(errno.ENOSPC, "No space left on device")),
    "out of memory": ("vibevoice_nb.engine.run.SpeechRun._keep", MemoryError()),
    "driver fault": (
        "vibevoice_nb.engine.run.SpeechRun._keep",
        RuntimeError("CUDA error: unspecified launch failure"),
    ),
    "interrupt": ("vibevoice_nb.project.jobs.generation.Generation._on_audio", KeyboardInterrupt()),
}


@pytest.mark.parametrize("mode", ["turns", "whole"])
@pytest.mark.parametrize("fault", FAULTS)
def test_an_error_in_a_turn_keeps_its_audio(
    project: Project, engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: str, mode: Any
) -> None:
    """After an error in the fourth frame, the three before it are a partial take that can be played."""
    where, error = FAULTS[fault]
    module, _, name = where.rpartition(".")
    if module.endswith(("SpeechRun", "Generation")):
        module, _, owner = module.rpartition(".")
        target = getattr(importlib.import_module(module), owner)
    else:
        target = importlib.import_module(module)
    function, calls = getattr(target, name), 0

    def fails_once(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise error
        return function(*args)

    monkeypatch.setattr(target, name, fails_once)
    project.script_text = "Anna: This is one long turn that goes on for quite a while."
    job = project.generate(engine, mode=mode, **QUICK)
    with pytest.raises(BaseException) as caught:
        job.result(180)
    assert job.state == "failed" and caught.value is job.error
    heard = np.concatenate(list(job._audio))
    # An interrupt comes after the fourth frame is on the disk, which alone holds the audio.
    kept = 4 if fault == "interrupt" else 3
    (turn,) = project.turns
    take = project.take(turn.chosen)
    assert turn.partial and project.missing() == [turn.id] and not project.unfinished
    assert take.samples == kept * 3200 and len(take.frames) == kept and take.manifest.error
    np.testing.assert_allclose(take.audio[: len(heard)], heard, atol=1e-4)
    project.generate(engine, mode=mode, **QUICK).result(180)
    assert not project.missing()
    with Project.open(project.path, read_only=True) as again:
        assert [len(turn.takes) for turn in again.turns] == [2]


def test_an_error_on_a_disk_that_stays_full_leaves_the_audio(
    project: Project, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No take can be written either: what is on the disk is found as unfinished audio, as after kill -9."""
    project.script_text = "Anna: This is one long turn that goes on for quite a while."
    writes = 0

    def fills_up(file: Any, data: Any) -> None:
        nonlocal writes
        writes += 1
        if writes > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        file.write(data)

    monkeypatch.setattr("vibevoice_nb.project.draft.write_all", fills_up)
    monkeypatch.setattr("vibevoice_nb.project.storage.writer._write_flac", lambda *_: fills_up(None, b""))
    with pytest.raises(ProjectError, match="disk is full"):
        project.generate(engine, **QUICK).result(180)
    (part,) = project.unfinished
    assert part.samples == 3 * 3200 and part.turns[0].turn_id == project.turns[0].id
