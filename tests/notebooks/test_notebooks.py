"""The tutorials run from top to bottom with nano and without a network, and give the outputs saved in git."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from saved import LANGUAGE, NAMES, NOTEBOOKS, ROOT, STATE, WIDGET, kept, read, run, structure, texts

MAX_CPU_SECONDS = 120
"""Limit for each notebook; other programs on the machine do not count."""
MAX_CELL_SECONDS = 600
MAX_QUICKSTART_BYTES = 1.2e9
"""Peak resident memory of the quickstart's kernel: Binder has 2 GB for that and JupyterLab."""
MAX_BYTES, MAX_ALL_BYTES = 3_000_000, 10_000_000
"""Size of a notebook with its outputs, and of all of them."""

# Not getrusage: what a large parent held before it started this process would count, too.
PEAK = "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"


def code(notebook: Any, tag: str) -> str:
    return "\n".join(cell.source for cell in notebook.cells if tag in cell.metadata.get("tags", ()))


def children_seconds() -> float:
    times = os.times()  # of processes that have ended; 0 on Windows
    return times.children_user + times.children_system


def prose(name: str) -> str:
    return "\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_runs_from_top_to_bottom(name: str, tmp_path: Path) -> None:
    measured = name.startswith("01") and sys.platform == "linux"
    before = children_seconds()
    notebook = run(name, tmp_path, MAX_CELL_SECONDS, appended=PEAK if measured else "")
    used = children_seconds() - before
    assert used < MAX_CPU_SECONDS, used
    if measured:
        assert int(notebook.cells[-1].outputs[0].text) * 1024 < MAX_QUICKSTART_BYTES
    assert structure(kept(notebook)) == structure(read(name)), "run `make notebooks`"


def test_there_are_ten_in_order_and_one_for_colab() -> None:
    assert [name[:2] for name in NAMES] == ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "co"]


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_saved(name: str) -> None:
    notebook = read(name)
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == LANGUAGE, "without versions"
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code_cells] == list(range(1, len(code_cells) + 1))
    assert all(set(cell.metadata) <= {"tags", "jupyter"} for cell in notebook.cells)
    kinds = " ".join(kind for outputs in structure(notebook).values() for kind in outputs)
    assert "stderr" not in kinds and "error" not in kinds and WIDGET not in kinds
    shown = [output.get("data", {}) for cell in code_cells for output in cell.outputs]
    assert any("image/png" in data for data in shown) or name == "colab.ipynb"
    assert any("<audio" in data.get("text/html", "") for data in shown) or name[:2] == "06"


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_those_of_any_machine(name: str) -> None:
    text = texts(read(name))
    for place in ("/tmp/", "/home/", "/root/", "/Users/", "/var/", "/work/", "\\\\Users", str(ROOT)):
        assert place not in text, place
    for word in ("Traceback", "Warning:", " object at 0x", STATE):
        assert word not in text, word


def test_outputs_are_small() -> None:
    sizes = {name: (NOTEBOOKS / name).stat().st_size for name in NAMES}
    assert max(sizes.values()) <= MAX_BYTES, sizes
    assert sum(sizes.values()) <= MAX_ALL_BYTES, sizes


@pytest.mark.parametrize("name", NAMES)
def test_opens_with_goals_and_closes_with_exercises(name: str) -> None:
    title, goals = read(name).cells[:2]
    assert title.cell_type == "markdown" and title.source.startswith("# ")
    assert goals.source.startswith("**Time** ") and "**Needed** " in goals.source
    _, _, learned = goals.source.partition("After this notebook, you can\n\n")
    assert 3 <= len(re.findall(r"^\* ", learned, re.MULTILINE)) <= 4
    text = prose(name)
    assert "\n## Exercises\n" in f"\n{text}"
    assert text.count("<details>") == text.count("</details>") >= 2
    assert "**Predict.**" in text or name == "colab.ipynb"


@pytest.mark.parametrize("name", ["03-steps-and-cfg.ipynb", "04-inside-the-model.ipynb"])
def test_sliders_are_saved_as_the_figure_they_show(name: str) -> None:
    sliders = [cell for cell in read(name).cells if "@interact(" in cell.source]
    assert sliders
    for cell in sliders:
        assert "image/png" in cell.outputs[0].data, cell.id


def headings(page: Path) -> set[str]:
    found = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9-]", "", heading.lower().replace(" ", "-")) for heading in found}


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", prose(name)):
        place, _, heading = link.partition("#")
        assert link.startswith("https://") or (NOTEBOOKS / place).exists(), link
        assert not heading or heading in headings(NOTEBOOKS / place), link


def test_paths_widgets_and_traces_of_a_run_are_removed() -> None:
    cell = nbformat.v4.new_code_cell("x", id="a", metadata={"execution": {"started": "today"}})
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    figure = nbformat.v4.new_output("display_data", {"image/png": png})
    view = {WIDGET: {"model_id": "box"}, "text/plain": "interactive(...)"}
    player = {WIDGET: {"model_id": "player"}, "text/html": "<audio>", "text/plain": "Player()"}
    cell.outputs = [nbformat.v4.new_output("display_data", data) for data in (view, player)]
    extra = nbformat.v4.new_code_cell("assert x", metadata={"extra": True})
    states = {"box": {"children": ["IPY_MODEL_out"]}, "out": {"outputs": [figure]}, "player": {}}
    notebook = nbformat.v4.new_notebook(cells=[cell, extra])
    notebook.metadata["widgets"] = {STATE: {"state": {name: {"state": s} for name, s in states.items()}}}
    result = kept(notebook)
    assert structure(result) == {"a": ["image/png", "text/html text/plain"]}
    assert len(result.cells) == 1 and "widgets" not in result.metadata


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


def test_colab_chooses_a_model_that_fits() -> None:
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
