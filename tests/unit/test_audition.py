"""Auditions: a speaker's first line in every voice, kept in memory, without takes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from generation_helpers import QUICK, engine
from project_helpers import voice

from vibevoice_nb import Engine, OptionError, Project, ScriptError, VoiceError
from vibevoice_nb.project.jobs.audition import Audition, AuditionCache
from vibevoice_nb.project.take import Take
from vibevoice_nb.voices import builtin_voices
from vibevoice_nb.voices.library import VoiceLibrary

__all__ = ["engine"]  # a fixture

SCRIPT = "Anna: ...\nBen: Hello there.\nAnna: Good morning.\nAnna: And more."


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path / "home"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        yield project


def states(audition: Audition) -> dict[str, str]:
    return {voice.name: voice.state for voice in audition}


def test_the_first_line_is_generated_in_every_voice_without_takes(project: Project, engine: Engine) -> None:
    progress = []
    audition = project.audition(engine, "anna", progress=progress.append, **QUICK).result(180)
    assert (audition.speaker, audition.text) == ("Anna", "Good morning.")
    assert (
        states(audition)
        == dict.fromkeys(builtin_voices(), "finished")
        == dict.fromkeys(audition.takes, "finished")
    )
    assert len(project.takes) == 0 and project.cast["Anna"].voice is None and not project.can_undo
    audio = [take.audio for take in audition.takes.values()]
    assert all(sound.std() > 0.001 for sound in audio)
    assert not any(np.array_equal(audio[0], other) for other in audio[1:])
    assert [one.voices_done for one in progress] == [*range(1, len(builtin_voices()) + 1)]


def test_lines_are_kept_while_text_voice_and_settings_are_the_same(project: Project, engine: Engine) -> None:
    def ids(*voices: str, **options: object) -> list[str]:
        return [
            one.id for one in project.audition(engine, "Anna", voices, **{**QUICK, **options}).result(180)
        ]

    first = ids("Ada", "Kai")
    assert all(first) and ids("Kai", "Ada") == first[::-1]
    assert ids("Ada", seed=2) != first[:1]
    project.script_text = SCRIPT.replace("Good morning", "Good evening")
    changed = ids("Ada")
    assert changed != first[:1]
    project.script_text = SCRIPT
    assert ids("Ada") == first[:1]


def test_without_a_seed_all_auditions_have_the_same(project: Project, engine: Engine) -> None:
    takes = [project.audition(engine, "Ben", ["Ada"], num_steps=1).result(180).takes["Ada"] for _ in range(2)]
    assert takes[0] is takes[1]


def test_voices_that_cannot_be_used_say_why_and_do_not_stop_the_others(
    project: Project, engine: Engine
) -> None:
    library = VoiceLibrary()
    library.add(voice(150), name="Agreed", consent=True)
    library.add(voice(170), name="Silent", consent=False)
    project.set_voice("Anna", voice(190), kind="recording")
    audition = project.audition(engine, "Anna", **QUICK).result(180)
    found = {one.name: (one.kind, one.state, one.message) for one in audition}
    assert list(found) == ["190 Hz", *builtin_voices(), "Agreed", "Silent"]
    assert found["190 Hz"] == ("recording", "failed", "consent for the voice 190 Hz is not confirmed")
    assert found["Silent"][1:] == ("failed", "consent for the voice Silent is not confirmed")
    assert found["Ada"][1] == "finished"
    if not engine.limits.follows_voices:
        assert found["Agreed"][1] == "failed" and "cannot follow a recording" in found["Agreed"][2]


def test_an_audition_is_cancelled_within_a_frame(project: Project, engine: Engine) -> None:
    seen: list[str] = []

    def stop(job: Audition) -> None:
        seen.append(job.state)
        if job.voices[0].state == "finished":
            job.cancel()

    job = project.audition(engine, "Ben", listener=stop, **QUICK)
    audition = job.result(180)
    assert audition is job and job.state == "cancelled"
    assert list(states(job).values()) == ["finished"] + (len(builtin_voices()) - 1) * ["cancelled"]
    assert list(job.takes) == ["Ada"] and seen[-1] == "cancelled"


def test_a_long_line_is_cut_short(project: Project, engine: Engine) -> None:
    project.script_text = "Anna: " + "This is a rather long sentence that goes on. " * 30
    audition = project.audition(engine, "Anna", ["Ada"], num_steps=1).result(180)
    assert 5 < audition.takes["Ada"].seconds < 30


@pytest.mark.parametrize(
    ("speaker", "options", "error", "words"),
    [
        ("Cleo", {}, ScriptError, "'Cleo' has no lines"),
        ("Anna", {"voices": ["Ad"]}, VoiceError, "Ada"),
        ("Anna", {"voices": []}, OptionError, "0 voices"),
        ("Anna", {"num_steps": 0}, OptionError, "num_steps"),
        ("Anna", {"steps": 3}, OptionError, "unknown option 'steps'"),
    ],
)
def test_mistakes_are_reported_before_the_model_is_loaded(
    project: Project, speaker: str, options: dict[str, object], error: type[Exception], words: str
) -> None:
    def load() -> Engine:
        raise AssertionError("loaded")

    with pytest.raises(error, match=words):
        project.audition(load, speaker, **options)  # type: ignore[arg-type]


def test_a_speaker_of_whom_nothing_can_be_spoken(project: Project, engine: Engine) -> None:
    project.script_text = "Anna: ...\nBen: Hi."
    with pytest.raises(ScriptError, match="line 1: nano cannot speak"):
        project.audition(engine, "Anna")


def test_a_line_that_only_the_lexicon_makes_speakable(project: Project, engine: Engine) -> None:
    project.script_text = "Anna: 李雷!\nBen: Hi."
    with pytest.raises(ScriptError, match="line 1: nano cannot speak"):
        project.audition(engine, "Anna")
    project.lexicon["李雷"] = "lee lay"
    audition = project.audition(engine, "Anna", "Ada", **QUICK).result(180)
    assert audition.text == "李雷!" and audition.takes["Ada"].seconds > 0.2


def test_a_read_only_project_can_be_auditioned(project: Project, engine: Engine) -> None:
    again = Project.open(project.path, read_only=True)
    assert again.audition(engine, "Ben", "Ada", **QUICK).result(180).takes["Ada"].seconds > 0.3


def test_the_cache_holds_ten_minutes_and_drops_what_was_used_longest_ago() -> None:
    cache, hour = AuditionCache(), np.zeros(24_000 * 250, np.float32)
    ids = {name: cache.add(name, Take.from_audio(hour)) for name in "ab"}
    assert cache.get("a") is not None
    cache.add("c", Take.from_audio(hour))
    assert cache.get("b") is None and cache.get("a")[0] == ids["a"]  # type: ignore[index]


def test_a_project_opens_without_torch(tmp_path: Path) -> None:
    code = (
        "import sys, vibevoice_nb as v; v.Project.create(sys.argv[1], 'Anna: Hi.').close();"
        "sys.exit('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "bare")]
    assert subprocess.run(command, env={**os.environ}, check=False).returncode == 0
