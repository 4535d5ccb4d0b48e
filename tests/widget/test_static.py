"""Static form of every widget: in saved notebooks, in nbconvert, and as text."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vibevoice_nb import GenerationControls, Player, Project, ScriptEditor, Studio, SweepGrid, VoicePicker
from vibevoice_nb import widgets as public
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.display import static
from vibevoice_nb.project.jobs.sweep import Sweep
from vibevoice_nb.project.take import Take, TakeTurn
from vibevoice_nb.review import Review, ReviewReport, ReviewRow
from vibevoice_nb.review.pace import Pace
from vibevoice_nb.script import parse_script
from vibevoice_nb.widgets.base import VibeVoiceWidget

VIEW = "application/vnd.jupyter.widget-view+json"
SCRIPT = "Anna: Is 1 < 2 & 3 > 2?\nBen: Hello, Anna.\nChris 😀"
DATA = Path(__file__).parents[1] / "data"


@pytest.fixture(autouse=True)
def _page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.widgets.base.static_text", lambda name: "")


def tone(seconds: float, **facts: Any) -> Take:
    samples = (0.3 * np.sin(np.arange(int(seconds * SAMPLE_RATE)) / 20)).astype(np.float32)
    return Take.from_audio(samples, turns=[TakeTurn("a", "Anna", "Hello.", 0, len(samples))], **facts)


def finished_sweep(**axes: list[Any]) -> Sweep:
    sweep = Sweep(lambda: SimpleNamespace(), parse_script("Anna: Hello."), None, axes, {"seed": 1})
    for cell in sweep.cells[:-1]:
        cell.state, cell.take, cell.elapsed, cell.lufs = "finished", tone(1.0), 0.5, -13.5
    return sweep


@pytest.fixture
def every(tmp_path: Path) -> dict[str, VibeVoiceWidget]:
    """One of each public widget."""
    with Project.create(tmp_path / "talk", "Anna: Hello!") as project:
        project.set_voice("Anna", "Ada")
    return {
        "ScriptEditor": ScriptEditor(SCRIPT),
        "VoicePicker": VoicePicker(["Anna", "Ben"], voices={"Anna": "Ada"}),
        "GenerationControls": GenerationControls(num_steps=7),
        "Player": Player(tone(1.0, name="A tone")),
        "SweepGrid": SweepGrid(finished_sweep(num_steps=[5, 10], cfg_scale=[1.0, 3.0])),
        "Studio": Studio(tmp_path / "talk"),
    }


def bundle(widget: VibeVoiceWidget) -> dict[str, Any]:
    data, _ = widget._repr_mimebundle_()
    assert VIEW in data
    return data


def test_every_public_widget_has_a_static_form(every: dict[str, VibeVoiceWidget]) -> None:
    assert set(every) == set(public.__all__)
    for name, widget in every.items():
        data = bundle(widget)
        page, text = data["text/html"], data["text/plain"]
        assert "object at 0x" not in page + text and "<script" not in page, name
        assert "http" not in re.sub(r'src="data:[^"]*"', "", page), name
        assert "prefers-color-scheme:dark" in page and len(text.splitlines()) > 1, name
        assert text.startswith(f"{name}("), name


def test_the_editor_shows_the_script_in_the_colors_of_its_speakers() -> None:
    editor = ScriptEditor(SCRIPT)
    data = bundle(editor)
    assert "1 &lt; 2 &amp; 3 &gt; 2" in data["text/html"]
    assert all(speaker["color"] in data["text/html"] for speaker in editor.speakers)
    found = editor.diagnostics[0]
    assert f"Line {found['line']}: {html.escape(found['message'])}" in data["text/html"]
    assert "Ben: Hello, Anna." in data["text/plain"] and found["message"] in data["text/plain"]
    assert "The script is empty." in bundle(ScriptEditor())["text/html"]


def test_a_color_cannot_leave_its_style() -> None:
    editor = ScriptEditor("Anna: Hello.")
    editor.speakers = [{**editor.speakers[0], "color": 'red"><img src=x onerror=alert(1)>'}]
    assert "onerror" not in bundle(editor)["text/html"]


def test_the_size_of_a_transcript_is_limited() -> None:
    many = static.transcript([static.Line("Anna", "Hello.")] * 1000)
    assert "600 more turns" in many.html and many.text.endswith("600 more turns")
    long = static.transcript([static.Line("Anna", "x" * 60_000)] * 3)
    assert "2 more turns" in long.html and len(long.html) < 70_000


def test_a_sweep_keeps_its_grid_with_players_within_its_limit() -> None:
    grid = SweepGrid(finished_sweep(num_steps=[5, 10], cfg_scale=[1.0, 3.0]))
    page = bundle(grid)["text/html"]
    assert page.count("<audio") == 3 and page.count("<tr>") == 3
    assert "num_steps 10" in page and "cfg_scale 3.0" in page and "waiting" in page
    assert "at most 0.5 MB in all" in page and "3 of 4 cells were finished" in page
    assert "-13" in page and "LUFS" in page and "errors" not in page
    for cell in grid.sweep.cells:
        cell.take, cell.state = tone(60.0), "finished"
    assert len(bundle(grid)["text/html"]) < static.MAX_BYTES + 10_000


def test_a_sweep_keeps_the_figures_of_its_reviews() -> None:
    sweep = finished_sweep(num_steps=[5, 10], cfg_scale=[1.0, 3.0])
    for errors, cell in enumerate(sweep.cells[:2]):
        found = Review("One two.", "", (), (), errors, 2, "base", "en", similarity=0.81, pace=Pace(2, 3, 0.8))
        cell.review = ReviewReport([ReviewRow(1, "1", "", "Anna", found)])
    data = bundle(SweepGrid(sweep))
    assert data["text/html"].count("50 % errors") == 1 and data["text/html"].count("· best") == 1
    assert "0 % errors · voice 0.81 · 150 words/min · best" in data["text/html"]
    head, first, second, third, *_ = data["text/plain"].splitlines()[-5:]
    assert head.split()[-3:] == ["errors", "voice", "words/min"]
    assert first.split()[-4:] == ["0", "%", "0.81", "150"] and second.split()[-4:-2] == ["50", "%"]
    assert "%" not in third


def test_the_preview_of_long_audio_is_short_to_show_the_widget_soon() -> None:
    page = bundle(Player(tone(150.0)))["text/html"]
    assert "Preview: the first 30.0 s of 2:30" in page


def test_a_studio_keeps_its_episode_and_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(DATA / "project_0_1_0", tmp_path / "old.vibevoice")
    studio = Studio(tmp_path / "old.vibevoice")
    data = bundle(studio)
    assert data["text/html"].count("<audio") == 1 and len(data["text/html"]) < static.MAX_BYTES + 20_000
    assert "Good morning, Anna. How nice to see you." in data["text/html"]
    assert "0:00  Anna: Hello there." in data["text/plain"]
    empty = Studio(tmp_path / "new", script="Anna: Hello!")
    assert "No audio was generated yet." in bundle(empty)["text/html"]
    assert "not generated  Anna: Hello!" in bundle(empty)["text/plain"]


def test_a_static_form_that_fails_leaves_the_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    player = Player(tone(1.0))
    monkeypatch.setattr(Player, "_static", lambda self: Path("/no/such/file").read_text())
    data = bundle(player)
    assert data["text/plain"].startswith("Player(") and "text/html" not in data


CELLS = [
    "from vibevoice_nb import *",
    "ScriptEditor('Anna: Good morning!\\nBen: Hello.')",
    "VoicePicker(['Anna'], voices={'Anna': 'Ada'})",
    "GenerationControls(num_steps=7)",
    "Studio(PROJECT)",
]


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A notebook that shows widgets, saved without their state."""
    nbclient = pytest.importorskip("nbclient")
    import nbformat

    if not (Path(public.__file__).parent / "static" / "studio.js").is_file():
        pytest.skip("the page's code is not built")
    folder = tmp_path_factory.mktemp("converted")
    shutil.copytree(DATA / "project_0_1_0", folder / "old.vibevoice")
    cells = [cell.replace("PROJECT", repr(str(folder / "old"))) for cell in CELLS]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", store_widget_state=False)
    client.execute()
    return notebook


@pytest.mark.parametrize("template", ["lab", "basic"])
def test_nbconvert_to_html(executed: Any, template: str) -> None:
    exporters = pytest.importorskip("nbconvert.exporters")
    page, _ = exporters.HTMLExporter(template_name=template).from_notebook_node(executed)
    assert "object at 0x" not in page and "Loading widget" not in page
    assert "Good morning!" in page and "num_steps" in page and ">Ada<" in page
    assert "<audio controls" in page and "How nice to see you." in page


def test_nbconvert_to_markdown(executed: Any) -> None:
    exporters = pytest.importorskip("nbconvert.exporters")
    page, _ = exporters.MarkdownExporter().from_notebook_node(executed)
    assert "object at 0x" not in page and "How nice to see you." in page
