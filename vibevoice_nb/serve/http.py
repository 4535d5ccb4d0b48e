"""HTTP interface of the server: OpenAI's speech routes, voices, health, metrics and the native stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError

from .. import __version__
from ..engine.remote.wire import PATH as NATIVE
from ..errors import OptionError, ServerError, VibeVoiceError
from ..voices.builtin import builtin_voices
from .encoding import MIMES, wav_header
from .events import INTERNAL, Accepted, Event, Failed, FailedError, Queued, closable
from .limits import LimitedService, ServeLimits
from .metrics import MeasuredService
from .native import native_router
from .origin import OwnPages
from .request_log import LoggedService, write_log
from .requests import SpeechService, User
from .speech_answer import EVENTS, SpeechAnswer, StreamError, error_fields
from .speech_body import SpeechBody, speech_request
from .users import Authenticator, Local, is_unauthorized
from .voice_store import VoiceStore

_STATUS = {"too_large": 413, "not_found": 404, "busy": 429, "lost": 503, "internal": 500}
_BODY = 1 << 20
"""Bytes of a request beside its text."""
SPEECH = "/v1/audio/speech"
"""Path of OpenAI's route for speech."""


@dataclass(frozen=True)
class Server:
    """Everything that the routes need.

    Attributes
    ----------
    service : SpeechService
        Without limits, metrics and log, which are put in front of it.
    authenticate : Authenticator
    voices : VoiceStore
    limits : ServeLimits
    log_texts : bool
        Whether the log of requests has their texts.
    """

    service: SpeechService
    authenticate: Authenticator
    voices: VoiceStore
    limits: ServeLimits
    log_texts: bool = False


