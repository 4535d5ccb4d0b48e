"""Helpers for tests of the live room: a server with nano, and listeners of aiortc."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from vibevoice_nb import Engine
from vibevoice_nb.web.live.limits import LiveLimits
from vibevoice_nb.web.live.rooms import LiveRooms
from vibevoice_nb.web.live.server import live_rooms, serving_live


class LiveServer:
    """A live room under way."""

    def __init__(self, rooms: LiveRooms, url: str) -> None:
        self.rooms, self.url = rooms, url

    def headers(self, role: str = "speaker", name: str = "main") -> dict[str, str]:
        token = self.rooms.tokens.token(name, role)  # type: ignore[arg-type]
        return {"authorization": f"Bearer {token}"}

    def link(self, role: str, name: str = "main") -> str:
        return f"{self.url}live/{name}#{self.rooms.tokens.token(name, role)}"  # type: ignore[arg-type]

    def post(self, action: str, role: str = "speaker", name: str = "main", **options: Any) -> httpx.Response:
        url = f"{self.url}live/{name}/{action}"
        return httpx.post(url, headers=self.headers(role, name), timeout=30, **options)

    def say(self, text: str, **fields: Any) -> httpx.Response:
        return self.post("text", json={"text": text, **fields})


@contextlib.contextmanager
def live_server(limits: LiveLimits | None = None, **options: Any) -> Iterator[LiveServer]:
    rooms = live_rooms(Engine.load("nano", device="cpu"), "127.0.0.1", limits, **options)
    with serving_live(rooms) as url:
        yield LiveServer(rooms, url)


class Listener:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.messages: list[dict[str, Any]] = []
        self.audio: list[np.ndarray] = []
        self.numbers: list[int] = []
        self.changed = asyncio.Condition()

    @property
    def words(self) -> list[str]:
        found = [one["words"] for one in self.messages if one["type"] in ("words", "recent")]
        return [word["text"] for words in found for word in words]

    async def until(self, condition: Any, timeout: float = 40.0) -> None:
        async with self.changed:
            await asyncio.wait_for(self.changed.wait_for(condition), timeout)

    async def join(self, server: LiveServer, role: str = "listener", name: str = "main") -> Listener:
        connection = self.connection
        connection.addTransceiver("audio", "recvonly")
        self.channel = connection.createDataChannel("words")
        connection.on("track", lambda track: self._start(track))
        self.channel.on("message", lambda text: asyncio.ensure_future(self._add(json.loads(text))))
        await connection.setLocalDescription(await connection.createOffer())
        async with httpx.AsyncClient(timeout=30) as client:
            reply = await client.post(
                f"{server.url}live/{name}/offer",
                json={"sdp": connection.localDescription.sdp},
                headers=server.headers(role, name),
            )
        assert reply.status_code == 200, reply.text
        self.answer = reply.json()
        await connection.setRemoteDescription(RTCSessionDescription(self.answer["sdp"], "answer"))
        await self.until(lambda: self.audio and self.messages)
        return self

    def _start(self, track: Any) -> None:
        self._receiving = asyncio.ensure_future(self._receive(track))

    async def _receive(self, track: Any) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                async with self.changed:
                    self.audio.append(frame.to_ndarray()[0, ::2] / 32768)
                    self.numbers.append(frame.pts)
                    self.changed.notify_all()

    async def _add(self, message: dict[str, Any]) -> None:
        async with self.changed:
            self.messages.append(message)
            self.changed.notify_all()


@contextlib.asynccontextmanager
async def listening(server: LiveServer, **options: Any) -> AsyncIterator[Listener]:
    listener = Listener()
    try:
        yield await listener.join(server, **options)
    finally:
        await listener.connection.close()
