"""Page of the web demo in Chromium: one button, the result with pictures, colors in light and dark."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gradio", reason="needs Gradio: pip install 'vibevoice-nb[web]'")
pytest.importorskip("gradio_client", reason="needs gradio_client, which comes with Gradio")

sys.path.append(str(Path(__file__).parents[1] / "unit"))

from web_helpers import Server, web_server

from vibevoice_nb.web.limits import Limits

pytestmark = pytest.mark.ui

LONG = "Speaker 1: " + "The sun is out and the sea is warm. " * 300
"""Some 12 minutes of audio: no machine generates them before they are stopped."""
COLOR = "element => getComputedStyle(element).backgroundColor"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with web_server(Limits(max_minutes=30, queue=8, max_steps=10)) as running:
        yield running


def open_page(server: Server, browser: Any, scheme: str = "light") -> Any:
    page = browser.new_page(viewport={"width": 1366, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(60_000)
    page.goto(server.url)
    page.get_by_role("button", name="Speak", exact=True).wait_for()
    return page


def shown(page: Any) -> list[str]:
    return [name for name in ("Speak", "Stop") if page.get_by_role("button", name=name, exact=True).count()]


def test_one_button_speaks_and_stops(server: Server, browser: Any) -> None:
    page = open_page(server, browser)
    assert shown(page) == ["Speak"] and not page.get_by_text("Download").count()
    page.get_by_label("Script").fill(LONG)
    page.get_by_role("button", name="Speak", exact=True).focus()
    page.keyboard.press("Enter")
    stop = page.get_by_role("button", name="Stop", exact=True)
    stop.wait_for()
    assert shown(page) == ["Stop"]
    page.wait_for_function("() => document.activeElement?.textContent.trim() === 'Stop'")
    page.keyboard.press("Enter")  # the focus followed
    page.get_by_role("button", name="Speak", exact=True).wait_for()
    assert shown(page) == ["Speak"]
    page.get_by_text(re.compile("stopped", re.IGNORECASE)).first.wait_for()
    page.close()


def test_the_result_has_waveform_and_spectrogram(server: Server, browser: Any) -> None:
    page = open_page(server, browser)
    page.get_by_label("Script").fill("Speaker 1: Good morning.")
    page.get_by_role("button", name="Speak", exact=True).click()
    for name in ("Waveform", "Spectrogram"):
        picture = page.get_by_role("img", name=f"{name} of the conversation")
        picture.wait_for()
        page.wait_for_function("one => one.complete && one.naturalWidth > 500", arg=picture.element_handle())
    page.get_by_text("Download", exact=True).wait_for()
    page.get_by_role("button", name="Speak", exact=True).click()  # the next run hides the last result
    page.get_by_role("img", name="Waveform of the conversation").wait_for(state="hidden")
    page.get_by_role("button", name="Speak", exact=True).wait_for()
    page.close()


def test_an_error_brings_the_button_back(server: Server, browser: Any) -> None:
    page = open_page(server, browser)
    page.get_by_label("Script").fill("")
    page.get_by_role("button", name="Speak", exact=True).click()
    page.get_by_text("Error", exact=True).first.wait_for()
    page.get_by_role("button", name="Speak", exact=True).wait_for()
    assert shown(page) == ["Speak"]
    page.close()


@pytest.mark.parametrize(("scheme", "color"), [("light", "rgb(52, 80, 200)"), ("dark", "rgb(157, 178, 255)")])
def test_the_colors_are_those_of_the_studio(server: Server, browser: Any, scheme: str, color: str) -> None:
    page = open_page(server, browser, scheme)
    assert page.get_by_role("button", name="Speak", exact=True).evaluate(COLOR) == color
    page.close()
