"""Helpers of the generation tests: a project of four turns, the embedded engine, and its takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vibevoice_nb import Project
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.project.jobs.generation import Generation

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
    return {part.take.turn_id: line.read(part.start, part.take.samples) for part in line.segments}
