"""For everybody: without a mouse, with a screen reader, with one's own voice, and later without a kernel."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nbconvert
import nbformat
from conftest import SCRIPT, OpenNotebook, studio_cell
from host_server import JupyterServer, until
from playwright.sync_api import Browser, expect
from studio_page import StudioPage

THEMES = ("JupyterLab Dark", "JupyterLab Light")  # ends with the one that the other tests begin with


def open_spoken(
    open_notebook: OpenNotebook, lab: JupyterServer, spoken: Path, name: str, *more: str, **size: int
) -> StudioPage:
    shutil.copytree(spoken, lab.root / f"{name}.vibevoice")
    return StudioPage(open_notebook(lab, studio_cell(name), *more, name=f"{name}.ipynb", **size).run_all())


def test_no_serious_accessibility_fault(
    open_notebook: OpenNotebook, lab: JupyterServer, spoken: Path
) -> None:
    studio = open_spoken(open_notebook, lab, spoken, "axe")
    for theme in THEMES:
        studio.notebook.theme(theme)
        assert studio.accessibility_faults() == [], theme


def test_keyboard_alone(open_notebook: OpenNotebook, lab: JupyterServer) -> None:
    """From the script to the audio: write, leave the editor, choose voices, generate, play, stop."""
    studio = StudioPage(open_notebook(lab, studio_cell("keys")).run_all())
    keyboard = studio.page.keyboard
    studio.script.focus()
    studio.type(SCRIPT)
    for speaker, key, voice in (("Anna", "Home", "Ada"), ("Ben", "k", "Kai")):
        choice = studio.voice_of(speaker)
        studio.tab_to(choice)
        keyboard.press("Enter")
        expect(studio.root.get_by_role("listbox")).to_be_focused()
        keyboard.press(key)
        keyboard.press("Enter")
        expect(choice).to_have_text(voice)
    studio.tab_to(studio.script, backwards=True)
    keyboard.press("ControlOrMeta+End")
    keyboard.insert_text(" And on." * 500)  # the generation is stopped below
    keyboard.press("ControlOrMeta+Enter")
    studio.ear.wait_for_sound()
    expect(studio.stop_button).to_be_visible()
    keyboard.press("Escape")
    expect(studio.generate_button).to_be_visible()
    cells = "window.jupyterapp.shell.currentWidget.content.widgets.length"
    studio.tab_to(studio.generate_button)
    keyboard.type("abx")
    assert studio.page.evaluate(cells) == 1, "a key typed in the Studio reached the notebook"


def test_record_a_voice(open_notebook: OpenNotebook, lab: JupyterServer) -> None:
    """Chromium's microphone beeps; the voice checks report what is wrong with that."""
    studio = StudioPage(
        open_notebook(lab, studio_cell("recorded", "Anna: Hello, this is my own voice.")).run_all()
    )
    card = studio.root.get_by_role("region", name="Cast").get_by_role("listitem").filter(has_text="Anna")
    studio.expand("Anna")
    card.get_by_role("button", name="Record").click()
    expect(card.get_by_text("Recording", exact=True)).to_be_visible()
    studio.page.wait_for_timeout(3000)
    card.get_by_role("button", name="Stop").click()
    card.get_by_role("button", name="Use this recording").click()
    kernel = studio.notebook.kernel
    until(lambda: kernel.value("studio.speakers[0]['voice'] is not None"), "the recording to be taken")
    voice = kernel.value("studio.speakers[0]['voice']")
    assert voice["kind"] == "recording" and voice["seconds"] > 2
    assert voice["checks"], "a tone is no voice, and so short a one no model"
    for check in voice["checks"]:
        expect(card).to_contain_text(check["message"], ignore_case=True)
    expect(studio.transport).to_contain_text("Confirm under Cast")
    card.get_by_label("I have the right").check()
    expect(studio.generate_button).to_be_enabled()


def test_saved_notebook(
    open_notebook: OpenNotebook, lab: JupyterServer, spoken: Path, browser: Browser, tmp_path: Path
) -> None:
    """Widgets add less than 1 MB, and a take shown in a cell plays in the exported page without a kernel."""
    studio = open_spoken(open_notebook, lab, spoken, "saved", "studio.episode")
    expect(studio.page.locator(".jp-Cell").nth(1).locator(".jp-OutputArea-output")).to_be_visible(
        timeout=30_000
    )
    text = studio.notebook.save_with_widgets()
    saved = nbformat.reads(text, as_version=4)
    widgets = json.dumps(saved.metadata.get("widgets", {}))
    assert "anywidget" in widgets
    assert len(widgets) < 1_000_000 and len(text) < 4_000_000
    html, _ = nbconvert.HTMLExporter().from_notebook_node(saved)
    exported = tmp_path / "exported.html"
    exported.write_text(html)
    page = browser.new_page()
    page.goto(exported.as_uri(), wait_until="domcontentloaded")
    audio = page.locator("audio").first
    audio.evaluate("audio => audio.play()")
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.3")
    assert audio.evaluate("audio => audio.duration") > 4
    page.close()
