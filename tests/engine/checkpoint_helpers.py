"""Fixtures of the checkpoint tests: a small checkpoint, a copy to damage, and loading."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from engine_helpers import small_checkpoint

from vibevoice_nb.model.loading.weights import load_model
from vibevoice_nb.model.vibevoice import VibeVoiceModel


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of the smallest model (original layout, tied embeddings); copy it before changing it."""
    return small_checkpoint(tmp_path_factory.mktemp("small") / "small")


@pytest.fixture
def folder(small: Path, tmp_path: Path) -> Path:
    """Copy of the checkpoint to damage."""
    return Path(shutil.copytree(small, tmp_path / "copy"))


def load(folder: Path, dtype: torch.dtype = torch.float32) -> VibeVoiceModel:
    return load_model(folder, torch.device("cpu"), dtype)
