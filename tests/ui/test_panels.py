"""The studio's panels in a browser: actions reach the kernel, and its state is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from studio_helpers import asked, consenting, faults, select_turn, studio, wait_for_call
from studio_traits import SOUND, speaker, studio_traits, sweep_traits, turns_and_takes

from vibevoice_nb.errors import VoiceError

__all__ = ["studio"]  # a fixture


def test_generate_shows_why_it_is_disabled(studio: Callable[..., Any]) -> None:
    mounted = studio()
    generate = mounted.page.get_by_role("button", name="Generate 3 turns")
    assert generate.is_disabled()
    assert mounted.page.get_by_text("Confirm under Cast that you may use the voice of Ben.").is_visible()
    mounted.page.keyboard.press("Control+Enter")
    mounted.page.get_by_role("checkbox", name="I have the right to use this person’s voice.").check()
    assert wait_for_call(mounted, "set_consent") == {"speaker": "Ben", "consent": True}
    assert not asked(mounted, "generate")
    mounted.set(speakers=consenting())
    generate.click()
    assert wait_for_call(mounted, "generate") == {"turns": None}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_loading_the_model_has_its_own_progress_bar(studio: Callable[..., Any], theme: str) -> None:
    model = {"name": "nano", "device": "", "dtype": "", "memory": 0, "message": "40 % loaded"}
    mounted = studio(
        theme=theme,
        speakers=consenting(),
        job={"id": "j1", "state": "loading", "turns": ["t3", "t5"], "message": ""},
        model_state={**model, "state": "loading", "fraction": 0.4},
    )
    transport = mounted.page.get_by_role("region", name="Generate")
    transport.get_by_text("Loading nano… 40 %").wait_for()
    bars = transport.get_by_role("progressbar")
    assert bars.count() == 1 and bars.get_attribute("aria-valuenow") == "40"
    assert "left" not in transport.inner_text() and "RTF" not in transport.inner_text()
    mounted.set(job={"id": "j1", "state": "speaking", "turns": ["t3", "t5"], "message": ""})
    transport.get_by_text("Processing the script and the voices").wait_for()


def test_a_job_ends_with_its_kernel(studio: Callable[..., Any]) -> None:
    job = {"id": "j1", "state": "speaking", "turns": ["t3"], "message": ""}
    mounted = studio(speakers=consenting(), job=job)
    transport = mounted.page.get_by_role("region", name="Generate")
    transport.get_by_role("button", name="Stop").wait_for()
    mounted.receive = lambda content, buffers: None  # no reply
    mounted.page.evaluate("() => harness.model.emit('comm_live_update')")
    transport.get_by_role("button", name="Stop").wait_for(state="hidden")


def test_progress_and_stop(studio: Callable[..., Any]) -> None:
    mounted = studio(
        speakers=consenting(),
        job={"id": "j1", "state": "speaking", "turns": ["t3", "t5", "t6"], "message": ""},
    )
    page = mounted.page
    mounted.send(
        "progress",
        job="j1",
        turn="t5",
        turns_done=1,
        turns_total=3,
        turn_seconds=1.0,
        turn_estimated=4.0,
        seconds=4.0,
        estimated=10.0,
        elapsed=2.2,
        remaining=3.3,
        rtf=0.55,
        ttfa=0.6,
    )
    transport = page.get_by_role("region", name="Generate")
    transport.get_by_text("Turn 2 of 3 · Anna · 1.0 s of about 4.0 s").first.wait_for()
    assert transport.get_by_text(
        re.compile("1.8× faster than real time .RTF 0.55. · first audio")
    ).is_visible()
    assert (
        transport.get_by_role("progressbar", name="Overall progress").get_attribute("aria-valuenow") == "40"
    )
    page.get_by_role("tab", name="Turn").focus()
    page.keyboard.press("Escape")
    wait_for_call(mounted, "cancel")


def test_a_failure_is_shown_and_can_be_dismissed(studio: Callable[..., Any]) -> None:
    def refuse(**_: object) -> None:
        raise VoiceError("Ben's voice is 0.2 s long", "at least 0.3 s", "record more")

    mounted = studio(speakers=consenting(), methods={"generate": refuse})
    mounted.page.get_by_role("button", name="Generate 3 turns").click()
    alert = mounted.page.get_by_role("alert")
    mounted.until(alert.is_visible)
    assert "To fix it: record more." in alert.inner_text()
    alert.get_by_role("button", name="Dismiss").click()
    assert alert.count() == 0


def test_cast(studio: Callable[..., Any]) -> None:
    mounted = studio(
        speakers=[
            studio_traits()["speakers"][0],
            speaker("Ben", "#d55e00", None),
        ]
    )
    page = mounted.page
    assert page.get_by_text("Ben has no voice yet.").is_visible()
    assert page.get_by_text("Ben needs a voice: choose one under Cast.").is_visible()
    page.get_by_role("button", name="Use built-in voices").click()
    assert wait_for_call(mounted, "set_voice") == {"speaker": "Ben", "voice": "Ruben"}
    page.get_by_role("button", name="Voice of Ben: Choose a voice…").click()
    page.get_by_role("option", name="Grandfather").click()
    mounted.until(lambda: asked(mounted, "set_voice")[-1]["voice"] == "Grandfather")
    page.get_by_role("button", name="Details of Anna").click()
    page.get_by_role("button", name="Remove the voice of Anna").click()
    assert wait_for_call(mounted, "clear_voice") == {"speaker": "Anna"}


def test_trim_with_the_keyboard(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    edge = page.get_by_role("slider", name="Start of the voice of Ben")
    edge.focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.get_by_text("7.9 s of 8.4 s").is_visible()
    page.get_by_role("button", name="Trim").click()
    assert wait_for_call(mounted, "trim_voice") == {"speaker": "Ben", "start": 12000, "stop": 201600}


def test_upload_in_chunks(studio: Callable[..., Any]) -> None:
    arrived: list[int] = []
    mounted = studio(
        methods={
            "upload_begin": lambda **_: {"upload": "u"},
            "upload_chunk": lambda buffers, **_: (
                arrived.append(len(buffers[0])) or {"received": sum(arrived)}
            ),
            "upload_end": lambda **_: {},
        }
    )
    chooser = mounted.page.get_by_label("Recording for Anna")
    chooser.set_input_files([{"name": "anna.wav", "mimeType": "audio/wav", "buffer": b"x" * 2_500_000}])
    assert wait_for_call(mounted, "upload_end") == {"upload": "u", "speaker": "Anna"}
    assert asked(mounted, "upload_begin") == [{"name": "anna.wav", "size": 2_500_000, "kind": "upload"}]
    assert sum(arrived) == 2_500_000 and max(arrived) <= 2**20


def test_record(studio: Callable[..., Any]) -> None:
    sent: list[bytes] = []
    mounted = studio(
        methods={
            "upload_begin": lambda **_: {"upload": "u"},
            "upload_chunk": lambda buffers, **_: sent.append(bytes(buffers[0])) or {},
            "upload_end": lambda **_: {},
        }
    )
    page = mounted.page
    page.get_by_role("button", name="Record", exact=True).first.click()
    meter = page.get_by_role("meter", name="Microphone level")
    mounted.until(lambda: int(meter.get_attribute("aria-valuenow") or 0) > 0, "a level")  # Chromium's beeps
    page.get_by_label("Cast").get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Use this recording").click()
    wait_for_call(mounted, "upload_end")
    assert asked(mounted, "upload_begin")[0]["kind"] == "recording"
    assert sent[0][:4] == b"\x1a\x45\xdf\xa3"  # WebM


def test_settings(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    page.get_by_role("tab", name="Settings").click()
    page.get_by_role("radio", name="Draft").check()
    mounted.until(lambda: mounted.traits["num_steps"] == 5)
    page.get_by_label("Guidance (CFG scale)", exact=True).last.fill("99")
    page.keyboard.press("Tab")
    mounted.until(lambda: mounted.traits["cfg_scale"] == 10)
    page.get_by_role("button", name="Keep this seed").click()
    mounted.until(lambda: mounted.traits["seed"] == 1827364550)
    mounted.until(lambda: page.get_by_label("Seed", exact=True).last.input_value() == "1827364550")
    page.get_by_role("radio", name="Whole script in one pass").check()
    mounted.until(lambda: mounted.traits["mode"] == "whole")
    page.get_by_role("button", name="Generate the script").wait_for()


def test_model(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    page.get_by_role("button", name="Model: nano, the small embedded model, loaded").click()
    assert page.get_by_text("cpu · float32 · 112 MB").is_visible()
    page.get_by_role("button", name="Unload").click()
    wait_for_call(mounted, "unload_model")
    state = {
        "state": "unloaded",
        "name": "nano",
        "device": "",
        "dtype": "",
        "memory": 0,
        "message": "when needed",
    }
    mounted.set(model_state=state)
    field = page.get_by_role("combobox", name="Model")
    field.fill("someone/else")
    field.press("Tab")
    mounted.until(lambda: mounted.traits["model"] == "someone/else")
    mounted.set(
        model_state={**state, "state": "failed", "message": "no such model. Expected a name. To fix it: look"}
    )
    page.get_by_role("alert").get_by_text("No such model").wait_for()


def test_takes(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    lane = select_turn(page, 2)
    lane.get_by_role("radio", name="Take 2").check()
    assert wait_for_call(mounted, "choose_take") == {"turn": "t2", "take": "t2-take2"}
    lane.get_by_role("button", name="Star take 1").click()
    assert wait_for_call(mounted, "star_take") == {"take": "t2-take1", "starred": True}
    lane.get_by_role("button", name="Delete take 3").click()
    assert wait_for_call(mounted, "delete_take") == {"take": "t2-take3"}
    turns, takes = turns_and_takes()
    turns[1]["takes"].remove("t2-take3")
    mounted.set(turns=turns, takes=takes, can_undo="deleting take 3")
    page.get_by_text("Take 3 deleted.").locator("..").get_by_role("button", name="Undo").click()
    wait_for_call(mounted, "undo")
    lane.get_by_role("button", name="Regenerate").click()
    assert wait_for_call(mounted, "regenerate") == {"turns": ["t2"], "takes": 1}


def test_turns_with_the_keyboard(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    select_turn(page, 1)
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.get_by_role("heading", name="Turn 6, Ben").wait_for()
    page.keyboard.press("Control+Home")
    page.get_by_role("heading", name="Turn 1, Anna").wait_for()
    page.keyboard.press("Alt+3")
    page.keyboard.press("Tab")
    assert page.get_by_role("region", name="Selected turn").evaluate(
        "lane => lane.contains(document.activeElement)"
    )


def test_takes_of_earlier_words_are_apart_and_show_their_words(studio: Callable[..., Any]) -> None:
    turns, takes = turns_and_takes()
    said = {"text": "Thank you, it is nice to be there.", "earlier": True, "num_steps": 20, "voice": "Kai"}
    takes["t2-take3"] = {**takes["t2-take3"], **said}
    page = studio(turns=turns, takes=takes).page
    lane = select_turn(page, 2)
    current = lane.get_by_role("radiogroup", name="Takes of this turn")
    earlier = lane.get_by_role("radiogroup", name="Takes of an earlier text")
    assert current.get_by_role("radio").count() == 2 and earlier.get_by_role("radio").count() == 1
    assert earlier.locator("ins").all_inner_texts() == ["there"]  # the line now: very nice to be here.
    assert earlier.locator("del").all_inner_texts() == ["very", "here"]
    assert "20 steps" in earlier.inner_text() and "Voice Kai" in earlier.inner_text()
    assert not current.locator("dt").first.is_visible()  # figures are under Details
    current.get_by_text("Details").first.click()
    assert current.locator("dt").first.is_visible()
    lane.get_by_role("button", name="Compare A/B").click()
    lane.get_by_label("Take compared as B").select_option("t2-take3")
    assert "nice to be there" in lane.locator(".vvnb-compare-texts").inner_text()
    assert faults(page) == []


def test_blind_comparison(studio: Callable[..., Any]) -> None:
    mounted = studio()
    page = mounted.page
    select_turn(page, 2).get_by_role("button", name="Compare A/B").click()
    group = page.get_by_role("group", name="Compare two takes")
    group.get_by_label("Blind: hide which take is which").check()
    assert not group.get_by_label("Take compared as A").is_visible()
    assert not re.search(r"take \d", group.inner_text())
    group.get_by_role("button", name="Play both").click()
    mounted.until(lambda: len(asked(mounted, "samples")) >= 2)
    group.get_by_role("button", name="Pause").wait_for()
    group.get_by_role("button", name="Prefer B").click()
    preferred = wait_for_call(mounted, "choose_take")
    assert preferred["take"] in ("t2-take1", "t2-take3")
    number = preferred["take"][-1]
    assert f"B: take {number}" in group.inner_text()


def test_export_reaches_the_downloads(studio: Callable[..., Any]) -> None:
    from playwright.sync_api import expect

    from vibevoice_nb.widgets.base import Answer

    content = bytes(range(256)) * 9000
    mounted = studio(
        methods={
            "export": lambda **_: {
                "files": [{"file": "f", "name": "episode.mp3", "size": len(content)}],
                "folder": "",
            },
            "fetch": lambda offset, count, **_: Answer({}, [content[offset : offset + count]]),
        }
    )
    page = mounted.page
    page.set_viewport_size({"width": 1100, "height": 600})  # docked, and low
    page.get_by_role("tab", name="Export").click()
    page.get_by_label("Subtitles (SRT)").check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export", exact=True).click()
        wait_for_call(mounted, "export")
        mounted.until(lambda: page.get_by_text("1 file downloaded").is_visible())
        expect(page.get_by_text("1 file downloaded")).to_be_in_viewport()  # the panel scrolls to it
    assert download.value.suggested_filename == "episode.mp3"
    assert Path(download.value.path()).read_bytes() == content
    assert asked(mounted, "export") == [
        {
            "format": "mp3",
            "parts": "whole",
            "loudness": -16,
            "subtitles": ["srt"],
            "chapters": False,
            "folder": None,
            "manifest": False,
            "archive": True,
        }
    ]


def test_export_of_a_web_page_with_a_title(studio: Callable[..., Any]) -> None:
    mounted = studio(methods={"export": lambda **_: {"files": [], "folder": ""}}, title="Old title")
    page = mounted.page
    page.get_by_role("tab", name="Export").click()
    title = page.get_by_label("Title", exact=True)
    assert title.input_value() == "Old title"
    title.fill(" New title ")
    page.get_by_label("Artist").fill("Ada")
    page.get_by_role("radio", name="Stems").check(force=True)
    page.get_by_label("Format").select_option("html")
    assert not page.get_by_role("radio", name="Stems").is_visible()
    assert faults(page) == []
    page.get_by_role("button", name="Export", exact=True).click()
    params = wait_for_call(mounted, "export")
    assert (params["format"], params["parts"], params["archive"]) == ("html", "whole", False)
    assert (mounted.traits["title"], mounted.traits["artist"]) == ("New title", "Ada")
    page.get_by_label("Manifest (JSON)").check()
    page.get_by_role("button", name="Export", exact=True).click()
    mounted.until(lambda: len(asked(mounted, "export")) == 2)
    assert asked(mounted, "export")[1]["manifest"] and asked(mounted, "export")[1]["archive"]


def test_sweep(mount: Callable[..., Any]) -> None:
    mounted = mount("sweep", traits=sweep_traits(), methods=SOUND)
    page = mounted.page
    assert faults(page) == []
    best = page.get_by_role("cell").filter(has_text="Best")
    assert best.count() == 1 and "0 % errors" in best.inner_text() and "155 words/min" in best.inner_text()
    first = page.get_by_role("button", name="Play CFG 1.0, Steps 5, Seed 7")
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    mounted.until(lambda: any(params["source"] == "take:4" for params in asked(mounted, "samples")))
    page.get_by_role("radio", name="Table").check()
    page.get_by_role("button", name="RTF").click()
    page.get_by_role("button", name="RTF").click()
    values = page.get_by_role("row").locator("td:nth-child(9)").all_inner_texts()
    assert values[-1] == "–" and values[0] == "0.600"
    page.get_by_role("button", name="Errors, %").click()
    assert page.get_by_role("row").nth(1).get_by_text("Best").is_visible()
    assert faults(page) == []


@pytest.mark.parametrize("name", ["voices", "controls"])
def test_panels_alone(mount: Callable[..., Any], name: str) -> None:
    traits = studio_traits()
    for trait in ("job", "project_state", "turns"):
        del traits[trait]
    mounted = mount(name, traits=traits, methods=SOUND)
    assert faults(mounted.page) == []
    if name == "voices":
        mounted.page.get_by_role("button", name="Play the voice of Anna").click()
        mounted.until(lambda: asked(mounted, "samples"))
        mounted.page.get_by_role("button", name="Stop").click()
    else:
        assert mounted.page.get_by_role("button", name=re.compile("Generate")).count() == 0
