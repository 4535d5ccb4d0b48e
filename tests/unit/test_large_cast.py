"""A project of six speakers: planned in passages of at most four, generated, and exported."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from generation_helpers import QUICK, engine, spoken
from typer.testing import CliRunner

from vibevoice_nb import Engine, Project
from vibevoice_nb.cli.app import app
from vibevoice_nb.engine.model_limits import VoiceWarning

__all__ = ["engine"]  # a fixture

NAMES = ("Anna", "Ben", "Cleo", "Dan", "Eva", "Finn", "Greta", "Hal", "Ines", "Jon")
SCRIPT = "\n".join(f"{name}: Yes." for name in (*NAMES, "Anna", "Finn"))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Project.create(tmp_path / "panel", SCRIPT) as project:
        yield project


def test_ten_speakers_are_generated_turn_by_turn_and_exported(project: Project, engine: Engine) -> None:
    assert project.diagnostics == ()
    with pytest.warns(VoiceWarning) as caught:
        job = spoken(project, engine)
    assert [str(warning.message) for warning in caught] == [
        "Anna and Ines have the same voice, Ada: there are 8 built-in voices",
        "Ben and Jon have the same voice, Ruben: there are 8 built-in voices",
    ]
    assert len(job.takes) == len(SCRIPT.splitlines()) and project.missing() == []
    for take in job.takes:
        assert take.manifest.voice is not None
        heard = {entry.speaker for entry in take.manifest.context} | {take.turns[0].label}
        assert len(heard) <= 4
    files = project.export(project.path.parent / "out", format="mp3", parts="stems", subtitles=["srt"])
    assert {file.suffix for file in files} >= {".mp3", ".srt"}
    assert sum(any(name in file.name for name in NAMES) for file in files) >= len(NAMES)
    page = project.save(project.path.parent / "panel.html").read_text("utf-8")
    assert all(member.color in page for member in project.cast.values())
    assert len({member.color for member in project.cast.values()}) >= 8


def test_a_whole_script_says_where_it_is_cut(project: Project, engine: Engine) -> None:
    project.settings["mode"] = "whole"
    cuts = [(cut.severity, cut.line, cut.message) for cut in project.diagnostics]
    assert cuts == [
        ("info", 5, "a new passage begins here, before a fifth speaker (Eva)"),
        ("info", 9, "a new passage begins here, before a fifth speaker (Ines)"),
    ]
    with pytest.warns(VoiceWarning):
        job = project.generate(engine, **QUICK)
    episode = job.result(180)
    assert [turn.label for turn in episode.turns] == [turn.turn.label for turn in project.turns]
    project.settings["mode"] = "turns"
    assert project.diagnostics == ()


def test_the_command_line_says_where_it_cuts(tmp_path: Path) -> None:
    script = tmp_path / "panel.txt"
    script.write_text(SCRIPT)
    arguments = ("speak", script, "--out", tmp_path / "panel.wav", "--json", "--num-steps", "1")
    result = CliRunner().invoke(app, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    assert "new passages begin at lines 5, 9" in result.stderr and "same voice, Ada" in result.stderr
    (cuts,) = json.loads(result.stdout)["diagnostics"]
    assert (cuts["line"], cuts["severity"]) == (5, "info")
