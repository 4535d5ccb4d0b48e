"""A Jupyter server of the tests' own, with nothing of the user's in it, and its kernels."""

from __future__ import annotations

import ast
import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client import BlockingKernelClient

import vibevoice_nb

TOKEN = "tests"

# What each host is started with, beside the port, the token and the root.
HOSTS: dict[str, tuple[str, ...]] = {
    "lab": (
        "jupyterlab",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ),
    "notebook": (
        "notebook",
        "--JupyterNotebookApp.expose_app_in_browser=True",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ),
    "voila": ("voila",),
}

# Without these, the first page of a new user offers announcements and a tour.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {
        "fetchNews": "false",
        "checkForUpdates": False,
    },
    "@jupyterlab/docmanager-extension/plugin.jupyterlab-settings": {"autosave": False},
}


def until(ready: Callable[[], Any], what: str, timeout: float = 30.0, every: float = 0.05) -> Any:
    """Ask until the answer is truthy, and return it."""
    deadline = time.monotonic() + timeout
    while not (answer := ready()):
        assert time.monotonic() < deadline, f"{what}: not within {timeout:g} s"
        time.sleep(every)
    return answer


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    """Let the server go when the tests are killed and can't stop it themselves; its kernels go with it."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


class JupyterServer:
    """JupyterLab, Notebook 7 or Voila in a process, all its files in `home`."""

    def __init__(self, host: str, home: Path) -> None:
        self.host, self.home = host, home
        self.root = home / "root"
        self.runtime = home / "runtime"
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        for folder in ("root", "runtime", "config", "data", "settings", "workspaces", "user", "ipython"):
            (home / folder).mkdir(parents=True)
        for name, values in SETTINGS.items():
            path = home / "settings" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        self._serve_built_extension()
        self.log = home / "server.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(),
                cwd=self.root,
                env=self._environment(),
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )

    def _serve_built_extension(self) -> None:
        """Serve the extension built in the source tree, which an earlier installation may not have."""
        built = Path(vibevoice_nb.__file__).parent / "labextension"
        if built.is_dir():
            folder = self.home / "share" / "labextensions"
            folder.mkdir(parents=True)
            (folder / "vibevoice-nb").symlink_to(built)
        enabled = Path(vibevoice_nb.__file__).parents[1] / "labextension" / "jupyter_server_config.json"
        if enabled.is_file():
            folder = self.home / "config" / "jupyter_server_config.d"
            folder.mkdir(parents=True)
            shutil.copy(enabled, folder / "vibevoice-nb.json")

    def _command(self) -> list[str]:
        module, *options = HOSTS[self.host]
        command = [sys.executable, "-m", module, *options]
        if self.host == "voila":
            return [
                *command,
                "--no-browser",
                f"--port={self.port}",
                f"--token={TOKEN}",
                "--Voila.ip=127.0.0.1",
                f"--Voila.connection_dir_root={self.runtime}",
                str(self.root),
            ]
        return [
            *command,
            "--no-browser",
            "--allow-root",
            f"--ServerApp.port={self.port}",
            "--ServerApp.port_retries=0",
            "--ServerApp.ip=127.0.0.1",
            f"--ServerApp.root_dir={self.root}",
            f"--IdentityProvider.token={TOKEN}",
        ]

    def _environment(self) -> dict[str, str]:
        """Ours, less what would lead to the user's files, and off-line."""
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))
        }
        folders = {
            "HOME": "user",
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "JUPYTER_PATH": "share",
            "VIBEVOICE_NB_HOME": "user/vibevoice",
        }
        return {
            **kept,
            **{name: str(self.home / folder) for name, folder in folders.items()},
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "2",
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        }

    def wait(self) -> JupyterServer:
        """Return once it answers."""

        def answers() -> bool:
            assert self.process.poll() is None, f"{self.host} ended:\n{self.log.read_text()[-4000:]}"
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.page(""), timeout=5).close()
                return True
            return False

        until(answers, f"{self.host} at {self.url}", 60)
        return self

    def page(self, notebook: str) -> str:
        """Address of a notebook in this host, or of the host's first page."""
        workspace = (
            f"lab/workspaces/{Path(notebook).stem}/tree/"  # or it opens what the last page had open, too
        )
        place = {"lab": workspace, "notebook": "notebooks/", "voila": "voila/render/"}[self.host]
        if not notebook:
            place = {"lab": "lab", "notebook": "tree", "voila": ""}[self.host]
        return f"{self.url}/{place}{notebook}?token={TOKEN}"

    def write(self, name: str, *cells: str) -> Path:
        """A notebook with these code cells in the server's root."""
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(source) for source in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        path = self.root / name
        nbformat.write(notebook, path)
        return path

    def api(self, path: str, method: str = "GET", body: Any = None) -> Any:
        """Ask the server's own interface; None where the answer is empty."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {TOKEN}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def kernel(self, notebook: str) -> Kernel:
        """The kernel that runs for a notebook."""
        session = until(
            lambda: next((one for one in self.api("sessions") if one["path"].endswith(notebook)), None),
            f"a kernel for {notebook}",
        )
        return Kernel(self, session["id"], session["kernel"]["id"])

    def close_notebooks(self) -> None:
        """End every kernel, so that the next test has the processor for itself."""
        for session in self.api("sessions"):
            self.api(f"sessions/{session['id']}", "DELETE")

    def stop(self) -> None:
        """End it and everything that it started, whatever state it is in."""
        started: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            started = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        for one in started:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(started, 5)


class Kernel:
    """A notebook's kernel, used beside the page."""

    def __init__(self, server: JupyterServer, session: str, id: str) -> None:
        self.server, self.session, self.id = server, session, id

    @contextlib.contextmanager
    def _client(self) -> Iterator[BlockingKernelClient]:
        client = BlockingKernelClient()
        client.load_connection_file(str(self.server.runtime / f"kernel-{self.id}.json"))
        client.start_channels(hb=False)
        try:
            client.wait_for_ready(timeout=60)
            yield client
        finally:
            client.stop_channels()

    def value(self, expression: str, timeout: float = 60) -> Any:
        """Return the value of an expression in the kernel, through JSON."""
        with self._client() as client:
            asked = {"value": f"__import__('json').dumps({expression})"}
            reply = client.execute_interactive(
                "",
                user_expressions=asked,
                store_history=False,
                timeout=timeout,
                output_hook=lambda message: None,
            )
        answer = reply["content"]["user_expressions"]["value"]
        assert answer["status"] == "ok", f"{expression}: {answer.get('ename')}: {answer.get('evalue')}"
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def run(self, code: str, timeout: float = 60) -> None:
        """Run statements in the kernel; an exception there is a failure here."""
        with self._client() as client:
            reply = client.execute_interactive(
                code, store_history=False, timeout=timeout, output_hook=lambda message: None
            )
        content = reply["content"]
        assert content["status"] == "ok", "\n".join(content.get("traceback", []))

    @property
    def pid(self) -> int:
        """The kernel's process."""
        return int(self.value("__import__('os').getpid()"))

    def kill(self, pid: int) -> None:
        """As a machine that loses power would: no clean-up runs."""
        os.kill(pid, signal.SIGKILL)
