"""Recordings as voices: trimming, normalization, and messages for unusable ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from voice_helpers import own_home, speech

from vibevoice_nb.audio.io import dbfs
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.voices import check_voice, load_voice, resolve_voice
from vibevoice_nb.voices.checks import active_span

__all__ = ["own_home"]  # a fixture


def codes(audio: np.ndarray, **file: object) -> list[str]:
    return [check.code for check in check_voice(audio)]


def test_a_good_recording_has_nothing_to_complain_about(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "anna.wav", speech(), SAMPLE_RATE)
    voice = load_voice(tmp_path / "anna.wav")
    assert voice.name == "anna" and voice.checks == ()
    assert voice.audio.dtype == np.float32 and voice.audio.ndim == 1
    assert dbfs(voice.audio) == pytest.approx(-25.0, abs=0.01)
    assert voice.sha256 == hashlib.sha256(voice.audio.tobytes()).hexdigest()
    assert voice.source == str(tmp_path / "anna.wav")
    assert voice.info is not None and voice.info.format == "WAV"


def test_silence_is_trimmed_gently() -> None:
    audio = np.concatenate([np.zeros(48000), speech(4.0), np.zeros(24000)]).astype(np.float32)
    voice = load_voice(audio)
    assert 3.8 < voice.seconds < 4.3
    start, stop = active_span(audio)
    assert 48000 - 2900 <= start <= 48000 and 48000 + 3.6 * 24000 <= stop <= 48000 + 4.2 * 24000
    untouched = load_voice(audio, trim=False, normalize=False)
    np.testing.assert_array_equal(untouched.audio, audio)
    assert untouched.audio is not audio


def test_trimming_survives_an_offset_a_click_and_a_soft_end() -> None:
    body = speech(4.0)
    body[-12000:] *= 0.1  # 20 dB softer
    audio = np.concatenate([np.zeros(48000, np.float32), body]) + np.float32(0.2)
    audio[1000] = 1.0
    start, stop = active_span(audio)
    assert start <= 1000 and stop >= audio.size - 5000
    audio[1000] = 0.2
    assert 45000 < active_span(audio)[0] <= 48000


@pytest.mark.parametrize(
    ("audio", "code", "severity"),
    [
        (speech(2.0), "too_short", "warning"),
        (speech(0.15), "too_short", "error"),
        (speech(70.0), "too_long", "warning"),
        (speech(601.0), "too_long", "error"),
        (np.zeros(72000, np.float32), "silent", "error"),
        (speech() * np.float32(1e-3), "silent", "error"),
        (np.clip(speech() * 30, -1, 1), "clipped", "warning"),
        (np.concatenate([speech(1.0), np.zeros(96000, np.float32)] * 3), "mostly_silent", "warning"),
        (
            speech() + 0.02 * np.random.default_rng(1).standard_normal(120000).astype(np.float32),
            "noisy",
            "warning",
        ),
    ],
)
def test_each_flaw_is_found_alone(audio: np.ndarray, code: str, severity: str) -> None:
    checks = check_voice(audio)
    assert [(check.code, check.severity) for check in checks] == [(code, severity)]
    beyond = checks[0].measured < checks[0].limit if code in ("too_short", "silent", "noisy") else None
    assert beyond if beyond is not None else checks[0].measured > checks[0].limit
    assert checks[0].message and checks[0].remedy
    if severity == "error":
        with pytest.raises(VoiceError, match=checks[0].message.split()[0]):
            load_voice(audio)
    else:
        assert [check.code for check in load_voice(audio).checks] == [code]


@pytest.mark.parametrize("snr", [0, 5, 10, 25, 35])
def test_noise_is_reported_by_its_level(snr: float) -> None:
    audio = speech(8.0)
    noise = np.random.default_rng(2).standard_normal(audio.size).astype(np.float32)
    noisy = audio + noise * np.float32(np.sqrt(np.mean(audio**2)) * 10 ** (-snr / 20))
    assert ("noisy" in codes(noisy)) == (snr <= 10)


def test_the_file_counts_too(tmp_path: Path) -> None:
    import soxr

    stereo = np.stack([speech(), np.zeros(120000, np.float32)], 1)
    soundfile.write(tmp_path / "stereo.flac", stereo, SAMPLE_RATE)
    assert [(c.code, c.severity) for c in load_voice(tmp_path / "stereo.flac").checks] == [("stereo", "info")]
    soundfile.write(tmp_path / "phone.wav", soxr.resample(speech(), SAMPLE_RATE, 8000), 8000)
    assert [c.code for c in load_voice(tmp_path / "phone.wav").checks] == ["narrow_band"]
    # Clipping is measured in the file: resampling and averaging hide it.
    loud = np.clip(soxr.resample(speech(), SAMPLE_RATE, 44100) * 30, -1, 1)
    soundfile.write(tmp_path / "loud.wav", np.stack([loud, loud * 0], 1), 44100)
    assert [c.code for c in load_voice(tmp_path / "loud.wav").checks] == ["clipped", "stereo"]


def test_files_that_are_not_voices(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", speech(), SAMPLE_RATE)
    soundfile.write(tmp_path / "a.flac", speech(), SAMPLE_RATE)
    for name in ("a.wav", "a.flac"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / f"cut-{name}").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.wav").write_text("Speaker 1: Hello.\n" * 100)
    (tmp_path / "empty.wav").write_bytes(b"")
    soundfile.write(tmp_path / "long.flac", np.zeros(601 * SAMPLE_RATE), SAMPLE_RATE)
    for name, words in {
        "text.wav": "a text file",
        "empty.wav": "0 bytes",
        "cut-a.wav": "truncated",
        "cut-a.flac": "truncated",
        "long.flac": "at most 600 s",
        "missing.wav": "no such file",
    }.items():
        for load in (load_voice, resolve_voice):
            with pytest.raises(VoiceError, match=words):
                load(str(tmp_path / name))


def test_arrays_that_are_not_voices() -> None:
    for bad in (np.zeros((2, 72000), np.float32), np.zeros(72000, np.int16), np.full(72000, np.nan)):
        with pytest.raises(VoiceError):
            load_voice(bad)


@settings(max_examples=40)
@given(
    size=st.integers(0, 30_000),
    level=st.sampled_from([0.0, 1e-9, 1e-3, 0.5, 3.0, 1e20]),
    offset=st.sampled_from([0.0, -0.3]),
)
def test_no_array_breaks_the_checks(size: int, level: float, offset: float) -> None:
    audio = (np.random.default_rng(size).standard_normal(size) * level + offset).astype(np.float32)
    for check in check_voice(audio):
        assert np.isfinite(check.measured) and np.isfinite(check.limit)
    try:
        voice = load_voice(audio)
    except VoiceError:
        return
    assert 0 < voice.audio.size <= size and np.isfinite(voice.audio).all() and np.abs(voice.audio).max() <= 1
