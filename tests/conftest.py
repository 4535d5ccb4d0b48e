"""What every test stands on: no network, few threads, the same random numbers each time."""

from __future__ import annotations

import os
import random
import shutil
import sys

# Before torch or huggingface_hub is imported by any test, and for the programs the tests start.
os.environ["HF_HUB_OFFLINE"] = "1"
# Threads that wait for each other while another process has their core cost many times the work itself.
os.environ.setdefault("OMP_NUM_THREADS", "1" if "PYTEST_XDIST_WORKER" in os.environ else "2")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import pytest
from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")


def _missing(marker: str) -> str | None:
    """Why tests with this marker can't run here; None where they can."""
    if marker == "flite":
        return None if shutil.which("flite") else "the flite program is not installed"
    if marker == "gpu":
        import torch

        return None if torch.cuda.is_available() else "there is no NVIDIA card here"
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
    if "torch" in sys.modules:  # a test that needs no torch must not bring it in
        sys.modules["torch"].manual_seed(0)
