"""Interrupting a real kernel stops what is generated in its background, and keeps the audio so far."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipykernel", reason="needs a kernel: pip install ipykernel")
pytest.importorskip("jupyter_client", reason="needs jupyter_client, which comes with ipykernel")
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="interrupts are no signals there")

BEGIN = """
import json, time
from vibevoice_nb import Engine, Project

engine = Engine.load("nano")
project = Project.create("talk", "Anna: " + 40 * "One sentence follows another in this long turn of mine. ")
project.set_voice("Anna", "Ada")

def begin():
    global job
    job = project.generate(engine, num_steps=10, seed=1)
    while not job.progress.seconds:
        time.sleep(0.01)
"""
STATE = "json.dumps([job.state, project.turns[0].partial, sum(take.seconds for take in job.takes)])"


class Kernel:
    """A kernel of its own process, driven as a notebook drives it."""

    def __init__(self, manager: Any, client: Any) -> None:
        self.manager, self.client = manager, client

    def begin(self, code: str, **expressions: str) -> str:
        # Without this, ipykernel 6 aborts the requests that arrive just after a cell was interrupted.
        return str(self.client.execute(code, user_expressions=expressions, stop_on_error=False))

    def end(self, request: str) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=120)
            if message["parent_header"].get("msg_id") == request:
                return dict(message["content"])

    def run(self, code: str) -> dict[str, Any]:
        return self.end(self.begin(code))

    def value(self, expression: str) -> Any:
        import ast
        import json

        content = self.end(self.begin("", value=expression))
        return json.loads(ast.literal_eval(content["user_expressions"]["value"]["data"]["text/plain"]))

    def stopped(self) -> tuple[str, bool, float]:
        """Wait for the end of the generation."""
        end = time.monotonic() + 20
        while (state := self.value(STATE))[0] not in ("cancelled", "finished", "failed"):
            assert time.monotonic() < end, f"still {state[0]}"
            time.sleep(0.1)
        return tuple(state)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3", cwd=str(tmp_path))
    try:
        running = Kernel(manager, client)
        content = running.run(BEGIN)
        assert content["status"] == "ok", content
        yield running
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_between_cells(kernel: Kernel) -> None:
    assert kernel.run("begin()")["status"] == "ok"
    time.sleep(0.5)
    kernel.manager.interrupt_kernel()
    state, partial, seconds = kernel.stopped()
    assert state == "cancelled" and partial and seconds > 0


def test_again_after_an_interrupt_and_other_messages(kernel: Kernel) -> None:
    """ipykernel puts its own handler back after every message."""
    for _ in range(2):
        kernel.run("begin()")
        assert [kernel.value("json.dumps(1)") for _ in range(3)] == [1, 1, 1]
        time.sleep(0.5)
        kernel.manager.interrupt_kernel()
        assert kernel.stopped()[0] == "cancelled"
    time.sleep(0.5)
    kernel.manager.interrupt_kernel()  # nothing to stop: the kernel goes on
    time.sleep(0.2)
    assert kernel.value("json.dumps(1)") == 1


@pytest.mark.parametrize(
    "waiting",
    [
        "begin()\ntime.sleep(60)",
        "begin()\njob.result()",
        "begin()\nfor chunk in job: pass",
        "begin()\nawait job",
        "begin()\nimport asyncio\nawait asyncio.sleep(60)",
    ],
    ids=["another cell runs", "result", "iterated", "awaited", "awaiting something else"],
)
def test_within_a_cell(kernel: Kernel, waiting: str) -> None:
    """The cell ends with KeyboardInterrupt as always, and the generation with it."""
    request = kernel.begin(waiting)
    time.sleep(3)
    kernel.manager.interrupt_kernel()
    content = kernel.end(request)
    assert content["status"] == "error"
    assert content["ename"] in ("KeyboardInterrupt", "CancelledError")
    state, partial, seconds = kernel.stopped()
    assert state == "cancelled" and partial and seconds > 0
