"""Replicas of the worker behind one service: a stream continues on another replica if its own is lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Protocol

from ..model.config import SAMPLE_RATE
from .events import Accepted, Ended, Event, Failed, Frame, Queued, Silence, length
from .requests import ModelFacts, Received, SpeechRequest, User

_RETRIES = 4
_LOSSES = 16
"""Most replicas that one request may lose: it may be what ends them."""
_PAUSE = 0.5
"""Seconds before the first retry; each further one waits twice as long, while Ray starts a replica."""
BEHIND = 30.0
"""Seconds of audio by which a client may be behind."""
_log = logging.getLogger(__name__)


class ReplicaLostError(Exception):
    """The replica of a stream is gone."""


class Replicas(Protocol):
    """Access to replicas, each with a `SpeechWorker`."""

    def stream(self, request: SpeechRequest, user: User) -> AsyncGenerator[Sequence[Event], None]:
        """Generate a request on one of them, several events at a time.

        Raises
        ------
        ReplicaLostError
            If the replica is lost.
        """

    async def facts(self) -> ModelFacts:
        """Return the facts of the model."""

    async def health(self) -> None:
        """Return if a replica answers; raise ServerError otherwise."""


class ReplicatedService:
    """Service whose requests run on replicas.

    What a stream has delivered is kept until it ends. If its replica is lost, the request is sent to another
    one with the frames, which continues after them: neither an HTTP client nor a native one notices, and the
    audio is the same bit for bit where the model's is (see `Received`).

    Parameters
    ----------
    replicas : Replicas
    retries : int
        Times that a request is continued without new audio between; in all, at most 16 times.
    pause : float
        Seconds before the first retry.
    behind : float
        Seconds of audio by which a client may be behind. Its stream is closed then, which leaves its place at
        the replica to others, and continues in the same way once half of them are taken.
    """

    def __init__(
        self,
        replicas: Replicas,
        retries: int = _RETRIES,
        pause: float = _PAUSE,
        behind: float = BEHIND,
    ) -> None:
        self._replicas, self._retries, self._pause = replicas, retries, pause
        self._behind = round(behind * SAMPLE_RATE)

    async def facts(self) -> ModelFacts:
        """Return the facts of the model."""
        return await self._replicas.facts()

    async def health(self) -> None:
        """Return if a replica answers; raise ServerError otherwise."""
        await self._replicas.health()

    async def submit(self, request: SpeechRequest, user: User) -> AsyncGenerator[Event, None]:
        """Generate a request; see `SpeechService.submit`."""
        backlog = _Backlog(self._behind)
        task = asyncio.ensure_future(self._receive(_Progress(request), user, backlog))
        try:
            while (event := await backlog.take()) is not None:
                yield event
            await task  # which may have failed
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _receive(self, progress: _Progress, user: User, backlog: _Backlog) -> None:
        """Receive a request's events, from as many replicas as it takes."""
        failures = losses = 0
        try:
            while True:
                try:
                    async with aclosing(self._replicas.stream(progress.request(), user)) as stream:
                        async for events in stream:
                            for event in events:
                                if isinstance(event, Failed) and event.kind == "lost":
                                    raise ReplicaLostError
                                if isinstance(event, Frame | Silence):
                                    failures = 0
                                if progress.take(event):
                                    backlog.put(event)
                            if backlog.full and not progress.ended:
                                break
                    if progress.ended:
                        return
                    if not backlog.full:
                        raise ReplicaLostError
                    await backlog.half()
                except ReplicaLostError:
                    failures, losses = failures + 1, losses + 1
                    if failures > self._retries or losses > _LOSSES:
                        backlog.put(
                            Failed("lost", "the server lost the request", "a running replica", "try again")
                        )
                        return
                    _log.warning("a replica was lost; a request continues on another one")
                    await asyncio.sleep(self._pause * 2 ** (failures - 1))
        finally:
            backlog.put(None)


class _Backlog:
    """Events that a client has not taken yet."""

    def __init__(self, most: int) -> None:
        self._most, self._samples = most, 0
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._drained = asyncio.Event()

    @property
    def full(self) -> bool:
        """True if it has more audio than the limit."""
        return self._samples > self._most

    def put(self, event: Event | None) -> None:
        """Append an event; None at the end."""
        self._samples += length(event)
        self._events.put_nowait(event)

    async def take(self) -> Event | None:
        """Return the next event."""
        event = await self._events.get()
        self._samples -= length(event)
        if self._samples <= self._most // 2:
            self._drained.set()
        return event

    async def half(self) -> None:
        """Wait until half of the most audio is left."""
        self._drained.clear()
        if self._samples > self._most // 2:
            await self._drained.wait()


class _Progress:
    """Events of a request received so far."""

    def __init__(self, request: SpeechRequest) -> None:
        self._request, self._accepted = request, False
        self.ended = False
        self._made: list[Event] = []

    def take(self, event: Event) -> bool:
        """Keep an event; return True if it is to be delivered."""
        if isinstance(event, Frame | Silence):
            # The audio itself is not needed to continue, only its length.
            self._made.append(event)
        elif isinstance(event, Accepted):
            if self._accepted:
                return False
            self._accepted = True
            self._request = replace(self._request, options=dict(event.options))
        elif isinstance(event, Ended | Failed):
            self.ended = True
        elif isinstance(event, Queued):
            return not self._accepted
        return True

    def request(self) -> SpeechRequest:
        """Return the request, to be continued after what was received."""
        if not self._made:
            return self._request
        done = Received.after(self._made, self._request.done)
        return replace(self._request, done=done)


async def gathered(
    events: AsyncIterator[Event], linger: float, clock: Callable[[], float]
) -> AsyncGenerator[list[Event], None]:
    """Yield events in groups: at once where few come, and all of `linger` seconds where many come.

    A message between processes takes longer than a frame of a small model, so a stream that is far ahead
    of its listener is sent in groups. The first events are sent at once.
    """
    waiting: list[Event] = []
    pending: asyncio.Task[Event] | None = None
    sent, frames = clock(), 0
    try:
        while True:
            if pending is None:
                pending = asyncio.ensure_future(anext(events))  # type: ignore[arg-type]
            rest = None if not waiting else max(0.0, sent + linger - clock())
            done, _ = await asyncio.wait({pending}, timeout=rest)
            if done:
                try:
                    event = pending.result()
                except StopAsyncIteration:
                    break
                finally:
                    pending = None
                waiting.append(event)
                frames += isinstance(event, Frame)
                if isinstance(event, Frame | Silence) and frames > 2 and clock() < sent + linger:
                    continue
            yield waiting
            waiting, sent = [], clock()
        if waiting:
            yield waiting
    finally:
        if pending is not None:
            pending.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await pending