def build_http(server: Server) -> FastAPI:
    """Build the application.

    Examples
    --------
    >>> from starlette.testclient import TestClient
    >>> from vibevoice_nb.engine.engine import Engine
    >>> from vibevoice_nb.serve.users import Local
    >>> from vibevoice_nb.serve.worker import SpeechWorker
    >>> from pathlib import Path
    >>> worker, limits = SpeechWorker(Engine.load("nano")), ServeLimits()
    >>> app = build_http(Server(worker, Local(), VoiceStore(Path("voices"), limits), limits))
    >>> with TestClient(app, "http://localhost") as client:
    ...     [model["id"] for model in client.get("/v1/models").json()["data"]]
    ['nano']
    >>> worker.close()
    """
    app = FastAPI(
        title="VibeVoice speech server", version=__version__, docs_url=None, redoc_url=None, openapi_url=None
    )
    routes = _Routes(server)
    app.include_router(routes.router())
    app.get("/health")(routes.health)
    app.include_router(native_router(routes.native_service, server.authenticate))
    if isinstance(server.authenticate, Local):
        app.add_middleware(OwnPages, hosts=server.authenticate.hosts)
    app.add_exception_handler(VibeVoiceError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    return app


class _Routes:
    def __init__(self, server: Server) -> None:
        self.server, self.limits = server, server.limits
        self.measured = MeasuredService(LimitedService(server.service, server.limits))
        self.service = self.logged(SPEECH)
        self.native_service = self.logged(NATIVE)

    def logged(self, route: str) -> LoggedService:
        """Return the service for requests that come by a route."""
        return LoggedService(self.measured, route, texts=self.server.log_texts)

    def router(self) -> APIRouter:
        """Return the routes; all but `/health` need a user."""
        router = APIRouter(dependencies=[Depends(self.user)])

        async def models(request: Request) -> dict[str, Any]:
            return {"object": "list", "data": [await self.model()]}

        async def model(name: str) -> dict[str, Any]:
            return await self.model(name)

        async def voices(request: Request) -> dict[str, Any]:
            return await asyncio.to_thread(self.voices, request.state.user)

        async def remove_voice(request: Request, id: str) -> dict[str, Any]:
            if not await asyncio.to_thread(self.server.voices.remove, request.state.user, id):
                what = "no voice of that id", "the id of a voice of yours", "list /v1/voices"
                raise FailedError(Failed("not_found", *what))
            return {"id": id, "deleted": True}

        async def described(request: Request) -> dict[str, Any]:
            found: dict[str, Any] = request.app.openapi()
            return found

        async def metrics(request: Request) -> Response:
            text, kind = self.measured.text()
            return Response(text, media_type=kind)

        body = {"content": {"application/json": {"schema": SpeechBody.model_json_schema()}}, "required": True}
        post, get = router.post, router.get
        post(SPEECH, openapi_extra={"requestBody": body}, response_class=Response)(self.speech)
        get("/openapi.json", include_in_schema=False)(described)
        get("/v1/models")(models)
        get("/v1/models/{name:path}")(model)
        get("/v1/voices")(voices)
        post("/v1/voices", status_code=201)(self.add_voice)
        router.delete("/v1/voices/{id}")(remove_voice)
        get("/metrics", response_class=Response)(metrics)
        return router

    async def health(self) -> dict[str, str]:
        """Answer once the model is loaded, and while a replica answers."""
        check = getattr(self.server.service, "health", self.server.service.facts)
        await check()
        return {"status": "ok"}

    async def user(self, request: Request) -> None:
        """Find the user of a request; nothing of it is read before."""
        request.state.user = await self.server.authenticate(request.headers.get("authorization", ""))

    async def model(self, name: str | None = None) -> dict[str, Any]:
        """Describe the model."""
        facts = await self.server.service.facts()
        if name not in (None, facts.model):
            raise FailedError(Failed("not_found", "an unknown model", facts.model, f"use {facts.model}"))
        about = {key: value for key, value in asdict(facts).items() if key not in ("model", "device")}
        return {"id": facts.model, "object": "model", "created": 0, "owned_by": "vibevoice-nb", **about}

    def voices(self, user: User) -> dict[str, Any]:
        """List the built-in voices, and those of a user."""
        built_in = [{"id": name, "name": name, "kind": "built-in"} for name in builtin_voices()]
        own = [{**asdict(voice), "kind": "upload"} for voice in self.server.voices.list(user)]
        return {"object": "list", "data": [*built_in, *own]}

    async def add_voice(self, request: Request, name: str = "", consent: bool = False) -> Any:
        """Store a recording: a form with `file`, `name` and `consent`; or the file, with parameters."""
        user: User = request.state.user
        if not consent and not _is_form(request):
            await asyncio.to_thread(self.server.voices.add, user, name, b"", consent=False)
        body = await read_body(request, self.limits.upload_megabytes * 1_000_000 + _BODY)
        if _is_form(request):
            name, consent, body = await _form_fields(request, body)
        stored = await asyncio.to_thread(self.server.voices.add, user, name, body, consent=consent)
        write_log(user, "/v1/voices", bytes=len(body))
        return {**asdict(stored), "kind": "upload"}

    async def speech(self, request: Request) -> Response:
        """Generate speech; the response begins once the request has left the queue."""
        user: User = request.state.user
        raw = await read_body(request, 6 * self.limits.max_characters + _BODY)
        try:
            body = SpeechBody.model_validate_json(raw)
        except ValidationError as error:
            raise _described(error) from None
        if body.stream_format == "sse" and not body.stream:
            raise OptionError("stream_format='sse' with stream=false", "stream=true", "leave out stream")
        if len(body.input) > self.limits.max_characters:
            got, most = (
                f"an input of {len(body.input):,} characters",
                f"at most {self.limits.max_characters:,}",
            )
            raise OptionError(got, most, "split it into several requests")
        await self.model(body.model)
        asked = await asyncio.to_thread(speech_request, body, user, self.server.voices)
        events = closable(self.service.submit(asked, user))
        try:
            accepted = await _first(events, request)
            answer = SpeechAnswer(events, accepted, body.response_format, body.speed)
        except BaseException:
            await events.aclose()
            raise
        headers = {
            "X-VibeVoice-Seed": str(accepted.seed),
            "X-VibeVoice-Estimated-Seconds": f"{accepted.estimated_seconds / body.speed:.2f}",
            "Cache-Control": "no-store",
        }
        if body.stream_format == "sse":
            return StreamingResponse(answer.server_sent(), media_type=EVENTS, headers=headers)
        kind = MIMES[body.response_format]
        if body.stream:
            return StreamingResponse(answer.audio(), media_type=kind, headers=headers)
        try:
            async with aclosing(answer.audio()) as audio:
                data = b"".join([part async for part in audio])
        except StreamError as error:
            raise FailedError(error.event) from None
        if body.response_format == "wav":
            data = wav_header((len(data) - 44) // 2) + data[44:]
        assert answer.ended is not None
        return Response(data, media_type=kind, headers={**headers, "X-VibeVoice-Ended": answer.ended.ended})


async def _first(events: AsyncGenerator[Event, None], request: Request) -> Accepted:
    """Wait until a request is accepted; stop if the client leaves before."""
    following: asyncio.Task[Accepted] = asyncio.ensure_future(_accepted(events))
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({following, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not following.done():
            raise ServerError("the client has left", "a client that waits", "try again")
        return following.result()
    finally:
        for task in (following, gone):
            task.cancel()
        await asyncio.gather(following, gone, return_exceptions=True)


async def _accepted(events: AsyncIterator[Event]) -> Accepted:
    async for event in events:
        if isinstance(event, Accepted):
            return event
        if isinstance(event, Failed):
            raise FailedError(event)
        assert isinstance(event, Queued)
    raise FailedError(INTERNAL)


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def read_body(request: Request, most: int) -> bytes:
    """Read a body of at most `most` bytes.

    Raises
    ------
    VibeVoiceError
        If it is longer, which is noticed before it is read.
    """
    announced = request.headers.get("content-length", "0")
    parts, size = [], int(announced) if announced.isascii() and announced.isdigit() else 0
    if size <= most:
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > most:
                break
            parts.append(part)
    if size > most:
        raise FailedError(
            Failed("too_large", "a request that is too large", f"at most {most:,} bytes", "send less")
        )
    return b"".join(parts)


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("multipart/form-data")


async def _form_fields(request: Request, body: bytes) -> tuple[str, bool, bytes]:
    """Return name, consent and file of a form that was read."""
    from starlette.datastructures import UploadFile
    from starlette.requests import ClientDisconnect
    from starlette.requests import Request as Plain

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Plain(request.scope, receive).form(max_files=1, max_fields=8) as form:
            file = form.get("file")
            data = await file.read() if isinstance(file, UploadFile) else b""
            own = file.filename or "" if isinstance(file, UploadFile) else ""
            name = form.get("name")
            consent = str(form.get("consent", "")).lower() in ("true", "1", "yes", "on")
            return (name if isinstance(name, str) and name else own.rsplit(".", 1)[0]), consent, data
    except (ClientDisconnect, AssertionError):
        raise OptionError(
            "a form that cannot be read", "file, name and consent", "send the form again"
        ) from None


def _described(error: ValidationError) -> OptionError:
    """Describe the first problem of a body, without repeating its values."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part)[:50] for part in first["loc"][:3]) or "the body"
    return OptionError(f"{place}: {first['msg']}"[:300], "a body as /openapi.json describes it", "correct it")


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, VibeVoiceError)
    kind = getattr(error, "kind", type(error).__name__)
    status = _STATUS.get(kind, 400)
    if isinstance(error, ServerError):
        status, kind = (401, "invalid_token") if is_unauthorized(error) else (503, "unavailable")
    headers = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "5"}}.get(status)
    return JSONResponse({"error": error_fields(status, kind, str(error))}, status, headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": error_fields(400, "invalid_parameter", "a parameter is not valid")}, 400)
