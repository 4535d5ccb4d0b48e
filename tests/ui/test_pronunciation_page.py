"""Pronunciation in the page: a reading tried out, heard, saved, underlined, listed, imported and exported."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_helpers import asked, faults, studio, wait_for_call

from vibevoice_nb import Studio

__all__ = ["studio"]  # a fixture

SCRIPT = "Anna: Ask Nguyen, or ask Nguyen's son.\nBen: In Nice?\nAnna: Nice idea. See you in San José at 5."


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Studio]:
    """A Studio with its own kernel side: a project, nano, calls and traits."""
    real = Studio(tmp_path / "show", script=SCRIPT, dtype="float32", num_steps=2, seed=1)
    real.project.set_voice("Anna", "Ada")
    real.project.set_voice("Ben", "Kai")
    yield real
    real.close()
    real.project.close()


def put_caret(mounted: Any, line: int, word: str) -> None:
    """Select a word of a line, as a double click does."""
    mounted.page.locator(".cm-line").nth(line - 1).click()
    place = mounted.page.evaluate(
        """([line, word]) => {
          const element = document.querySelectorAll('.cm-line')[line - 1];
          const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
          for (let node = walker.nextNode(); node; node = walker.nextNode()) {
            const at = node.data.indexOf(word);
            if (at < 0) continue;
            const range = document.createRange();
            range.setStart(node, at);
            range.setEnd(node, at + word.length);
            const box = range.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2];
          }
        }""",
        [line, word],
    )
    mounted.page.mouse.dblclick(*place)


def underlined(page: Any) -> list[tuple[str, str]]:
    return [
        tuple(pair)
        for pair in page.evaluate(
            "() => [...document.querySelectorAll('.cm-vvRead')].map((mark) => [mark.textContent, mark.title])"
        )
    ]


def say(mounted: Any) -> Any:
    """Press the keys, and return the panel."""
    mounted.page.keyboard.press("Alt+p")
    panel = mounted.page.get_by_role("dialog", name="Say it like this")
    panel.wait_for()
    return panel


def picture(page: Any, name: str) -> None:
    """Save a picture where the developer looks at it."""
    if folder := os.environ.get("VIBEVOICE_NB_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")


def test_a_word_is_heard_saved_and_underlined(mount: Callable[..., Any], real: Studio) -> None:
    mounted = mount(real)
    page = mounted.page
    put_caret(mounted, 1, "Nguyen")
    panel = say(mounted)
    assert panel.get_by_label("Word or phrase").input_value() == "Nguyen"
    reading = panel.get_by_label("Say it as", exact=True)
    assert reading.evaluate("(field) => field === document.activeElement")
    assert panel.get_by_role("button", name="Save for this project").is_disabled()
    page.keyboard.type("win")
    read = panel.locator("output")
    mounted.until(lambda: read.inner_text() == "ask win, or ask win's son.", "the text that will be read")
    picture(page, "say")
    assert mounted.faults("[role=dialog]") == []
    panel.get_by_role("button", name="Hear it").click()
    mounted.until(lambda: page.get_by_text("Nguyen", exact=True).count(), "the player names the preview", 90)
    mounted.until(lambda: real.playing, "the preview is played", 60)
    assert real.takes == {} and real.lexicon == []
    reading.focus()
    page.keyboard.press("Enter")
    panel.wait_for(state="hidden")
    mounted.until(lambda: len(underlined(page)) == 2, "the words are underlined")
    assert underlined(page) == [("Nguyen", "read as “win”")] * 2
    assert dict(real.project.lexicon) == {"Nguyen": "win"}
    assert page.locator(".cm-content").evaluate("(editor) => editor === document.activeElement")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.type("# New\n")  # marks follow the text
    assert len(underlined(page)) == 2


def test_an_entry_is_changed_and_removed_in_its_panel(mount: Callable[..., Any], real: Studio) -> None:
    real.project.lexicon.update({"Nice": "/N IY S/"})
    mounted = mount(real)
    page = mounted.page
    mounted.until(lambda: underlined(page) == [("Nice", "read as “/N IY S/”")] * 2)
    put_caret(mounted, 2, "Nice")
    panel = say(mounted)
    reading = panel.get_by_label("Say it as", exact=True)
    assert reading.input_value() == "/N IY S/"
    exact = panel.get_by_label("Match capital letters")
    assert exact.is_checked()
    reading.fill("/NICE/")
    panel.get_by_role("button", name="Save for this project").click()
    panel.get_by_text("'NICE' is not a phone").wait_for()
    reading.fill("neece")
    exact.uncheck()
    panel.get_by_role("button", name="Save for this project").click()
    panel.wait_for(state="hidden")
    assert dict(real.project.lexicon) == {"nice": "neece", "Nice": "/N IY S/"}
    put_caret(mounted, 2, "Nice")
    panel = say(mounted)
    panel.get_by_role("button", name="Remove from the project").click()
    panel.wait_for(state="hidden")
    assert dict(real.project.lexicon) == {"nice": "neece"}
    put_caret(mounted, 3, "José")
    panel = say(mounted)
    page.keyboard.press("Escape")
    panel.wait_for(state="hidden")
    assert page.locator(".cm-content").evaluate("(editor) => editor === document.activeElement")


def test_the_menu_of_a_line_opens_it_for_a_phrase(mount: Callable[..., Any], real: Studio) -> None:
    mounted = mount(real)
    page = mounted.page
    page.locator(".cm-line").nth(2).click()
    page.keyboard.press("Home")
    for _ in range(len("Anna: Nice idea. See you in ")):
        page.keyboard.press("ArrowRight")
    for _ in range(len("San José")):
        page.keyboard.press("Shift+ArrowRight")
    page.locator(".cm-line").nth(2).hover()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Say it like this…").click()
    panel = page.get_by_role("dialog", name="Say it like this")
    assert panel.get_by_label("Word or phrase").input_value() == "San José"
    panel.get_by_label("Say it as", exact=True).fill("san ho zay")
    page.keyboard.press("Enter")
    mounted.until(lambda: underlined(page) == [("San José", "read as “san ho zay”")])


def test_the_list_in_the_settings(mount: Callable[..., Any], real: Studio, tmp_path: Path) -> None:
    mounted = mount(real)
    page = mounted.page
    page.get_by_role("tab", name="Settings").click()
    part = page.get_by_role("region", name="Pronunciation")
    part.get_by_text("No entries yet").wait_for()
    file = tmp_path / "names.csv"
    file.write_text("Nguyen,win\nNice,/N IY S/\n", "utf-8")
    part.locator("input[type=file]").set_input_files(file)
    part.get_by_text("2 entries changed.").wait_for()
    reading = part.get_by_label("Say “Nguyen” as")
    assert reading.input_value() == "win"
    reading.fill("nwin")
    page.keyboard.press("Tab")
    mounted.until(lambda: real.project.lexicon["Nguyen"] == "nwin")
    part.get_by_label("Word or phrase").fill("son")
    part.get_by_label("Say it as", exact=True).last.fill("daughter")
    page.keyboard.press("Enter")
    mounted.until(lambda: len(real.project.lexicon) == 3)
    part.get_by_role("button", name="Remove “Nice”").click()
    mounted.until(lambda: sorted(real.project.lexicon) == ["Nguyen", "son"])
    with page.expect_download() as download:
        part.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "show-lexicon.txt"
    assert Path(download.value.path()).read_text("utf-8") == "Nguyen = nwin\nson = daughter\n"
    page.locator(".cm-line").nth(0).click()
    mounted.until(lambda: part.locator("output").inner_text() == "ask nwin, or ask nwin's daughter.")
    file.write_bytes("größe,x".encode("latin-1"))
    part.locator("input[type=file]").set_input_files(file)
    part.get_by_text("is not text in UTF-8").wait_for()
    part.get_by_label("Write out numbers, units and dates").check()
    mounted.until(lambda: real.project.settings["spoken_forms"] is True)
    assert mounted.faults(".vvnb-pronunciation") == []
    for width, height in ((1366, 657), (1024, 600), (420, 800)):
        page.set_viewport_size({"width": width, "height": height})
        part.scroll_into_view_if_needed()
        picture(page, f"lexicon-{width}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_fits_and_is_accessible(studio: Callable[..., Any], theme: str) -> None:
    words = [{"line": 1, "column": 7, "end_column": 12, "word": "hello", "reading": "hullo"}]
    mounted = studio(
        theme,
        {
            "read_as": lambda **_: {"text": "the text that will be read " * 8},
            "hear": lambda **_: {"source": ""},
        },
        lexicon=[{"word": f"word {n}", "reading": "reading"} for n in range(40)],
        read_words=words,
        spoken_forms=False,
    )
    page = mounted.page
    for width, height in ((1366, 657), (1024, 600), (420, 720)):
        page.set_viewport_size({"width": width, "height": height})
        page.locator(".cm-line").first.click()
        panel = say(mounted)
        box = panel.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width and box["y"] + box["height"] <= height
        page.wait_for_timeout(400)
        picture(page, f"panel-{theme}-{width}")
        page.keyboard.press("Escape")
    say(mounted)
    assert faults(page) == []


def test_a_preview_is_stopped_when_the_panel_closes(studio: Callable[..., Any]) -> None:
    mounted = studio(lexicon=[], read_words=[], spoken_forms=False)
    page = mounted.page
    page.locator(".cm-line").first.click()
    panel = say(mounted)
    panel.get_by_role("button", name="Hear it").click()
    wait_for_call(mounted, "hear")
    panel.get_by_role("button", name="Stop").wait_for()
    page.keyboard.press("Escape")
    wait_for_call(mounted, "stop_hearing")
    assert len(asked(mounted, "stop_hearing")) == 1


def test_a_read_only_project_can_be_heard_only(studio: Callable[..., Any]) -> None:
    state = {"name": "e", "path": "/e", "read_only": True, "holder": "another kernel works on it"}
    entry = [{"word": "Hello", "reading": "hullo"}]
    mounted = studio(lexicon=entry, read_words=[], spoken_forms=False, project_state=state)
    page = mounted.page
    page.locator(".cm-line").first.click()
    page.keyboard.press("Home")
    panel = say(mounted)
    word = panel.get_by_label("Word or phrase")
    if not word.input_value():
        assert word.evaluate("(field) => field === document.activeElement")
    word.fill("Hello")
    assert panel.get_by_label("Say it as", exact=True).input_value() == "hullo"
    assert panel.get_by_role("button", name="Save for this project").is_disabled()
    assert not panel.get_by_role("button", name="Remove from the project").is_visible()
    assert panel.get_by_role("button", name="Hear it").is_enabled()


def test_in_chinese(studio: Callable[..., Any]) -> None:
    mounted = studio(language="zh-CN", lexicon=[], read_words=[], spoken_forms=False)
    mounted.page.locator(".cm-line").first.click()
    mounted.page.keyboard.press("Alt+p")
    mounted.page.get_by_role("dialog", name="指定读法").wait_for()
