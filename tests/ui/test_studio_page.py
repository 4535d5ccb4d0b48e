"""The whole Studio in a browser: accessibility, widths, keyboard, long scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from studio_helpers import asked, consenting, faults, select_turn, studio, wait_for_call
from studio_traits import studio_traits, take, turns_and_takes

__all__ = ["studio"]  # a fixture

STICKS_OUT = """() => document.documentElement.scrollWidth > innerWidth ? ['the page'] :
  [...document.querySelectorAll('#views button, #views label, #views .vvnb-badge')]
    .filter((element) => element.checkVisibility())
    .filter((element) => !element.closest('.vvnb-tabs, .cm-editor, .vvnb-deck-turns'))
    .filter((element) => element.scrollWidth > element.clientWidth + 1)
    .filter((element) => !element.querySelector('.vvnb-ellipsis'))
    .map((element) => element.outerHTML)"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_accessibility_faults(studio: Callable[..., Any], theme: str) -> None:
    page = studio(theme).page
    select_turn(page, 2).get_by_role("button", name="Compare A/B").click()
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
        for tab in ("Settings", "Cast", "Export", "Turn"):
            page.get_by_role("tab", name=tab).click()
            assert page.evaluate(STICKS_OUT) == [], (width, tab)


def test_read_only(studio: Callable[..., Any]) -> None:
    project = {"name": "episode", "path": "/work", "read_only": True, "holder": "another kernel works on it"}
    page = studio(project_state=project).page
    assert page.get_by_text("another kernel works on it").is_visible()
    assert page.get_by_role("button", name="Voice of Anna: Ada").is_disabled()
    assert select_turn(page, 1).get_by_role("button", name="Delete take 1").is_disabled()


def test_an_example_is_written_and_generated_with_one_click(studio: Callable[..., Any]) -> None:
    mounted = studio(script="", turns=[], takes={}, speakers=[], take={})
    page = mounted.page
    examples = page.get_by_role("group", name="Try an example")
    assert examples.get_by_role("button").count() == 4
    examples.get_by_role("button", name="An argument").click()
    mounted.until(lambda: mounted.traits["script"].startswith("Anna: You said"))
    examples.wait_for(state="hidden")
    assert not asked(mounted, "generate")  # not before the kernel has read it
    turns, _ = turns_and_takes()
    new = [{**turn, "state": "unspoken", "takes": [], "chosen": None} for turn in turns[:4]]
    speakers = [
        {"label": label, "color": "#0072b2", "voice": None, "default_voice": voice, "gain": 0.0, "pace": 1.0}
        for label, voice in (("Anna", "Ada"), ("Ben", "Ruben"))
    ]
    mounted.set(turns=new, speakers=speakers)
    assert wait_for_call(mounted, "generate") == {"turns": None}
    assert page.get_by_role("button", name="Voice of Ben: Ruben (default)").inner_text() == "Ruben (default)"
    page.get_by_role("button", name="Play the voice of Ben").click()
    mounted.until(lambda: any(params["source"] == "library:Ruben" for params in asked(mounted, "describe")))
    page.wait_for_timeout(300)
    assert len(asked(mounted, "generate")) == 1


def test_the_embedded_model_is_loaded_when_the_studio_opens(studio: Callable[..., Any]) -> None:
    idle = {**studio_traits()["model_state"], "state": "unloaded"}
    mounted = studio(model_state=idle)
    wait_for_call(mounted, "load_model")
    mounted.page.wait_for_timeout(300)
    assert len(asked(mounted, "load_model")) == 1


def test_another_model_is_not_loaded_by_itself(studio: Callable[..., Any]) -> None:
    idle = {**studio_traits()["model_state"], "state": "unloaded"}
    mounted = studio(model="vibevoice/VibeVoice-7B-hf", model_state=idle)
    mounted.page.wait_for_timeout(500)
    assert not asked(mounted, "load_model")


def test_the_panes_are_docked_and_remember_their_sizes(studio: Callable[..., Any]) -> None:
    page = studio().page
    page.set_viewport_size({"width": 1366, "height": 657})
    assert page.locator(".vvnb-studio-page").get_attribute("data-layout") == "docked"
    for name in ("Generate", "Player"):
        box = page.get_by_role("region", name=name).first.bounding_box()
        assert box["y"] + min(box["height"], 100) < 657, name
    dock = page.get_by_role("region", name="Cast, turn, settings and export")
    before = dock.bounding_box()["width"]
    splitter = page.get_by_role("separator", name="Resize the dock")
    splitter.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert dock.bounding_box()["width"] == before + 32
    assert page.evaluate("() => localStorage.getItem('vibevoice-nb:dock-width')") == str(round(before + 32))
    splitter.dblclick()
    assert abs(dock.bounding_box()["width"] - before) <= 1
    page.set_viewport_size({"width": 420, "height": 800})
    page.wait_for_function("() => document.querySelector('.vvnb-studio-page').dataset.layout === 'tower'")
    page.mouse.wheel(0, 700)
    page.wait_for_timeout(200)
    assert page.get_by_role("button", name="Generate 3 turns").bounding_box()["y"] >= 0  # stays in sight


