"""Spectrograms: tones are in the right place, at every zoom, and fast."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cpu_time import least_seconds
from export_helpers import RATE, speechlike

from vibevoice_nb.audio.sources import ArraySource
from vibevoice_nb.audio.spectrogram import decibels, image, row_hz
from vibevoice_nb.errors import OptionError


class Made:
    """Any length of audio, made when it is read; counts what was asked for."""

    sample_rate = RATE

    def __init__(self, seconds: int) -> None:
        self.samples, self.made = seconds * RATE, 0

    def read(self, start: int, count: int) -> np.ndarray:
        start, stop = max(0, start), min(start + count, self.samples)
        self.made += max(0, stop - start)
        place = np.arange(start, max(start, stop), dtype=np.float64)
        second_half = place >= self.samples / 2
        return np.sin(2 * np.pi * np.where(second_half, 6000, 1500) * place / RATE).astype(np.float32)

    def peaks(self, start: int, stop: int, buckets: int) -> np.ndarray:
        raise NotImplementedError


def tone(hz: float, seconds: float = 2.0, level: float = 1.0) -> ArraySource:
    return ArraySource(
        (level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)).astype(np.float32)
    )


@pytest.mark.parametrize("scale", ["mel", "linear"])
@pytest.mark.parametrize("hz", [60.0, 440.0, 3000.0, 9500.0])
def test_a_tone_is_in_its_row(scale: str, hz: float) -> None:
    picture = image(tone(hz), 0, 2 * RATE, 50, 200, scale)
    rows = row_hz(200, scale)
    assert picture.dtype == np.uint8 and picture.shape == (200, 50)
    loudest = picture[:, 5:45].argmax(axis=0)
    assert np.abs(np.interp(loudest, np.arange(200), rows) - hz).max() < max(80, 0.03 * hz)


def test_levels_are_decibels_relative_to_full_scale() -> None:
    for level, wanted in ((1.0, 0.0), (0.1, -20.0), (0.001, -60.0)):
        found = decibels(tone(3000.0, level=level), 0, 2 * RATE, 20, 400, "linear")[:, 10].max()
        assert found == pytest.approx(wanted, abs=1.5)
    assert image(ArraySource(np.zeros(RATE, np.float32)), 0, RATE, 10, 10).max() == 0


@pytest.mark.parametrize("rows", [1, 64, 256, 1024])
@pytest.mark.parametrize("scale", ["mel", "linear"])
def test_no_row_is_empty(rows: int, scale: str) -> None:
    noise = ArraySource(np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.3)
    assert image(noise, 0, RATE, 20, rows, scale)[:, 2:18].min() > 0


@pytest.mark.parametrize("span", [600, 24_000, 240_000, 2_400_000])
def test_columns_cover_just_the_stretch(span: int) -> None:
    audio = np.zeros(span, np.float32)
    audio[span // 2 :] = speechlike(span / RATE + 1, level=0.3)[: span - span // 2]
    start = 5_000
    source = ArraySource(np.concatenate([np.zeros(start, np.float32), audio]))
    level = decibels(source, start, start + span, 100, 64).max(axis=0)
    blur = int(np.ceil(0.5 * 960 / (span / 100))) + 1
    assert level[: max(0, 50 - blur)].max(initial=-120) < -100
    assert level[50 + min(blur, 40) :].mean() > -60


def test_beyond_the_ends_is_silence() -> None:
    picture = image(tone(1000.0, 1.0), -RATE, 2 * RATE, 30, 50)
    assert picture[:, :9].max() == picture[:, 21:].max() == 0
    assert picture[:, 12:18].max(axis=0).min() > 240


def test_zoomed_out_and_in_agree() -> None:
    source = tone(2000.0, 60.0, 0.5)
    for span in (60 * RATE, 6 * RATE, RATE, RATE // 10):
        assert decibels(source, 0, span, 90, 200, "linear")[:, 45].max() == pytest.approx(-6, abs=2)


def test_ninety_minutes_take_no_longer_than_the_picture() -> None:
    source = Made(5400)
    image(source, 0, source.samples, 10, 256)  # librosa is imported once
    source.made = 0
    picture = image(source, 0, source.samples, 1000, 256)
    assert source.made < 0.02 * source.samples
    # 0.4 s on a machine that does nothing else.
    assert least_seconds(lambda: image(source, 0, source.samples, 1000, 256)) < 2.0
    rows = row_hz(256)[picture.argmax(axis=0)]
    np.testing.assert_allclose(rows[:499], 1500, rtol=0.02)
    np.testing.assert_allclose(rows[501:], 6000, rtol=0.02)


def test_a_single_sample_and_the_highest_zoom() -> None:
    assert image(tone(1000.0), 100, 101, 7, 9).shape == (9, 7)


@pytest.mark.parametrize(
    "arguments",
    [
        (5, 5, 10, 10),
        (0, 10, 0, 10),
        (0, 10, 10, 100_000),
        (0, 10, 10, 10, "bark"),
        (0, 10, 10, 10, "mel", 13e3),
    ],
)
def test_pictures_that_cannot_be(arguments: tuple) -> None:
    with pytest.raises(OptionError):
        image(tone(1000.0), *arguments)


def test_the_examples_the_page_is_held_to() -> None:
    """The page draws takes that have no kernel; its own tests read the same file."""
    file = Path(__file__).parents[1] / "data" / "spectrogram_examples.json"
    at = np.arange(24_000) / 24_000
    audio = 0.5 * np.sin(2 * np.pi * 440 * at) + 0.25 * np.sin(2 * np.pi * 3000 * at) * (at > 0.5)
    for case in json.loads(file.read_text())["cases"]:
        expected = np.reshape(case.pop("picture"), (case["rows"], case["columns"]))
        picture = image(ArraySource(audio.astype(np.float32)), **case)
        assert np.abs(picture.astype(int) - expected).max() <= 1
