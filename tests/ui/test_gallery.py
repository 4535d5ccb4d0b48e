"""The gallery of voices and the cards of speakers in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from studio_helpers import asked, studio, wait_for_call
from studio_traits import SCRIPT, studio_traits, turns_and_takes, voice

from vibevoice_nb.display.colors import PALETTE
from vibevoice_nb.errors import ScriptError

__all__ = ["studio"]  # a fixture

NAMES = ("Anna", "Ben", "Cleo", "Dan", "Eva", "Finn")
BUILT_IN = ("Ada", "Ruben", "Mira", "Kai", "Imogen", "Alasdair", "Tess", "Felix")
LINE = "Good morning, and welcome to our little show."


def known(name: str, kind: str = "built-in", words: str = "") -> dict[str, Any]:
    return {"name": name, "kind": kind, "words": words, "description": words, "seconds": 8.4}


VOICES = [
    known("Ada", words="woman, clear"),
    known("Ruben", words="man, deep"),
    known("Grandfather", "library"),
]


def speakers(count: int) -> list[dict[str, Any]]:
    return [
        {
            "label": name,
            "color": PALETTE[at],
            "voice": None,
            "default_voice": BUILT_IN[at % 4],
            "gain": 0,
            "pace": 1,
        }
        for at, name in enumerate(NAMES[:count])
    ]


def line(name: str, state: str = "waiting", **more: Any) -> dict[str, Any]:
    kind = next(one["kind"] for one in VOICES if one["name"] == name)
    return {"name": name, "kind": kind, "state": state, "source": "", "seconds": 0.0, "message": "", **more}


def audition(state: str, *lines: dict[str, Any], message: str = "") -> dict[str, Any]:
    return {"speaker": "Anna", "text": LINE, "state": state, "message": message, "voices": list(lines)}


def opened(studio: Callable[..., Any], **traits: Any) -> tuple[Any, Any]:
    """Open Anna's gallery; return the studio and the list box."""
    quiet = {name: (lambda **_: {}) for name in ("list_voices", "audition", "cancel_audition")}
    methods = {**quiet, **traits.pop("methods", {})}
    mounted = studio(methods=methods, **{"voices": VOICES, **traits})
    mounted.page.get_by_role("button", name="Voice of Anna: Ada").click()
    box = mounted.page.get_by_role("listbox", name="Voices for Anna")
    box.wait_for()
    return mounted, box


