"""The web page of an episode, opened from the disk: it plays, follows the words, and needs nothing else."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from studio_helpers import AXE

from vibevoice_nb.audio.turns import TurnWord
from vibevoice_nb.project.take import Take

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from export_helpers import RATE, conversation

pytestmark = pytest.mark.ui

LABELS = ["Ada", "Eve", "<img src=x onerror=alert(1)>", "Zoë"]


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """`opened(take, theme)` opens the page of a take; an error or a request in the page fails the test."""
    contexts, errors = [], []

    def opened(take: Take, theme: str = "light", **options: Any) -> Any:
        path = take.save(tmp_path / "episode.html", force=True, **options)
        context = browser.new_context(
            viewport={"width": 800, "height": 600}, color_scheme=theme, bypass_csp=False
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda request: (
                errors.append(request.url)
                if request.url.partition(":")[0] not in ("blob", "data") and request.url != path.as_uri()
                else None
            ),
        )
        page.goto(path.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not errors


def time(page: Any) -> str:
    return page.locator("#time").inner_text()


def wait_for(page: Any, selector: str, text: str) -> None:
    page.locator(selector, has_text=text).wait_for()


def current(page: Any) -> list[str]:
    return page.locator(".turn[aria-current] span").all_inner_texts()


def test_plays_and_marks_the_current_turn(opened: Callable[..., Any]) -> None:
    page = opened(conversation(["Ada", "Eve"], seconds=1.0))
    assert page.title() == "Episode" and "Generated speech; model nano" in page.inner_text("header")
    page.get_by_role("button", name="Play").click()
    wait_for(page, "#time", "0:01")
    wait_for(page, ".turn[aria-current]", "Turn 1.")
    page.get_by_role("button", name="Play").wait_for()  # at the end


def test_a_click_and_keys_seek(opened: Callable[..., Any]) -> None:
    page = opened(conversation(LABELS, seconds=3.0), chapters=True)
    for number in (2, 1, 3):
        page.get_by_text(f"Turn {number}.", exact=True).last.click()
        assert current(page) == [f"Turn {number}."]
    assert time(page) == "0:09"
    page.get_by_role("button", name="0:03").focus()
    page.keyboard.press("Enter")
    assert current(page) == ["Turn 1."]
    page.keyboard.press("ArrowRight")
    assert time(page) == "0:08"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert time(page) == "0:00" and current(page) == ["Turn 0."]
    page.get_by_label("Position").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Pause").wait_for()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Play").wait_for()
    box = page.get_by_label("Position").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 5)
    assert time(page) == "0:06"
    page.get_by_role("navigation", name="Chapters").get_by_role("button").first.click()
    assert time(page) == "0:00"


def test_text_stays_text(opened: Callable[..., Any]) -> None:
    title = '</title><script>alert(1)</script>"'
    page = opened(conversation(LABELS, seconds=0.5), title=title, artist="<b>Ada & Eve</b>")
    assert page.title() == title and page.get_by_role("heading", name=title).is_visible()
    assert page.get_by_text("<b>Ada & Eve</b>", exact=True).is_visible()
    assert page.get_by_text(LABELS[2], exact=True).count() == 2  # in the legend and at its turn


def test_long_audio_is_joined_from_its_parts(opened: Callable[..., Any]) -> None:
    page = opened(conversation(["Ada", "Eve"], seconds=60.0), bitrate=160_000)  # 2.4 MB
    page.get_by_text("Turn 1.", exact=True).click()
    wait_for(page, "#time", "1:00")
    page.get_by_role("button", name="Play").click()
    wait_for(page, "#time", "1:01")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download audio").click()
    assert download.value.suggested_filename == "Episode.mp3"
    assert Path(download.value.path()).read_bytes()[:3] == b"ID3"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_is_accessible(opened: Callable[..., Any], theme: str) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed (npm ci in labextension)")
    page = opened(conversation(LABELS * 2, seconds=1.0), theme, chapters=True)
    page.get_by_text("Turn 1.", exact=True).click()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found["violations"]] == []


def with_words(take: Take, seconds: float) -> Take:
    """The same take, its turns with the times of their words: equal parts."""
    turns = []
    for turn in take.turns:
        text = f"{turn.text} Now <b> & then, a long line of ten words."
        places = [match.span() for match in re.finditer(r"\S+", text)]
        each = round(seconds * RATE / len(places))
        words = [
            TurnWord(*place, turn.start + number * each, turn.start + (number + 1) * each)
            for number, place in enumerate(places)
        ]
        turns.append(replace(turn, text=text, words=tuple(words)))
    return Take.from_audio(take.audio, turns=turns, name=take.name, manifest=take.manifest)


def spoken_now(page: Any) -> list[str]:
    return page.locator(".turn i.now").all_inner_texts()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_current_word_is_highlighted_and_a_click_on_a_word_seeks(
    opened: Callable[..., Any], theme: str
) -> None:
    take = with_words(conversation(LABELS * 4, seconds=6.0), 6.0)  # 13 words in each turn
    page = opened(take, theme)
    assert (
        page.locator(".turn")
        .nth(1)
        .inner_text()
        .endswith("Turn 1. Now <b> & then, a long line of ten words.")
    )
    second = page.locator(".turn").nth(1)
    second.get_by_text("long", exact=True).click()
    assert spoken_now(page) == ["long"] and second.get_attribute("aria-current") == "true"
    assert time(page) == "0:09"
    second.get_by_text("Turn", exact=True).click()
    assert spoken_now(page) == ["Turn"]
    page.get_by_role("button", name="Play").click()
    page.locator("i.now", has_text="then,").wait_for(timeout=15_000)
    assert len(spoken_now(page)) == 1
    page.get_by_role("button", name="Pause").click()
    page.locator(".turn").nth(0).get_by_text("Now", exact=True).click()
    assert spoken_now(page) == ["Now"] and page.locator("[aria-current] i.now").count() == 1
    page.get_by_label("Position").focus()
    # The page follows the words of a turn far below, without smooth motion where that is not wanted.
    page.locator(".turn").nth(14).get_by_text("ten", exact=True).click()
    assert spoken_now(page) == ["ten"]
    if folder := os.environ.get("VIBEVOICE_NB_PICTURES"):
        page.screenshot(path=f"{folder}/words-{theme}.png")
    if AXE.is_file():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("() => axe.run({ resultTypes: ['violations'] })")
        assert [fault["id"] for fault in found["violations"]] == []


def test_motion_is_reduced_on_request(browser: Any, tmp_path: Path) -> None:
    path = with_words(conversation(["Ada"], seconds=1.0), 1.0).save(tmp_path / "episode.html")
    for motion, expected in (("reduce", "auto"), ("no-preference", "smooth")):
        page = browser.new_page(reduced_motion=motion)
        page.goto(path.as_uri())
        page.get_by_text("then,", exact=True).click()
        assert page.locator("i.now").evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == expected
        page.close()


def test_fits_a_phone(opened: Callable[..., Any]) -> None:
    page = opened(conversation(["Ada", "W" * 200], seconds=1.0))
    page.set_viewport_size({"width": 320, "height": 600})
    assert page.evaluate("document.documentElement.scrollWidth <= 320")
