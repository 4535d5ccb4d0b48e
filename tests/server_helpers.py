"""Speech server for tests: the native stream on a random port of this machine, with the nano engine."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.errors import ServerError
from vibevoice_nb.serve.blobs import BlobLimits
from vibevoice_nb.serve.events import Ended, Event, Failed, Queued
from vibevoice_nb.serve.requests import ModelFacts, SpeechRequest, SpeechService, User
from vibevoice_nb.serve.worker import SpeechWorker


class Watched:
    """The service of one engine; it notes requests, and is full or queues them when a test says so."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.worker = engine, SpeechWorker(engine)
        self.submitted: list[SpeechRequest] = []
        self.cancelled = threading.Event()
        self.busy = 0
        self.queue: list[Queued] = []

    async def facts(self) -> ModelFacts:
        return await self.worker.facts()

    async def submit(self, request: SpeechRequest, user: User) -> AsyncIterator[Event]:
        self.submitted.append(request)
        if self.busy:
            self.busy -= 1
            yield Failed("busy", "the queue is full", "a free place", "retry later")
            return
        for place in self.queue:
            yield place
        ended = False
        try:
            async with contextlib.aclosing(self.worker.submit(request, user)) as events:
                async for event in events:
                    yield event
                    ended = isinstance(event, Ended | Failed)
        finally:
            if not ended:
                self.cancelled.set()


@contextlib.contextmanager
def served(
    service: SpeechService,
    token: str = "secret",
    alive: float = 10.0,
    blobs: BlobLimits | None = None,
) -> Iterator[str]:
    """Serve the native stream to "ann", whose token is given, and "ben", whose token is "other"."""
    from fastapi import FastAPI

    from vibevoice_nb.serve.native import native_router

    def authenticate(header: str) -> User:
        names = {f"Bearer {token}": "ann", "Bearer other": "ben"}
        if header not in names:
            raise ServerError("a wrong token", "a valid token", "pass token=...")
        return User(names[header])

    app = FastAPI()
    app.include_router(native_router(service, authenticate, alive=alive, blobs=blobs))
    with at_a_port(app) as url:
        yield url


@contextlib.contextmanager
def at_a_port(app: Any) -> Iterator[str]:
    """Serve an application on a random port of this machine."""
    import uvicorn

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


class Proxy:
    """Passes connections on to a server, and cuts each after a number of bytes while `cuts` has some."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("http://").split(":")
        self._target = host, int(port)
        self.cuts: list[int] = []
        self.refused = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Proxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refused:
                    self.refused -= 1
                    client.close()
                    continue
                server = socket.create_connection(self._target)
                limit = self.cuts.pop(0) if self.cuts else None
                threading.Thread(target=self._pass, args=(client, server, None), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, limit), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket, limit: int | None) -> None:
        with contextlib.suppress(OSError):
            passed = 0
            while (data := source.recv(4096)) and (limit is None or passed < limit):
                target.sendall(data)
                passed += len(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
