"""Turns spoken in the background: what is kept, what is told, how it stops, and the context of each turn."""

from __future__ import annotations

import asyncio
import errno
import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vibevoice_nb import OptionError, Project, ScriptError, VoiceError
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.registry import EngineRegistry
from vibevoice_nb.errors import ProjectError
from vibevoice_nb.project.jobs.generation import Event, Generation
from vibevoice_nb.project.jobs.sweep import Sweep
from vibevoice_nb.script import parse_script

SCRIPT = "Anna: Hello there.\nBen: Good morning.\nAnna: How are you?\nBen: Very well."
QUICK = {"num_steps": 2, "seed": 1}


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("nano", dtype="float32")


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        project.set_voice("Anna", "Ada")
        project.set_voice("Ben", "Kai")
        yield project


def spoken(project: Project, engine: Engine, *turns: str, **options: object) -> Generation:
    job = project.generate(engine, turns or None, **{**QUICK, **options})
    job.result(180)
    return job


def own_audio(project: Project) -> dict[str, np.ndarray]:
    return {turn.id: project.take(turn.chosen).audio for turn in project.turns if turn.chosen}


def heard(project: Project) -> dict[str, np.ndarray]:
    """Each turn's part of the assembled episode."""
    line = project.timeline()
    return {part.take.manifest["turn_id"]: line.read(part.start, part.take.samples) for part in line.segments}


def test_every_turn_gets_a_take_and_the_episode_is_all_of_them(project: Project, engine: Engine) -> None:
    events: list[Event] = []
    job = project.generation(engine, listener=events.append, **QUICK).start()
    heard = np.concatenate(list(job))
    episode = job.result(180)
    assert [turn.state for turn in project.turns] == ["spoken"] * 4
    assert job.state == "finished" and job.progress.turns_done == 4 and job.progress.ttfa
    assert len(heard) == sum(take.samples for take in job.takes) == episode.samples
    # Each turn continues the one before it, so the episode equals the live audio.
    np.testing.assert_allclose(episode.audio, heard, atol=1e-4)
    assert [event.turn for event in events if event.kind == "take"] == list(job.turns)
    audio = [event for event in events if event.kind == "audio"]
    assert [event.start for event in audio] == list(range(0, len(heard), 3200))
    states = ["loading", "speaking", "finished"]
    assert [event.kind for event in events if event.kind == "state"] == ["state"] * len(states)


def test_a_take_says_how_it_was_made(project: Project, engine: Engine) -> None:
    spoken(project, engine)
    takes = [project.take(turn.chosen) for turn in project.turns]
    for take, before in zip(takes[1:], takes, strict=False):
        manifest = take.manifest
        assert manifest["content"] == "generated speech"
        assert manifest["weights"] == engine.model.weights_digest()
        assert manifest["options"]["seed"] == 1 and manifest["options"]["num_steps"] == 2
        assert manifest["voice"]["sha256"] == project.cast[manifest["speaker"]].voice.sha256
        assert manifest["follows"] == before.id
        assert manifest["versions"]["torch"] and manifest["revision"].startswith("sha256:")
        assert len(manifest["context"]) + manifest["context_dropped"] == takes.index(take)


def test_only_what_is_missing_is_spoken(project: Project, engine: Engine) -> None:
    spoken(project, engine)
    before = own_audio(project)
    project.script_text = SCRIPT.replace("How are you?", "How do you do?")
    assert project.missing() == [project.turns[2].id]
    assert [turn.state for turn in project.turns] == ["spoken", "spoken", "changed", "spoken"]
    job = spoken(project, engine)
    assert job.turns == (project.turns[2].id,)
    after = own_audio(project)
    for turn in project.turns[:2] + project.turns[3:]:
        np.testing.assert_array_equal(before[turn.id], after[turn.id])


def test_a_respoken_turn_leaves_the_samples_of_the_others(project: Project, engine: Engine) -> None:
    spoken(project, engine)
    turn = project.turns[1].id
    before = project.timeline()
    old = {
        part.take.manifest["turn_id"]: before.read(part.start, part.take.samples) for part in before.segments
    }
    spoken(project, engine, turn, seed=2)
    after = project.timeline()
    new = {
        part.take.manifest["turn_id"]: after.read(part.start, part.take.samples) for part in after.segments
    }
    assert len(project.takes.of(turn)) == 2
    assert old[turn].shape != new[turn].shape or not np.allclose(old[turn], new[turn])
    for other in project.turns:
        if other.id != turn:
            np.testing.assert_array_equal(old[other.id], new[other.id])


