"""The whole Studio in a browser: accessibility, widths, keyboard, long scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from studio_helpers import faults, studio
from studio_traits import take, turns_and_takes

__all__ = ["studio"]  # a fixture

STICKS_OUT = """() => document.documentElement.scrollWidth > innerWidth ? ['the page'] :
  [...document.querySelectorAll('#views button, #views label, #views .vvnb-badge')]
    .filter((element) => element.checkVisibility() && !element.closest('.vvnb-tabs, .cm-editor'))
    .filter((element) => element.scrollWidth > element.clientWidth + 1)
    .filter((element) => !element.querySelector('.vvnb-ellipsis'))
    .map((element) => element.outerHTML)"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_accessibility_faults(studio: Callable[..., Any], theme: str) -> None:
    page = studio(theme).page
    page.get_by_role("button", name="Compare A/B").click()
    assert faults(page) == []
    page.get_by_role("tab", name="Settings").click()
    page.get_by_role("tab", name="Export").click()
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
    assert faults(page) == []


def test_nothing_sticks_out(studio: Callable[..., Any]) -> None:
    page = studio().page
    for width in (320, 380, 620, 900, 1500):
        page.set_viewport_size({"width": width, "height": 900})
        for tab in ("Settings", "Model", "Cast", "Export", "Takes"):
            page.get_by_role("tab", name=tab).click()
            assert page.evaluate(STICKS_OUT) == [], (width, tab)


def test_read_only(studio: Callable[..., Any]) -> None:
    project = {"name": "episode", "path": "/work", "read_only": True, "holder": "another kernel works on it"}
    page = studio(project_state=project).page
    assert page.get_by_text("another kernel works on it").is_visible()
    assert page.get_by_role("button", name="Delete take 1").is_disabled()
    assert page.get_by_label("Voice of Anna", exact=True).is_disabled()


def test_an_empty_studio_shows_how_to_start(studio: Callable[..., Any]) -> None:
    mounted = studio(script="", turns=[], takes={}, speakers=[], take={})
    page = mounted.page
    page.get_by_role("button", name="Two speakers, ten seconds").click()
    mounted.until(lambda: mounted.traits["script"].startswith("Speaker 1: Good morning"))
    page.get_by_role("button", name="Two speakers, ten seconds").wait_for(state="hidden")


def test_areas_by_key(studio: Callable[..., Any]) -> None:
    page = studio().page
    page.keyboard.press("Tab")
    page.locator(".vvnb-model-badge").focus()
    for key, expected in {
        "1": ".cm-content",
        "2": ".vvnb-cast *",
        "3": ".vvnb-settings *",
        "4": ".vvnb-model *",
        "5": ".vvnb-deck *",
        "6": ".vvnb-takes *",
        "7": ".vvnb-export *",
    }.items():
        page.keyboard.press(f"Alt+{key}")
        assert page.evaluate("selector => document.activeElement.matches(selector)", expected), key


def test_300_turns_stay_fast(studio: Callable[..., Any]) -> None:
    turns, takes = turns_and_takes(300)
    script = "".join(
        f"{('Anna', 'Ben')[at % 2]}: This is what is said in turn {at + 1}.\n" for at in range(300)
    )
    mounted = studio(script=script, turns=turns, takes=takes)
    page = mounted.page
    page.get_by_role("listbox", name="Turns").get_by_role("option", selected=True).focus()
    milliseconds = page.evaluate(
        """async () => {
          const times = [];
          for (let n = 0; n < 12; n += 1) {
            const before = performance.now();
            const down = new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true });
            document.activeElement.dispatchEvent(down);
            await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            times.push(performance.now() - before);
          }
          return times.sort((a, b) => a - b)[6];
        }"""
    )
    assert milliseconds < 50
    changed = [{**turn, "state": "speaking" if turn["id"] == "t200" else turn["state"]} for turn in turns]
    mounted.set(turns=changed, takes={**takes, "t1-take9": take("t1", 9, 1.0)})
    page.wait_for_function(
        "() => [...document.querySelectorAll('.vvnb-turn')][199].dataset.state === 'speaking'"
    )
