"""Reviews in the page: listen back, underlined words, marks, the review of a take, fixes, the recognizer."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from studio_helpers import asked, faults, select_turn, studio, wait_for_call
from studio_traits import SAMPLE_RATE, review_traits, studio_traits
from told import Told, priorities

from vibevoice_nb import Studio
from vibevoice_nb.review import recognizers
from vibevoice_nb.widgets.base import Answer

__all__ = ["priorities", "studio"]  # fixtures

SCRIPT = "Anna: Hello there my friend.\nBen: Good morning."
RIGHT = ("Hello there my friend", "Good morning")
SIZES = ((1366, 657), (1024, 600), (420, 800))


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> Told:
    ears = Told(*RIGHT)
    monkeypatch.setattr(recognizers, "_LOADED", {"told": ears})
    return ears


@pytest.fixture
def real(tmp_path: Path, ears: Told) -> Iterator[Studio]:
    """A Studio with its own kernel side and generated turns."""
    real = Studio(tmp_path / "show", script=SCRIPT, dtype="float32", num_steps=2, seed=1, recognizer="told")
    real.project.set_voice("Anna", "Ada")
    real.project.set_voice("Ben", "Kai")
    real.generate().result(180)
    yield real
    real.close()
    real.project.close()


def picture(page: Any, name: str) -> None:
    """Save a picture where the developer looks at it."""
    if folder := os.environ.get("VIBEVOICE_NB_PICTURES"):
        page.screenshot(path=f"{folder}/{name}.png")


def underlined(page: Any) -> list[list[str]]:
    script = (
        "() => [...document.querySelectorAll('.cm-vvHeard')].map((mark) => [mark.textContent, mark.title])"
    )
    found: list[list[str]] = page.evaluate(script)
    return found


def test_listen_fix_and_undo(mount: Callable[..., Any], real: Studio, ears: Told) -> None:
    ears.transcripts[0] = "Hello there my fiend"
    mounted = mount(real)
    page = mounted.page
    bar = page.get_by_role("group", name="Listen back")
    bar.get_by_role("button", name="Listen back").click()
    bar.get_by_text("1 turn differs").first.wait_for(timeout=180_000)
    assert underlined(page) == [["friend.", "“friend.” was heard as “fiend”"]]
    marker = page.locator(".cm-vvTurn:has(.cm-vvDiffers)")
    assert "1 difference: “friend.” was heard as “fiend”" in marker.get_attribute("title")
    tick = page.locator(".vvnb-deck-heard > i").first
    mounted.until(lambda: page.locator(".vvnb-deck-heard > i").count() >= 1, "a mark on the waveform")
    assert "fiend" in tick.get_attribute("title")
    bar.get_by_role("button", name="1 turn differs").click()
    assert page.evaluate("() => getSelection().toString()") == "friend."
    lane = select_turn(page, 1)
    lane.get_by_text("75 % of the words right").wait_for()
    lane.get_by_role("button", name="was heard as").first.click()
    mounted.until(lambda: real.playing, "the difference is played", 30)

    before = real.turns[0]["chosen"]
    ears.calls, ears.transcripts = 0, [RIGHT[0]]
    bar.get_by_role("button", name="Fix it").click()
    mounted.until(lambda: real.turns[0]["chosen"] != before, "another take is chosen", 300)
    bar.get_by_text("All words right").first.wait_for(timeout=180_000)
    assert underlined(page) == [] and page.locator(".cm-vvDiffers").count() == 0
    mounted.until(lambda: real.job["state"] == "finished")
    page.get_by_role("button", name="Undo: chose another take").click()
    mounted.until(lambda: real.turns[0]["chosen"] == before)
    mounted.until(lambda: len(underlined(page)) == 1, "the review of the earlier take")
    page.locator(".cm-line").first.click()
    page.keyboard.press("End")
    page.keyboard.type("!")
    assert underlined(page) == []


def test_the_best_of_three_and_each_take(mount: Callable[..., Any], real: Studio, ears: Told) -> None:
    ears.transcripts = ["Good", RIGHT[1], "morning", "evening"]
    mounted = mount(real)
    page = mounted.page
    page.locator(".cm-line").nth(1).click()
    page.locator(".cm-line").nth(1).hover()
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Best of 3 new takes").click()
    mounted.until(lambda: real.job["state"] == "finished" and len(real.turns[1]["takes"]) == 4, "takes", 300)
    assert real.turns[1]["chosen"] == real.turns[1]["takes"][2]
    page.get_by_role("tab", name="Settings").click()
    part = page.get_by_role("region", name="Listen back")
    part.get_by_role("radio", name="After each take").check()
    mounted.until(lambda: real.project.settings["listen_back"] == "each take")
    page.locator(".cm-line").first.click()
    page.keyboard.press("Alt+Enter")
    mounted.until(lambda: real.turns[0]["chosen"] in real.reviews, "the new take is reviewed", 300)


def quiet(buckets: int, **_: object) -> Answer:
    return Answer({}, [bytes(4 * buckets)])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_and_is_accessible(studio: Callable[..., Any], theme: str) -> None:
    take = studio_traits()["take"]
    first, second = "Good morning, and welcome".split(" and ")
    take["samples"] = take["turns"][0]["stop"] = 600 * SAMPLE_RATE
    take["turns"][0]["words"] = [0, len(first), 0, 10, 18, 18 + len(second), 10, 600 * SAMPLE_RATE]
    del take["turns"][1:]
    accept = {"review": lambda **_: {}, "fix": lambda **_: {}, "peaks": quiet}
    mounted = studio(theme, accept, take=take, **review_traits())
    page = mounted.page
    lane = select_turn(page, 1)
    lane.get_by_text("Details").first.click()
    lane.get_by_text("168 words/min, 12 % faster than usual").wait_for()
    lane.get_by_text("-19.3 LUFS (export -16)").wait_for()
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(500)
        picture(page, f"review-{theme}-{width}")
        page.get_by_role("list", name="Review of take 1").scroll_into_view_if_needed()
        picture(page, f"review-take-{theme}-{width}")
    page.set_viewport_size({"width": 1366, "height": 657})
    assert len(underlined(page)) == 3 and page.locator(".cm-vvInserted").count() == 1
    assert page.locator(".cm-vvDiffers").count() == 2
    page.get_by_role("button", name="Play", exact=True).first.click()
    spoken = page.locator(".cm-vvSpoken")  # remains: the word is ten minutes long
    mounted.until(lambda: spoken.all_inner_texts() == ["welcome"], "the spoken word in the script")
    picture(page, f"review-spoken-{theme}")
    assert faults(page) == []
    page.get_by_role("button", name="Pause", exact=True).first.click()
    mounted.until(lambda: spoken.count() == 0, "no spoken word")
    page.get_by_role("tab", name="Settings").click()
    part = page.get_by_role("region", name="Listen back")
    part.scroll_into_view_if_needed()
    picture(page, f"review-settings-{theme}")
    assert faults(page) == []
    page.get_by_role("button", name="Fix these 2").click()
    assert wait_for_call(mounted, "fix") == {"turns": ["t1", "t4"], "takes": 3}


def test_a_recognizer_is_downloaded_only_when_asked(studio: Callable[..., Any]) -> None:
    accept = {
        name: (lambda **_: {}) for name in ("review", "load_recognizer", "unload_recognizer", "cancel_review")
    }
    mounted = studio("light", accept, **{**review_traits(state="download", memory=0), "reviews": {}})
    page = mounted.page
    bar = page.get_by_role("group", name="Listen back")
    bar.get_by_role("button", name="Listen back").click()
    part = page.get_by_role("region", name="Listen back")
    part.get_by_text("145 MB, MIT license", exact=True).wait_for()
    assert not asked(mounted, "review") and not asked(mounted, "load_recognizer")
    picture(page, "review-download")
    part.get_by_role("button", name="Download and load").click()
    wait_for_call(mounted, "load_recognizer")
    mounted.set(review_state=review_traits(state="loading")["review_state"])
    part.get_by_text("Loading", exact=True).wait_for()
    mounted.set(review_state=review_traits()["review_state"])
    part.get_by_text("145 MB", exact=True).wait_for()
    part.get_by_role("button", name="Unload").click()
    wait_for_call(mounted, "unload_recognizer")
    command = 'pip install "vibevoice-nb[review]"'
    mounted.set(review_state=review_traits(state="missing", message=command)["review_state"])
    part.get_by_text(f"Install it: {command}").wait_for()
    mounted.set(review_state=review_traits(state="failed", message="no such model")["review_state"])
    part.get_by_text("No such model").wait_for()
    mounted.set(review_state=review_traits(state="listening", done=2, total=12)["review_state"])
    bar.get_by_text("Listening 3 of 12").wait_for()
    bar.get_by_role("button", name="Cancel").click()
    wait_for_call(mounted, "cancel_review")
    name = part.get_by_label("Recognizer", exact=True)
    name.fill("small")
    name.press("Tab")
    mounted.until(lambda: mounted.traits["recognizer"] == "small")


def test_in_chinese(studio: Callable[..., Any]) -> None:
    mounted = studio(language="zh-CN", **review_traits())
    mounted.page.get_by_role("button", name="修复这 2 段").wait_for()
    assert underlined(mounted.page)[0][1] == "“welcome to”听起来是“well come two”"
