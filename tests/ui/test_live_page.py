"""Page of the live room in Chromium: sound through WebRTC, words, reload, reconnection, and looks."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiortc", reason="needs aiortc: pip install 'vibevoice-nb[live]'")
pytest.importorskip("websockets", reason="needs websockets: pip install 'vibevoice-nb[live]'")

sys.path.append(str(Path(__file__).parents[1] / "unit"))

from live_helpers import LiveServer, live_server

pytestmark = pytest.mark.ui

LOUD = """() => new Promise((done, fail) => {
  const audio = document.getElementById('audio'), context = new AudioContext();
  const analyser = context.createAnalyser(), data = new Float32Array(2048), end = performance.now() + 20000;
  context.createMediaStreamSource(audio.srcObject).connect(analyser);
  const look = () => {
    analyser.getFloatTimeDomainData(data);
    if (data.some(value => Math.abs(value) > 0.02)) { context.close(); done(!audio.paused && !audio.muted); }
    else if (performance.now() > end) fail(new Error('silent'));
    else setTimeout(look, 20);
  };
  look();
})"""
CONNECTED = "() => /Connected|Speaking/.test(document.getElementById('state').textContent)"
TEXT = "The sun is out today, and the sea is warm. It will rain in the evening."


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with live_server(seed=1) as running:
        yield running


def open_page(browser: Any, link: str, **options: Any) -> Any:
    page = browser.new_page(**{"viewport": {"width": 900, "height": 760}, "locale": "en-US", **options})
    page.set_default_timeout(30_000)
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda entry: entry.type == "error" and page.faults.append(entry.text))
    page.goto(link)
    page.wait_for_function(CONNECTED)
    return page


def test_typed_text_is_heard_and_its_words_are_shown(server: LiveServer, browser: Any) -> None:
    speaker = open_page(browser, server.link("speaker"))
    listener = open_page(browser, server.link("listener"))
    assert not listener.get_by_label("Text to speak").is_visible()
    speaker.get_by_label("Text to speak").fill("Good morning, everybody. It rains today.")
    speaker.keyboard.press("Control+Enter")
    assert listener.evaluate(LOUD) is True
    listener.get_by_text("everybody.").wait_for()
    speaker.get_by_text("today.").first.wait_for()
    assert speaker.get_by_label("Text to speak").input_value() == ""
    mute = listener.get_by_role("button", name="Mute", exact=True)
    mute.focus()
    listener.keyboard.press("Enter")
    unmute = listener.get_by_role("button", name="Unmute", exact=True)
    assert unmute.get_attribute("aria-pressed") is None  # its label says what it does
    assert listener.evaluate("() => document.getElementById('audio').muted")
    assert speaker.faults == listener.faults == []
    speaker.close()
    listener.close()


def test_words_are_spoken_while_they_are_typed_and_escape_stops(server: LiveServer, browser: Any) -> None:
    page = open_page(browser, server.link("speaker"))
    page.get_by_label("Speak while I type").check()
    page.get_by_label("Text to speak").press_sequentially("This is the first clause, and it sno", delay=5)
    page.get_by_text("clause,").wait_for()
    assert "sno" not in page.locator("#words").inner_text()
    page.keyboard.type("ws. And here is a long sentence with a great many words that follow. ")
    page.get_by_text("snows.").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_function(
        "() => !document.getElementById('waiting').textContent && /Connected/.test(state.textContent)"
    )
    assert "follow." not in page.locator("#words").inner_text() and page.faults == []
    page.close()


def test_a_reloaded_page_hears_again_within_two_seconds(server: LiveServer, browser: Any) -> None:
    page = open_page(browser, server.link("listener"))
    server.say(" ".join([TEXT] * 4))
    page.evaluate(LOUD)
    began = time.monotonic()
    page.reload()
    page.wait_for_function("() => document.getElementById('audio').srcObject")
    page.evaluate(LOUD)
    took = time.monotonic() - began
    assert page.locator("#words").inner_text()  # the words before the reload
    server.post("stop")
    page.close()
    assert took < 2.0 * max(1.0, load())


def load() -> float:
    """Processes that want to run, for each processor: how much longer everything takes here."""
    import os

    return os.getloadavg()[0] / (os.cpu_count() or 1)


def test_a_draft_stays_after_stop_and_is_spoken(server: LiveServer, browser: Any) -> None:
    page = open_page(browser, server.link("speaker"))
    text = page.get_by_label("Text to speak")
    text.fill("A draft.")
    with page.expect_response("**/stop"):
        page.keyboard.press("Escape")
    assert text.input_value() == "A draft."
    page.get_by_role("button", name="Speak", exact=True).click()
    page.get_by_text("draft.", exact=True).wait_for()
    assert text.input_value() == "" and page.faults == []
    page.close()


def test_the_page_works_after_an_action_failed(server: LiveServer, browser: Any) -> None:
    page = open_page(browser, server.link("speaker"))
    text, problem = page.get_by_label("Text to speak"), page.get_by_role("alert")
    for action, button, words in (("stop", "Stop", "could not be stopped"), ("text", "Speak", "is kept")):
        page.route(f"**/{action}", lambda route: route.abort())
        text.fill("After the fault.")
        page.get_by_role("button", name=button, exact=True).click()
        problem.get_by_text(words).wait_for()
        page.unroute(f"**/{action}")
        assert text.input_value() == "After the fault."
    page.get_by_role("button", name="Speak", exact=True).click()
    page.get_by_text("fault.", exact=True).wait_for()
    assert not problem.is_visible()
    page.close()


def test_listen_before_the_connection_does_not_mute(server: LiveServer, browser: Any) -> None:
    page = browser.new_page(locale="en-US")
    offers: list[Any] = []
    page.route("**/offer", lambda route: offers.append(route))
    with page.expect_request("**/offer"):
        page.goto(server.link("listener"))
    page.get_by_role("button", name="Listen", exact=True).click()
    offers[0].continue_()
    page.wait_for_function(CONNECTED)
    page.get_by_role("button", name="Mute", exact=True).wait_for()
    assert not page.evaluate("() => document.getElementById('audio').muted")
    page.close()


def test_a_lost_connection_comes_back(server: LiveServer, browser: Any) -> None:
    page = open_page(browser, server.link("listener"))
    one = server.rooms.get("main")
    assert one is not None
    before = set(one.listeners)
    loop = one.clock._loop
    import asyncio

    for name in before:
        asyncio.run_coroutine_threadsafe(one.leave(name), loop).result(10)
    page.wait_for_function("() => /Reconnecting/.test(document.getElementById('state').textContent)")
    page.wait_for_function(CONNECTED)
    assert set(one.listeners) and not before & set(one.listeners)
    server.say("Hello again.")
    page.evaluate(LOUD)
    page.close()


@pytest.mark.parametrize(("scheme", "color"), [("light", "rgb(52, 80, 200)"), ("dark", "rgb(157, 178, 255)")])
def test_the_page_fits_a_phone_in_light_and_dark(
    server: LiveServer, browser: Any, scheme: str, color: str, tmp_path: Path
) -> None:
    size = {"width": 420, "height": 760}
    page = open_page(browser, server.link("speaker"), color_scheme=scheme, viewport=size)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 420
    speak = page.get_by_role("button", name="Speak", exact=True)
    assert speak.evaluate("element => getComputedStyle(element).backgroundColor") == color
    names = []
    for _ in range(6):
        page.keyboard.press("Tab")
        names.append(page.evaluate("() => document.activeElement.id || document.activeElement.className"))
    assert names == ["mute", "words", "text", "typing", "speak", "stop"]
    page.screenshot(path=tmp_path / f"live-{scheme}.png")
    page.close()


def test_a_wrong_link_says_so_and_chinese_is_spoken_to_in_chinese(server: LiveServer, browser: Any) -> None:
    page = browser.new_page(locale="zh-CN")
    page.goto(f"{server.url}live/main#wrong")
    page.get_by_text("此链接无效。").wait_for()
    page.get_by_role("alert").wait_for()
    page.close()
