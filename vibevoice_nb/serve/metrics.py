"""Metrics of the server in Prometheus' text format. They name no users and have no texts."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from ..audio.pcm import SAMPLE_RATE
from .events import Ended, Event, Failed, Frame, closable, length
from .requests import ModelFacts, SpeechRequest, SpeechService, User

_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)


class MeasuredService:
    """Service that counts what passes through it, for `text`.

    Parameters
    ----------
    service : SpeechService
    """

    def __init__(self, service: SpeechService) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.service, self.registry = service, CollectorRegistry()
        made: dict[str, Any] = {"registry": self.registry}
        self._requests = Counter(
            "vibevoice_requests", "Speech requests by how they ended.", ["ended"], **made
        )
        self._live = Gauge("vibevoice_requests_live", "Speech requests at the moment.", **made)
        self._audio = Counter("vibevoice_audio_seconds", "Seconds of audio generated.", **made)
        self._frames = Counter("vibevoice_frames", "Frames generated.", **made)
        self._first = Histogram(
            "vibevoice_first_audio_seconds", "Request to first audio.", buckets=_SECONDS, **made
        )
        self._whole = Histogram("vibevoice_request_seconds", "Request to its end.", buckets=_SECONDS, **made)

    async def facts(self) -> ModelFacts:
        """Return the facts of the model."""
        return await self.service.facts()

    async def submit(self, request: SpeechRequest, user: User) -> AsyncGenerator[Event, None]:
        """Generate a request; see `SpeechService.submit`."""
        started, heard, ended = time.perf_counter(), False, "cancelled"
        self._live.inc()
        try:
            async with aclosing(closable(self.service.submit(request, user))) as events:
                async for event in events:
                    samples = length(event)
                    self._audio.inc(samples / SAMPLE_RATE)
                    self._frames.inc(isinstance(event, Frame))
                    if samples and not heard:
                        heard = True
                        self._first.observe(time.perf_counter() - started)
                    if isinstance(event, Ended | Failed):
                        ended = event.ended if isinstance(event, Ended) else event.kind
                    yield event
        finally:
            self._live.dec()
            self._requests.labels(ended).inc()
            self._whole.observe(time.perf_counter() - started)

    def text(self) -> tuple[bytes, str]:
        """Return the metrics and their content type."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return generate_latest(self.registry), CONTENT_TYPE_LATEST
