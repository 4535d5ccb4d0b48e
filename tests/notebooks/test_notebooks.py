"""The tutorials run from top to bottom with nano and without a network; nothing of a run is kept in git."""

from __future__ import annotations

import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from claims import CLAIMS
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
NAMES = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))

MAX_SECONDS = 120
"""What each may take on two cores."""
MAX_QUICKSTART_BYTES = 1.2e9
"""Peak resident memory of the quickstart's kernel: Binder has 2 GB for that and JupyterLab."""

NO_NETWORK = """
import socket

connect = socket.socket.connect

def only_here(self, address):
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"a notebook wanted to reach {address}")
    return connect(self, address)

socket.socket.connect = only_here
"""
# Not getrusage: what a large parent held before it started this process would count, too.
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def read(name: str) -> Any:
    return nbformat.read(NOTEBOOKS / name, as_version=4)


def with_claims(name: str) -> Any:
    """Return the notebook with what it claims asserted behind the cells that the claims are about."""
    notebook, claims = read(name), dict(CLAIMS.get(name, {}))
    cells = []
    for cell in notebook.cells:
        cells.append(cell)
        if (claim := claims.pop(cell.id, None)) is not None:
            cells.append(nbformat.v4.new_code_cell(claim))
    assert not claims, f"{name} has no cells {', '.join(claims)}"
    notebook.cells = cells
    return notebook


def code(notebook: Any, tag: str) -> str:
    return "\n".join(cell.source for cell in notebook.cells if tag in cell.metadata.get("tags", ()))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_from_top_to_bottom(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns("*.vibevoice", "out", ".*"))
    (tmp_path / "sitecustomize.py").write_text(NO_NETWORK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path / "home"))
    notebook = with_claims(name)
    if sys.platform == "linux":
        notebook.cells.append(nbformat.v4.new_code_cell(PEAK))

    begun = time.perf_counter()
    NotebookClient(
        notebook, timeout=MAX_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    assert time.perf_counter() - begun < MAX_SECONDS

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    told = "".join(output.text for output in outputs if output.get("name") == "stderr")
    assert "Traceback" not in told, told
    assert any("image/png" in output.get("data", {}) for output in outputs) or name == "colab.ipynb"
    if name.startswith("01") and sys.platform == "linux":
        assert int(outputs[-1].text) * 1024 < MAX_QUICKSTART_BYTES


def test_there_are_seven_in_order_and_one_for_colab() -> None:
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06", "07", "co"]


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_stripped(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == [] and cell.execution_count is None
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    text = "\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")
    for place in re.findall(r"\]\(([^)]+)\)", text):
        assert place.startswith("https://") or (NOTEBOOKS / place).exists(), place


@pytest.mark.parametrize("path", sorted((NOTEBOOKS / "scripts").glob("*.txt")), ids=lambda path: path.name)
def test_scripts_parse_without_a_remark(path: Path) -> None:
    from vibevoice_nb import load_script

    script = load_script(path)
    assert script.diagnostics == ()
    assert len(script.speakers) == int(path.name[0])  # the file's name says how many speak
    longer = [turn.text for turn in script.turns if len(turn.text) > 40]
    assert len(set(longer)) == len(longer)  # nothing is said twice to fill the time


def test_scripts_reach_from_ten_seconds_to_forty_five_minutes() -> None:
    from vibevoice_nb import load_script

    scripts = [load_script(path) for path in sorted((NOTEBOOKS / "scripts").glob("*.txt"))]
    lengths = [script.estimated_seconds for script in scripts]
    assert lengths == sorted(lengths)
    assert lengths[0] == pytest.approx(10, abs=1) and lengths[-1] == pytest.approx(45 * 60, abs=30)
    pauses = sum(turn.pause_after_ms for turn in scripts[-1].turns) / 1000
    assert pauses < 0.01 * lengths[-1]  # it is talk, not silence


def test_colab_keeps_the_torch_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import version

    names: dict[str, Any] = {}
    exec(code(read("colab.ipynb"), "setup"), names)
    assert names["IN_COLAB"] is False
    assert f"torch=={version('torch')}" in names["constraints"]()

    calls: list[list[str]] = []
    monkeypatch.setattr(names["subprocess"], "run", lambda command, check: calls.append(command))
    names["install"]("a-wheel.whl", tmp_path)
    (command,) = calls
    assert command[-1] == "a-wheel.whl" and command[:4] == [sys.executable, "-m", "pip", "install"]
    held = Path(command[command.index("-c") + 1]).read_text().splitlines()
    assert held == names["constraints"]()


def test_colab_chooses_what_fits() -> None:
    from vibevoice_nb.widgets.model_loader import SUGGESTIONS

    names: dict[str, Any] = {}
    exec(code(read("colab.ipynb"), "settings"), names)
    choose = names["settings_for"]
    memory = {"": 50e9, "Tesla T4": 15.8e9, "NVIDIA L4": 23.6e9, "NVIDIA A100-SXM4-40GB": 42.3e9}
    chosen = {name: choose(name, size) for name, size in memory.items()}
    assert chosen[""] == {"model": "nano"}
    assert "1.5B" in chosen["Tesla T4"]["model"] and chosen["Tesla T4"]["num_steps"] == 5
    assert "1.5B" in chosen["NVIDIA L4"]["model"] and chosen["NVIDIA L4"]["num_steps"] == 10
    assert "7B" in chosen["NVIDIA A100-SXM4-40GB"]["model"]
    assert {settings["model"] for settings in chosen.values()} <= {entry["id"] for entry in SUGGESTIONS}


def test_binder_agrees_with_the_project() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    requirements = (ROOT / "binder" / "requirements.txt").read_text("utf-8")
    (torch,) = [line for line in requirements.splitlines() if line and line[0] not in "#-"]
    assert torch in (ROOT / "constraints" / "cpu.txt").read_text("utf-8").splitlines()

    version = re.fullmatch(r"python-3\.(\d+)\n", (ROOT / "binder" / "runtime.txt").read_text())
    wanted = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', project)
    assert version and wanted and int(wanted[1]) <= int(version[1]) < int(wanted[2])

    build = ROOT / "binder" / "postBuild"
    text = build.read_text("utf-8")
    assert build.stat().st_mode & 0o111
    extras = re.findall(r'"\.\[(\w+)\]"', text)
    assert extras and all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)
    for place in re.findall(r"-c (constraints\S+)", text):
        assert (ROOT / place).is_file(), place
    (opened,) = re.findall(r"/lab/tree/([^\"]+)", text)
    assert (ROOT / opened).is_file()
