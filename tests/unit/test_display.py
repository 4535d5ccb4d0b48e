"""Displayed takes: they play without a kernel, keep to their budget, and escape all names."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import soundfile
from export_helpers import RATE, conversation, snr_db, speechlike

from vibevoice_nb import display
from vibevoice_nb.display.html import TAKE_MIME, mimebundle
from vibevoice_nb.errors import OptionError
from vibevoice_nb.project.take import Take

TAKE = conversation(["Ada", "Eve"])
LONG = replace(Take.from_audio(np.tile(speechlike(20.0), 2), name="Long"), path=Path("/data/long & <b>"))


class Page(HTMLParser):
    """Elements with their attributes, and the text; complains of what isn't closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: dict[str, list[dict[str, str]]] = {}
        self.text, self._open = "", []
        self.feed(html)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.setdefault(tag, []).append({name: value or "" for name, value in attrs})
        if tag != "img":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def sound(self) -> np.ndarray:
        head, data = self.found["audio"][0]["src"].split(",")
        assert head == "data:audio/mpeg;base64" and "controls" in self.found["audio"][0]
        audio, rate = soundfile.read(io.BytesIO(base64.b64decode(data)), dtype="float32")
        assert rate == RATE
        return audio


def test_a_take_plays_and_shows_its_metadata() -> None:
    bundle = mimebundle(TAKE)
    page = Page(bundle["text/html"])
    assert bundle["text/plain"] == "Episode · generated speech · model nano · seed 7 · 4.5 s"
    for word in ("Episode", "generated speech", "model nano", "seed 7", "4.5 s", "Ada", "Eve"):
        assert word in page.text
    audio = page.sound()
    assert audio.size == TAKE.samples and snr_db(TAKE.audio, audio) > 12
    picture = base64.b64decode(page.found["img"][0]["src"].split(",")[1])
    assert picture[:4] == b"\x89PNG" and page.found["img"][0]["alt"]
    assert "script" not in page.found and "Preview" not in page.text


@pytest.mark.parametrize("budget", [2_000, 5_000, 20_000, 100_000, 400_000])
def test_the_budget_is_kept(budget: int) -> None:
    for take in (TAKE, LONG, conversation(["Ä" * 300] * 9)):
        html = mimebundle(take, budget)["text/html"]
        assert len(html.encode()) <= budget
        Page(html)


def test_first_the_bit_rate_goes_down_then_the_end_is_left_out() -> None:
    whole, lower, preview = (
        mimebundle(LONG, budget)["text/html"] for budget in (2_000_000, 300_000, 120_000)
    )
    assert len(whole) > len(lower) > len(preview)
    assert Page(whole).sound().size == Page(lower).sound().size == LONG.samples
    heard = Page(preview).sound()
    assert 10 * RATE < heard.size < LONG.samples / 2
    assert "Preview: the first" in Page(preview).text and "/data/long & <b>" in Page(preview).text
    assert np.abs(heard[-500:]).max() < 0.1 * np.abs(heard[-3 * RATE : -2 * RATE]).max()  # faded out
    assert len(preview) > 0.9 * 120_000


def test_missing_space_for_audio_is_reported() -> None:
    page = Page(mimebundle(LONG, 3_500)["text/html"])
    assert "audio" not in page.found and "Too long to embed here" in page.text


def test_names_are_only_text() -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    take = conversation([evil, "Eve"], model=evil, seed=3)
    take = replace(take, name=evil, path=Path(evil), turns=tuple(replace(t, color=evil) for t in take.turns))
    for budget in (2_000_000, 60_000):
        page = Page(mimebundle(take, budget)["text/html"])
        assert set(page.found) <= {"div", "strong", "img", "audio", "span", "em", "code"}
        assert len(page.found.get("img", [])) <= 1
        assert all(not name.startswith("on") for tags in page.found.values() for tag in tags for name in tag)


def test_no_colors_that_one_theme_would_hide() -> None:
    html = mimebundle(Take.from_audio(TAKE.audio))["text/html"]
    assert "color:" not in html and "background" not in html


def test_the_setting_applies_until_it_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "default_budget", 50_000)
    assert len(mimebundle(LONG)["text/html"]) <= 50_000
    assert len(LONG._repr_mimebundle_()["text/html"]) <= 50_000
    with pytest.raises(OptionError, match="at least 2000"):
        mimebundle(LONG, 10)


def test_other_rates_are_resampled() -> None:
    audio = np.sin(2 * np.pi * 440 * np.arange(48_000 * 2) / 48_000).astype(np.float32)
    heard = Page(mimebundle(Take.from_audio(audio, sample_rate=48_000))["text/html"]).sound()
    assert heard.size == 2 * RATE
    assert np.abs(np.fft.rfft(heard)).argmax() == 880


def test_a_take_whose_file_is_gone_or_empty(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", TAKE.audio, RATE)
    take = Take.from_file(tmp_path / "a.wav")
    (tmp_path / "a.wav").unlink()
    assert "a.wav" in Page(mimebundle(take)["text/html"]).text
    assert "generated speech" in Page(mimebundle(Take.from_audio(np.zeros(0, np.float32)))["text/html"]).text


def test_data_for_the_player_of_jupyterlab_is_there_once_and_within_the_budget() -> None:
    bundle = mimebundle(TAKE)
    words = bundle[TAKE_MIME]
    assert words["samples"] == TAKE.samples and len(words["turns"]) == len(TAKE.turns)
    assert "base64" not in json.dumps(words)
    small = mimebundle(LONG, 120_000)
    assert len(json.dumps(small.get(TAKE_MIME, {}))) + len(small["text/html"]) <= 120_000
    assert TAKE_MIME not in mimebundle(Take.from_audio(np.zeros(0, np.float32)))
