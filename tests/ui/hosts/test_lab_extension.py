"""The JupyterLab extension: documents, sidebar, status bar, settings, and takes without a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import FAILED, HERE, SCRIPT
from jupyter_server import JupyterServer, until
from lab_page import LabPage
from playwright.sync_api import Browser, expect

OpenLab = Callable[..., LabPage]


@pytest.fixture
def open_lab(
    browser: Browser, lab: JupyterServer, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[OpenLab]:
    """Open JupyterLab; afterwards nothing may have gone wrong in its page."""
    opened: list[LabPage] = []

    def open_it() -> LabPage:
        context = browser.new_context(viewport={"width": 1500, "height": 1000})
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


def test_write_generate_save_and_come_back(open_lab: OpenLab, lab: JupyterServer) -> None:
    """From nothing to a spoken file, which is still there after a reload, with the kernel that spoke it."""
    (lab.root / "talk.vvscript").write_text("")
    page = open_lab()
    talk = page.open_document("talk.vvscript")
    assert not talk.dirty
    talk.type_script(SCRIPT)
    expect(talk.turns).to_have_count(3)
    until(lambda: talk.dirty, "the marker of unsaved text")
    talk.choose_voice("Anna", "Ada")
    talk.choose_voice("Ben", "Kai")
    talk.script.click()
    assert talk.save() == SCRIPT
    talk.generate()
    talk.ear.wait_for_sound()
    talk.wait_until_spoken()
    kernel = lab.kernel("talk.vvscript").pid
    assert (lab.root / "talk.vibevoice" / "script.txt").read_text() == SCRIPT
    page.command("docmanager:save")
    page.page.wait_for_timeout(1500)
    page.reload()
    again = page.document("talk.vvscript")
    expect(again.script).to_contain_text("Late again, but the view was fine.")
    expect(again.turns).to_have_count(3)
    assert again.states() == ["spoken"] * 3
    again.expect_waveform()
    assert lab.kernel("talk.vvscript").pid == kernel and not again.dirty
