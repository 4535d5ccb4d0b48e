"""The JupyterLab extension: documents, sidebar, status bar, settings, and takes without a kernel."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
import soundfile
from conftest import HERE, SCRIPT, OpenLab
from endless import ENDLESS
from host_server import JupyterServer, until
from notebook_page import CONNECTED
from playwright.sync_api import expect
from studio_page import STOPPED, WAVEFORM, Ear

from vibevoice_nb.project import Project
from vibevoice_nb.project.take import Take, TakeTurn

WATCH_FIRST_VOICE = """() => {
  window.tops = [];
  const look = () => {
    const voice = document.querySelector('#vibevoice-sidebar [aria-label=Voices] li');
    if (voice) window.tops.push(voice.getBoundingClientRect().top);
    requestAnimationFrame(look);
  };
  look();
}"""

# Numbers of bluish and of orange pixels in the strip with the whole waveform.
COLORS = """() => {
  const canvas = document.querySelector('.vvnb-deck-overview canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let [blue, orange] = [0, 0];
  for (let i = 0; i < data.length; i += 4) {
    blue += data[i + 2] > data[i] + 40;
    orange += data[i] > data[i + 2] + 40;
  }
  return [blue, orange];
}"""

DATA = HERE.parents[1] / "data"
DOCUMENTS = "__import__('vibevoice_nb.widgets.lab_document', fromlist=['_'])"


def speechlike(seconds: float) -> np.ndarray:
    """A hum that comes and goes, loud enough to be a recording."""
    time = np.arange(int(seconds * 24_000)) / 24_000
    hum = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 12))
    return (0.12 * hum * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * time))).astype(np.float32)


def test_write_generate_save_and_come_back(open_lab: OpenLab, lab: JupyterServer) -> None:
    """From an empty folder to a generated file, which is still there after a reload, with the same kernel."""
    (lab.root / "talk.vvscript").write_text("")
    page = open_lab()
    talk = page.open_document("talk.vvscript")
    assert not talk.dirty
    talk.type_script(SCRIPT)
    talk.expect_turns(3)
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
    again.expect_turns(3)
    assert again.states() == ["generated"] * 3
    again.expect_waveform()
    assert lab.kernel("talk.vvscript").pid == kernel and not again.dirty


def test_two_documents_at_once(open_lab: OpenLab, lab: JupyterServer) -> None:
    """Each has its own text, project and kernel; one that is only opened stays as it was on the disk."""
    for name in ("one", "two"):
        (lab.root / f"{name}.vvscript").write_text(f"Anna: I am number {name}.")
    page = open_lab()
    one = page.open_document("one.vvscript")
    two = page.open_document("two.vvscript", options={"mode": "split-right"})
    expect(one.script).to_have_text("Anna: I am number one.")
    two.type_script("Ben: Changed.")
    until(lambda: two.dirty, "the marker of unsaved text")
    assert not one.dirty and lab.kernel("one.vvscript").id != lab.kernel("two.vvscript").id
    assert two.save() == "Ben: Changed."
    assert (lab.root / "one.vvscript").read_text() == "Anna: I am number one."
    lab.kernel("two.vvscript").run(
        "from vibevoice_nb.widgets.lab_document import _widgets\n"
        "next(iter(_widgets.values())).script = 'Ben: From Python.'"
    )
    expect(two.script).to_have_text("Ben: From Python.")
    until(lambda: two.dirty, "the marker of unsaved text")
    page.command("docmanager:save")


@pytest.fixture
def fixed_settings(lab: JupyterServer) -> Iterator[None]:
    """Settings of the extension other than its defaults."""
    values = {"numSteps": 7, "seedPolicy": "fixed", "seed": 11, "autoplay": False}
    folder = lab.home / "settings" / "vibevoice-nb"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.jupyterlab-settings").write_text(json.dumps(values))
    yield
    (folder / "settings.jupyterlab-settings").unlink()


@pytest.mark.usefixtures("fixed_settings")
def test_settings_and_stop_in_the_status_bar(open_lab: OpenLab, lab: JupyterServer) -> None:
    """New scripts begin with the settings, and the status bar shows and stops the generation."""
    page = open_lab()
    (lab.root / "long.vvscript").write_text(ENDLESS)
    long = page.open_document("long.vvscript")
    settings = long.tab("Settings")
    expect(settings.get_by_label(re.compile("^Steps")).first).to_have_value("7")
    long.tab("Cast")
    long.choose_voice("Anna", "Ada")
    long.generate()
    status = page.page.locator("#jp-main-statusbar")
    expect(status).to_contain_text("Turn 1 of 1", timeout=60_000)
    expect(long.transport).to_contain_text(re.compile(r"· (?!0\.0 )[\d.]+ s of about"), timeout=60_000)
    status.get_by_role("button", name="Stop generating").click()
    expect(long.generate_button).to_be_visible()
    expect(status.get_by_role("button", name="Stop generating")).to_be_hidden()
    assert not [one for one in long.ear.loudness if one["rms"] > 0.001]  # autoplay is off
    room = f"next(iter({DOCUMENTS}.__dict__['_widgets'].values()))"
    kernel = lab.kernel("long.vvscript")
    assert kernel.value(f"[{room}.last_seed, {room}.num_steps, {room}.job['state']]") == [11, 7, "cancelled"]


def test_the_interrupt_button_of_a_document_stops_its_generation(
    open_lab: OpenLab, lab: JupyterServer
) -> None:
    (lab.root / "stop.vvscript").write_text(ENDLESS)
    page = open_lab()
    talk = page.open_document("stop.vvscript")
    talk.choose_voice("Anna", "Ada")
    talk.generate()
    talk.ear.wait_for_sound()
    button = page.page.locator("[data-jp-item-name=interrupt]:visible")
    button.locator("button, jp-button").first.click()
    expect(talk.transport.get_by_role("status")).to_have_text(STOPPED)
    room = f"next(iter({DOCUMENTS}.__dict__['_widgets'].values()))"
    kernel = lab.kernel("stop.vvscript")
    assert kernel.value(f"[{room}.job['state'], {room}.project.turns[0].partial]") == ["cancelled", True]


def test_a_saved_take_has_its_player_without_a_kernel(open_lab: OpenLab, lab: JupyterServer) -> None:
    time = np.arange(3 * 24_000) / 24_000
    take = Take.from_audio(
        (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32),
        name="A tone",
        turns=[TakeTurn("a", "Anna", "High.", 0, 36_000), TakeTurn("b", "Ben", "Higher.", 36_000, 72_000)],
    )
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "none", "display_name": "None"}})
    output = nbformat.v4.new_output("display_data", take._repr_mimebundle_())
    notebook.cells.append(nbformat.v4.new_code_cell("take", outputs=[output]))
    nbformat.write(notebook, lab.root / "saved.ipynb")
    page = open_lab()
    page.page.evaluate(
        "() => void window.jupyterapp.commands.execute('docmanager:open',"
        " {path: 'saved.ipynb', kernelPreference: {shouldStart: false, canStart: false}})"
    )
    player = page.page.locator(".jp-OutputArea .vvnb-lab-take")
    expect(player.get_by_role("region", name="Player")).to_be_visible()
    expect(player).to_contain_text("0:03")
    page.page.wait_for_function(WAVEFORM)
    player.get_by_role("button", name="Play", exact=True).click()
    Ear(page).wait_for_sound()
    player.get_by_role("button", name=re.compile("pectrogram")).click()
    assert not lab.api("sessions")
    # ipywidgets' own complaint about a notebook without a kernel.
    page.problems = [one for one in page.problems if "null (reading 'kernel')" not in one]


def test_a_take_saved_by_version_0_1_0_plays_in_its_colors(open_lab: OpenLab, lab: JupyterServer) -> None:
    shutil.copy(DATA / "take_0_1_0.ipynb", lab.root)
    page = open_lab()
    page.page.evaluate(
        "() => void window.jupyterapp.commands.execute('docmanager:open',"
        " {path: 'take_0_1_0.ipynb', kernelPreference: {shouldStart: false, canStart: false}})"
    )
    player = page.page.locator(".jp-OutputArea .vvnb-lab-take")
    expect(player).to_contain_text("0:04")
    page.page.wait_for_function(WAVEFORM)
    blue, orange = page.page.evaluate(COLORS)
    assert min(blue, orange) > 100, f"{blue} blue and {orange} orange pixels"
    player.get_by_role("button", name="Play", exact=True).click()
    Ear(page).wait_for_sound()
    page.problems = [one for one in page.problems if "null (reading 'kernel')" not in one]


def test_a_project_made_by_version_0_1_0_plays(open_lab: OpenLab, lab: JupyterServer) -> None:
    shutil.copytree(DATA / "project_0_1_0", lab.root / "old.vibevoice")
    shutil.copy(DATA / "project_0_1_0" / "script.txt", lab.root / "old.vvscript")
    old = open_lab().open_document("old.vvscript")
    old.expect_turns(3)
    assert old.states()[::2] == ["generated"] * 2  # the text of the second was changed afterwards
    old.expect_waveform()
    old.select_turn(2).get_by_role("button", name="Play from here").click()
    old.ear.wait_for_sound()


def test_the_sidebar_lists_projects_and_voices_without_a_kernel(
    open_lab: OpenLab, lab: JupyterServer, spoken: Path, tmp_path: Path
) -> None:
    """Cards with waveform and length, found by a search; a voice plays, a renamed project is renamed."""
    shutil.copytree(spoken, lab.root / "work" / "deep" / "spoken.vibevoice")
    Project.create(lab.root / "work" / "draft", "Anna: The quick brown fox.\nBen: Indeed.").close()
    page = open_lab()
    page.command("vibevoice:show-sidebar")
    sidebar = page.page.locator("#vibevoice-sidebar")
    cards = sidebar.get_by_role("list", name="Projects").locator("> li")
    spoken_card = cards.filter(has_text="spoken")
    expect(spoken_card).to_contain_text(re.compile(r"3 turns · 0:\d\d"))
    expect(spoken_card.locator("svg path").first).to_have_attribute("d", re.compile("M189 "))
    expect(cards.filter(has_text="draft")).to_contain_text(re.compile(r"2 turns\s*modified"))
    sidebar.get_by_label("Search projects").fill("brown FOX")
    expect(cards.filter(has_text="draft")).to_be_visible()
    expect(spoken_card).to_have_count(0)
    sidebar.get_by_label("Search projects").fill("no such words")
    expect(sidebar).to_contain_text("No project has these words.")
    sidebar.get_by_label("Search projects").fill("")
    voices = sidebar.get_by_role("list", name="Voices").locator("> li")
    expect(voices.filter(has_text="Ada").locator(".vvnb-lab-outline")).to_be_visible()
    voices.filter(has_text="Ada").get_by_role("button", name="Play Ada").click()
    Ear(page).wait_for_sound()
    (lab.root / "work" / "draft.vibevoice").rename(lab.root / "work" / "better.vibevoice")
    sidebar.get_by_role("button", name="Refresh").click()
    expect(cards.filter(has_text="better")).to_be_visible()
    expect(cards.filter(has_text="draft")).to_have_count(0)
    page.page.screenshot(path=tmp_path / "sidebar.png")
    assert not lab.api("sessions") and not lab.api("kernels")
    shutil.rmtree(lab.root / "work")


def test_the_sidebar_offers_voices_and_plays_projects(
    open_lab: OpenLab, lab: JupyterServer, spoken: Path
) -> None:
    """A voice is dragged onto a speaker, a recording becomes one, and takes play with a kernel."""
    shutil.copytree(spoken, lab.root / "work" / "spoken.vibevoice")
    (lab.root / "work" / "new.vvscript").write_text("Anna: Hello.")
    soundfile.write(lab.root / "work" / "Mine.wav", speechlike(6.0), 24_000)
    page = open_lab()
    page.command("filebrowser:open-path", path="work")
    new = page.open_document("work/new.vvscript")
    page.page.evaluate(WATCH_FIRST_VOICE)
    page.command("vibevoice:show-sidebar")
    sidebar = page.page.locator("#vibevoice-sidebar")
    cards = sidebar.get_by_role("list", name="Projects").locator("> li")
    project = cards.filter(has=page.page.get_by_role("button", name="Open spoken"))
    expect(project).to_be_visible()
    assert len(set(page.page.evaluate("window.tops"))) == 1  # what one reaches for stays where it is
    ada = sidebar.get_by_role("list", name="Voices").get_by_role("listitem").filter(has_text="Ada")
    ada.drag_to(new.root.locator(".vvnb-speaker"))
    expect(new.voice_of("Anna")).to_have_text("Ada")
    page.command("filebrowser:open-path", path="work/Mine.wav")  # goes there and selects it
    page.page.locator(".jp-DirListing-item").filter(has_text="Mine.wav").click(button="right")
    page.page.get_by_role("menuitem", name="Use as voice").click()
    voices = sidebar.get_by_role("list", name="Voices").get_by_role("listitem")
    mine = voices.filter(has_text="Mine")  # a script has the word, too
    expect(mine).to_be_visible()
    mine.get_by_role("button", name="Remove Mine").click()
    page.page.locator(".jp-Dialog button.jp-mod-accept").click()
    expect(mine).to_be_hidden()
    project.get_by_role("button", name="Play spoken").click()
    Ear(page).wait_for_sound()
    project.get_by_role("button", name="Open spoken").click()
    page.document("work/spoken.vvscript").expect_turns(3)


def test_the_file_browser_offers_a_new_script(open_lab: OpenLab, lab: JupyterServer) -> None:
    page = open_lab()
    page.page.locator(".jp-DirListing-content").click(button="right", position={"x": 20, "y": 200})
    expect(page.page.get_by_role("menuitem", name="New VibeVoice script")).to_be_visible()
    page.page.keyboard.press("Escape")
    section = page.page.locator(".jp-Launcher-section").filter(has_text="VibeVoice")
    expect(section.locator(".jp-LauncherCard")).to_have_count(1)


def test_from_the_launcher_to_sound_in_two_clicks(open_lab: OpenLab, lab: JupyterServer) -> None:
    """The way of a newcomer: the launcher's card, then an example."""
    page = open_lab()
    page.page.locator(".jp-LauncherCard").filter(has_text="VibeVoice script").click()
    page.page.get_by_role("button", name="An argument").wait_for(timeout=60_000)
    made = page.document(page.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path"))
    made.click_example("An argument")
    made.ear.wait_for_sound()
    made.wait_until_spoken()
    assert made.states() == ["generated"] * 4


def test_launcher_and_a_cell_that_loads_a_take(open_lab: OpenLab, lab: JupyterServer, spoken: Path) -> None:
    for made in lab.root.glob("untitled*"):  # by other tests
        shutil.rmtree(made) if made.is_dir() else made.unlink()
    shutil.copytree(spoken, lab.root / "untitled.vibevoice")
    page = open_lab()
    page.page.locator(".jp-LauncherCard").filter(has_text="VibeVoice script").click()
    made = page.document("untitled.vvscript")
    made.expect_turns(3)  # a new file beside a project is a way into it
    lab.write("use.ipynb", "1 + 1")
    page.command("docmanager:open", path="use.ipynb")
    page.page.wait_for_function("() => window.jupyterapp.shell.currentWidget?.context?.path === 'use.ipynb'")
    page.command("vibevoice:insert-take-cell")
    cell = page.page.locator(".jp-Notebook .jp-CodeCell").last
    expect(cell).to_contain_text('Project.open("untitled.vibevoice", read_only=True)')
    page.page.evaluate(CONNECTED)
    page.command("notebook:run-cell")
    expect(page.page.locator(".jp-OutputArea .vvnb-lab-take .vvnb-deck")).to_be_visible(timeout=60_000)


def test_it_is_installed(lab: JupyterServer) -> None:
    command = [sys.executable, "-m", "jupyter", "labextension", "list"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    [line] = [line for line in (run.stdout + run.stderr).splitlines() if "vibevoice-nb" in line]
    assert "enabled" in line and "OK" in line
