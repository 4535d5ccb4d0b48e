"""Settings of nano: the folder, and the shape of the model."""

from __future__ import annotations

from pathlib import Path

from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.training.common import read_shape

CONFIGS = Path(__file__).parent / "configs"


def nano_config() -> ModelConfig:
    """Return the configuration of nano, from the config.json in the package."""
    return read_shape(CONFIGS / "nano.json")
