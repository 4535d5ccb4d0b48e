"""Server of the live room: loads the model, prints the links, serves until interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from vibevoice_nb.engine.registry import engines
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.web.binding import is_loopback, who_reaches

from .access import Tokens
from .limits import LiveLimits

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine

    from .rooms import LiveRooms


def live_rooms(
    engine: Engine,
    host: str,
    limits: LiveLimits | None = None,
    *,
    voices: Any = None,
    tokens: Tokens | None = None,
    **options: Any,
) -> LiveRooms:
    """Return live rooms with an engine, for a server on a host.

    Raises
    ------
    VibeVoiceError
        If aiortc is not installed.
    """
    try:
        from .places import Places
        from .room import LiveRoom
        from .rooms import LiveRooms
    except ImportError as error:
        raise VibeVoiceError(
            f"the live room is not installed ({error})", "aiortc", "pip install 'vibevoice-nb[live]'"
        ) from error
    bounds = limits or LiveLimits()
    for _ in engine.stream_text(iter(["Ready."]), voices, **options):
        """The first generation takes longer than others: it is over before the first listener waits."""

    places = Places(bounds.per_address)

    def create(name: str) -> LiveRoom:
        own = is_loopback(host)
        return LiveRoom(name, engine, bounds, loopback=own, voices=voices, options=options, places=places)

    return LiveRooms(create, bounds, tokens or Tokens())


@contextlib.contextmanager
def serving_live(
    rooms: LiveRooms, host: str = "127.0.0.1", port: int = 0, hosts: Collection[str] | None = ()
) -> Iterator[str]:
    """Serve in the background inside the block; yield the address."""
    server, bound = _server(rooms, host, port, hosts)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])), daemon=True)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield _address(bound)
    finally:
        server.should_exit = True
        thread.join(timeout=15)


def serve_live(
    model: str,
    limits: LiveLimits,
    host: str,
    port: int,
    how: Mapping[str, Any],
    say: Callable[[str], None],
    hosts: Collection[str] | None = (),
    voices: Any = None,
) -> None:
    """Serve until interrupted, with links from the secret in `VIBEVOICE_NB_LIVE_SECRET` if that is set.

    Parameters
    ----------
    model : str
    limits : LiveLimits
    host, port : str, int
    how : mapping
        `device`, `dtype` and `quantize`, as for `Engine.load`.
    say : callable
        Called with messages that have the links.
    hosts : collection of str, optional
        As for `vibevoice_nb.web.server.build_app`.
    voices : voices, optional
        As for `Engine.stream_text`.

    Raises
    ------
    VibeVoiceError
    """
    tokens = Tokens.of_environment()
    engine = engines.load(model, **how)
    rooms = live_rooms(engine, host, limits, voices=voices, tokens=tokens)
    server, bound = _server(rooms, host, port, hosts)
    from .app import link
    from .rooms import FIRST

    base = _address(bound).rstrip("/")
    say(f"{model} is ready ({who_reaches(host)}); press Ctrl-C to stop")
    say("to speak:  " + base + link(rooms, FIRST, "speaker"))
    say("to listen: " + base + link(rooms, FIRST, "listener"))
    asyncio.run(server.serve(sockets=[bound]))


def _server(
    rooms: LiveRooms, host: str, port: int, hosts: Collection[str] | None
) -> tuple[Any, socket.socket]:
    try:
        import uvicorn

        from .app import build_live_app

        app = build_live_app(rooms, hosts)
    except ImportError as error:
        raise VibeVoiceError(
            f"the live room is not installed ({error})", "its packages", "pip install 'vibevoice-nb[live]'"
        ) from error
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
    logging.getLogger("aioice").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=1, ws_max_size=rooms.limits.message_bytes
    )
    return uvicorn.Server(config), bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"
