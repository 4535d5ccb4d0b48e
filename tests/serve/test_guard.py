"""Guard of Ray's processes: whatever ends their owner ends them, and removes their folder."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vibevoice_nb.serve import guard

if sys.platform == "win32":
    pytest.skip("sessions and signals of POSIX", allow_module_level=True)

OWNER = """
import subprocess, sys, time
command = [sys.executable, "-I", "-S", *sys.argv[1:]]
guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
time.sleep(600)
"""
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    print("child", flush=True)
time.sleep(600)
"""


def start(folder: Path, command: str) -> subprocess.Popen[bytes]:
    """Start an owner with a guard; return it once the command runs."""
    arguments = [guard.__file__, str(folder), "0.5", sys.executable, "-c", command]
    owner = subprocess.Popen([sys.executable, "-c", OWNER, *arguments], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"child\n"
    return owner


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", [STUBBORN, "import time; print('child', flush=True); time.sleep(600)"])
def test_processes_end_with_their_owner(tmp_path: Path, number: int, command: str) -> None:
    folder = tmp_path / "session"
    folder.mkdir()
    (folder / "log").write_text("a log")
    owner = start(folder, command)
    owner.send_signal(number)
    owner.wait(10)
    assert owner.stdout is not None
    assert owner.stdout.read() == b""  # at its end once no process has it open: guard, command and children
    assert not folder.exists()
