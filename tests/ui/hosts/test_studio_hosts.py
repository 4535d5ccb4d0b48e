"""The same Studio in Notebook 7 and Voila: open, type, generate, play, stop."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import OpenNotebook, studio_cell
from endless import ENDLESS
from host_server import JupyterServer
from studio_page import StudioPage


@pytest.mark.parametrize("host", ["notebook7", "voila"])
def test_speak_and_stop(
    host: str, open_notebook: OpenNotebook, spoken: Path, request: pytest.FixtureRequest
) -> None:
    server: JupyterServer = request.getfixturevalue(host)
    shutil.copytree(spoken, server.root / "smoke.vibevoice")
    notebook = open_notebook(server, studio_cell("smoke"), name="smoke.ipynb")
    if host == "notebook7":  # Voila has run it already
        notebook.run_all()
    studio = StudioPage(notebook)
    assert studio.states() == ["generated"] * 3
    studio.insert_script(ENDLESS)
    studio.expect_turns(1)
    studio.generate()
    studio.ear.wait_for_sound()
    studio.stop()
    studio.ear.wait_for_silence()
