"""Cold start: CPU and wall seconds of whole processes that generate a short sentence with nano."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROUNDS = 5
SCRIPT = "Anna: Hello there."
_STUDIO = """
import sys
from vibevoice_nb import Studio
studio = Studio(sys.argv[1], script=sys.argv[2], device="cpu")
studio.project.set_voice("Anna", "Ada")
studio.generate().result()
"""


def commands(folder: Path) -> dict[str, list[str]]:
    """Return Python's arguments for each start: the command line, a notebook, and the help text.

    `speak` reads `hello.txt` in the folder.

    Examples
    --------
    >>> commands(Path("out"))["help"]
    ['-m', 'vibevoice_nb', '--help']
    """
    speak = ["speak", str(folder / "hello.txt"), "--out", str(folder / "hello.wav"), "--force"]
    return {
        "speak": ["-m", "vibevoice_nb", *speak, "--device", "cpu"],
        "studio": ["-c", _STUDIO, str(folder / "show"), SCRIPT],
        "help": ["-m", "vibevoice_nb", "--help"],
    }


def run_start(rounds: int = ROUNDS) -> dict[str, float | None]:
    """Measure every start; return medians of a few rounds.

    Returns
    -------
    dict
        `speak_cpu_s`, `speak_wall_s`, ...; CPU seconds are None where the system doesn't report them.
    """
    figures: dict[str, float | None] = {}
    with tempfile.TemporaryDirectory(prefix="vibevoice-nb-start-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "hello.txt").write_text(SCRIPT, encoding="utf-8")
        for kind, arguments in commands(folder).items():
            took = [_seconds([sys.executable, *arguments]) for _ in range(rounds)]
            spent = median(cpu for cpu, _ in took)
            figures[f"{kind}_cpu_s"] = round(spent, 3) if spent else None
            figures[f"{kind}_wall_s"] = round(median(wall for _, wall in took), 3)
    return figures


def _seconds(command: list[str]) -> tuple[float, float]:
    """Return the CPU seconds of a process and its children, and the wall-clock seconds."""
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    wall, after = time.perf_counter() - began, os.times()
    user = after.children_user - before.children_user
    return user + after.children_system - before.children_system, wall
