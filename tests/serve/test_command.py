"""`vibevoice-nb serve` as users run it: a command, curl, and Ctrl-C."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if importlib.util.find_spec("ray") is None:
    pytest.skip("needs vibevoice-nb[serve]", allow_module_level=True)
if not Path("/proc/self/environ").exists():
    pytest.skip("finds processes in /proc", allow_module_level=True)

pytestmark = pytest.mark.ray


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def marked(mark: str) -> list[int]:
    """Return the processes that inherited an environment with `mark`."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


@pytest.fixture
def command(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """A server on a free port, once it is ready; its address and the mark of its processes."""
    port, mark = free_port(), f"VIBEVOICE_TEST_MARK={tmp_path.name}-{os.getpid()}-{time.time_ns()}"
    temporary = Path("/tmp") / f"vvt-{os.getpid()}"  # the paths of Ray's sockets have to be short
    temporary.mkdir()
    name, value = mark.split("=")
    process = subprocess.Popen(
        [sys.executable, "-m", "vibevoice_nb", "serve", "--model", "nano", "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, name: value, "TMPDIR": str(temporary)},
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if "is ready at" in line:
                break
        else:
            pytest.fail("".join(said)[-2000:])
        yield process, f"http://127.0.0.1:{port}", mark
        left = [entry.name for entry in temporary.iterdir()]
        assert not left, left
    finally:
        process.kill()
        process.communicate()
        for number in marked(mark):
            os.kill(number, signal.SIGKILL)
        shutil.rmtree(temporary, ignore_errors=True)


def test_curl_streams_and_ctrl_c_leaves_nothing(command: tuple[subprocess.Popen[str], str, str]) -> None:
    process, url, mark = command
    body = '{"model": "nano", "input": "Good morning.", "response_format": "wav", "num_steps": 2}'
    if shutil.which("curl"):
        asked = ["curl", "-sSN", "--max-time", "60", f"{url}/v1/audio/speech", "-d", body]
        heard = subprocess.run(asked, capture_output=True, check=True).stdout
        assert heard[:4] == b"RIFF" and len(heard) > 10_000
    assert len(marked(mark)) > 3
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    process.communicate(timeout=30)
    assert time.monotonic() - started < 10
    assert marked(mark) == []
