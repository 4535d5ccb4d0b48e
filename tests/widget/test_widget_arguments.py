"""Arguments of the widgets: what each accepts, errors for wrong ones, short reprs, old names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vibevoice_nb.audio.io import write_audio
from vibevoice_nb.errors import OptionError
from vibevoice_nb.project import Project, Take
from vibevoice_nb.widgets import GenerationControls, Player, ScriptEditor, Studio, SweepGrid, VoicePicker

TONE = np.sin(np.arange(24_000) / 20).astype(np.float32) / 2


@pytest.mark.parametrize(
    ("create", "got"),
    [
        (lambda: SweepGrid(5), "SweepGrid(5)"),  # type: ignore[arg-type]
        (lambda: VoicePicker(5), "speakers=5"),  # type: ignore[arg-type]
        (lambda: VoicePicker("Anna"), "speakers='Anna'"),
        (lambda: VoicePicker(voices=5), "voices=5"),  # type: ignore[arg-type]
        (lambda: GenerationControls(model=5), "model=5"),  # type: ignore[arg-type]
        (lambda: GenerationControls(model=" "), "model name is empty"),
        (lambda: GenerationControls(steps=5), "'steps'"),  # type: ignore[call-arg]
        (lambda: Studio(np.zeros(3)), "project=array"),  # type: ignore[arg-type]
        (lambda: Studio(5), "project=5"),  # type: ignore[arg-type]
        (lambda: ScriptEditor(5), "ScriptEditor(5)"),  # type: ignore[arg-type]
        (lambda: Player(5), "Player(5)"),  # type: ignore[arg-type]
        (lambda: Player(np.zeros(3, np.int16)), "int16"),
        (lambda: Player(TONE, rate=0), "rate=0"),
    ],
)
def test_wrong_arguments(create: Callable[[], Any], got: str) -> None:
    with pytest.raises(OptionError) as caught:
        create()
    assert got in caught.value.got and caught.value.expected and caught.value.remedy
    assert len(str(caught.value)) < 400


def test_player_accepts_takes_arrays_and_files(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "tone.wav", TONE)
    for player in (Player(Take.from_audio(TONE)), Player(TONE), Player(path), Player(str(path))):
        assert player.take is not None and player.take.seconds == pytest.approx(1.0)
    half = Player(TONE.astype(np.float64), rate=48_000, position=0.25)
    assert half.take is not None and half.take.seconds == pytest.approx(0.5) and half.position == 0.25
    with pytest.deprecated_call(match="audio"):
        assert Player(take=Take.from_audio(TONE)).take is not None  # type: ignore[call-arg]


def test_studio_accepts_a_project_and_keeps_old_names(tmp_path: Path, monkeypatch: Any) -> None:
    project = Project.create(tmp_path / "show", "Anna: Hello.")
    studio = Studio(project, num_steps=5)
    try:
        assert studio.project is project
        with pytest.deprecated_call(match=r"Studio\.project"):
            assert studio.work is project
        monkeypatch.setattr(studio, "regenerate", lambda turn: f"regenerated {turn}")
        with pytest.deprecated_call(match=r"Studio\.regenerate"):
            assert studio.respeak("t") == "regenerated t"
    finally:
        studio.close()
        project.close()


def test_reprs_are_short(tmp_path: Path) -> None:
    studio = Studio(tmp_path / "show", script="Anna: Hello.")
    shown = [
        repr(studio),
        repr(Player(TONE)),
        repr(VoicePicker(["Anna", 2], voices={"Anna": "Ada"})),
        repr(ScriptEditor("Anna: Hi.", cast=["Anna"])),
        repr(GenerationControls(num_steps=7)),
    ]
    studio.close()
    assert "turns=1" in shown[0] and "job idle" in shown[0] and shown[1] == "Player('array', 1.0 s)"
    assert shown[2] == "VoicePicker(Anna: Ada, Speaker 2: None)"
    assert "num_steps=7" in shown[4]
    assert all(len(text) < 300 for text in shown)
