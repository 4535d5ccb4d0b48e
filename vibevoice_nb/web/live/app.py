"""Application of the live room: page, signalling, and text over HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.web.guard import Guard
from vibevoice_nb.web.limits import Limits

from .access import Role
from .places import Full, Places
from .room import Closed, LiveRoom
from .rooms import FIRST, LiveRooms

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

Act: TypeAlias = "Callable[[LiveRoom, bytes], Awaitable[Mapping[str, Any]]]"
PAGE = Path(__file__).with_name("page")
_FILES = {"live.js": "text/javascript", "live.css": "text/css", "live.html": "text/html"}
_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
REQUEST_LIMITS = Limits(max_minutes=30, upload_megabytes=1)
"""Of the guard; a request may have more bytes than any message."""
_FIRST_MESSAGE = 10.0
"""Seconds within which a WebSocket has to send its token."""
_UNPROVEN, _UNPROVEN_PER_ADDRESS = 64, 16
"""WebSockets that may be open without having sent their token."""


class Refused(VibeVoiceError):
    """Request without the right to it: the token is missing or wrong."""

    def __init__(self, role: Role) -> None:
        super().__init__("a missing or wrong token", f"the token of a {role}", "open the link you were sent")


def build_live_app(rooms: LiveRooms, hosts: Collection[str] | None = ()) -> Starlette:
    """Build the application; `hosts` as for `vibevoice_nb.web.server.build_app`."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route, WebSocketRoute

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await rooms.start()
        try:
            yield
        finally:
            await rooms.close()

    api = _Api(rooms)
    post = ["POST"]
    guard = Middleware(Guard, limits=REQUEST_LIMITS, hosts=hosts)  # type: ignore[arg-type]
    return Starlette(
        routes=[
            Route("/", api.start),
            Route("/live/files/{file}", api.file),
            Route("/live/{name}", api.page),
            Route("/live/{name}/offer", api.offer, methods=post),
            Route("/live/{name}/text", api.text, methods=post),
            Route("/live/{name}/stop", api.stop, methods=post),
            Route("/live/{name}/open", api.open_other, methods=post),
            WebSocketRoute("/live/{name}/write", api.write),
        ],
        middleware=[guard],
        lifespan=lifespan,
    )


class _Api:
    """Handlers of the routes."""

    def __init__(self, rooms: LiveRooms) -> None:
        self._rooms, self._limits = rooms, rooms.limits
        self._writers: dict[str, int] = {}
        self._all, self._each = Places(_UNPROVEN), Places(_UNPROVEN_PER_ADDRESS)

    async def start(self, request: Request) -> Response:
        from starlette.responses import Response

        return Response(status_code=307, headers={"location": f"/live/{FIRST}", **_HEADERS})

    async def file(self, request: Request) -> Response:
        return _page_file(request.path_params["file"])

    async def page(self, request: Request) -> Response:
        return _page_file("live.html")

    async def offer(self, request: Request) -> Response:
        address = request.client.host if request.client else ""

        async def join(one: LiveRoom, body: bytes) -> dict[str, Any]:
            listener, sdp = await one.join(fields(body, 2 * self._limits.sdp_bytes).get("sdp"), address)
            speaks = self._rooms.tokens.allows(one.name, "speaker", _token(request))
            return {"sdp": sdp, "listener": listener, "role": "speaker" if speaks else "listener"}

        return await self._answer(request, "listener", join)

    async def text(self, request: Request) -> Response:
        plain = request.headers.get("content-type", "").startswith("text/plain")
        most = self._limits.message_bytes

        async def say(one: LiveRoom, body: bytes) -> dict[str, Any]:
            given = {"text": decoded(body)} if plain else fields(body, most)
            return {"waiting": one.say(given.get("text"), end=given.get("end", True) is not False)}

        return await self._answer(request, "speaker", say)

    async def stop(self, request: Request) -> Response:
        async def stop(one: LiveRoom, body: bytes) -> dict[str, Any]:
            return {"unspoken": one.interrupt()}

        return await self._answer(request, "speaker", stop)

    async def open_other(self, request: Request) -> Response:
        async def opened(one: LiveRoom, body: bytes) -> dict[str, Any]:
            if one.name != FIRST:
                raise Refused("speaker")
            other = self._rooms.open(fields(body, 1_000).get("name")).name
            return {role: link(self._rooms, other, role) for role in ("speaker", "listener")}

        return await self._answer(request, "speaker", opened)

    async def write(self, socket: WebSocket) -> None:
        """Take pieces of text from one writer; the first message has the token."""
        from starlette.websockets import WebSocketDisconnect

        name = socket.path_params["name"]
        one = await self._proven(socket, name)
        if one is None:
            return
        self._writers[name] = self._writers.get(name, 0) + 1
        try:
            await socket.send_text(json.dumps({"waiting": one.waiting}))
            while (message := await socket.receive())["type"] != "websocket.disconnect":
                await socket.send_text(json.dumps(written(one, message, self._limits.message_bytes)))
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: it was closed while it was answered
            return
        finally:
            self._writers[name] -= 1

    async def _proven(self, socket: WebSocket, name: str) -> LiveRoom | None:
        """Accept a writer and its token, or send the reason for a refusal. Few may wait with theirs."""
        from starlette.websockets import WebSocketDisconnect, WebSocketState

        address = socket.client.host if socket.client else ""
        if not same_origin(socket.headers.get("origin"), socket.headers.get("host", "")):
            await socket.close(1008)
            return None
        try:
            with self._each.taken(address), self._all.taken(""):
                await socket.accept()
                first = await asyncio.wait_for(socket.receive(), _FIRST_MESSAGE)
            one = self._found(name, "speaker", fields(_content(first), 1_000).get("token"))
            if self._writers.get(name, 0) >= self._limits.writers:
                raise Full("too many writers", f"at most {self._limits.writers}", "close another one")
            return one
        except (asyncio.TimeoutError, VibeVoiceError) as error:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                if socket.application_state is WebSocketState.CONNECTED:
                    await socket.send_text(json.dumps({"error": str(error) or "No token was sent."}))
                await socket.close(1008)
            return None

    def _found(self, name: str, role: Role, token: object) -> LiveRoom:
        if not self._rooms.tokens.allows(name, role, token):
            raise Refused(role)
        one = self._rooms.get(name)
        if one is None:
            raise Closed("a link that is closed", "an open one", "ask for a new link")
        return one

    async def _answer(self, request: Request, role: Role, act: Act) -> Response:
        """Act on a request with the right token; errors become answers."""
        try:
            one = self._found(request.path_params["name"], role, _token(request))
            return _reply(200, await act(one, await request.body()))
        except VibeVoiceError as error:
            statuses = {Refused: 403, Closed: 404, Full: 429}
            return _reply(statuses.get(type(error), 400), {"error": str(error)})


