"""Helpers for tests of `Engine`: a script, its voices, an engine that never ends, one that ends by itself."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkpoints import save_weights
from model_helpers import restless_model, small_checkpoint

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.voices import Voice

RATE = 24_000
TALK = "Speaker 1: Hello there.\nSpeaker 2: Good morning!"
FEW: dict[str, Any] = {"num_steps": 2, "max_seconds": 0.1, "seed": 5}
"""Ten frames."""


def _voice(name: str, pitch: float = 220.0) -> Voice:
    return Voice(name, (0.1 * np.sin(np.arange(900) / RATE * 2 * np.pi * pitch)).astype(np.float32), "array")


ANNA, BEN = _voice("Anna"), _voice("Ben", 130.0)
CAST = {1: ANNA, 2: BEN}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that speaks until it is stopped."""
    return small_checkpoint(tmp_path_factory.mktemp("engine") / "talker")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return Engine.load(folder, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def restless(folder: Path) -> Engine:
    """An engine whose model ends by itself, sooner or later."""
    copy = Path(shutil.copytree(folder, folder.parent / "restless"))
    save_weights(restless_model(), copy)
    return Engine.load(copy, device="cpu", dtype="float32")
