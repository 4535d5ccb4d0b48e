"""Native stream: a WebSocket on which a remote engine sends one request and receives its audio and frames.

`vibevoice_nb.engine.remote.wire` has the table of messages.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from vibevoice_nb import __version__
from vibevoice_nb.engine.remote.wire import (
    ALIVE_SECONDS,
    MAX_MESSAGE,
    PATH,
    PROTOCOL,
    Message,
    malformed,
    pack,
    unpack,
)
from vibevoice_nb.errors import VibeVoiceError

from .blobs import BlobLimits, BlobStore, Upload, Use
from .events import INTERNAL, Accepted, Ended, Event, Failed, FailedError, Frame, Queued, Silence
from .native_request import read_request
from .requests import SpeechRequest, SpeechService, User
from .users import is_unauthorized

if TYPE_CHECKING:
    from fastapi import APIRouter, WebSocket

Authenticate = Callable[[str], "User | Awaitable[User]"]
"""Function of an Authorization header that returns the user, or raises a VibeVoiceError."""

PATIENCE = 60.0
"""Longest wait, in seconds, for a client to send or to receive something."""
GOODBYE = 2.0
"""Longest wait, in seconds, for the client to close a connection after the last message."""
CONNECTIONS = 64
"""Most connections of one user at a time."""
REFUSALS = 32
"""Most refused connections that are accepted at a time, to say why: of all strangers, and of each user."""

_log = logging.getLogger(__name__)


def native_router(
    service: SpeechService,
    authenticate: Authenticate,
    *,
    alive: float = ALIVE_SECONDS,
    blobs: BlobLimits | None = None,
) -> APIRouter:
    """Return a router with the native stream at `/v1/native`.

    Parameters
    ----------
    service : SpeechService
    authenticate : callable
        From the Authorization header (empty without one) to the user; it may be asynchronous.
    alive : float
        Seconds after which a message is sent when there is nothing else.
    blobs : BlobLimits, optional
        Limits of the arrays that users send.
    """
    from fastapi import APIRouter

    router = APIRouter()
    endpoint = NativeStream(service, authenticate, alive, blobs)
    # Without annotations of its parameter, FastAPI would take it for a query parameter.
    router.add_websocket_route(PATH, endpoint.serve)
    return router


class NativeStream:
    """Endpoint of the native stream; one object serves all connections of a process."""

    def __init__(
        self,
        service: SpeechService,
        authenticate: Authenticate,
        alive: float = ALIVE_SECONDS,
        blobs: BlobLimits | None = None,
    ) -> None:
        self._service, self._authenticate, self._alive = service, authenticate, alive
        self._blobs = BlobStore(blobs)
        self._connections: Counter[str] = Counter()
        self._refused: Counter[str | None] = Counter()

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one connection, to its end. A connection without a user is not accepted, or briefly."""
        try:
            user = await self._user(websocket.headers.get("authorization", ""))
        except VibeVoiceError as error:
            await self._refuse(websocket, None, 401 if is_unauthorized(error) else 503, error)
            return
        except Exception:
            _log.exception("a user could not be found")
            await self._refuse(websocket, None, 500, FailedError(INTERNAL))
            return
        if self._connections[user.name] >= CONNECTIONS:
            full = Failed(
                "busy", f"{CONNECTIONS} connections of {user.name}", "fewer at a time", "retry later"
            )
            await self._refuse(websocket, user.name, 429, FailedError(full))
            return
        self._connections[user.name] += 1
        try:
            await self._converse(websocket, user)
        finally:
            _decrease(self._connections, user.name)

    async def _user(self, authorization: str) -> User:
        found = self._authenticate(authorization)
        return found if isinstance(found, User) else await found

    async def _refuse(
        self, websocket: WebSocket, user: str | None, status: int, error: VibeVoiceError
    ) -> None:
        """Say why a connection is refused: in a message, or before it is accepted if there are many."""
        if self._refused[user] >= REFUSALS:
            await _deny(websocket, status, _failed_fields(error))
            return
        self._refused[user] += 1
        try:
            if await _accept(websocket):
                channel = _Channel(websocket)
                await channel.fail(error)
                await channel.close()
        finally:
            _decrease(self._refused, user)

    async def _converse(self, websocket: WebSocket, user: User) -> None:
        """Accept the connection of a user, and answer its request."""
        if not await _accept(websocket):
            return
        channel = _Channel(websocket)
        heart = asyncio.create_task(channel.keep_alive(self._alive))
        try:
            await self._answer(channel, user)
        except _ClosedError:
            pass
        except VibeVoiceError as error:
            await channel.fail(error)
        except Exception:
            _log.exception("a request failed")
            await channel.fail(FailedError(INTERNAL))
        finally:
            heart.cancel()
            await channel.close()

    async def _answer(self, channel: _Channel, user: User) -> None:
        facts = asdict(await self._service.facts())
        fields = {"protocol": PROTOCOL, "server": __version__, "facts": facts}
        await channel.send(Message("welcome", fields))
        with self._blobs.use(user.name) as use:
            request = await self._request(channel, use)
            if request is not None:
                await self._stream(channel, request, user)

    async def _request(self, channel: _Channel, use: Use) -> SpeechRequest | None:
        """Receive a request with its arrays; None if the client leaves."""
        message = await channel.receive(PATIENCE)
        if message.type == "cancel":
            return None
        if message.type != "request":
            raise malformed(f"a message {message.type!r:.40} in place of a request")
        asked = read_request(message.fields)
        held, missing = use.find(asked.blobs)
        if missing:
            await channel.send(Message("need", {"blobs": missing}))
            upload = Upload(missing, use)
            while not upload.complete:
                part = await channel.receive(PATIENCE)
                await asyncio.to_thread(upload.add, part)  # checksums of hundreds of MB take seconds
            held.update(upload.arrays)
        return asked.filled(held)

    async def _stream(self, channel: _Channel, request: SpeechRequest, user: User) -> None:
        """Send the events of a request until they end, or the client cancels or leaves."""
        events = self._service.submit(request, user)
        left = asyncio.create_task(channel.left())
        clock = time.monotonic()
        try:
            while True:
                event = await _next_or(events, left)
                if event is None:
                    return
                if isinstance(event, Accepted):
                    clock = time.monotonic()
                await channel.send(message_of(event, time.monotonic() - clock))
                if isinstance(event, Ended | Failed):
                    return
        finally:
            left.cancel()
            close = getattr(events, "aclose", None)
            if close is not None:
                await close()


