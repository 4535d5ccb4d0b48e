"""Sweeps without a page: the grid's cells, and their reviews."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sweep_helpers import WORDS, Melodies, sweep_of
from told import Told, priorities  # noqa: F401
from widget_helpers import FakePage

from vibevoice_nb import Project, Studio, SweepGrid, VibeVoiceError
from vibevoice_nb.errors import ProjectError
from vibevoice_nb.project.jobs.sweep import Sweep
from vibevoice_nb.review import recognizers
from vibevoice_nb.widgets import recognizer_part
from vibevoice_nb.widgets.payloads import fault_in_trait

SCRIPT = "Anna: Hello there.\nBen: Good morning."
LIMIT = 300


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path / "show", script=SCRIPT, dtype="float32", num_steps=2, seed=1, recognizer="told")
    studio.project.set_voice("Anna", "Ada")
    studio.project.set_voice("Ben", "Kai")
    yield studio
    studio.close()
    studio.project.close()


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Told:
    ears = Told(WORDS)
    monkeypatch.setattr(recognizers, "_LOADED", {"told": ears})
    monkeypatch.setattr("vibevoice_nb.review.comparison.other_sounds", lambda audio: iter(()))
    return ears


@pytest.fixture
def grid(ears: Told) -> Iterator[SweepGrid]:
    """A grid of two finished cells of 4 s and 2 s."""
    grid = SweepGrid(sweep_of(Melodies(), [4, 2]).start().result(LIMIT), recognizer="told")
    yield grid
    grid.close()


def test_a_sweep_shows_its_cells_as_they_come(studio: Studio) -> None:
    grid = studio.sweep(num_steps=[1, 2], cfg_scale=[1.0, 3.0])
    grid.sweep.result(180)
    assert [cell["state"] for cell in grid.cells] == ["finished"] * 4
    assert [(cell["num_steps"], cell["cfg_scale"], cell["seed"]) for cell in grid.cells[:2]] == [
        (1, 1.0, 1),
        (1, 3.0, 1),
    ]
    page = FakePage(grid)
    reply = page.call("samples", source=grid.cells[3]["source"], start=0, count=10_000)
    (pcm,) = reply["buffers"]
    assert reply["result"]["count"] == 10_000 and np.abs(np.frombuffer(pcm, "<i2")).max() > 300
    assert page.call("samples", source="take:99", start=0, count=10)["kind"] == "failed"
    grid.close()


def test_a_cell_that_changes_while_the_grid_is_read_is_shown(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(lambda: None, studio.project.script, None, {"num_steps": [1]})  # type: ignore[arg-type,return-value]
    grid, read, go_on = SweepGrid(sweep), threading.Event(), threading.Event()
    row = grid._row

    def slowly(*cell: Any) -> Any:
        shown = row(*cell)
        if threading.current_thread() is reader:
            read.set()
            go_on.wait(10)
        return shown

    monkeypatch.setattr(grid, "_row", slowly)
    reader = threading.Thread(target=grid._show)
    reader.start()
    assert read.wait(10)
    sweep.cells[0].state = "speaking"
    worker = threading.Thread(target=lambda: sweep.changed(sweep.cells[0]))
    worker.start()
    worker.join(0.2)
    go_on.set()
    reader.join(), worker.join()
    assert grid.cells[0]["state"] == "speaking"
    grid.close()


def test_a_sweep_of_a_read_only_project_writes_nothing(studio: Studio) -> None:
    folder = studio.project.path

    def files() -> dict[Path, tuple[int, bytes]]:
        return {
            path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()
        }

    with Project.open(folder, read_only=True) as project:
        reader = Studio(project)
        before = files()
        grid = reader.sweep(num_steps=[1, 2])
        grid.sweep.result(180)
        assert [cell["state"] for cell in grid.cells] == ["finished"] * 2
        assert all(cell["seconds"] > 0 and cell["seed"] == 1 for cell in grid.cells)
        assert files() == before and not reader.takes and not reader.can_undo
        with pytest.raises(ProjectError, match="read-only"):
            reader.generate()
        grid.close()
        reader.close()


def reviewed(grid: SweepGrid) -> list[bool]:
    return [cell["review"] is not None for cell in grid.cells]


def test_the_page_reviews_the_cells(grid: SweepGrid, ears: Told) -> None:
    ears.transcripts = [WORDS.removesuffix(" to hear you"), WORDS]
    page = FakePage(grid)
    assert reviewed(grid) == [False, False] and grid.review_state["state"] == "ready"
    assert page.call("review", takes=None)["kind"] == "reply"
    page.until(lambda: all(reviewed(grid)) and grid.review_state["state"] == "ready", LIMIT)
    first, second = (cell["review"] for cell in grid.cells)
    assert (first["wer"], second["wer"], second["score"]) == (37.5, 0.0, 100.0)
    assert second["words_per_minute"] == pytest.approx(240, rel=0.1) and second["recognizer"] == "told"
    assert first["count"] == 1 and [one["said"] for one in first["differences"]] == ["to hear you."]
    assert first["differences"][0]["place"] is first["differences"][0]["offset"] is None
    for name in ("cells", "review_state"):
        assert not fault_in_trait(name, grid.get_state([name])[name])


def test_the_page_cancels_a_review(grid: SweepGrid, ears: Told) -> None:
    ears.holds = threading.Event()
    page = FakePage(grid)
    page.call("review", takes=None)
    page.until(lambda: grid.review_state["state"] == "listening", LIMIT)
    assert (grid.review_state["done"], grid.review_state["total"]) == (0, 2)
    page.call("cancel_review")
    ears.holds.set()
    page.until(lambda: grid.sweep.reviewing.done, LIMIT)  # type: ignore[union-attr]
    assert reviewed(grid) == [False, False] and grid.review_state["state"] == "ready"


def test_nothing_is_downloaded_without_being_asked(
    grid: SweepGrid, ears: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizers._LOADED.clear()
    elsewhere = recognizer_part.Availability("download", 145_000_000, "MIT")
    monkeypatch.setattr(recognizer_part, "availability", lambda name: elsewhere)
    loaded: list[str] = []
    monkeypatch.setattr(recognizer_part, "load_recognizer", loaded.append)
    page = FakePage(grid)
    grid.review_if_ready()
    assert page.call("review", takes=None)["kind"] == "failed" and grid.sweep.reviewing is None
    with pytest.raises(VibeVoiceError, match="not on this machine"):
        grid.review()
    assert not loaded
    page.call("load_recognizer")
    page.until(lambda: loaded == ["told"], LIMIT)


def test_a_recognizer_that_fails_is_shown(grid: SweepGrid, ears: Told) -> None:
    def fail(*_: Any) -> None:
        raise VibeVoiceError("the language", "English", "another recognizer")

    ears.hear = fail  # type: ignore[assignment]
    page = FakePage(grid)
    page.call("review", takes=None)
    page.until(lambda: grid.review_state["state"] == "failed", LIMIT)
    assert "the language" in grid.review_state["message"] and reviewed(grid) == [False, False]


def test_a_sweep_of_the_studio_is_reviewed_like_its_takes(studio: Studio, ears: Told) -> None:
    ears.transcripts = ["Hello there Good morning"]
    grid = studio.sweep(num_steps=[1], review=True)
    assert grid.sweep.result(LIMIT).to_dataframe().wer.tolist() == [0.0] and reviewed(grid) == [True]
    grid.close()
    grid = studio.sweep(num_steps=[1])
    assert grid.sweep.result(LIMIT).reviewing is None  # on demand
    grid.close()
    studio.set_state({"listen_back": "each take"})
    grid = studio.sweep(num_steps=[1])
    FakePage.until(lambda: reviewed(grid) == [True], LIMIT)
    grid.close()
    recognizers._LOADED.clear()
    with pytest.raises(VibeVoiceError, match="'told'"):
        studio.sweep(num_steps=[1], review=True)