def test_the_context_is_really_used(project: Project, engine: Engine) -> None:
    spoken(project, engine)
    last = project.turns[1].id
    first = project.takes.of(last)[0]
    spoken(project, engine, last)
    same = project.takes.of(last)[-1]
    assert same.manifest["prefill_sha256"] == first.manifest["prefill_sha256"]
    np.testing.assert_array_equal(same.audio, first.audio)
    spoken(project, engine, project.turns[0].id, seed=5)
    assert project.turn(last).context_changed
    spoken(project, engine, last)
    other = project.takes.of(last)[-1]
    assert other.manifest["prefill_sha256"] != first.manifest["prefill_sha256"]
    assert other.audio.shape != first.audio.shape or not np.allclose(other.audio, first.audio)
    assert not project.turn(last).context_changed


def test_a_stop_keeps_what_was_made(project: Project, engine: Engine) -> None:
    project.script_text = "Anna: " + "This is one long turn that goes on for quite a while. " * 3
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
    assert project.take(turn.chosen).manifest["ended"] == "cancelled"


def test_the_whole_script_in_one_pass_is_cut_into_turns(project: Project, engine: Engine) -> None:
    job = project.generate(engine, mode="whole", passage_seconds=60.0, **QUICK)
    episode = job.result(180)
    takes = [project.take(turn.chosen) for turn in project.turns]
    assert len(takes) == 4 and sum(take.samples for take in takes) == episode.samples
    np.testing.assert_allclose(episode.audio, np.concatenate(list(job)), atol=1e-4)
    for take in takes:
        assert take.manifest["mode"] == "whole" and 0 <= take.turns[0].confidence <= 1


def test_two_generations_take_turns(project: Project, engine: Engine) -> None:
    first = project.generate(engine, [project.turns[0].id], **QUICK)
    second = project.generate(engine, [project.turns[1].id], **QUICK)
    third = project.generate(engine, [project.turns[2].id], **QUICK)
    third.cancel()
    assert third.result(180).samples >= 0 and third.state == "cancelled" and not third.takes
    first.result(180), second.result(180)
    assert first.state == second.state == "finished"


def test_it_can_be_awaited_while_the_loop_goes_on(project: Project, engine: Engine) -> None:
    async def main() -> tuple[float, int]:
        job = project.generate(engine, [project.turns[0].id], **QUICK)
        ticks = 0
        while not job.done:
            await asyncio.sleep(0.005)
            ticks += 1
        return (await job).seconds, ticks

    seconds, ticks = asyncio.run(main())
    assert seconds > 0.2 and ticks > 3


def test_errors_reach_the_waiting_caller(project: Project) -> None:
    def broken() -> Engine:
        raise OptionError("no such model", "a model", "choose another")

    job = project.generate(broken)
    with pytest.raises(OptionError, match="no such model"):
        job.result(180)
    with pytest.raises(OptionError, match="no such model"):
        list(job)
    assert job.state == "failed"


def test_a_failing_listener_does_not_stop_the_generation(
    project: Project, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(event: Event) -> None:
        raise RuntimeError("the page is gone")

    job = project.generation(engine, [project.turns[0].id], listener=broken, **QUICK).start()
    assert job.result(180).samples and "a listener of a generation failed" in caplog.text


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("", ScriptError, "nothing to speak"),
        ("Speaker one: Hi.", ScriptError, "is not a valid speaker label"),
        ("Cleo: Hi.", VoiceError, "Cleo has no voice"),
    ],
)
def test_what_cannot_be_spoken_is_said_before_anything_is_loaded(
    project: Project, script: str, error: type[Exception], words: str
) -> None:
    project.script_text = script
    with pytest.raises(error, match=words):
        project.generate(lambda: pytest.fail("loaded"))


def test_an_unknown_turn_or_option_is_named(project: Project, engine: Engine) -> None:
    with pytest.raises(ScriptError, match="'nobody'"):
        project.generate(engine, ["nobody"])
    with pytest.raises(OptionError, match="num_stepz"):
        project.generate(engine, num_stepz=3).result(180)


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
    script = "\n".join([*lines, "Anna: " + "And this one takes much longer than all the others did. " * 4])
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


