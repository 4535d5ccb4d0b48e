"""Time stretch: the pitch stays, the length is exact, and any piece is that part of the whole."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project_helpers import tone

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import ArraySource, AudioSource, Excerpt
from vibevoice_nb.audio.stretch import Stretched
from vibevoice_nb.engine.engine import Engine

PACES = (0.7, 0.85, 1.1, 1.4)


def stretched(audio: np.ndarray, pace: float) -> np.ndarray:
    source = Stretched(ArraySource(audio), pace)
    return source.read(0, source.samples)


def pitch(audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz every 10 ms, and a mask of the loud frames."""
    import librosa

    found = librosa.yin(audio, fmin=70, fmax=400, sr=SAMPLE_RATE, frame_length=1024, hop_length=240)
    level = librosa.feature.rms(y=audio, frame_length=1024, hop_length=240)[0][: len(found)]
    return found, level > 0.3 * level.max()


@pytest.mark.parametrize("pace", PACES)
@pytest.mark.parametrize("hz", [90.0, 200.0, 1000.0])
def test_a_tone_keeps_its_pitch_and_its_level(hz: float, pace: float) -> None:
    audio = stretched(tone(48_000, hz), pace)
    assert len(audio) == round(48_000 / pace)
    inside = audio[2400:-2400]
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside)), 1 << 19))
    assert np.argmax(spectrum) * SAMPLE_RATE / (1 << 19) == pytest.approx(hz, rel=0.01)
    assert np.sqrt(np.mean(inside**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.03)


@pytest.mark.parametrize("pace", PACES)
def test_no_clicks(pace: float) -> None:
    audio = tone(48_000, 220.0)
    assert np.abs(np.diff(stretched(audio, pace))).max() <= 1.1 * np.abs(np.diff(audio)).max()


@pytest.mark.parametrize("pace", [0.8, 1.25])
def test_a_sentence_keeps_its_pitch(pace: float) -> None:
    engine = Engine.load("nano", dtype="float32")
    audio = engine.speak("Speaker 1: Good morning, and welcome to our little show.", seed=1).audio
    other = stretched(audio, pace)
    assert len(other) == round(len(audio) / pace)
    before, voiced = pitch(audio)
    after, _ = pitch(other)
    places = np.flatnonzero(voiced)
    ratios = after[np.minimum(np.rint(places / pace).astype(int), len(after) - 1)] / before[places]
    assert len(places) > 50 and np.median(ratios) == pytest.approx(1.0, abs=0.01)
    assert np.abs(other).max() <= np.abs(audio).max()


def test_the_beginning_is_unchanged_and_silence_stays_silent() -> None:
    audio = np.random.default_rng(0).uniform(-0.5, 0.5, 5000).astype(np.float32)
    assert np.array_equal(stretched(audio, 1.2)[:360], audio[:360])
    assert not stretched(np.zeros(5000, np.float32), 0.9).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40_000), st.floats(0.5, 2.0), st.integers(-500, 45_000), st.integers(0, 30_000))
def test_any_piece_is_that_part_of_the_whole(samples: int, pace: float, start: int, count: int) -> None:
    audio = np.random.default_rng(samples).uniform(-0.5, 0.5, samples).astype(np.float32)
    source = Stretched(ArraySource(audio), pace)
    piece = source.read(start, count)  # planned in another order than the whole
    assert source.samples == round(samples / pace)
    whole = stretched(audio, pace)
    assert np.array_equal(piece, whole[max(0, start) : max(0, start + count)])


def test_peaks_need_no_stretching_and_cover_the_audio() -> None:
    audio = np.concatenate([tone(30_000, level=0.1), tone(30_000, level=0.8)])
    source = Stretched(ArraySource(audio), 1.3)
    assert isinstance(source, AudioSource)
    peaks = source.peaks(0, source.samples, 20)
    assert len(source._positions) == 1  # nothing was planned
    whole = source.read(0, source.samples)
    for bucket, (low, high) in enumerate(peaks):
        first, last = (source.samples * at // 20 for at in (bucket, bucket + 1))
        assert (
            low / 32768 <= whole[first:last].min() + 1e-3 and high / 32768 >= whole[first:last].max() - 1e-3
        )
    assert peaks[5, 1] < 4000 < peaks[15, 1]


def test_threads_read_the_same() -> None:
    audio = np.random.default_rng(1).uniform(-0.5, 0.5, 200_000).astype(np.float32)
    source, found = Stretched(ArraySource(audio), 1.1), {}
    threads = [
        threading.Thread(target=lambda at=at: found.update({at: source.read(at, 20_000)}))
        for at in range(0, 160_000, 20_000)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = stretched(audio, 1.1)
    assert all(np.array_equal(piece, whole[at : at + 20_000]) for at, piece in found.items())


def test_an_excerpt_has_the_samples_and_peaks_of_its_part() -> None:
    audio = np.random.default_rng(2).uniform(-0.5, 0.5, 20_000).astype(np.float32)
    part = Excerpt(ArraySource(audio), 777, 15_001)
    assert np.array_equal(part.read(-5, 100_000), audio[777:15_001])
    assert part.read(14_000, 1000).size == 224 and not part.read(20_000, 5).size
    exact = ArraySource(audio[777:15_001]).peaks(0, 14_224, 10)
    wide = part.peaks(0, 14_224, 10)
    assert (wide[:, 0] <= exact[:, 0]).all() and (wide[:, 1] >= exact[:, 1]).all()