def test_the_pictures_fill_their_pane_when_a_notice_comes_and_goes(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    page.set_viewport_size({"width": 1366, "height": 900})
    page.get_by_label("Both", exact=True).check(force=True)
    filled = """() => {
      const high = (name) => document.querySelector(`.vvnb-deck-${name}`).clientHeight;
      return high('wave') > 0 && high('wave') + high('divider') + high('spectrum') === high('area');
    }"""
    page.wait_for_function(filled)
    area = page.locator(".vvnb-deck-area").bounding_box()["height"]
    for height in ("90px", ""):
        page.evaluate(
            "(height) => { document.querySelector('.vvnb-deck-bar').style.minHeight = height; }", height
        )
        page.wait_for_timeout(100)
        assert (page.locator(".vvnb-deck-area").bounding_box()["height"] < area) == (height != "")
        page.wait_for_function(filled)


def test_caret_waveform_and_takes_are_one_selection(studio: Callable[..., Any]) -> None:
    mounted = studio(speakers=consenting())
    page = mounted.page
    lane = select_turn(page, 3)
    assert page.locator(".vvnb-deck-turn[aria-current]").inner_text() == "Anna"  # the playhead follows
    page.locator(".vvnb-deck-turn").nth(1).click()
    lane.get_by_role("heading", name="Turn 2, Ben").wait_for()
    assert page.locator(".cm-activeLine").inner_text().startswith("Ben: Thank you")


def test_audio_of_a_changed_line_is_hatched(studio: Callable[..., Any]) -> None:
    turns, takes = turns_and_takes()
    current = [{**turn, "state": "spoken" if turn["seconds"] else turn["state"]} for turn in turns]
    mounted = studio(turns=current, takes=takes)
    picture = "() => document.querySelector('.vvnb-deck-wave').toDataURL()"
    mounted.until(lambda: any(name == "peaks" for name, _ in mounted.calls))
    seen = [mounted.page.evaluate(picture)]

    def settled() -> bool:
        """The picture has not changed for a second: peaks, spectrogram and sizes have arrived."""
        mounted.page.wait_for_timeout(200)
        seen.append(mounted.page.evaluate(picture))
        return len(seen) > 5 and len(set(seen[-5:])) == 1

    mounted.until(settled, "a waveform that stays")
    before = seen[-1]
    changed = [{**turn, "state": "changed"} if turn["id"] == "t3" else turn for turn in current]
    mounted.set(turns=changed)
    mounted.until(lambda: mounted.page.evaluate(picture) != before, "a hatching")
    mounted.set(turns=current)
    mounted.until(lambda: mounted.page.evaluate(picture) == before, "no hatching")


def test_actions_on_a_line(studio: Callable[..., Any]) -> None:
    mounted = studio(speakers=consenting())
    page = mounted.page
    actions = page.get_by_role("toolbar", name="Actions on this turn")
    page.locator(".cm-line").nth(1).hover()
    actions.get_by_role("button", name="Regenerate").click()
    assert wait_for_call(mounted, "regenerate") == {"turns": ["t2"], "takes": 1}
    page.locator(".cm-line").nth(3).hover()
    actions.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="3 new takes").click()
    mounted.until(lambda: asked(mounted, "regenerate")[-1] == {"turns": ["t4"], "takes": 3})
    page.locator(".cm-line").nth(0).hover()
    actions.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitemradio", name="Speaker: Ben").click()
    mounted.until(lambda: mounted.traits["script"].startswith("Ben: Good morning"))
    page.keyboard.press("Control+z")
    mounted.until(lambda: mounted.traits["script"].startswith("Anna: Good morning"))
    page.locator(".cm-line").nth(0).click()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Alt+Enter")
    mounted.until(lambda: asked(mounted, "regenerate")[-1]["turns"] == ["t1", "t2", "t3"])


def test_play_is_the_primary_action_when_all_is_generated(studio: Callable[..., Any]) -> None:
    turns, takes = turns_and_takes()
    done = [{**turn, "state": "spoken", "context_changed": False, "seconds": 2.0} for turn in turns]
    mounted = studio(turns=done, takes=takes, speakers=consenting())
    bar = mounted.page.get_by_role("region", name="Generate")
    bar.get_by_role("button", name="Play", exact=True).click()
    bar.get_by_role("button", name="Pause", exact=True).wait_for()
    bar.get_by_role("button", name="More").click()
    mounted.page.get_by_role("menuitem", name="Regenerate all").click()
    assert wait_for_call(mounted, "generate") == {"turns": [turn["id"] for turn in done]}


def test_areas_by_key(studio: Callable[..., Any]) -> None:
    page = studio().page
    page.keyboard.press("Tab")
    page.locator(".vvnb-model-badge").focus()
    for key, expected in {
        "1": ".cm-content",
        "2": ".vvnb-cast *",
        "3": ".vvnb-takes *",
        "4": ".vvnb-settings-model *",
        "5": ".vvnb-export *",
        "6": ".vvnb-deck *",
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
    select_turn(page, 1)
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
          return times.sort((a, b) => a - b)[3]; // other tests may be running
        }"""
    )
    assert milliseconds < 100
    changed = [{**turn, "state": "speaking" if turn["id"] == "t200" else turn["state"]} for turn in turns]
    mounted.set(turns=changed, takes={**takes, "t1-take9": take("t1", 9, 1.0)})
    for _ in range(3):  # the editor renders the lines in view
        page.keyboard.press("Control+End")
    page.wait_for_function("() => document.querySelector('.cm-content').textContent.includes('turn 300')")
    for _ in range(100):
        page.keyboard.press("ArrowUp")
    assert page.locator('.cm-vvTurn[data-state="speaking"]').count() == 1
