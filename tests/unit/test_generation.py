"""Turns generated in the background: takes, progress, cancellation, and the context of each turn."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest
from async_helpers import run
from generation_helpers import QUICK, SCRIPT, engine, own_audio, project, spoken

from vibevoice_nb import OptionError, Project, ScriptError
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.registry import EngineRegistry
from vibevoice_nb.project.jobs.generation import Event
from vibevoice_nb.project.jobs.sweep import Sweep
from vibevoice_nb.script import parse_script

__all__ = ["engine", "project"]  # fixtures


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


def test_a_take_records_how_it_was_generated(project: Project, engine: Engine) -> None:
    spoken(project, engine)
    takes = [project.take(turn.chosen) for turn in project.turns]
    for take, before in zip(takes[1:], takes, strict=False):
        manifest = take.manifest.to_json()
        assert manifest["content"] == "generated speech"
        assert manifest["weights"] == engine.model.weights_digest()
        assert manifest["options"]["seed"] == 1 and manifest["options"]["num_steps"] == 2
        assert manifest["voice"]["sha256"] == project.cast[manifest["speaker"]].voice.sha256
        assert manifest["follows"] == before.id
        assert manifest["versions"]["torch"] and manifest["revision"].startswith("sha256:")
        assert len(manifest["context"]) + manifest["context_dropped"] == takes.index(take)


def test_only_missing_turns_are_generated(project: Project, engine: Engine) -> None:
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
    old = {part.take.turn_id: before.read(part.start, part.take.samples) for part in before.segments}
    spoken(project, engine, turn, seed=2)
    after = project.timeline()
    new = {part.take.turn_id: after.read(part.start, part.take.samples) for part in after.segments}
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
    assert same.manifest.prefill_sha256 == first.manifest.prefill_sha256
    np.testing.assert_array_equal(same.audio, first.audio)
    spoken(project, engine, project.turns[0].id, seed=5)
    assert project.turn(last).context_changed
    spoken(project, engine, last)
    other = project.takes.of(last)[-1]
    assert other.manifest.prefill_sha256 != first.manifest.prefill_sha256
    assert other.audio.shape != first.audio.shape or not np.allclose(other.audio, first.audio)
    assert not project.turn(last).context_changed


def test_the_whole_script_in_one_pass_is_cut_into_turns(project: Project, engine: Engine) -> None:
    job = project.generate(engine, mode="whole", passage_seconds=60.0, **QUICK)
    episode = job.result(180)
    takes = [project.take(turn.chosen) for turn in project.turns]
    assert len(takes) == 4 and sum(take.samples for take in takes) == episode.samples
    np.testing.assert_allclose(episode.audio, np.concatenate(list(job)), atol=1e-4)
    for take in takes:
        assert take.manifest.mode == "whole" and 0 <= take.turns[0].confidence <= 1


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

    seconds, ticks = run(main())
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
        ("", ScriptError, "no text to speak"),
        ("Speaker one: Hi.", ScriptError, "is not a valid speaker label"),
    ],
)
def test_errors_of_a_script_are_raised_before_anything_is_loaded(
    project: Project, script: str, error: type[Exception], words: str
) -> None:
    project.script_text = script
    with pytest.raises(error, match=words):
        project.generate(lambda: pytest.fail("loaded"))


def test_speakers_get_built_in_voices_and_keep_them(project: Project, engine: Engine) -> None:
    project.script_text = "Cleo: Hi.\nDora: Oh."
    first, second = (turn.id for turn in project.turns)
    project.generate(engine, [second], **QUICK).result(180)
    assert project.cast["Dora"].voice is not None and project.cast["Cleo"].voice is None
    assert project.take(project.turns[1].chosen).manifest.voice.name == project.cast["Dora"].voice.name
    project.generate(engine, **QUICK).result(180)
    assert [turn.state for turn in project.turns] == ["spoken", "spoken"]
    assert [turn.id for turn in project.turns] == [first, second]


def test_a_sweep_uses_the_default_voices(project: Project, engine: Engine) -> None:
    project.script_text = "Cleo: Hi."
    sweep = project.sweep(engine, seed=[1], num_steps=[1])
    cell = next(iter(sweep.result(180)))
    assert cell.take is not None and project.cast["Cleo"].voice is None
    assert {label: voice.name for label, voice in sweep.voices.items()} == {"Cleo": "Ada"}


def test_a_generation_that_is_not_started_changes_nothing(project: Project, engine: Engine) -> None:
    project.script_text = "Cleo: Hi."
    project.generation(engine, **QUICK)
    assert project.cast["Cleo"].voice is None
    with pytest.raises(OptionError, match="fresh=True"):
        project.generation(engine, mode="whole", fresh=True)


def test_several_takes_of_several_turns(project: Project, engine: Engine) -> None:
    ids = [turn.id for turn in project.turns[:2]]
    project.generate(engine, ids, **{**QUICK, "seed": 7}).result(180)
    job = project.regenerate(engine, ids, takes=2, **{**QUICK, "seed": 7})
    job.result(180)
    assert (job.progress.turns_done, job.progress.turns_total) == (4, 4)
    for turn in ids:
        seeds = [take.seed for take in project.takes.of(turn)]
        assert len(seeds) == 3 and seeds[0] == 7 and len(set(seeds)) == 3
        assert project.turns[ids.index(turn)].chosen == project.takes.of(turn)[-1].id
    for wrong in (0, 21, 1.5, "2", True):
        with pytest.raises(OptionError, match="takes="):
            project.regenerate(engine, ids, takes=wrong)
    with pytest.raises(OptionError, match="takes=2, fresh=False in the mode 'whole'"):
        project.generation(engine, mode="whole", takes=2)


def test_an_unknown_turn_or_option_is_named(project: Project, engine: Engine) -> None:
    with pytest.raises(ScriptError, match="'nobody'"):
        project.generate(engine, ["nobody"])
    with pytest.raises(OptionError, match="num_stepz"):
        project.generate(engine, num_stepz=3).result(180)


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


def test_loading_is_in_no_rate(project: Project, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long load changes no rate; only the first audio comes later."""
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
    taken = [take.manifest.rtf for take in job.takes]
    assert min(taken) * 0.3 < job.progress.rtf < max(taken) * 3


def test_the_pace_begins_with_the_first_frame() -> None:
    from vibevoice_nb.engine.options import Pace, Progress

    pace = Pace()
    assert pace.at(40.0, 0.125) == 0.0
    progress = Progress(1.125, 11.125, 41.0, pace.at(41.0, 1.125))
    assert progress.pace == 1.0 and progress.remaining == 10.0


def test_between_turns_no_turn_is_named(project: Project, engine: Engine) -> None:
    """Number, name and time are those of the turn being generated, never of the previous one."""
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
