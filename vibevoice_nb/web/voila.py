"""Studio as a page of its own: for each visitor, Voila runs a notebook of one cell in a kernel.

Unlike the web demo, the Studio reads and writes files of this machine, as a notebook does. The address
therefore has a token, and is only for people who may run notebooks here.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vibevoice_nb.errors import VibeVoiceError

from .binding import is_loopback, who_reaches

if TYPE_CHECKING:
    from vibevoice_nb.widgets import Studio

NOTEBOOK = Path(__file__).with_name("studio.ipynb")
_SETTINGS = "VIBEVOICE_NB_VOILA"
"""Environment variable with the settings for the kernels, as JSON."""


def serve_studio(
    host: str,
    port: int,
    model: str,
    how: Mapping[str, Any],
    say: Callable[[str], None],
    hosts: Collection[str] | None = (),
) -> None:
    """Serve the Studio until interrupted.

    Parameters
    ----------
    host, port : str, int
        Port 0 uses any free port.
    model : str
    how : mapping
        `device`, `dtype` and `quantize`, as for `Engine.load`.
    say : callable
        Called with messages, the first of which has the address.
    hosts : collection of str, optional
        Accepted host names in addition to those of the loopback; None for any.

    Raises
    ------
    VibeVoiceError
        If Voila is not installed.
    """
    try:
        from voila.app import Voila
    except ImportError as error:
        raise VibeVoiceError(
            f"Voila is not installed ({error})", "Voila 0.5.8 or newer", "pip install voila"
        ) from error
    port, token = port or _free_port(host), secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory(prefix="vibevoice-studios-", ignore_cleanup_errors=True) as folder:
        settings = {"folder": folder, "model": model, "how": dict(how)}
        os.environ.update(
            {_SETTINGS: json.dumps(settings), "JUPYTER_TOKEN": token}
        )  # the kernels inherit them
        shown = f"[{host}]" if ":" in host else host
        say(f"the Studio is at http://{shown}:{port}/?token={token} ({who_reaches(host)}); Ctrl-C stops it")
        if not is_loopback(host):
            say("anyone with this address can read and write files of this machine as you can")
        _guarded(Voila, hosts).launch_instance([str(NOTEBOOK), *_options(host, port)])


def open_studio() -> Studio:
    """Open a Studio for the visitor of this kernel, on a project that is deleted when the kernel ends.

    Examples
    --------
    >>> studio = open_studio()
    >>> studio.model, [turn["speaker"] for turn in studio.turns]
    ('nano', ['Speaker 1', 'Speaker 2'])
    >>> studio.close()
    """
    from vibevoice_nb.widgets import Studio

    settings = json.loads(os.environ.get(_SETTINGS, "{}"))
    folder = tempfile.mkdtemp(prefix="settings-", dir=settings.get("folder"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Studio(
        Path(folder) / "conversation",
        script="Speaker 1: Good morning!\nSpeaker 2: How nice to hear you.",
        model=settings.get("model", "nano"),
        **settings.get("how", {}),
    )


def _guarded(application: Any, hosts: Collection[str] | None) -> Any:
    """Return Voila with Jupyter's check of the Host header, which Voila omits."""

    class Voila(application):  # type: ignore[misc]
        name = "voila"  # settings and configuration are found by this name

        def init_settings(self) -> dict[str, Any]:
            settings = super().init_settings()
            names = ["localhost", *(hosts or ())]
            return {**settings, "allow_remote_access": hosts is None, "local_hostnames": names}

    return Voila


def _options(host: str, port: int) -> list[str]:
    return [
        "--no-browser",
        "--strip_sources=True",
        "--Voila.auto_token=True",  # set by JUPYTER_TOKEN
        f"--Voila.ip={host}",
        f"--port={port}",
        "--Voila.port_retries=0",
        "--Voila.log_level=WARN",
    ]


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
