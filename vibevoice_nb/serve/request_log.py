"""Log of requests: a line of JSON for each, whichever way it came. It has no texts, unless that is set."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..audio.pcm import SAMPLE_RATE
from .events import Ended, Event, Failed, closable, length
from .requests import ModelFacts, SpeechRequest, SpeechService, User

LOGGER = "vibevoice_nb.serve.requests"
_log = logging.getLogger(LOGGER)


class LoggedService:
    """Service that logs each request at its end.

    A line has the fields `user`, `route`, `turns`, `characters`, `audio_seconds` (generated), `seconds`
    (taken) and `ended`: a reason as in `Ended`, the kind of a failure as in `Failed`, "cancelled" if the
    client left, or "internal" for a fault. `resumed` is true if the client had received a part before.

    Parameters
    ----------
    service : SpeechService
    route : str
        Path that the requests came by.
    texts : bool
        Whether a line has the script, as `text`.
    """

    def __init__(self, service: SpeechService, route: str, *, texts: bool = False) -> None:
        self.service = service
        self._route, self._texts = route, texts

    async def facts(self) -> ModelFacts:
        """Return the facts of the model."""
        return await self.service.facts()

    async def submit(self, request: SpeechRequest, user: User) -> AsyncGenerator[Event, None]:
        """Generate a request; see `SpeechService.submit`."""
        started, samples, ended = time.perf_counter(), 0, "cancelled"
        try:
            async with aclosing(closable(self.service.submit(request, user))) as events:
                async for event in events:
                    samples += length(event)
                    if isinstance(event, Ended | Failed):
                        ended = event.ended if isinstance(event, Ended) else event.kind
                    yield event
        except Exception:
            ended = "internal"
            raise
        finally:
            facts = self._facts(request)
            facts |= {"audio_seconds": round(samples / SAMPLE_RATE, 3)}
            facts |= {"seconds": round(time.perf_counter() - started, 3), "ended": ended}
            write_log(user, self._route, **facts)

    def _facts(self, request: SpeechRequest) -> dict[str, Any]:
        turns = request.turns
        facts: dict[str, Any] = {"turns": len(turns), "characters": sum(len(turn.text) for turn in turns)}
        if request.done is not None:
            facts["resumed"] = True
        if self._texts:
            facts["text"] = "\n".join(f"{turn.label}: {turn.text}" for turn in turns)
        return facts


def write_log(user: User, route: str, **facts: Any) -> None:
    """Write a line of the log."""
    _log.info("%s", json.dumps({"user": user.name, "route": route, **facts}))