def played(mounted: Any) -> list[str]:
    return [params["source"] for params in asked(mounted, "samples")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_gallery_has_no_accessibility_faults(studio: Callable[..., Any], theme: str) -> None:
    lines = (line("Ada", "finished", source="audition:1", seconds=2.0), line("Ruben", "speaking"))
    failed = line("Grandfather", "failed", message="consent for the voice Grandfather is not confirmed")
    mounted, _ = opened(studio, theme=theme, audition_state=audition("speaking", *lines, failed))
    assert mounted.faults("#views") == []


def test_voices_are_chosen_and_played_with_the_keyboard(studio: Callable[..., Any]) -> None:
    mounted, box = opened(studio)
    page = mounted.page
    assert page.evaluate("() => document.activeElement.getAttribute('role')") == "listbox"
    assert asked(mounted, "list_voices")
    groups = [group.get_attribute("aria-labelledby") for group in box.get_by_role("group").all()]
    assert [page.locator(f"#{name}").inner_text() for name in groups] == ["Built-in", "Your library"]
    selected = box.locator("[aria-selected=true]")
    assert selected.count() == 1 and "woman, clear" in selected.inner_text()

    def active() -> str:
        return str(page.locator(f"#{box.get_attribute('aria-activedescendant')} strong").inner_text())

    assert active() == "Ada"
    page.keyboard.press("ArrowDown")
    page.keyboard.press(" ")
    mounted.until(lambda: "library:Ruben" in played(mounted), "the voice")
    mounted.until(lambda: box.locator("[data-playing]").count() == 1)
    page.keyboard.press(" ")
    mounted.until(lambda: box.locator("[data-playing]").count() == 0)
    moves = {"End": "Grandfather", "ArrowDown": "Grandfather", "Home": "Ada", "ArrowUp": "Ada", "r": "Ruben"}
    for key, name in moves.items():
        page.keyboard.press(key)
        assert active() == name
    assert not asked(mounted, "set_voice") and not asked(mounted, "generate")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert wait_for_call(mounted, "set_voice") == {"speaker": "Anna", "voice": "Grandfather"}
    box.wait_for(state="hidden")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Voice of Anna: Ada"


def test_escape_closes_the_gallery_and_nothing_else(studio: Callable[..., Any]) -> None:
    mounted, box = opened(studio, job={"id": "j", "state": "speaking", "turns": ["t3"], "message": ""})
    mounted.page.keyboard.press("Escape")
    box.wait_for(state="hidden")
    assert not asked(mounted, "cancel") and not asked(mounted, "set_voice")


def test_a_voice_plays_while_the_pointer_rests_on_it(studio: Callable[..., Any]) -> None:
    mounted, box = opened(studio)
    page = mounted.page
    box.get_by_role("option", name="Ruben").hover()
    mounted.until(lambda: "library:Ruben" in played(mounted), "the voice")
    page.get_by_role("heading", name="Ben").hover(force=True)
    mounted.until(lambda: box.locator("[data-playing]").count() == 0)
    mounted.set(playing=True)
    box.get_by_role("option", name="Grandfather").hover()
    page.wait_for_timeout(600)
    assert "library:Grandfather" not in played(mounted)  # not over the episode


def test_search_appears_with_many_voices(studio: Callable[..., Any]) -> None:
    assert not opened(studio)[0].page.get_by_role("searchbox").is_visible()


def test_search_finds_names_and_words(studio: Callable[..., Any]) -> None:
    many = [*VOICES, *(known(f"Guest {number}", "library") for number in range(8))]
    mounted, box = opened(studio, voices=many)
    page = mounted.page
    search = page.get_by_role("searchbox", name="Search voices")
    search.fill("deep man")
    assert box.get_by_role("option").all_inner_texts()[0].startswith("Ruben")
    assert box.get_by_role("option").count() == 1
    search.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    assert search.evaluate("element => element === document.activeElement")
    search.fill("no such name")
    assert page.get_by_text("No voice matches.").is_visible()
    search.fill("guest 7")
    search.press("Enter")
    page.keyboard.press("Enter")
    assert wait_for_call(mounted, "set_voice") == {"speaker": "Anna", "voice": "Guest 7"}


def test_my_line_in_every_voice(studio: Callable[..., Any]) -> None:
    mounted, box = opened(studio)
    page = mounted.page
    page.get_by_role("button", name="Hear my line in every voice").click()
    assert wait_for_call(mounted, "audition") == {"speaker": "Anna"}
    mounted.set(audition_state=audition("loading", *map(line, ("Ada", "Ruben", "Grandfather"))))
    page.get_by_text("Loading the model…").wait_for()
    done = line("Ada", "finished", source="audition:a1", seconds=2.6)
    mounted.set(audition_state=audition("speaking", done, line("Ruben", "speaking"), line("Grandfather")))
    page.get_by_text("1 of 3 voices").wait_for()
    bar = page.get_by_role("progressbar", name="Lines generated")
    assert bar.get_attribute("aria-valuenow") == "33" and page.get_by_text(f"“{LINE}”").is_visible()
    assert "line, 2.6 s" in box.get_by_role("option", name="Ada").inner_text()
    box.get_by_role("option", name="Ada").locator(".vvnb-gallery-play").click()
    mounted.until(lambda: "audition:a1" in played(mounted), "the line")
    page.get_by_role("button", name="Cancel").click()
    wait_for_call(mounted, "cancel_audition")
    mounted.set(audition_state=audition("cancelled", done, line("Ruben", "cancelled"), line("Grandfather")))
    page.get_by_role("button", name="Hear my line in every voice").wait_for()
    assert not bar.is_visible()


def test_failures_of_an_audition_are_shown(studio: Callable[..., Any]) -> None:
    def refuse(**_: object) -> None:
        raise ScriptError("'Anna' has no lines", "a speaker of the script", "see project.cast")

    mounted, _ = opened(studio, methods={"audition": refuse})
    page = mounted.page
    page.get_by_role("button", name="Hear my line in every voice").click()
    page.get_by_role("alert").get_by_text("'Anna' has no lines").wait_for()
    mounted.set(audition_state=audition("failed", message="not enough memory"))
    page.get_by_text("Not enough memory.").wait_for()


def test_an_audition_ends_with_its_kernel(studio: Callable[..., Any]) -> None:
    mounted, _ = opened(studio, audition_state=audition("speaking", line("Ada", "speaking")))
    page = mounted.page
    page.get_by_role("button", name="Cancel").wait_for()
    mounted.receive = lambda content, buffers: None
    page.evaluate("() => harness.model.emit('comm_live_update')")
    page.get_by_role("button", name="Hear my line in every voice").wait_for()


def test_a_recording_starts_from_the_gallery(studio: Callable[..., Any]) -> None:
    mounted, box = opened(studio)
    page = mounted.page
    page.get_by_role("dialog", name="Voices for Anna").get_by_role("button", name="Record").click()
    box.wait_for(state="hidden")
    page.get_by_role("meter", name="Microphone level").wait_for()


def test_a_card_collapses_once_a_voice_is_chosen(studio: Callable[..., Any]) -> None:
    rows = [{**speakers(1)[0], "default_voice": ""}]
    mounted = studio(speakers=rows, voices=VOICES)
    page = mounted.page
    details = page.get_by_role("button", name="Details of Anna")
    record = page.get_by_label("Cast").get_by_role("button", name="Record")
    assert details.get_attribute("aria-expanded") == "true" and record.is_visible()
    mounted.set(speakers=[{**rows[0], "voice": voice("Ada")}])
    mounted.until(lambda: details.get_attribute("aria-expanded") == "false")
    assert not record.is_visible()
    details.click()
    assert record.is_visible()
    mounted.set(speakers=[{**rows[0], "voice": voice("Anna", "recording")}])
    consent = page.get_by_role("checkbox", name="I have the right to use this person’s voice.")
    consent.focus()
    mounted.set(speakers=[{**rows[0], "voice": voice("Anna", "recording", consent=True)}])
    page.wait_for_timeout(200)
    assert consent.is_visible()  # while the focus is in the card
    page.get_by_role("tab", name="Cast").focus()
    mounted.until(lambda: details.get_attribute("aria-expanded") == "false")


def test_four_collapsed_cards_fit_the_cast_tab(studio: Callable[..., Any]) -> None:
    turns, _ = turns_and_takes(4)
    named = [{**turn, "speaker": name} for turn, name in zip(turns, NAMES, strict=False)]
    mounted = studio(speakers=speakers(4), voices=VOICES, turns=named, takes={})
    page = mounted.page
    page.set_viewport_size({"width": 1366, "height": 657})
    panel = page.get_by_role("tabpanel", name="Cast")
    mounted.until(lambda: page.get_by_role("button", name="Details of Dan").is_visible())
    mounted.until(lambda: panel.evaluate("panel => panel.scrollHeight <= panel.clientHeight + 1"), "room")
    last, box = page.get_by_role("heading", name="Dan").bounding_box(), panel.bounding_box()
    assert last is not None and box is not None
    assert last["y"] + last["height"] <= box["y"] + box["height"]


def test_speakers_who_share_a_voice_say_so(studio: Callable[..., Any]) -> None:
    page = studio(speakers=speakers(6), voices=VOICES).page
    cards = page.get_by_label("Speakers").get_by_role("listitem")
    shared = [card.get_by_text("Shared").is_visible() for card in cards.all()]
    assert shared == [True, True, False, False, True, True]
    assert page.get_by_text("Shared").first.get_attribute("title") == "Also the voice of Eva"
    colors = {card.evaluate("card => getComputedStyle(card).borderInlineStartColor") for card in cards.all()}
    assert len(colors) == 6


def test_the_gallery_fits_small_windows(studio: Callable[..., Any]) -> None:
    many = [*VOICES, *(known(f"Guest {number}", "library") for number in range(30))]
    mounted, _ = opened(studio, voices=many, script=SCRIPT, take=studio_traits()["take"])
    for width, height in ((1366, 657), (1024, 600), (420, 700), (320, 480)):
        mounted.page.set_viewport_size({"width": width, "height": height})
        dialog = mounted.page.get_by_role("dialog", name="Voices for Anna")

        def fits(width: int = width, height: int = height, dialog: Any = dialog) -> bool:
            box = dialog.bounding_box()
            inside = box and box["x"] >= 0 and box["x"] + box["width"] <= width
            return bool(inside and box["y"] >= 0 and box["y"] + box["height"] <= height)

        mounted.until(fits, f"room in {width} x {height}")
        assert mounted.page.get_by_role("button", name="Record").last.is_visible()
