"""The complete workflow in JupyterLab, with nano: write, cast, play, edit, compare, export, reopen."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from pathlib import Path

import av
import pytest
from conftest import SCRIPT, OpenNotebook, studio_cell
from endless import ENDLESS
from host_server import JupyterServer, until
from playwright.sync_api import expect
from studio_page import SPEAKING_TIMEOUT, STOPPED, StudioPage

SAMPLES = "[round(float(abs(studio.project.take(t['chosen']).audio).sum()), 3) for t in studio.turns]"


@pytest.fixture
def studio(
    open_notebook: OpenNotebook, lab: JupyterServer, spoken: Path, request: pytest.FixtureRequest
) -> StudioPage:
    """A conversation of three turns, already generated."""
    name = request.node.name
    shutil.copytree(spoken, lab.root / f"{name}.vibevoice")
    return StudioPage(open_notebook(lab, studio_cell(name)).run_all())


def test_write_cast_and_play(open_notebook: OpenNotebook, lab: JupyterServer) -> None:
    studio = StudioPage(open_notebook(lab, studio_cell("new")).run_all())
    studio.type_script(SCRIPT)
    studio.expect_turns(3)
    expect(studio.voice_of("Anna")).to_contain_text("Ada (default)")
    studio.choose_voice("Anna", "Ada")
    studio.choose_voice("Ben", "Kai")
    studio.generate()
    studio.ear.wait_for_sound()
    studio.wait_until_spoken()
    assert studio.states() == ["generated"] * 3
    assert studio.notebook.kernel.value("studio.script") == SCRIPT
    assert studio.notebook.kernel.value("[s['voice']['name'] for s in studio.speakers]") == ["Ada", "Kai"]


def test_stop(studio: StudioPage) -> None:
    """Stopping keeps the audio generated so far, and nothing is generated afterwards."""
    studio.insert_script(ENDLESS)
    expect(studio.generate_button).to_have_text("Generate")  # it was Play
    studio.generate()
    studio.ear.wait_for_sound()
    studio.click_stop()
    expect(studio.transport.get_by_role("status")).to_have_text(STOPPED)
    studio.ear.wait_for_silence()
    kernel = studio.notebook.kernel
    assert kernel.value("studio.job['state']") == "cancelled"
    assert 0 < kernel.value("studio.turns[0]['seconds']") < kernel.value("studio.turns[0]['estimated']")


def test_regenerate_one_line(studio: StudioPage) -> None:
    """Only the edited line is regenerated; every sample of the others is unchanged."""
    kernel = studio.notebook.kernel
    before = kernel.value(SAMPLES)
    studio.script.get_by_text("Late again").click()
    studio.page.keyboard.press("End")
    studio.type(" Really!")
    # The third line may have been generated with the second as its context: then it is marked, too.
    until(lambda: studio.gutter()[:2] == ["spoken", "changed"], "the second line marked as changed")
    expect(studio.generate_button).to_have_text("Generate 1 turn")
    studio.generate()
    studio.wait_until_spoken()
    after = kernel.value(SAMPLES)
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]
    assert studio.gutter()[:2] == ["spoken", "spoken"]

    lane = studio.select_turn(2)
    lane.get_by_role("button", name="Regenerate").click()
    expect(lane.get_by_role("radio", name="Take 3")).to_be_visible(timeout=SPEAKING_TIMEOUT)
    assert [a == b for a, b in zip(after, kernel.value(SAMPLES), strict=True)] == [True, False, True]


def test_compare_and_choose_takes(studio: StudioPage) -> None:
    lane = studio.select_turn(1)
    lane.get_by_role("button", name="Regenerate").click()
    takes = [lane.get_by_role("radio", name=re.compile(rf"^Take {number}\b")) for number in (1, 2)]
    expect(takes[1]).to_be_checked(timeout=SPEAKING_TIMEOUT)
    lane.get_by_role("button", name="Compare A/B").click()
    comparison = lane.get_by_role("group", name="Compare two takes")
    studio.ear.wait_for_silence()
    studio.ear.forget()
    comparison.get_by_role("button", name="Play both").click()
    studio.ear.wait_for_sound()
    studio.page.keyboard.press("b")
    expect(comparison.get_by_role("button", pressed=True)).to_contain_text("B")
    comparison.get_by_role("button", name="Prefer B").click()
    expect(takes[0]).to_be_checked()
    assert studio.notebook.kernel.value("studio.turns[0]['chosen'] == studio.turns[0]['takes'][0]")

    lane.get_by_role("button", name="Star take 1").click()
    expect(lane.get_by_role("button", name="Star take 1")).to_have_attribute("aria-pressed", "true")
    lane.get_by_role("button", name="Delete take 2").click()
    expect(takes[1]).to_have_count(0)
    studio.root.get_by_role("button", name=re.compile("^Undo")).first.click()
    expect(takes[1]).to_have_count(1)


def test_export_audio_and_subtitles(studio: StudioPage) -> None:
    panel = studio.tab("Export")
    panel.get_by_label("Format").select_option("mp3")
    panel.get_by_label("Subtitles (SRT)").check()
    panel.get_by_label("Manifest").check()
    with studio.page.expect_download() as download:  # one archive: browsers ask before a second download
        panel.get_by_role("button", name="Export").click()
    expect(panel).to_contain_text("downloaded")
    with zipfile.ZipFile(download.value.path()) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert sorted(Path(name).suffix for name in files) == [".json", ".mp3", ".srt"]
    seconds = studio.notebook.kernel.value("studio.episode.seconds")
    kinds = {Path(name).suffix: content for name, content in files.items()}
    with av.open(io.BytesIO(kinds[".mp3"])) as sound:
        assert sound.streams.audio[0].codec_context.sample_rate == 24000
        length = sum(frame.samples for frame in sound.decode(audio=0)) / 24000
        assert "generated speech" in " ".join(sound.metadata.values()).lower()
    assert length == pytest.approx(seconds, abs=0.1)
    subtitles = kinds[".srt"].decode()
    assert "Late again, but the view was fine." in subtitles and subtitles.count(" --> ") == 3


def test_reload_page_and_restart_kernel(studio: StudioPage) -> None:
    """Everything is still there: the page gets it from the kernel, the kernel from the disk."""
    samples = studio.notebook.kernel.value(SAMPLES)

    def looks_right(page: StudioPage) -> None:
        expect(page.script).to_contain_text("Late again, but the view was fine.")
        page.expect_turns(3)
        assert page.states() == ["generated"] * 3
        page.expect_waveform()

    looks_right(studio)
    studio.notebook.save()
    studio.notebook.reload()
    looks_right(StudioPage(studio.notebook))
    studio.notebook.restart_kernel()
    studio.notebook.run_all()
    again = StudioPage(studio.notebook)
    looks_right(again)
    assert studio.notebook.kernel.value(SAMPLES) == samples


def test_second_kernel_may_only_read(
    studio: StudioPage, open_notebook: OpenNotebook, lab: JupyterServer
) -> None:
    name = studio.notebook.name.removesuffix(".ipynb")
    second = StudioPage(open_notebook(lab, studio_cell(name), name="second.ipynb").run_all())
    expect(second.root).to_contain_text("read")
    expect(second.generate_button).to_have_text("Play")  # listening is possible
    second.transport.get_by_role("button", name="More").click()
    expect(second.page.get_by_role("menuitem", name="Regenerate all")).to_be_disabled()
    second.page.keyboard.press("Escape")
    expect(second.script).to_contain_text("Late again")
    studio.script.get_by_text("Good morning").click()
    studio.page.keyboard.press("End")
    studio.type(" And the weather?")
    until(lambda: "weather" in studio.notebook.kernel.value("studio.script"), "the first still writes")
    assert (
        studio.notebook.kernel.value("open(studio.project.path / 'script.txt').read()").count("weather") == 1
    )


def test_killed_in_the_middle_of_turn_seven(open_notebook: OpenNotebook, lab: JupyterServer) -> None:
    lines = [f"{'Anna' if n % 2 else 'Ben'}: This is line number {n}." for n in range(1, 10)]
    lines[6] += " It is a long line, and its words take their time." * 16  # a minute
    studio = StudioPage(open_notebook(lab, studio_cell("killed", "\n".join(lines))).run_all())
    studio.choose_voice("Anna", "Ada")
    studio.choose_voice("Ben", "Kai")
    kernel = studio.notebook.kernel
    pid = kernel.pid
    studio.generate()
    until(lambda: studio.states()[6] == "generating", "the seventh turn", 120)
    studio.ear.wait_for_sound()
    kernel.kill(pid)
    studio.notebook.restarted()
    studio.notebook.run_all()
    studio = StudioPage(studio.notebook)
    until(lambda: studio.notebook.kernel.value("len(studio.turns)") == 9, "the project again")
    assert studio.states()[:6] == ["generated"] * 6
    assert "generated" not in studio.states()[6:]
    assert all(
        total > 1
        for total in studio.notebook.kernel.value(SAMPLES.replace("studio.turns", "studio.turns[:6]"))
    )
    studio.generate()
    studio.wait_until_spoken()
    assert studio.states() == ["generated"] * 9
