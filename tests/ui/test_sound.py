"""Sound of turns and speakers in a browser: sliders, trim handles, silence, and the loudness preview."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studio_helpers import asked, faults, select_turn, studio, wait_for_call
from studio_traits import studio_traits, turns_and_takes

from vibevoice_nb import Studio
from vibevoice_nb.project import Project

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from project_helpers import speak_all

__all__ = ["studio"]  # a fixture


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Studio]:
    """A real Studio whose takes are tones."""
    with Project.create(tmp_path / "talk", "Anna: One.\nBen: Two.\nAnna: Three.") as project:
        speak_all(project, 10)
        widget = Studio(project)
        yield widget
        widget.close()


def test_sliders_adjust_the_turn_at_once(studio: Callable[..., Any]) -> None:
    mounted = studio()
    lane = select_turn(mounted.page, 2)
    sound = lane.get_by_role("group", name="Sound")
    gain = sound.get_by_role("slider", name="Gain")
    gain.focus()
    gain.press("ArrowLeft")
    assert wait_for_call(mounted, "adjust_turn") == {"turn": "t2", "gain": -0.5, "pace": 1, "pause": None}
    pace = sound.get_by_label("Pace", exact=True).last
    pace.fill("1.13")
    pace.press("Tab")
    mounted.until(lambda: asked(mounted, "adjust_turn")[-1]["pace"] == 1.15)
    pause = sound.get_by_label("Pause after", exact=True).last
    pause.fill("99")
    pause.press("Tab")
    mounted.until(lambda: asked(mounted, "adjust_turn")[-1]["pause"] == 60)
    turns, takes = turns_and_takes()
    turns[1] |= {"gain": -0.5, "pace": 1.15, "gap_ms": 60_000, "gain_limit": -1.0}
    mounted.set(turns=turns, takes=takes)
    sound.get_by_text("Limited to −1 dB").wait_for()
    lane.get_by_text("−0.5 dB, 1.15×").wait_for()
    sound.get_by_role("button", name="Use the script’s pause").click()
    mounted.until(lambda: asked(mounted, "adjust_turn")[-1]["pause"] is None)
    sound.get_by_role("button", name="Reset").click()
    mounted.until(
        lambda: asked(mounted, "adjust_turn")[-1] == {"turn": "t2", "gain": 0, "pace": 1, "pause": None}
    )
    assert not asked(mounted, "regenerate") and not asked(mounted, "generate")


def test_a_slider_that_is_moved_sends_its_last_value(studio: Callable[..., Any]) -> None:
    mounted = studio()
    lane = select_turn(mounted.page, 1)
    gain = lane.get_by_role("slider", name="Gain")
    gain.focus()
    for _ in range(12):
        gain.press("ArrowRight")
    mounted.until(lambda: asked(mounted, "adjust_turn") and asked(mounted, "adjust_turn")[-1]["gain"] == 6)
    assert gain.input_value() == "6"


def test_an_adjustment_waits_while_another_turn_is_adjusted(studio: Callable[..., Any]) -> None:
    mounted = studio()
    del mounted.methods["adjust_turn"]  # the kernel is busy: calls stay unanswered
    for number, key in ((1, "ArrowRight"), (2, "ArrowLeft")):
        gain = select_turn(mounted.page, number).get_by_role("slider", name="Gain")
        gain.focus()
        gain.press(key)
        gain.press(key)
    gain = select_turn(mounted.page, 1).get_by_role("slider", name="Gain")
    assert gain.input_value() == "1"
    gain = select_turn(mounted.page, 2).get_by_role("slider", name="Gain")
    assert gain.input_value() == "-1"
    assert [(call["turn"], call["gain"]) for call in asked(mounted, "adjust_turn")] == [("t1", 0.5)]


def test_trim_the_chosen_take_with_pointer_and_keyboard(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    lane = select_turn(page, 1)
    start = lane.get_by_role("slider", name="Start of the chosen take")
    start.focus()
    for key in ("Shift+ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    mounted.until(
        lambda: (
            asked(mounted, "trim_take")
            and asked(mounted, "trim_take")[-1] == {"take": "t1-take1", "start": 2880, "stop": 76_800}
        )
    )
    assert start.get_attribute("aria-valuetext") == "0.12 s"
    end = lane.get_by_role("slider", name="End of the chosen take")
    box = end.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] - 60, box["y"] + 20, steps=5)
    page.mouse.up()
    mounted.until(lambda: asked(mounted, "trim_take")[-1]["stop"] < 76_000)
    lane.get_by_text("Trimmed by 0.12 s").wait_for()
    lane.get_by_role("button", name="Play it whole").click()
    mounted.until(lambda: asked(mounted, "trim_take")[-1] == {"take": "t1-take1", "start": 0, "stop": 76_800})


def test_gain_and_pace_of_a_speaker(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    page.get_by_role("tab", name="Cast").click()
    page.get_by_role("button", name="Details of Anna").click()
    page.get_by_label("Cast").get_by_text("Sound").first.click()
    gain = page.get_by_role("slider", name="Gain of Anna")
    gain.focus()
    gain.press("ArrowRight")
    assert wait_for_call(mounted, "adjust_speaker") == {"speaker": "Anna", "gain": 0.5, "pace": 1}
    page.get_by_text("+0.5 dB").wait_for()


def test_nothing_is_adjusted_in_a_read_only_project(studio: Callable[..., Any]) -> None:
    mounted = studio(project_state={**studio_traits()["project_state"], "read_only": True})
    lane = select_turn(mounted.page, 1)
    for name in ("Gain", "Pace", "Pause after"):
        assert lane.get_by_role("slider", name=name).is_disabled()
    assert not lane.get_by_role("slider", name="Start of the chosen take").is_visible()


def test_silence_at_the_ends_of_turns(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    page.get_by_role("tab", name="Export").click()
    page.get_by_role("checkbox", name="Shorten at the ends of turns to").check()
    mounted.until(lambda: mounted.traits["edge_silence"] == 0.2)
    seconds = page.get_by_label("Silence at the ends of turns, in seconds")
    seconds.fill("0.01")
    seconds.press("Tab")
    mounted.until(lambda: mounted.traits["edge_silence"] == 0.05)
    page.get_by_role("checkbox", name="Shorten at the ends of turns to").uncheck()
    mounted.until(lambda: mounted.traits["edge_silence"] is None)


def test_the_player_plays_at_the_loudness_of_the_export(studio: Callable[..., Any]) -> None:
    measured = {"lufs": -26.4, "true_peak_db": -11.0, "gain_db": 10.4, "limiting": True}
    mounted = studio(methods={"loudness": lambda **_: measured})
    page = mounted.page
    page.get_by_role("tab", name="Export").click()
    switch = page.get_by_role("checkbox", name="Play at this loudness")
    switch.check()
    assert wait_for_call(mounted, "loudness") == {"target": -16}
    page.get_by_text("Now −26.4 LUFS; the gain is +10.4 dB, with peaks limited.").wait_for()
    player = page.get_by_role("region", name="Player").last
    player.get_by_text("Playing at −16 LUFS").wait_for()
    mounted.until(lambda: any(call["source"] == "episode:-16" for call in asked(mounted, "peaks")))
    player.get_by_role("button", name="Play", exact=True).click()
    mounted.until(lambda: any(call["source"] == "episode:-16" for call in asked(mounted, "samples")))
    player.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_role("radio", name="−14 LUFS").check()
    mounted.until(lambda: asked(mounted, "loudness")[-1] == {"target": -14})
    take = {**mounted.traits["take"], "revision": 2}
    mounted.set(take=take)
    mounted.until(lambda: len(asked(mounted, "loudness")) == 3)
    player.get_by_role("button", name="Original loudness").click()
    mounted.until(lambda: not switch.is_checked())
    page.get_by_role("radio", name="Unchanged").check()
    assert switch.is_disabled()


def test_a_real_studio_plays_the_adjusted_turn(mount: Callable[..., Any], real: Studio) -> None:
    mounted = mount(real)
    page = mounted.page
    lane = select_turn(page, 2)
    samples = real.take["samples"]
    pace = lane.get_by_role("slider", name="Pace")
    pace.focus()
    for _ in range(4):
        pace.press("ArrowRight")
    mounted.until(lambda: real.project.turns[1].adjustments.pace == 1.2)
    mounted.until(lambda: real.take["samples"] == samples - 32_000 + round(32_000 / 1.2))
    mounted.until(lambda: page.get_by_text("1.2×").first.is_visible())
    end = lane.get_by_role("slider", name="End of the chosen take")
    end.focus()
    page.keyboard.press("Shift+ArrowLeft")
    mounted.until(
        lambda: real.project.adjustments.trim_of(real.project.take(real.turns[1]["chosen"]))[1] == 29_600
    )
    page.get_by_role("button", name="Undo").first.click()
    page.get_by_role("button", name="Undo").first.click()
    mounted.until(lambda: real.take["samples"] == samples)
    mounted.until(lambda: lane.get_by_role("slider", name="Pace").input_value() == "1")
    assert np.isclose(real.turns[1]["seconds"], 32_000 / 24_000, atol=1e-3)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_sound_is_accessible(studio: Callable[..., Any], theme: str) -> None:
    mounted = studio(theme=theme)
    page = mounted.page
    page.get_by_role("button", name="Details of Anna").click()
    page.get_by_label("Cast").get_by_text("Sound").first.click()
    assert not faults(page)
    select_turn(page, 1)
    assert not faults(page)
    page.get_by_role("tab", name="Export").click()
    assert not faults(page)
