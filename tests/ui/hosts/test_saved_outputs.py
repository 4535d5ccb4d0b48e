"""Saved Studios in JupyterLab and Notebook 7, without a kernel that has them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from conftest import OpenLab, OpenNotebook, studio_cell
from host_server import JupyterServer
from notebook_page import NotebookPage
from playwright.sync_api import Locator, expect


def _script(notebook: NotebookPage) -> Locator:
    """Return the editor of the Studio, which only a widget has."""
    return notebook.page.get_by_role("textbox", name="Script").first


def _save_studio(
    server: JupyterServer, open_notebook: OpenNotebook, project: str, script: str = ""
) -> NotebookPage:
    """Return a notebook that was saved with a Studio and whose kernel has ended since."""
    notebook = open_notebook(server, studio_cell(project, script), name=f"{project}.ipynb")
    notebook.run_all()
    expect(_script(notebook)).to_be_visible()
    notebook.save()
    server.close_notebooks()
    return notebook


def _expect_no_message(notebook: NotebookPage) -> None:
    message = notebook.page.get_by_text(re.compile("Loading widget|Error displaying widget"))
    expect(message.filter(visible=True)).to_have_count(0)


def _forgive_ipywidgets(notebook: NotebookPage) -> None:
    """Drop ipywidgets' own errors about the kernel or the model that it does not find."""
    expected = ("null (reading 'kernel')", "model not found")
    notebook.problems = [one for one in notebook.problems if not any(part in one for part in expected)]


@pytest.mark.parametrize("host", ["lab", "notebook7"])
def test_saved_player_until_the_cell_is_run(
    host: str, open_notebook: OpenNotebook, spoken: Path, request: pytest.FixtureRequest
) -> None:
    server: JupyterServer = request.getfixturevalue(host)
    shutil.copytree(spoken, server.root / "played.vibevoice")
    notebook = _save_studio(server, open_notebook, "played")
    notebook.reload()
    saved = notebook.page.locator(".vvnb-lab-take")
    expect(saved.get_by_role("region", name="Player")).to_be_visible()
    _expect_no_message(notebook)
    notebook.run_all()
    expect(_script(notebook)).to_be_visible()
    expect(saved).to_have_count(0)
    _forgive_ipywidgets(notebook)


def test_saved_script_without_a_kernel(
    open_notebook: OpenNotebook, open_lab: OpenLab, lab: JupyterServer
) -> None:
    _forgive_ipywidgets(_save_studio(lab, open_notebook, "written", "Anna: Nothing is generated yet."))
    page = open_lab()
    page.command(
        "docmanager:open", path="written.ipynb", kernelPreference={"shouldStart": False, "canStart": False}
    )
    expect(page.page.locator(".vibevoice-static")).to_contain_text("Nothing is generated yet.")
    _expect_no_message(page)
    assert not lab.api("sessions")
    _forgive_ipywidgets(page)
