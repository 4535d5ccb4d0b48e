"""`Player` and what answers a page's questions about audio."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import ArraySource
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.project.take import Take, TakeTurn
from vibevoice_nb.widgets import audio_requests as audio_sources
from vibevoice_nb.widgets import player
from vibevoice_nb.widgets.audio_requests import MAX_BUCKETS, MAX_SAMPLES, at_24_khz
from vibevoice_nb.widgets.base import Answer
from vibevoice_nb.widgets.player import Player

N = 30_000
TONE = (0.5 * np.sin(np.arange(N) / 20)).astype(np.float32)


@pytest.fixture(autouse=True)
def _page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.widgets.base.static_text", lambda name: "")


def take(audio: np.ndarray = TONE, rate: int = SAMPLE_RATE) -> Take:
    turns = (TakeTurn("a", "Anna", "Hello.", 0, len(audio) // 2, 1.0, "#aa0000"),)
    return Take.from_audio(audio, turns=turns, name="show", sample_rate=rate)


def ask(widget: Player, method: str, **params: Any) -> Answer | dict[str, Any]:
    return widget._methods[method](**params)


def samples(widget: Player, start: int, count: int) -> np.ndarray:
    return np.frombuffer(ask(widget, "samples", source="self", start=start, count=count).buffers[0], "<i2")


def test_sends_samples_in_pieces_that_join() -> None:
    widget = Player(take())
    pieces = [samples(widget, start, 7000) for start in range(0, N, 7000)]
    assert np.abs(np.concatenate(pieces) / 32768 - TONE).max() < 1 / 32768
    assert len(samples(widget, N - 5, 100)) == 5 and len(samples(widget, N, 100)) == 0


def test_clips_samples_that_are_too_loud() -> None:
    widget = Player(take(np.array([2.0, -2.0, 0.0], np.float32)))
    assert samples(widget, 0, 3).tolist() == [32767, -32768, 0]


@given(start=st.integers(0, N - 1), size=st.integers(1, 300), buckets=st.integers(1, 100))
def test_peaks_outline_the_audio(start: int, size: int, buckets: int) -> None:
    widget = Player(take())
    stop = start + size * buckets
    answer = ask(widget, "peaks", source="self", start=start, stop=stop, buckets=buckets)
    peaks = np.frombuffer(answer.buffers[0], "<i2").reshape(buckets, 2)
    padded = np.pad(np.rint(TONE * 32768).astype(np.int64), (0, size * buckets + 300))
    for at, (low, high) in enumerate(peaks):
        within = padded[start + at * size : start + (at + 1) * size]
        assert low <= within.min() and high >= within.max()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("samples", {"start": -1, "count": 10}),
        ("samples", {"start": N + 1, "count": 10}),
        ("samples", {"start": 0, "count": -1}),
        ("samples", {"start": 0, "count": MAX_SAMPLES + 1}),
        ("peaks", {"start": 0, "stop": 0, "buckets": 1}),
        ("peaks", {"start": N, "stop": N + 1, "buckets": 1}),
        ("peaks", {"start": 0, "stop": N, "buckets": 0}),
        ("peaks", {"start": 0, "stop": N, "buckets": MAX_BUCKETS + 1}),
        ("peaks", {"start": 0, "stop": 10**15, "buckets": 1}),
        ("spectrogram", {"start": 0, "stop": N, "columns": 10**6, "rows": 8, "scale": "mel"}),
        ("spectrogram", {"start": 0, "stop": N, "columns": 8, "rows": 0, "scale": "mel"}),
        ("spectrogram", {"start": 0, "stop": N, "columns": 8, "rows": 8, "scale": "log"}),
    ],
)
def test_refuses_ranges_out_of_bounds(method: str, params: dict[str, Any]) -> None:
    with pytest.raises(VibeVoiceError):
        ask(Player(take()), method, source="self", **params)


def test_refuses_other_sources_and_none() -> None:
    for widget, source in [(Player(take()), "take:x"), (Player(), "self")]:
        with pytest.raises(VibeVoiceError, match="no audio"):
            ask(widget, "samples", source=source, start=0, count=1)


def test_draws_a_spectrogram() -> None:
    widget = Player(take())
    request = {"source": "self", "start": 0, "stop": N, "columns": 20, "rows": 12, "scale": "linear"}
    answer = ask(widget, "spectrogram", **request)
    picture = np.frombuffer(answer.buffers[0], np.uint8).reshape(12, 20)
    assert picture[0, 10] > 100 > picture[5, 10]  # a tone of 191 Hz is in the lowest row


def test_describes_its_take() -> None:
    widget = Player(take())
    summary = widget.get_state("take")["take"]
    assert summary == ask(widget, "describe", source="self")
    assert summary["samples"] == N and summary["source"] == "self" and summary["name"] == "show"
    assert summary["turns"][0] == {
        "turn": "a",
        "label": "Anna",
        "text": "Hello.",
        "color": "#aa0000",
        "start": 0,
        "stop": N // 2,
        "confidence": 1.0,
        "words": [],
    }
    assert Player().get_state("take")["take"] is None


def test_another_take_is_another_revision_from_its_beginning() -> None:
    widget = Player(take(), position=0.5)
    first = widget.get_state("take")["take"]["revision"]
    assert widget.position == 0.5
    widget.take = take()
    assert widget.get_state("take")["take"]["revision"] > first and widget.position == 0.0
    widget.take = None
    assert widget.get_state("take")["take"] is None


def test_is_operated_from_python() -> None:
    widget = Player(take())
    widget.play()
    assert widget.playing
    widget.pause()
    widget.seek(0.75)
    assert not widget.playing and widget.position == 0.75
    widget.seek(99)
    assert widget.position == N / SAMPLE_RATE
    widget.seek(-1)
    assert widget.position == 0


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_plays_takes_of_any_rate(rate: int) -> None:
    seconds = np.arange(2 * rate) / rate
    audio = (0.5 * np.sin(2 * np.pi * 440 * seconds)).astype(np.float32)
    widget = Player(take(audio, rate))
    summary = widget.get_state("take")["take"]
    assert summary["samples"] == 2 * SAMPLE_RATE and summary["turns"][0]["stop"] == SAMPLE_RATE
    pieces = [samples(widget, start, 5000) for start in range(0, 2 * SAMPLE_RATE, 5000)]
    heard = np.concatenate(pieces) / 32768
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE)
    assert np.abs(heard - wanted)[500:-500].max() < 0.002
    assert at_24_khz(ArraySource(audio, rate)).peaks(0, SAMPLE_RATE, 10).shape == (10, 2)


def test_a_saved_notebook_has_the_take_as_html() -> None:
    bundle = Player(take())._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    assert "<audio" in data["text/html"]


def test_state_holds_no_audio() -> None:
    long = Take.from_audio(np.zeros(60 * SAMPLE_RATE, np.float32))
    state = {name: value for name, value in Player(long).get_state().items() if name not in ("_esm", "_css")}
    assert len(repr(state)) < 2000
    assert audio_sources.MAX_SAMPLES * 2 < 8 * 2**20  # what a message can carry
    assert player.OWN == "self"
