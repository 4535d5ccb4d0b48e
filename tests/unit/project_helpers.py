"""Helpers of the project tests: takes of tones instead of speech, a project on disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vibevoice_nb.project import Project, Take
from vibevoice_nb.voices import load_voice

FRAME = 3200
SCRIPT = "Anna: One.\nBen: Two.\nAnna: Three.\nBen: Four.\nAnna: Five.\nBen: Six.\nAnna: Seven.\nBen: Eight."


def tone(samples: int, hz: float = 200.0, phase: float = 0.0, level: float = 0.3, at: int = 0) -> np.ndarray:
    """Float32 [samples], as if it had begun `at` samples before."""
    angle = 2 * np.pi * hz * (np.arange(samples) + at) / 24_000 + phase
    return (level * np.sin(angle)).astype(np.float32)


def frames(count: int, fill: float = 0.0) -> Any:
    return SimpleNamespace(
        latent=np.full((count, 64), fill, np.float32), semantic=np.full((count, 128), fill, np.float32)
    )


def speak(project: Project, turn_id: str, count: int = 3, phase: float = 0.0, **manifest: Any) -> Take:
    """Make a take as a generation does: in the context of all chosen takes before, going on from the last."""
    turns = project.turns
    index = [turn.id for turn in turns].index(turn_id)
    context = [
        {"turn_id": turn.id, "take_id": turn.chosen, "text": turn.turn.text, "speaker": turn.turn.label}
        for turn in turns[:index]
        if turn.chosen
    ]
    lead = tone(480, phase=phase, at=-480)
    follows = context[-1]["take_id"] if context else None
    given = {"context": context, "ended": "finished", "model": "nano", **manifest}
    with project.takes.begin(turn_id) as writer:
        for frame in range(count):
            writer.write(tone(FRAME, phase=phase, at=frame * FRAME))
        return writer.finish(frames(count), lead, given, follows=follows)


def speak_all(project: Project, count: int = 3) -> list[Take]:
    return [speak(project, turn_id, count) for turn_id in project.missing()]


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with Project.create(tmp_path_factory.mktemp("spoken") / "talk", SCRIPT) as project:
        speak_all(project)
    return project.path


@pytest.fixture
def path(spoken: Path, tmp_path: Path) -> Path:
    """The folder of a project with eight generated turns."""
    return shutil.copytree(spoken, tmp_path / spoken.name)


@pytest.fixture
def project(tmp_path: Path) -> Any:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        yield project


def voice(hz: float, seconds: float = 4.0) -> Any:
    return load_voice(tone(int(24_000 * seconds), hz), name=f"{hz:g} Hz")
