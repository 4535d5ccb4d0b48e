"""Limits of a model, shown at the controls concerned: skipped turns, recordings, languages, odd durations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from studio_helpers import consenting, faults, select_turn, studio
from studio_traits import studio_traits, turns_and_takes

from vibevoice_nb.widgets.model_loader import ModelLoader

__all__ = ["studio"]  # a fixture

NANO = ModelLoader(lambda state: None).limits("nano")
REASON = "nano cannot speak '你好。', so the turn is skipped"


def with_a_skipped_turn(**more: Any) -> dict[str, Any]:
    turns, takes = turns_and_takes()
    turns[4] = {**turns[4], "state": "unspeakable", "reason": REASON}
    return {"turns": turns, "takes": takes, "speakers": consenting(), **more}


def test_a_skipped_turn_is_marked_in_the_editor_and_counted(studio: Callable[..., Any]) -> None:
    mounted = studio(**with_a_skipped_turn())
    page = mounted.page
    mark = page.locator(".cm-vvTurn[data-state=unspeakable]")
    mark.wait_for()
    assert REASON in (mark.get_attribute("title") or "")
    assert "skipped" in mark.inner_text()
    assert "1 turn skipped" in page.locator(".vvnb-editor-totals").inner_text()
    assert page.get_by_text("1 turn skipped").count() >= 2  # and beside the button
    assert page.get_by_role("button", name="Generate 2 turns").is_enabled()
    lane = select_turn(page, 5)
    assert lane.get_by_text(REASON).first.is_visible()
    assert lane.get_by_role("button", name="Generate").is_disabled()
    assert not faults(page)


def test_a_script_of_nothing_cannot_be_generated(studio: Callable[..., Any]) -> None:
    turns, _ = turns_and_takes()
    none = [{**turn, "state": "unspeakable", "reason": REASON, "takes": [], "chosen": None} for turn in turns]
    page = studio(turns=none, takes={}, speakers=consenting()).page
    assert page.get_by_text("The model cannot generate any turn of this script.").is_visible()
    assert (
        page.get_by_role("region", name="Generate")
        .get_by_role("button", name="Generate", exact=True)
        .is_disabled()
    )


def test_a_take_of_unusual_duration_is_marked(studio: Callable[..., Any]) -> None:
    turns, takes = turns_and_takes()
    first = turns[0]["takes"][0]
    takes[first] = {**takes[first], "odd_length": "long"}
    page = studio(turns=turns, takes=takes).page
    assert select_turn(page, 1).get_by_text("Unusually long").is_visible()


def test_the_cast_names_the_voice_that_is_used_instead(studio: Callable[..., Any]) -> None:
    mounted = studio(speakers=consenting(stand_in="Kai"), model_limits=NANO)
    page = mounted.page
    words = page.get_by_text(
        "nano does not support recorded voices: this speaker uses the built-in voice Kai instead."
    )
    assert page.get_by_text("Kai instead", exact=True).is_visible()
    page.get_by_role("button", name="Details of Ben").click()
    words.wait_for()
    assert not page.get_by_text("Recording looks good.").count()
    mounted.set(speakers=consenting(), model="vibevoice/VibeVoice-1.5B-hf", model_limits={**NANO, **FOLLOWS})
    page.get_by_text("Recording looks good.").wait_for()
    assert not words.count()
    assert not faults(page)


FOLLOWS = {"follows_voices": True, "languages": [], "sentences": []}


def test_the_recorder_warns_too(studio: Callable[..., Any]) -> None:
    page = studio(model_limits={**NANO, "follows_voices": False}).page
    page.get_by_role("button", name="Record").first.click()
    page.get_by_text(
        "nano does not support recorded voices: it will use a built-in voice instead."
    ).wait_for()
    page.get_by_role("button", name="Cancel").first.click()


def test_the_settings_list_the_limits_of_the_model(studio: Callable[..., Any]) -> None:
    mounted = studio(model_limits=NANO)
    page = mounted.page
    page.get_by_role("tab", name="Settings").click()
    limits = page.get_by_role("list", name="Limits of the model")
    assert limits.locator("li").all_inner_texts() == NANO["sentences"]
    mounted.set(model_limits={**NANO, **FOLLOWS})
    limits.wait_for(state="hidden")


def test_the_traits_of_these_tests_match_the_kernels() -> None:
    assert set(studio_traits()["model_limits"]) <= set(NANO)
    assert NANO["sentences"]
