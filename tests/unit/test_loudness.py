"""Loudness: measured as pyloudnorm measures it, brought where it should be, peaks held."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from export_helpers import RATE, speechlike
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb.audio.limiter import Levelled, Levelling, levelled
from vibevoice_nb.audio.loudness import level, normalize
from vibevoice_nb.audio.meter import LoudnessMeter, measure
from vibevoice_nb.audio.sources import ArraySource
from vibevoice_nb.errors import AudioError, OptionError

AUDIO = speechlike(8.0)


def reference_true_peak_db(audio: np.ndarray) -> float:
    """Oversampled 16 times by an ideal low-pass: zeros in the spectrum."""
    padded = np.pad(audio.astype(np.float64), 2000)
    fine = np.fft.irfft(np.fft.rfft(padded), padded.size * 16) * 16
    return float(20 * np.log10(np.abs(fine).max()))


def in_syllables(audio: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return audio * np.repeat(rng.choice([0.0, 0.1, 0.5, 1.0], audio.size // 1200 + 1), 1200)[: audio.size]


def test_it_measures_as_pyloudnorm_does() -> None:
    for audio in (AUDIO, 0.01 * AUDIO, np.concatenate([AUDIO, np.zeros(5 * RATE, np.float32)])):
        assert measure(audio).lufs == pytest.approx(
            pyloudnorm.Meter(RATE).integrated_loudness(audio), abs=0.02
        )


def test_blocks_make_no_difference() -> None:
    meter = LoudnessMeter()
    for start in range(0, AUDIO.size, 1_237):
        meter.add(AUDIO[start : start + 1_237])
    for name in ("lufs", "true_peak_db", "rms_db", "seconds"):
        assert getattr(meter.result(), name) == pytest.approx(getattr(measure(AUDIO), name), abs=1e-6)


def test_a_peak_between_samples_is_found() -> None:
    quarter = np.sin(2 * np.pi * RATE / 4 * np.arange(RATE) / RATE + np.pi / 4).astype(np.float32)
    ramp = np.minimum(1, np.minimum(np.arange(RATE), RATE - np.arange(RATE)) / 1000).astype(np.float32)
    assert np.abs(quarter * ramp).max() == pytest.approx(np.sqrt(0.5), abs=1e-3)
    assert measure(quarter * ramp).true_peak_db == pytest.approx(0.0, abs=0.05)
    assert measure(AUDIO).true_peak_db == pytest.approx(reference_true_peak_db(AUDIO), abs=0.15)


@pytest.mark.parametrize("audio", [np.zeros(RATE, np.float32), AUDIO[:9000], np.zeros(0, np.float32)])
def test_silence_and_snippets_have_no_loudness_and_stay(audio: np.ndarray) -> None:
    assert measure(audio).lufs is None
    assert "too short or too quiet" in str(measure(audio))
    np.testing.assert_array_equal(normalize(audio), audio)


def test_a_snippet_beyond_the_limit_is_limited() -> None:
    loud = 4 * AUDIO[:6000]
    assert measure(loud).true_peak_db > 0
    assert measure(normalize(loud)).true_peak_db <= -0.9


@pytest.mark.parametrize("target", [-16.0, -14.0])
def test_it_reaches_the_target_where_nothing_is_limited(target: float) -> None:
    audio = 0.1 * np.sin(2 * np.pi * 300 * np.arange(5 * RATE) / RATE).astype(np.float32)
    result = normalize(audio, target)
    assert measure(result).lufs == pytest.approx(target, abs=0.05)
    np.testing.assert_allclose(result / result[100] * audio[100], audio, atol=1e-6)  # one gain for all


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    target=st.floats(-30, -8),
    limit=st.sampled_from([-1.0, -3.0, 0.0]),
    clicks=st.integers(0, 20),
)
def test_peaks_never_pass_the_limit(seed: int, target: float, limit: float, clicks: int) -> None:
    rng = np.random.default_rng(seed)
    audio = in_syllables(rng.standard_normal(2 * RATE), rng)
    audio[rng.integers(0, audio.size, clicks)] += rng.choice([-5.0, 5.0], clicks)
    audio = audio.astype(np.float32)
    result = normalize(audio, target, limit)
    after, plan = measure(result), Levelling.plan(measure(audio), target, limit)
    assert after.true_peak_db <= limit + 0.1
    if not plan.limiting and plan.before.lufs is not None:
        assert after.lufs == pytest.approx(target, abs=0.5)


def test_the_limiter_leaves_no_trace_away_from_peaks() -> None:
    audio = speechlike(6.0, level=0.02)
    audio[3 * RATE] += 3.0
    plan = Levelling.plan(measure(audio), -30.0)
    gains = np.concatenate([gains for _, _, gains in levelled(ArraySource(audio), plan)])
    steady = 10 ** (plan.gain_db / 20)
    assert gains[3 * RATE] < 0.5 * steady
    np.testing.assert_allclose(gains[: 3 * RATE - 200], steady, rtol=1e-6)
    np.testing.assert_allclose(gains[4 * RATE :], steady, rtol=1e-6)
    assert np.abs(np.diff(gains)).max() < 0.05 * steady  # no steps, which would click


def test_blocks_are_limited_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = 3 * AUDIO
    whole = normalize(audio, -10)
    monkeypatch.setattr("vibevoice_nb.audio.limiter.BLOCK", 5_003)
    np.testing.assert_allclose(normalize(audio, -10), whole, atol=1e-6)


def test_targets_out_of_range() -> None:
    for lufs, peak in ((-60, -1), (0, -1), (-16, 3), (float("nan"), -1)):
        with pytest.raises(OptionError):
            normalize(AUDIO, lufs, peak)
    with pytest.raises(AudioError):
        normalize(np.array([np.inf], np.float32))


def test_levelled_audio_is_the_same_read_anywhere() -> None:
    """The player reads pieces anywhere; an export reads ten seconds after the other."""
    generator = np.random.default_rng(3)
    audio = (0.02 * generator.normal(size=15 * 24_000)).astype(np.float32)
    for place in generator.integers(0, len(audio) - 200, 40):
        audio[place : place + 100] *= 15  # peaks, for the limiter
    source = ArraySource(audio)
    plan = level(source, -14.0)
    loud, whole = Levelled(source, plan), normalize(audio, -14.0)
    assert plan.limiting and loud.samples == len(audio)
    for start in (0, 1, 24_000, 239_990, 240_000, 330_001, 359_999):
        piece = loud.read(start, 5000)
        assert np.abs(piece - whole[start : start + 5000]).max() < 1e-5
    assert not loud.read(400_000, 10).size and not loud.read(10, 0).size
    low, high = loud.peaks(0, loud.samples, 1)[0] / 32768
    assert low <= whole.min() + 0.02 and high >= whole.max() - 0.02 and high <= 10 ** (-1 / 20) + 1e-3