def _page_file(name: str) -> Response:
    from starlette.responses import Response

    if name not in _FILES:
        return _reply(404, {"error": "There is no such file."})
    return Response((PAGE / name).read_bytes(), media_type=_FILES[name], headers=_HEADERS)


def _reply(status: int, content: Mapping[str, Any]) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(content, status, headers=_HEADERS)


def _token(request: Request) -> str:
    return bearer(request.headers.get("authorization", ""))


def _content(message: Mapping[str, Any]) -> bytes | str:
    return message.get("text") or message.get("bytes") or b""


def link(rooms: LiveRooms, name: str, role: Role) -> str:
    """Return the path of a role; the token is in the fragment, which browsers do not send."""
    token = rooms.tokens.token(name, role)
    return f"/live/{name}#{token}"


def written(one: LiveRoom, message: Any, most: int) -> dict[str, Any]:
    """Act on a message of a writer; return the answer, whatever the message is."""
    try:
        given = fields(_content(message), most)
        if given.get("stop") is True:
            return {"unspoken": one.interrupt()}
        if not given.keys() & {"text", "end"}:
            return {"error": 'Expected {"text": "..."}, {"end": true} or {"stop": true}.'}
        return {"waiting": one.say(given.get("text", ""), end=given.get("end") is True)}
    except VibeVoiceError as error:
        return {"error": str(error)}


def same_origin(origin: str | None, host: str) -> bool:
    """Return true for a request of a page of this server, or of a program, which names no origin.

    >>> same_origin(None, "a.example"), same_origin("https://a.example", "a.example:7860")
    (True, True)
    >>> same_origin("https://b.example", "a.example"), same_origin("null", "a.example")
    (False, False)
    """
    if origin is None:
        return True
    try:
        page, served = urlsplit(origin).hostname, urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return page is not None and page == served


def bearer(header: str) -> str:
    """Return the token of an Authorization header.

    >>> bearer("Bearer abc"), bearer("Basic abc")
    ('abc', '')
    """
    kind, _, token = header.partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def decoded(body: bytes) -> str:
    """Return a body as text; malformed bytes are an error."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadMessage("a text that is not UTF-8", "UTF-8", "encode it as UTF-8") from error


class BadMessage(VibeVoiceError):
    """Message that is not the JSON expected."""


def fields(body: bytes | str, most: int) -> dict[str, Any]:
    """Parse a JSON object of limited size.

    Raises
    ------
    BadMessage

    Examples
    --------
    >>> fields('{"text": "Hello."}', 100)
    {'text': 'Hello.'}
    >>> fields("[1]", 100)
    Traceback (most recent call last):
    vibevoice_nb.web.live.app.BadMessage: a message that is not a JSON object. ...
    """
    if len(body) > most:
        raise BadMessage(f"a message of {len(body):,} bytes", f"at most {most:,}", "send less at once")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        expected = 'an object such as {"text": "Hello."}'
        raise BadMessage("a message that is not a JSON object", expected, "send valid JSON")
    text = given.get("text")
    if isinstance(text, str) and any("\ud800" <= char <= "\udfff" for char in text):
        given["text"] = "".join(char for char in text if not "\ud800" <= char <= "\udfff")
    return given
