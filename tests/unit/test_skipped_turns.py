"""Turns that a model cannot speak, in every interface: project, Studio, command line, web demo."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import nano_with
from cli_helpers import bench, models

from vibevoice_nb import Project, ScriptError, Studio, VoiceError
from vibevoice_nb.audio.io import read_audio, write_audio
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.project.take import Take

__all__ = ["bench", "models"]  # fixtures

SCRIPT = "Anna: Hello.\nBen: 你好。\nAnna: Bye."
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


def hummed() -> np.ndarray:
    """Loud and soft in turn, as speech is."""
    times = np.arange(96_000) / 24_000
    return (0.2 * np.sin(940 * times) * (0.5 - 0.5 * np.cos(12 * times))).astype(np.float32)


def states(project: Project) -> list[str]:
    return [turn.state for turn in project.turns]


def test_a_turn_is_marked_before_generating(project: Project) -> None:
    assert states(project) == ["unspoken", "unspeakable", "unspoken"]
    assert "nano cannot speak '你好。'" in project.turns[1].reason
    assert [(item.line, item.severity) for item in project.diagnostics if "nano" in item.message] == [
        (2, "warning")
    ]
    assert project.missing() == [project.turns[0].id, project.turns[2].id]
    project.settings["model"] = "vibevoice/VibeVoice-1.5B-hf"
    assert states(project) == ["unspoken"] * 3
    assert not any("cannot speak" in item.message for item in project.diagnostics)


@pytest.mark.parametrize("lazy", [False, True])
def test_it_is_skipped_and_the_others_are_as_without_it(
    project: Project, engine: Engine, tmp_path: Path, lazy: bool
) -> None:
    job = project.generate((lambda: engine) if lazy else engine, **QUICK)
    job.result(180)
    assert (job.state, job.progress.turns_done, job.progress.turns_total) == ("finished", 2, 2)
    assert states(project) == ["spoken", "unspeakable", "spoken"]
    assert not any(turn.context_changed for turn in project.turns)
    with Project.create(tmp_path / "without", "Anna: Hello.\nAnna: Bye.") as other:
        other.set_voice("Anna", "Ada")
        other.generate(engine, **QUICK).result(180)
        np.testing.assert_array_equal(project.assemble().audio, other.assemble().audio)
        assert other.take(other.turns[1].chosen or "").manifest.context
    # Everything again: all that can be spoken.
    again = project.generate(engine, num_steps=2, seed=2)
    again.result(180)
    assert again.progress.turns_done == 2


def test_it_is_refused_by_itself(project: Project, engine: Engine) -> None:
    turn = project.turns[1].id
    with pytest.raises(ScriptError, match="line 2: nano cannot speak '你好。'"):
        project.generate(engine, [turn], **QUICK)
    job = project.generate(lambda: engine, [turn], **QUICK)
    with pytest.raises(ScriptError, match="line 2: nano cannot speak"):
        job.result(60)
    assert job.state == "failed" and not project.takes.of(turn)


def test_a_script_in_one_pass_skips_it_too(project: Project, engine: Engine) -> None:
    project.generate(engine, mode="whole", **QUICK).result(180)
    assert states(project) == ["spoken", "unspeakable", "spoken"]


def test_the_engine_decides_not_the_setting(project: Project, engine: Engine) -> None:
    project.settings["model"] = "vibevoice/VibeVoice-1.5B-hf"
    job = project.generate(engine, **QUICK)
    job.result(180)
    assert job.progress.turns_done == 2 and states(project) == ["spoken", "unspoken", "spoken"]


def test_takes_report_their_length(project: Project, engine: Engine) -> None:
    project.generate(engine, **QUICK).result(180)
    take = project.take(project.turns[0].chosen or "")
    assert (take.manifest.expected_seconds or 0) > 0 and take.odd_length == "" == take.manifest.odd_length
    odd = Take.from_audio(np.zeros(48000, np.float32), manifest={"odd_length": "long"})
    assert odd.odd_length == "long"


def test_a_recording_is_replaced_and_the_take_names_the_replacement(project: Project, tmp_path: Path) -> None:
    engine = Engine.load(nano_with(tmp_path / "fixed", follows_voices=False), dtype="float32")
    project.set_voice("Anna", (0.1 * np.sin(np.arange(96000) / 20)).astype(np.float32))
    project.generate(engine, **QUICK).result(180)
    take = project.take(project.turns[0].chosen or "")
    assert take.manifest.voice is not None
    assert take.manifest.voice.name == "voice" and take.manifest.voice.spoken_with == "Ada"
    assert states(project)[0] == "spoken"


def test_the_studio_shows_it(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "show", script=SCRIPT, dtype="float32", **QUICK)
    try:
        assert [turn["state"] for turn in studio.turns] == ["unspoken", "unspeakable", "unspoken"]
        assert "cannot speak" in studio.turns[1]["reason"]
        assert [item["line"] for item in studio.diagnostics if "nano" in item["message"]] == [2]
        studio.project.set_voice("Anna", "Ada")
        studio.project.set_voice("Ben", "Kai")
        job = studio.generate()
        assert studio.turns[1]["state"] == "unspeakable"
        job.result(180)
        assert [turn["state"] for turn in studio.turns] == ["spoken", "unspeakable", "spoken"]
        assert studio.job["state"] == "finished"
        for turn in (studio.turns[0], studio.turns[2]):
            studio.project.delete_take(turn["chosen"])
        assert studio.model_limits["languages"] == ["en"] and studio.model_limits["follows_voices"]
        assert "nano speaks English only." in studio.model_limits["sentences"]
        studio.set_trait("model", "vibevoice/VibeVoice-1.5B-hf")
        assert [turn["state"] for turn in studio.turns] == ["unspoken"] * 3
        studio.set_trait("model", "nano")
        assert studio.turns[1]["state"] == "unspeakable"
    finally:
        studio.close()


def test_the_cast_names_the_voice_that_is_used_instead(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "show", script="Anna: Hello.\nBen: Hi.")
    try:
        studio.set_trait("model", str(nano_with(tmp_path / "fixed", follows_voices=False)))
        assert not studio.model_limits["follows_voices"]
        studio.project.set_voice("Anna", "Ada")
        studio.project.set_voice("Ben", (0.1 * np.sin(np.arange(96000) / 20)).astype(np.float32))
        assert [row["voice"]["stand_in"] for row in studio.speakers] == ["", "Ruben"]
        studio.set_trait("model", "vibevoice/VibeVoice-1.5B-hf")
        assert [row["voice"]["stand_in"] for row in studio.speakers] == ["", ""]
    finally:
        studio.close()


NANO = ("speak", "--device", "cpu", "--dtype", "float32", "--seed", "1", "--num-steps", "2")


def test_the_command_line_reports_lines_and_refuses_an_unspeakable_script(bench: Any) -> None:
    mixed = bench.write("mixed.txt", "Speaker 1: Hello.\nSpeaker 2: -\nSpeaker 1: 你好 you.\n")
    result = bench.run(*NANO, mixed, "--out", "mixed.wav")
    assert result.exit_code == 0, result.output
    assert "mixed.txt:2: warning: nano cannot speak '-', so the turn is skipped" in flat(result)
    assert "mixed.txt:3: warning: nano leaves out '你好'" in flat(result)
    assert flat(result).count("leaves out") == 1
    assert read_audio(bench.folder / "mixed.wav")[0].size > 2400
    for text in ("Speaker 1: 你好。\nSpeaker 2: 再见。\n", "Speaker 1: ...\n", "Speaker 1: مرحبا\n"):
        nothing = bench.write("nothing.txt", text)
        result = bench.run(*NANO, nothing, "--out", "nothing.wav")
        assert result.exit_code != 0
        assert "nano cannot speak" in flat(result) and "line 1" in flat(result)
        assert not (bench.folder / "nothing.wav").exists()


def test_the_command_line_reports_recordings_that_are_not_followed(bench: Any) -> None:
    model = nano_with(bench.folder / "fixed", follows_voices=False)
    options = ("--model", str(model), "--voice", f"1={bench.voice}", "--out", "talk.wav", "--json")
    result = bench.run(*NANO, bench.script, *options)
    assert result.exit_code == 0
    assert "fixed cannot follow the recording 'hum': Speaker 1 speaks with the built-in voice Ada" in flat(
        result
    )
    summary = json.loads(result.stdout.strip().splitlines()[-1])
    assert summary["cast"]["Speaker 1"] == "Ada" and summary["odd_length"] == "" and summary["left_out"] == []


def flat(result: Any) -> str:
    return " ".join(result.output.split())


def test_the_web_demo_reports_and_skips_turns() -> None:
    pytest.importorskip("gradio")
    from vibevoice_nb.web.limits import Limits
    from vibevoice_nb.web.page import _describer
    from vibevoice_nb.web.service import DemoService, SpeechRequest

    script, big = "Anna: Hello.\nBen: 你好。", "vibevoice/VibeVoice-1.5B-hf"
    assert "nano cannot speak" in _describer(Limits(), "nano")(script)
    assert "cannot speak" not in _describer(Limits(), big)(script)
    with tempfile.TemporaryDirectory() as folder:
        service = DemoService("nano", Limits(), Path(folder), device="cpu", dtype="float32")
        request = SpeechRequest(
            "Anna: Hello.\nBen: 你好。", ("Ada", "Kai", "Ruben", "Mira"), num_steps=2, seed=1
        )
        *_, last = service.speak(request, "visitor")
        assert last.files and "1 turn skipped" in last.words
        with pytest.raises(ScriptError, match="nano cannot speak"):
            list(service.speak(SpeechRequest("Ben: 你好。", request.voices, num_steps=2), "visitor"))
        fixed = nano_with(Path(folder) / "fixed", follows_voices=False)
        service = DemoService(str(fixed), Limits(), Path(folder), device="cpu", dtype="float32")
        hum = write_audio(Path(folder) / "hum.wav", hummed())
        request = SpeechRequest(
            "Anna: Hello.", request.voices, (hum, None, None, None), True, num_steps=2, seed=1
        )
        *_, last = service.speak(request, "visitor")
        message = "fixed cannot follow the recording 'hum': Anna speaks with the built-in voice Ada"
        assert message in last.words


def test_the_web_demo_casts_as_the_engine_does() -> None:
    pytest.importorskip("gradio")
    from vibevoice_nb.web.limits import Limits
    from vibevoice_nb.web.service import DemoService, SpeechRequest

    with tempfile.TemporaryDirectory() as folder:
        service = DemoService("nano", Limits(), Path(folder), device="cpu", dtype="float32")
        hum = write_audio(Path(folder) / "hum.wav", hummed())
        script = service.limits.check("Ben: Hello.\nAnna: Hi.")
        cast = service._cast(script, SpeechRequest("", ("Kai", "Ada"), (None, hum), consent=True))
        assert {label: (voice.name, kind) for label, (voice, kind) in cast.items()} == {
            "Ben": ("Kai", "built-in"),
            "Anna": ("hum", "upload"),
        }
        with pytest.raises(VoiceError, match="unknown voice"):  # not a file of the server
            service._cast(script, SpeechRequest("", (str(hum), "Ada")))
        rest = service._cast(script, SpeechRequest("", ("Ruben",)))  # the form has four voices
        assert {label: voice.name for label, (voice, _) in rest.items()} == {
            "Ben": "Ruben",
            "Anna": "Mira",
        }


def test_the_editor_alone_marks_turns_without_letters() -> None:
    from vibevoice_nb.widgets.editor import ScriptEditor

    editor = ScriptEditor("Anna: Hello.\nBen: ...", cast=["Anna", "Ben"])
    assert any(item["line"] == 2 and "cannot speak" in item["message"] for item in editor.diagnostics)
