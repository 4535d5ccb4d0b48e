"""Common setup of all tests: no network, few threads, fixed seeds."""

from __future__ import annotations

import os
import random
import shutil
import sys

# Set before any test imports torch or huggingface_hub, and inherited by the programs that tests start.
os.environ["HF_HUB_OFFLINE"] = "1"
# Threads that compete with other processes for a core cost many times the work itself.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


def _missing(marker: str) -> str | None:
    """Return the reason to skip tests with this marker; None if they can run."""
    if marker == "flite":
        return None if shutil.which("flite") else "the flite program is not installed"
    if marker == "gpu":
        import torch

        return None if torch.cuda.is_available() else "there is no NVIDIA GPU here"
    import transformers

    if hasattr(transformers, "VibeVoiceForConditionalGeneration"):
        return None
    return f"transformers {transformers.__version__} has no VibeVoice of its own"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for marker in ("flite", "gpu", "oracle"):
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = _missing(marker) if marked else None
        if reason:
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def _fixed_seeds() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:  # a test without torch must not import it
        sys.modules["torch"].manual_seed(0)
