"""Scripts in JupyterLab that hold any text, and scripts that can't be opened."""

from __future__ import annotations

import os
import shutil
import signal

from conftest import OpenLab
from host_server import JupyterServer, until
from playwright.sync_api import expect

TEXT = "Ben: A smile for you \U0001f600, and 𠮷野家.\n好𠮷: 你好 𝒻."


def test_a_script_with_emoji_opens_again(open_lab: OpenLab, lab: JupyterServer) -> None:
    file = lab.root / "smile \U0001f600 𠮷.vvscript"
    file.write_text(TEXT, "utf-8")
    edited = TEXT + "\U0001f680"
    page = open_lab()
    script = page.open_document(file.name)
    expect(script.script).to_contain_text("A smile for you \U0001f600, and 𠮷野家.")
    script.expect_turns(2)
    script.type_script(edited)
    until(lambda: script.dirty, "the marker of unsaved text")
    assert script.save() == edited
    kept = file.with_suffix(".vibevoice") / "script.txt"
    until(lambda: kept.read_text("utf-8") == edited, "the project's script")
    page.command("docmanager:save")
    lab.close_notebooks()  # a new kernel is given the text again
    page.reload()
    again = page.open_document(file.name)
    expect(again.script).to_contain_text("𝒻.\U0001f680")
    again.expect_turns(2)


def test_a_script_that_cannot_be_opened_shows_the_reason_and_a_remedy(
    open_lab: OpenLab, lab: JupyterServer
) -> None:
    (lab.root / "broken.vvscript").write_text("Anna: Still in the file.")
    project = lab.root / "broken.vibevoice"
    project.mkdir()
    (project / "project.json").write_text("rubbish")
    page = open_lab()
    page.command("docmanager:open", path="broken.vvscript")
    place = page.page.locator(".vvnb-lab-place")
    expect(place.get_by_role("alert")).to_contain_text("project.json", timeout=60_000)
    expect(place.get_by_role("button", name="Try again")).to_be_visible()
    place.get_by_role("button", name="Open as text").click()
    editor = page.page.locator(".jp-FileEditor .cm-content")
    expect(editor).to_have_text("Anna: Still in the file.")
    shutil.rmtree(project)
    page.tab("broken.vvscript").first.click()
    place.get_by_role("button", name="Try again").click()
    expect(page.document("broken.vvscript").script).to_have_text("Anna: Still in the file.")


def test_a_kernel_that_does_not_answer_is_reported_with_a_remedy(
    open_lab: OpenLab, lab: JupyterServer
) -> None:
    """Its process is suspended: after a while the page reports that, with a remedy."""
    (lab.root / "late.vvscript").write_text("Anna: Late.")
    page = open_lab()
    page.open_document("late.vvscript")
    page.command("docmanager:save")
    kernel = lab.kernel("late.vvscript").pid
    page.page.wait_for_timeout(1500)  # the workspace is saved, which opens the document again
    os.kill(kernel, signal.SIGSTOP)
    try:
        page.reload()
        place = page.page.locator(".vvnb-lab-place")
        expect(place).to_contain_text("The kernel has not answered yet.", timeout=60_000)
        expect(place.get_by_role("button", name="Open as text")).to_be_visible()
        # Before the process goes on: then the document may open by itself, and the button is gone.
        place.get_by_role("button", name="Try again").click()
    finally:
        os.kill(kernel, signal.SIGCONT)
    expect(page.document("late.vvscript").script).to_have_text("Anna: Late.")
