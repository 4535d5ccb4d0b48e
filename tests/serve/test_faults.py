"""Faults of the server's own code, and what Ray reports of them, without starting Ray."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from async_helpers import run as run_apart

if importlib.util.find_spec("ray") is None:
    pytest.skip("needs vibevoice-nb[serve]", allow_module_level=True)

from ray.exceptions import ActorDiedError, RayTaskError
from test_worker import events_of, request, run

from vibevoice_nb.errors import ServerError
from vibevoice_nb.serve.app import RayReplicas
from vibevoice_nb.serve.events import Failed
from vibevoice_nb.serve.replicas import ReplicatedService


class Failing:
    """Handle of a deployment whose streams raise an error."""

    def __init__(self, error: Exception) -> None:
        self.error, self.tried, self.stream = error, 0, self

    def options(self, **options: Any) -> Failing:
        return self

    def remote(self, *arguments: Any) -> Failing:
        self.tried += 1
        return self

    def cancel(self) -> None:
        pass

    def __aiter__(self) -> Failing:
        return self

    async def __anext__(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "tries"),
    [
        (RayTaskError("stream", "trace", ValueError("a bug")).as_instanceof_cause(), "internal", 1),
        (RayTaskError("stream", "trace", ActorDiedError()).as_instanceof_cause(), "lost", 5),
        (ActorDiedError(), "lost", 5),
    ],
)
def test_only_the_loss_of_a_replica_is_tried_again(error: Exception, kind: str, tries: int) -> None:
    handle: Any = Failing(error)
    (events,) = run(events_of(ReplicatedService(RayReplicas(handle), pause=0), request()))
    assert isinstance(events[-1], Failed) and events[-1].kind == kind and handle.tried == tries


def test_health_asks_a_replica() -> None:
    async def ask(error: Exception) -> None:
        async def facts() -> None:
            raise error

        handle: Any = SimpleNamespace(facts=SimpleNamespace(remote=facts))
        await ReplicatedService(RayReplicas(handle)).health()

    with pytest.raises(ServerError, match="no replica"):
        run_apart(ask(ActorDiedError()))


def test_the_log_of_requests_is_written() -> None:
    script = """
from vibevoice_nb.serve.app import log_requests
from vibevoice_nb.serve.request_log import write_log
from vibevoice_nb.serve.requests import User
log_requests()
log_requests()
write_log(User("anna"), "/v1/audio/speech", bytes=3)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.count('{"user": "anna", "route": "/v1/audio/speech", "bytes": 3}') == 1
