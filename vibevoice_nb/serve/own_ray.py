"""A Ray of one node, started for this process and stopped with it."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ..errors import ServerError

_log = logging.getLogger(__name__)
_SECONDS = 180.0
"""Longest start. Ray's processes take half a minute where other programs use the processors."""
_STOP_SECONDS = 6.0
"""Longest orderly end; a second later, its processes are killed."""
_PORTS = {
    "--dashboard-agent-grpc-port": "metrics_agent_port",
    "--dashboard-agent-listen-port": "dashboard_agent_listen_port",
    "--runtime-env-agent-port": "runtime_env_agent_port",
    "--metrics-export-port": "metrics_export_port",
}
"""Options of `ray start`, and the names under which Ray's processes publish these ports to each other."""
_SETTINGS = {
    "RAY_raylet_start_wait_time_s": f"{_SECONDS:.0f}",
    "RAY_agent_register_timeout_ms": f"{_SECONDS * 1000:.0f}",
    "RAY_worker_register_timeout_seconds": f"{_SECONDS:.0f}",
    # Serve kills a proxy that is not ready in time, and starts another, which takes as long.
    "RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S": f"{_SECONDS:.0f}",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "60",
    # Idle workers, started in advance, would use the processors while the server starts.
    "RAY_prestart_worker_first_driver": "0",
    "RAY_enable_worker_prestart": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


class OwnRay:
    """One-node Ray in processes of its own; other Rays of this machine are left alone.

    Ray gives up where its agents take more than 15 s to publish their ports, which no setting changes and a
    busy machine exceeds. So all ports are chosen and published here. A guard ends Ray and removes its folder
    however this process ends.

    Parameters
    ----------
    num_cpus, num_gpus : int, optional
        By default those of the machine.
    """

    def __init__(self, num_cpus: int | None = None, num_gpus: int | None = None) -> None:
        self._counts = {"--num-cpus": num_cpus, "--num-gpus": num_gpus}
        self._guard: subprocess.Popen[bytes] | None = None
        self._folder = Path()
        self.address = ""

    @property
    def folder(self) -> Path:
        """Folder of this Ray's files, which is removed at its end."""
        return self._folder

    def start(self) -> None:
        """Start it, and connect this process to it; a second attempt is made if the first one fails.

        Raises
        ------
        ServerError
            If it does not start.
        """
        _use_token()
        import ray

        reason = self._launch()
        if reason is not None:
            _log.warning("Ray did not start (%s); trying again", reason)
            reason = self._launch()
        if reason is not None:
            raise ServerError(
                f"Ray did not start ({reason})",
                "a machine with room for it",
                "try again, or start one with `ray start --head` and pass --address",
            )
        ray.init(address=self.address, namespace="vibevoice", logging_level="warning", log_to_driver=True)

    def _launch(self) -> str | None:
        """Start the processes; return why they did not start."""
        self._folder = Path(tempfile.mkdtemp(prefix="vvnb-ray-"))
        head, client, *others = _free_ports(2 + len(_PORTS))
        ports = dict(zip(_PORTS, others, strict=True))
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        command += ["--node-ip-address=127.0.0.1", f"--port={head}", "--include-dashboard=false"]
        command += ["--no-monitor", f"--ray-client-server-port={client}"]  # one node needs no autoscaler
        command += ["--disable-usage-stats", f"--temp-dir={self._folder}"]
        command += [f"{name}={port}" for name, port in ports.items()]
        command += [f"{name}={count}" for name, count in self._counts.items() if count is not None]
        self.address = f"127.0.0.1:{head}"
        guard = [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py"))]
        with (self._folder / "start.log").open("wb") as file:
            self._guard = subprocess.Popen(
                [*guard, str(self._folder), f"{_STOP_SECONDS}", *command],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**_SETTINGS, **os.environ},
                start_new_session=True,  # Ctrl-C reaches this process only, which stops Ray in order
            )
        return self._started({_PORTS[name]: port for name, port in ports.items()})

    def _started(self, ports: dict[str, int]) -> str | None:
        """Wait until the processes are ready, or return why they are not."""
        log, end, published = self._folder / "start.log", time.monotonic() + _SECONDS, False
        while b"Ray runtime started" not in (text := log.read_bytes()):
            published = published or _publish(self._folder, ports)
            if b"Traceback" in text or self._ended() or time.monotonic() > end:
                time.sleep(0.2)  # the rest of the message
                lines = log.read_text("utf-8", "replace").strip().splitlines()
                self._end()
                return lines[-1][:200] if lines else f"no message for {_SECONDS:.0f} s"
            time.sleep(0.05)
        return None

    def _ended(self) -> bool:
        assert self._guard is not None
        return self._guard.poll() is not None

    def stop(self) -> None:
        """Stop it."""
        import ray

        if ray.is_initialized():
            ray.shutdown()
        self._end()

    def _end(self) -> None:
        if self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait()
            self._guard = None


def _publish(folder: Path, ports: dict[str, int]) -> bool:
    """Write the ports to the files of a session, once its first process has made it; return whether it has.

    They hold what the agents write to them later.
    """
    for first in folder.glob("session_*/gcs_server_port_*"):
        node = first.name.removeprefix("gcs_server_port_")
        for name, port in ports.items():
            part = first.with_name(f"{name}_{node}.part")
            part.write_text(str(port))
            part.replace(first.with_name(f"{name}_{node}"))
        return True
    return False


def _use_token() -> None:
    """Let only this process and its Ray, which have a common secret, talk to each other."""
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    if "ray._raylet" in sys.modules:  # it has read the environment before
        sys.modules["ray._raylet"].Config.initialize("")


def _free_ports(count: int) -> list[int]:
    """Return ports that are free at the moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
