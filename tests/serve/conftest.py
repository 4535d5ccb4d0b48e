"""A worker of nano, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.serve.worker import SpeechWorker


@pytest.fixture(scope="session")
def nano() -> Engine:
    return Engine.load("nano", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def worker(nano: Engine) -> Iterator[SpeechWorker]:
    made = SpeechWorker(nano, max_batch=4)
    yield made
    made.close()
