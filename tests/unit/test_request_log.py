"""Log of requests: how each one ended."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest
from async_helpers import run

from vibevoice_nb import parse_script
from vibevoice_nb.serve.events import Event, Failed, Queued, Silence
from vibevoice_nb.serve.request_log import LOGGER, LoggedService
from vibevoice_nb.serve.requests import ModelFacts, Received, SpeechRequest, User


class Given:
    """Service with given events, and a fault at the end if one is set."""

    def __init__(self, *events: Event, fault: bool = False) -> None:
        self.events, self.fault = events, fault

    async def facts(self) -> ModelFacts:
        raise NotImplementedError

    async def submit(self, request: SpeechRequest, user: User) -> AsyncGenerator[Event, None]:
        for event in self.events:
            yield event
        if self.fault:
            raise RuntimeError("a fault")


async def _received(service: LoggedService, request: SpeechRequest, most: int) -> None:
    count = 0
    async with aclosing(service.submit(request, User("ann"))) as events:
        async for _ in events:
            count += 1
            if count == most:
                return


@pytest.mark.parametrize(
    ("service", "most", "ended"),
    [
        (Given(Silence(24_000), Silence(2_400)), 1, "cancelled"),
        (Given(Queued(1, 1), Failed("busy", "full", "a place", "wait")), 9, "busy"),
        (Given(Silence(24_000), fault=True), 9, "internal"),
    ],
)
def test_the_end_of_a_request_is_logged(
    caplog: pytest.LogCaptureFixture, service: Any, most: int, ended: str
) -> None:
    empty = np.zeros((0, 2), np.float32)
    request = SpeechRequest(parse_script("Ann: Hello.").turns, done=Received(empty, empty, (), 0))
    with caplog.at_level(logging.INFO, LOGGER):
        try:
            run(_received(LoggedService(service, "/here"), request, most))
        except RuntimeError:
            assert service.fault
    (line,) = [json.loads(record.getMessage()) for record in caplog.records if record.name == LOGGER]
    assert line.pop("seconds") >= 0 and line.pop("audio_seconds") == (0 if ended == "busy" else 1)
    assert line == {
        "user": "ann",
        "route": "/here",
        "turns": 1,
        "characters": 6,
        "resumed": True,
        "ended": ended,
    }
