"""A running server: its Ray, started or joined, and its application."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import OptionError, ServerError, VibeVoiceError
from .origin import is_loopback
from .own_ray import OwnRay

_NAME = "vibevoice"
_ATTEMPTS = 3
_SECONDS = 180.0
"""Longest wait for an answer of the server, once Serve has given up waiting for its proxy."""
_log = logging.getLogger(__name__)


class Running:
    """The application on a Ray of its own, or on a cluster.

    Parameters
    ----------
    host, port : str, int
    address : str, optional
        Cluster to join.
    say : callable
        Called with messages about the progress.
    """

    def __init__(self, host: str, port: int, address: str | None, say: Callable[[str], None]) -> None:
        self._host, self._port, self._address, self._say = host, port, address, say
        self._own: OwnRay | None = None
        self._started = False
        self._stopped = threading.Event()

    @property
    def url(self) -> str:
        """Address of the server."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host)
        return f"http://{shown or (f'[{self._host}]' if ':' in self._host else self._host)}:{self._port}"

    def start(self, settings: Mapping[str, Any], num_gpus: float | None = None) -> None:
        """Start Ray and the application; return once the model is loaded.

        Raises
        ------
        VibeVoiceError
            If Ray is not installed, the port is in use, the cluster cannot be reached, or the model cannot be
            loaded.
        """
        try:
            import ray
            from ray import serve
        except ImportError as error:
            raise VibeVoiceError(
                f"the server is not installed ({error})", "Ray", "pip install 'vibevoice-nb[serve]'"
            ) from error
        from .app import ServeSettings, build

        checked = ServeSettings.of(settings)
        _check_model(checked.model)
        self._check_port()
        self._connect(ray)
        if num_gpus is None:
            gpus = ray.cluster_resources().get("GPU", 0)
            num_gpus = 1.0 if gpus and checked.device in ("auto", "cuda") else 0.0
        if self._own is not None and not checked.voices:
            settings = {**settings, "voices": str(self._own.folder / "voices")}
        hosts = ("localhost",) if is_loopback(self._host) else ()
        self._say(f"loading {checked.model}")
        self._start_serve(serve)
        try:
            serve.run(build({"hosts": hosts, **settings, "num_gpus": num_gpus}), name=_NAME, route_prefix="/")
        except TimeoutError:
            self._wait_for_health()
        except RuntimeError as error:
            raise ServerError(
                f"{checked.model} could not be served", "a model that loads", f"see Ray's log above: {error}"
            ) from error

    def wait(self) -> None:
        """Wait until Ctrl-C, SIGTERM or `stop`."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda number, frame: self._stopped.set())
        while not self._stopped.wait(1.0):
            pass

    def stop(self) -> None:
        """Stop the application, and a Ray of its own."""
        self._stopped.set()
        if self._started:
            import ray
            from ray import serve

            with contextlib.suppress(Exception):  # the cluster may be gone
                serve.shutdown() if self._own is not None else serve.delete(_NAME)
            ray.shutdown()
            self._started = False
        if self._own is not None:
            self._own.stop()
            self._own = None

    def _connect(self, ray: Any) -> None:
        if self._address is None:
            self._own = OwnRay()
            self._own.start()
            return
        try:
            ray.init(address=self._address, namespace=_NAME, log_to_driver=True)
        except (ConnectionError, RuntimeError, ValueError, OSError) as error:
            raise ServerError(
                f"the cluster {self._address} cannot be joined ({type(error).__name__})",
                "the address of a Ray cluster that runs",
                "check the address, or leave out --address to start Ray here",
            ) from error

    def _start_serve(self, serve: Any) -> None:
        """Start Serve and its proxy, for which it waits a minute: a busy machine takes longer."""
        from ray.exceptions import RayActorError

        self._started = True
        for _ in range(_ATTEMPTS):
            try:
                # On the head only: a client of another node would be lost with that node.
                serve.start(proxy_location="HeadOnly", http_options={"host": self._host, "port": self._port})
                return
            except (TimeoutError, RayActorError) as error:
                reason = " ".join(str(error).split())[:200]
                _log.warning("Ray Serve did not start (%s); trying again", reason)
        raise _slow(reason)

    def _wait_for_health(self) -> None:
        """Wait until the server answers."""
        end = time.monotonic() + _SECONDS
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while True:
            try:
                with opener.open(f"{self.url}/health", timeout=30):
                    return
            except OSError as error:
                if time.monotonic() > end:
                    raise _slow(str(error)) from error
                time.sleep(1.0)

    def _check_port(self) -> None:
        """Report a port in use at once, rather than after the model is loaded."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self._host, self._port))
            except OSError as error:
                raise ServerError(
                    f"cannot listen on {self._host}:{self._port} ({error.strerror})",
                    "a free port on an address of this machine",
                    "choose another --port",
                ) from error


def _slow(reason: str) -> ServerError:
    return ServerError(
        f"Ray Serve did not start ({reason})",
        "a machine that is less busy",
        "try again, or stop other programs",
    )


def _check_model(model: str) -> None:
    """Report a folder with a model of another kind at once, rather than from a replica."""
    config = Path(model).expanduser() / "config.json"
    if not config.is_file():
        return
    from ..model.loading.model_kind import is_realtime
    from ..model.loading.plain_files import read_json

    if is_realtime(read_json(config)):
        raise OptionError(
            f"{model} is a VibeVoice-Realtime",
            "a VibeVoice for conversations, which a server needs",
            "serve microsoft/VibeVoice-1.5B; or use this model with `vibevoice-nb speak` or `web --live`",
        )
