"""The Studio as a page of its own: Voila runs a notebook of one cell for each visitor, each in a kernel.

Unlike the web demo, the Studio opens and writes files of this machine, as its user does in a notebook. So the
address has a token, and is for those who would be given a notebook, too.
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
_ROOM = "VIBEVOICE_NB_VOILA"
"""What the server tells the kernels it starts, in JSON."""


def serve_studio(
    host: str,
    port: int,
    model: str,
    how: Mapping[str, Any],
    say: Callable[[str], None],
    hosts: Collection[str] | None = (),
) -> None:
    """Serve the Studio until somebody interrupts.

    Parameters
    ----------
    host, port : str, int
        Port 0 takes any that is free.
    model : str
    how : mapping
        `device`, `dtype` and `quantize`, as for `Engine.load`.
    say : callable
        Told the address.
    hosts : collection of str, optional
        Names it answers to, beside those of this machine's loopback; None for any.

    Raises
    ------
    VibeVoiceError
        Voila isn't installed.
    """
    try:
        from voila.app import Voila
    except ImportError as error:
        raise VibeVoiceError(f"no Voila ({error})", "Voila 0.5.8 or newer", "pip install voila") from error
    port, token = port or _free_port(host), secrets.token_urlsafe(16)
    with tempfile.TemporaryDirectory(prefix="vibevoice-rooms-", ignore_cleanup_errors=True) as rooms:
        room = {"folder": rooms, "model": model, "how": dict(how)}
        os.environ.update({_ROOM: json.dumps(room), "JUPYTER_TOKEN": token})  # the kernels inherit them
        shown = f"[{host}]" if ":" in host else host
        say(f"the Studio opens at http://{shown}:{port}/?token={token} ({who_reaches(host)}); Ctrl-C ends it")
        if not is_loopback(host):
            say("whoever has that address can use the files of this machine as you can")
        _guarded(Voila, hosts).launch_instance([str(NOTEBOOK), *_options(host, port)])


def open_studio() -> Studio:
    """Open a Studio for the visitor of this kernel, on a project that is deleted when the kernel ends.

    Examples
    --------
    >>> room = open_studio()
    >>> room.model, [turn["speaker"] for turn in room.turns]
    ('nano', ['Speaker 1', 'Speaker 2'])
    >>> room.close()
    """
    from vibevoice_nb.widgets import Studio

    room = json.loads(os.environ.get(_ROOM, "{}"))
    folder = tempfile.mkdtemp(prefix="room-", dir=room.get("folder"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Studio(
        Path(folder) / "conversation",
        script="Speaker 1: Good morning!\nSpeaker 2: How nice to hear you.",
        model=room.get("model", "nano"),
        **room.get("how", {}),
    )


def _guarded(application: Any, hosts: Collection[str] | None) -> Any:
    """Return Voila with Jupyter's check of the Host header, which Voila leaves off."""

    class Voila(application):  # type: ignore[misc]
        name = "voila"  # its settings and configuration are found by it

        def init_settings(self) -> dict[str, Any]:
            settings = super().init_settings()
            names = ["localhost", *(hosts or ())]
            return {**settings, "allow_remote_access": hosts is None, "local_hostnames": names}

    return Voila


def _options(host: str, port: int) -> list[str]:
    return [
        "--no-browser",
        "--strip_sources=True",
        "--Voila.auto_token=True",  # which is what JUPYTER_TOKEN says
        f"--Voila.ip={host}",
        f"--port={port}",
        "--Voila.port_retries=0",
        "--Voila.log_level=WARN",
    ]


def _free_port(host: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
