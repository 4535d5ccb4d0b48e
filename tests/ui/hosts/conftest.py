"""The real hosts: one server of each for the run, a page of its own for each test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from host_server import JupyterServer
from lab_page import LabPage
from notebook_page import NotebookPage
from playwright.sync_api import Browser, expect

HERE = Path(__file__).parent
SCRIPT = """Anna: Good morning, how was the train?
Ben: Late again, but the view was fine.
Anna: Then sit down and have some tea."""
# Generous timeouts, for busy machines; speed is measured in test_studio_speed.py.
expect.set_options(timeout=20_000)
FAILED = pytest.StashKey[bool]()
FIGURES = pytest.StashKey[dict[str, float]]()
"""Measurements by name."""

OpenNotebook = Callable[..., NotebookPage]
OpenLab = Callable[..., LabPage]


def studio_cell(name: str, script: str = "", **settings: object) -> str:
    """Return the code of a cell that opens the Studio on a project."""
    options = {"script": script, "num_steps": 5, **settings}
    given = "".join(f", {key}={value!r}" for key, value in options.items() if value != "")
    return f"from vibevoice_nb import Studio\nstudio = Studio({name!r}{given})\nstudio"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.ui)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Print what was measured behind everything else."""
    if figures := config.stash.get(FIGURES, {}):
        print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


def _serve(host: str, factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(host, factory.mktemp(host) / "home")
    try:
        yield server.wait()
    finally:
        server.stop()


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    yield from _serve("lab", tmp_path_factory)


@pytest.fixture(scope="session")
def notebook7(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    yield from _serve("notebook", tmp_path_factory)


@pytest.fixture(scope="session")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    yield from _serve("voila", tmp_path_factory)


@pytest.fixture(scope="session")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with three generated turns; copy it."""
    from vibevoice_nb.engine.registry import engines
    from vibevoice_nb.project import Project

    folder = tmp_path_factory.mktemp("spoken") / "spoken.vibevoice"
    with Project.create(folder, SCRIPT) as project:
        for label, voice in (("Anna", "Ada"), ("Ben", "Kai")):
            project.set_voice(label, voice)
        project.generate(lambda: engines.load("nano"), num_steps=5, seed=1).result()
    return folder


@pytest.fixture
def open_notebook(browser: Browser, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenNotebook]:
    """Open a new notebook with some cells in a host; afterwards nothing may have gone wrong in its page."""
    opened: list[NotebookPage] = []

    def open_it(
        server: JupyterServer, *cells: str, name: str = "", width: int = 1500, height: int = 1000
    ) -> NotebookPage:
        name = name or f"{request.node.name.split('[')[0]}.ipynb"
        if cells:
            server.write(name, *cells)
        context = browser.new_context(
            viewport={"width": width, "height": height}, permissions=["microphone"], accept_downloads=True
        )
        context.add_init_script(path=HERE / "ear.js")
        page = NotebookPage(context.new_page(), server, name)
        opened.append(page)
        return page.open()

    yield open_it
    for number, one in enumerate(opened):
        if request.node.stash.get(FAILED, False):
            one.page.screenshot(path=tmp_path / f"page{number}.png", full_page=True)
        one.page.context.close()
        if one.server.host != "voila":
            one.server.close_notebooks()
    assert not [problem for one in opened for problem in one.problems]


@pytest.fixture
def open_lab(
    browser: Browser, lab: JupyterServer, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[OpenLab]:
    """Open JupyterLab; afterwards nothing may have gone wrong in its page."""
    opened: list[LabPage] = []

    def open_it() -> LabPage:
        context = browser.new_context(viewport={"width": 1500, "height": 1000})
        context.set_default_timeout(20_000)
        context.add_init_script(path=HERE / "ear.js")
        opened.append(LabPage(context.new_page(), lab, f"{request.node.name}{len(opened)}"))
        return opened[-1].open()

    yield open_it
    for number, one in enumerate(opened):
        if request.node.stash.get(FAILED, False):
            one.page.screenshot(path=tmp_path / f"page{number}.png")
        one.page.context.close()
    lab.close_notebooks()
    assert not [problem for one in opened for problem in one.problems]
