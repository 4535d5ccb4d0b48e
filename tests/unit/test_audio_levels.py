"""Levels, clipping, and the loudness VibeVoice was trained with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from audio_helpers import tone

from vibevoice_nb.audio.io import clipped_fraction, dbfs, normalize_loudness, rms

GOLDEN = np.load(Path(__file__).parents[1] / "data" / "golden_norm.npz")


@pytest.mark.parametrize("case", range(5))
def test_loudness_agrees_with_the_reference(case: int) -> None:
    given_, expected = GOLDEN[f"norm{case}_in"], GOLDEN[f"norm{case}_out"]
    before = given_.copy()
    out = normalize_loudness(given_)
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, expected, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(given_, before)


def test_loudness_is_the_formula_and_a_high_peak_is_scaled_down() -> None:
    clicks = np.zeros(24000, dtype=np.float32)
    clicks[::8000] = 0.5
    scaled = clicks * (10 ** (-25 / 20) / (rms(clicks) + 1e-6))
    peak = scaled.max()
    assert peak > 1
    np.testing.assert_allclose(normalize_loudness(clicks), scaled / (peak + 1e-6), rtol=1e-6)
    assert normalize_loudness(clicks).max() <= 1


def test_levels() -> None:
    assert rms(np.zeros(0)) == 0.0
    assert dbfs(np.zeros(10)) == -120.0
    assert rms(tone()) == pytest.approx(0.3 / np.sqrt(2), rel=1e-3)
    assert dbfs(np.full(10, 1e30, dtype=np.float32)) == pytest.approx(600)


def test_clipping_and_a_loud_float_recording_are_distinguished() -> None:
    loud = tone(level=3.0)
    assert clipped_fraction(np.clip(loud, -1, 1)) > 0.5
    assert clipped_fraction(loud, floating=True) < 0.001
    assert clipped_fraction(np.clip(loud, -1, 1), floating=True) > 0.5
    assert clipped_fraction(np.zeros(0)) == 0