def test_the_registry_loads_a_model_once_and_unloads_it() -> None:
    registry = EngineRegistry()
    made: list[int] = []
    threads = [
        threading.Thread(target=lambda: registry.load("nano", dtype="float32", making=lambda: made.append(1)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1] and registry.list()[0].nbytes > 8e6
    assert registry.get("nano", dtype="float32") is not None and registry.get("nano") is None
    assert registry.unload("nano") == 1 and registry.list() == []


def test_a_sweep_fills_its_cells_and_its_table(engine: Engine) -> None:
    script = parse_script("Speaker 1: Hello.")
    sweep = Sweep(lambda: engine, script, None, {"num_steps": [1, 2], "cfg_scale": [1.0, 3.0]}, {"seed": 3})
    table = sweep.start().result(180).to_dataframe()
    assert list(table["num_steps"]) == [1, 1, 2, 2] and list(table["cfg_scale"]) == [1.0, 3.0, 1.0, 3.0]
    assert (table["seconds"] > 0.2).all() and (table["rtf"] > 0).all() and set(table["state"]) == {"finished"}


def test_a_sweep_can_be_stopped(engine: Engine) -> None:
    sweep = Sweep(
        lambda: engine, parse_script("Speaker 1: Hello."), None, {"seed": list(range(50))}, {"num_steps": 1}
    )
    sweep.changed = lambda cell: sweep.cancel() if cell.state == "finished" else None
    sweep.start().result(180)
    states = [cell.state for cell in sweep.cells]
    assert states[0] == "finished" and set(states[1:]) == {"cancelled"}


@pytest.mark.parametrize(
    ("axes", "words"),
    [
        ({}, "0 combinations"),
        ({"cfg": [1.0]}, "axis 'cfg'"),
        ({"seed": []}, "seed="),
        ({"num_steps": [0]}, "num_steps=0"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(axes: dict[str, list[float]], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Sweep(lambda: pytest.fail("loaded"), parse_script("Speaker 1: Hi."), None, axes)


def test_stop_comes_within_a_frame(project: Project, engine: Engine) -> None:
    project.script_text = "Anna: " + "This is one long turn that goes on for quite a while. " * 3
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


# --- rates --------------------------------------------------------------------------------------------------


def test_loading_is_in_no_rate(project: Project, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that takes long to load speaks no slower for it; the first sound does come later."""
    late = [0.0]
    clock = time.perf_counter
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + late[0])

    def load() -> Engine:
        late[0] += 1000.0
        return engine

    events: list[tuple[str, float, float, float]] = []

    def listen(event: Event) -> None:
        now = job.progress
        events.append((event.kind, now.elapsed, now.pace, now.remaining))

    job = project.generation(load, listener=listen, **QUICK)
    job.start().result(180)
    assert job.progress.ttfa is not None and job.progress.ttfa > 1000
    assert job.progress.elapsed < 500 and job.progress.rtf < 500
    frames = [event for event in events if event[0] == "audio"]
    assert frames[0][2:] == (0.0, 0.0), "no rate from one frame"
    assert all(0 < pace < 500 for _, _, pace, _ in frames[1:])
    taken = [take.manifest["rtf"] for take in job.takes]
    assert min(taken) * 0.3 < job.progress.rtf < max(taken) * 3


def test_the_pace_begins_with_the_first_frame() -> None:
    from vibevoice_nb.engine.options import Pace, Progress

    pace = Pace()
    assert pace.at(40.0, 0.125) == 0.0
    progress = Progress(1.125, 11.125, 41.0, pace.at(41.0, 1.125))
    assert progress.pace == 1.0 and progress.remaining == 10.0


def test_between_turns_no_turn_is_named(project: Project, engine: Engine) -> None:
    """Number, name and time are of the turn that is being spoken, never of the one before."""
    seen: list[tuple[str, str, str, int, float]] = []

    def listen(event: Event) -> None:
        now = job.progress
        seen.append((event.kind, event.turn, now.turn, now.turns_done, now.turn_seconds))

    job = project.generation(engine, listener=listen, **QUICK)
    job.start().result(180)
    for kind, turn, named, done, seconds in seen:
        if kind == "take":
            assert (named, seconds) == ("", 0.0)
        elif kind == "turn":
            assert named == turn and seconds == 0.0 and job.turns.index(turn) == done
        elif kind == "audio":
            assert named == turn and job.turns.index(named) == done


# --- errors in a turn ---


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
    assert take.samples == kept * 3200 and len(take.frames) == kept and take.manifest["error"]
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
