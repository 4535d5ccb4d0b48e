"""Server of the web demo: Gradio's page and the live audio, without resources from other hosts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vibevoice_nb.errors import VibeVoiceError

from .binding import who_reaches
from .guard import Guard
from .limits import Limits
from .service import DemoService

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Server

# The page needs nothing from other hosts; this policy enforces it with every Gradio version.
_POLICY = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
]


_TIDY_EVERY = 60.0  # seconds


class _AddHeaders:
    """ASGI middleware that adds the headers to every response, also to streamed ones."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def send_more(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        await self.app(scope, receive, send_more if scope["type"] == "http" else send)


def build_app(service: DemoService, hosts: Collection[str] | None = ()) -> FastAPI:
    """Build an application of the page and the live audio.

    Parameters
    ----------
    service : DemoService
    hosts : collection of str, optional
        Accepted host names in addition to those of the loopback; None for any.

    Raises
    ------
    VibeVoiceError
        If Gradio is not installed.
    """
    # Gradio reads these at import: they disable telemetry and storage of visitors' runs.
    os.environ.update(GRADIO_ANALYTICS_ENABLED="False", GRADIO_RUN_HISTORY="False")
    try:
        import gradio as gr
        from fastapi import FastAPI, Response
        from fastapi.responses import FileResponse, StreamingResponse
    except ImportError as error:
        raise VibeVoiceError(
            f"the web demo is not installed ({error})", "Gradio 5 or newer", "pip install 'vibevoice-nb[web]'"
        ) from error
    from .page import build_page
    from .theme import for_mount

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    app.add_middleware(Guard, limits=service.limits, hosts=hosts)
    app.add_middleware(_AddHeaders)

    @app.get("/speech/{name}.mp3")
    async def listen(name: str) -> Response:
        live = service.stream(name)
        if live is None:
            return Response("This audio has been deleted.", 404, media_type="text/plain")
        if live.ended:  # seekable once complete
            return FileResponse(live.path, media_type="audio/mpeg")
        return StreamingResponse(
            live.follow(), media_type="audio/mpeg", headers={"Cache-Control": "no-store"}
        )

    @app.get("/speech/{name}/{kind}.png")
    async def look(name: str, kind: str) -> Response:
        path = service.picture(name, kind)
        if path is None:
            return Response("This picture has been deleted.", 404, media_type="text/plain")
        return FileResponse(path, media_type="image/png")

    return gr.mount_gradio_app(
        app,
        build_page(service),
        path="",
        show_error=False,
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
        max_file_size=service.limits.upload_megabytes * 1_000_000,
        **for_mount(),
    )


@contextlib.contextmanager
def serving(service: DemoService, host: str, port: int, hosts: Collection[str] | None = ()) -> Iterator[str]:
    """Serve in the background inside the block; yield the address.

    Parameters
    ----------
    service : DemoService
    host : str
    port : int
        0 for any free port.
    hosts : collection of str, optional
        As for `build_app`.

    Raises
    ------
    VibeVoiceError
        If Gradio is not installed, or the port is in use.
    """
    server, bound = _server(service, host, port, hosts)
    thread = threading.Thread(target=lambda: asyncio.run(_run(server, bound, service)), daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():  # until then, connections are refused
            time.sleep(0.01)
        yield address(bound)
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def serve(
    model: str,
    limits: Limits,
    host: str,
    port: int,
    how: Mapping[str, Any],
    say: Callable[[str], None],
    hosts: Collection[str] | None = (),
) -> None:
    """Serve until interrupted, then delete visitors' files.

    Parameters
    ----------
    model : str
    limits : Limits
    host, port : str, int
    how : mapping
        `device`, `dtype` and `quantize`, as for `Engine.load`.
    say : callable
        Called with a message that has the address.
    hosts : collection of str, optional
        As for `build_app`.

    Raises
    ------
    VibeVoiceError
    """
    with visitors_folder() as folder:
        service = DemoService(model, limits, folder, **how)
        server, bound = _server(service, host, port, hosts)
        service.load()
        say(f"{model} is ready at {address(bound)} ({who_reaches(host)}); press Ctrl-C to stop")
        asyncio.run(_run(server, bound, service))


@contextlib.contextmanager
def visitors_folder() -> Iterator[Path]:
    """Create a folder for all visitors' files, including Gradio's own."""
    before = os.environ.get("GRADIO_TEMP_DIR")
    with tempfile.TemporaryDirectory(prefix="vibevoice-web-", ignore_cleanup_errors=True) as made:
        os.environ["GRADIO_TEMP_DIR"] = str(Path(made) / "gradio")
        try:
            yield Path(made)
        finally:
            if before is None:
                del os.environ["GRADIO_TEMP_DIR"]
            else:
                os.environ["GRADIO_TEMP_DIR"] = before


def address(bound: socket.socket) -> str:
    """Return the URL of a socket."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def _server(
    service: DemoService, host: str, port: int, hosts: Collection[str] | None
) -> tuple[Server, socket.socket]:
    """Bind the port before the model is loaded, so that a port in use is reported at once."""
    app = build_app(service, hosts)
    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise VibeVoiceError(
            f"cannot listen on {host}:{port} ({error})",
            "a free port on an address of this machine",
            "choose another --port",
        ) from error
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)
    logging.getLogger("uvicorn.error").addFilter(_is_no_farewell)
    return uvicorn.Server(config), bound


async def _run(server: Server, bound: socket.socket, service: DemoService) -> None:
    """Serve, and delete expired files regularly."""

    async def tidy() -> None:
        while True:
            await asyncio.sleep(_TIDY_EVERY)
            service.forget_old()

    tidying = asyncio.create_task(tidy())
    await server.serve(sockets=[bound])
    tidying.cancel()


def _is_no_farewell(record: logging.LogRecord) -> bool:
    """Log filter that drops messages about clients disconnected at shutdown."""
    reason = record.exc_info[1] if record.exc_info else None
    return not (isinstance(reason, asyncio.CancelledError) or "graceful shutdown" in record.getMessage())
