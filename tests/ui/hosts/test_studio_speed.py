"""Latency of the Studio, measured in the page of a real JupyterLab: `make bench-ui`.

Nothing fails for being slow: the figures are the last line that is printed, as JSON.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import FIGURES, OpenLab, OpenNotebook, studio_cell
from host_server import JupyterServer, until
from playwright.sync_api import expect
from studio_page import WAVEFORM, Ear, StudioPage

pytestmark = pytest.mark.speed
TURNS = 300


@pytest.fixture(scope="module")
def figures(pytestconfig: pytest.Config) -> Iterator[dict[str, float]]:
    """Measured values by name; printed at the end."""
    yield pytestconfig.stash.setdefault(FIGURES, {})


def test_latency_from_click_and_from_frame_to_audio(
    open_notebook: OpenNotebook, lab: JupyterServer, spoken: Path, figures: dict[str, float]
) -> None:
    shutil.copytree(spoken, lab.root / "quick.vibevoice")
    studio = StudioPage(open_notebook(lab, studio_cell("quick")).run_all())
    studio.load_model()
    first, frames = [], []
    for _ in range(3):
        studio.ear.forget()
        studio.note_beginning()
        clicked = studio.click_regenerate_all()
        studio.wait_until_begun()
        studio.wait_until_spoken()
        first.append(studio.ear.firstPlayed - clicked)
        frames = studio.statistics()["latencies"]  # of all rounds
    figures["click_to_first_sound_ms"] = statistics.median(first)
    figures["frame_to_page_ms"] = statistics.median(frames)
    figures["frame_to_page_p90_ms"] = statistics.quantiles(frames, n=10)[-1]
    assert len(frames) > 60


def test_from_an_example_to_the_first_sound(
    open_lab: OpenLab, lab: JupyterServer, figures: dict[str, float]
) -> None:
    """A newcomer clicks an example as soon as it appears: the model is still being loaded."""
    (lab.root / "first.vvscript").write_text("")
    first = open_lab().open_document("first.vvscript")
    first.ear.forget()
    clicked = first.click_example("An argument")
    first.ear.wait_for_sound()
    figures["example_to_first_sound_ms"] = first.ear.firstPlayed - clicked


def test_a_minute_without_a_gap(
    open_notebook: OpenNotebook, lab: JupyterServer, spoken: Path, figures: dict[str, float]
) -> None:
    script = "\n".join(
        f"{'Anna' if n % 2 else 'Ben'}: This is sentence number {n}, and there is more to come after it."
        for n in range(1, 21)
    )
    shutil.copytree(spoken, lab.root / "minute.vibevoice")
    studio = StudioPage(open_notebook(lab, studio_cell("minute")).run_all())
    studio.notebook.kernel.run(f"studio.script = {script!r}")
    studio.expect_turns(20)
    studio.load_model()
    studio.ear.forget()
    studio.generate()
    until(lambda: studio.ear.played >= 60 * 24000, "a minute heard", 120, every=1)
    figures["underruns_in_a_minute"] = studio.ear.underruns


def test_typing_in_a_long_script(
    open_notebook: OpenNotebook, lab: JupyterServer, figures: dict[str, float]
) -> None:
    script = "\n".join(
        f"Speaker {n % 4 + 1}: This is line {n} of a long conversation." for n in range(1, TURNS + 1)
    )
    studio = StudioPage(open_notebook(lab, studio_cell("long", script)).run_all())
    studio.expect_turns(TURNS)
    studio.script.get_by_text("This is line 2 of").click()
    studio.page.keyboard.press("End")
    paints = studio.paints_after_keys(" and it goes on and on, as conversations do")
    figures["keystroke_to_paint_ms"] = statistics.median(paints)
    figures["keystroke_to_paint_worst_ms"] = max(paints)


def test_ninety_minutes(open_notebook: OpenNotebook, lab: JupyterServer, figures: dict[str, float]) -> None:
    """From running the cell to a waveform that is there, and what the page then holds."""
    prepare = """
import numpy as np
from vibevoice_nb import Player, Take
from vibevoice_nb.project import TakeTurn
rng = np.random.default_rng(0)
audio = np.tile(0.2 * rng.standard_normal(24000 * 60).astype(np.float32), 90)
nine = 9 * 24000
turns = [TakeTurn(str(n), f"Speaker {n % 2 + 1}", "Hello.", n * nine, (n + 1) * nine) for n in range(600)]
take = Take.from_audio(audio, turns=turns, name="ninety minutes")
take.peaks(0, len(audio), 100)
""".strip()
    notebook = open_notebook(lab, prepare, "player = Player(take)\nplayer").run_all()
    player = notebook.page.locator(".vvnb-deck")
    expect(player).to_be_visible(timeout=60_000)
    notebook.page.wait_for_function(WAVEFORM)
    started = time.monotonic()
    notebook.run_again()
    notebook.page.wait_for_function(WAVEFORM)
    figures["ninety_minutes_open_ms"] = 1000 * (time.monotonic() - started)
    player.get_by_role("button", name="Play", exact=True).click()
    Ear(notebook).wait_for_sound()
    figures["ninety_minutes_memory_mb"] = notebook.memory()
