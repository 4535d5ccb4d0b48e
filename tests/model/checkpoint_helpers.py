"""Fixtures of the checkpoint tests: a small checkpoint, a copy to damage, and loading."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import small_checkpoint

from vibevoice_nb import Engine
from vibevoice_nb.errors import CheckpointError
from vibevoice_nb.model.loading.weights import load_model
from vibevoice_nb.model.vibevoice import VibeVoiceModel
from vibevoice_nb.system.model_info import describe


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


def refused(model: Path | str) -> CheckpointError:
    """The error of loading, which is also that of `info`."""
    errors = []
    for look in (lambda: Engine.load(model, device="cpu"), lambda: describe(str(model))):
        with pytest.raises(CheckpointError) as caught:
            look()
        errors.append(caught.value)
    assert str(errors[0]) == str(errors[1])
    return errors[0]


def change_config(folder: Path, change: dict[str, Any]) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