async def _accept(websocket: WebSocket) -> bool:
    """Accept a connection; return False if the client has left."""
    try:
        await asyncio.wait_for(websocket.accept(), PATIENCE)
    except Exception:  # whatever the server's library raises
        return False
    return True


async def _deny(websocket: WebSocket, status: int, fields: Mapping[str, str]) -> None:
    """Close a connection that is not accepted; the client sees an HTTP status and a JSON object."""
    from fastapi.responses import JSONResponse

    with contextlib.suppress(Exception):
        if "websocket.http.response" in websocket.scope.get("extensions", {}):
            await websocket.send_denial_response(JSONResponse(fields, status))
        else:
            await websocket.close()


async def _next_or(events: AsyncIterator[Event], left: asyncio.Task[None]) -> Event | None:
    """Return the next event; None at the end, or once the client has left."""
    following = asyncio.ensure_future(anext(events, None))
    try:
        await asyncio.wait({following, left}, return_when=asyncio.FIRST_COMPLETED)
        return None if left.done() else following.result()
    finally:
        if not following.done():
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following


class _ClosedError(Exception):
    """The client has closed the connection."""


class _Channel:
    """Messages over an accepted WebSocket."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._sending = asyncio.Lock()
        self._sent = time.monotonic()
        self._open = True
        self._gone = False

    async def send(self, message: Message) -> None:
        data = pack(message)
        try:
            async with self._sending:
                if not self._open:
                    raise _ClosedError
                send: Any = self._websocket.send_text if isinstance(data, str) else self._websocket.send_bytes
                await asyncio.wait_for(send(data), PATIENCE)
                self._sent = time.monotonic()
        except _ClosedError:
            raise
        except Exception as error:  # whatever the server's library raises for a connection that broke
            self._open = False
            raise _ClosedError from error

    async def receive(self, timeout: float | None) -> Message:
        try:
            received = await asyncio.wait_for(self._websocket.receive(), timeout)
        except asyncio.TimeoutError:
            raise malformed(f"no message for {timeout:g} s") from None
        except RuntimeError as error:
            raise _ClosedError from error
        if received["type"] == "websocket.disconnect":
            self._open, self._gone = False, True
            raise _ClosedError
        data = received.get("bytes") or received.get("text") or ""
        if len(data) > MAX_MESSAGE:
            raise malformed(f"a message of {len(data)} bytes")
        return unpack(data)

    async def left(self) -> None:
        """Return once the client cancels or leaves; other messages during a stream are errors and end it."""
        with contextlib.suppress(_ClosedError, VibeVoiceError):
            await self.receive(None)

    async def keep_alive(self, seconds: float) -> None:
        """Send a message whenever none was sent for so many seconds."""
        with contextlib.suppress(_ClosedError):
            while True:
                rest = self._sent + seconds - time.monotonic()
                if rest <= 0:
                    await self.send(Message("alive"))
                else:
                    await asyncio.sleep(rest)

    async def fail(self, error: VibeVoiceError) -> None:
        with contextlib.suppress(_ClosedError):
            await self.send(Message("failed", _failed_fields(error)))

    async def _left_alone(self) -> None:
        while self._open:
            if (await self._websocket.receive())["type"] == "websocket.disconnect":
                self._open, self._gone = False, True

    async def close(self) -> None:
        """Close; the client goes first, as some versions of its library drop what they have not read yet."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._left_alone(), GOODBYE)
        if self._gone:  # Ray's proxy would log an error for each
            return
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._websocket.close(), GOODBYE)


def message_of(event: Event, elapsed: float = 0.0) -> Message:
    """Return the message of an event.

    Parameters
    ----------
    event : Event
    elapsed : float
        Seconds since the request was accepted.

    Examples
    --------
    >>> message_of(Silence(4800))
    Message(type='silence', fields={'samples': 4800}, arrays={})
    """
    if isinstance(event, Frame):
        fields: Mapping[str, Any] = {
            "index": event.index,
            "tokens": [int(token) for token in event.tokens],
            "elapsed": round(elapsed, 4),
        }
        arrays = {"audio": event.audio, "latent": event.latent, "semantic": event.semantic}
        return Message("frame", fields, arrays)
    if isinstance(event, Accepted):
        values = dict(vars(event))
        return Message("accepted", values, {"lead": values.pop("lead")})
    names = {Queued: "queued", Silence: "silence", Ended: "ended", Failed: "failed"}
    return Message(names[type(event)], dict(vars(event)))


def _failed_fields(error: VibeVoiceError) -> dict[str, str]:
    kind = error.kind if isinstance(error, FailedError) else type(error).__name__
    return {"kind": kind, "got": error.got, "expected": error.expected, "remedy": error.remedy}


def _decrease(counter: Counter[Any], key: str | None) -> None:
    """Subtract one; names of users who have left are not kept."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
