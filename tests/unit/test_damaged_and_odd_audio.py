"""Recordings with a fault: refused in one sentence, or used with the fault repaired and named."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from audio_helpers import SAMPLE_RATE, tone
from test_audio_reading import wav_bytes

from vibevoice_nb.audio.io import AudioError, dbfs, normalize_loudness, read_audio
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.voices import load_voice


def speech(seconds: float = 4.0) -> np.ndarray:
    """A hum that swells and fades, so that it has pauses."""
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (tone(seconds, hz=200) * (0.5 - 0.5 * np.cos(4 * np.pi * times))).astype(np.float32)


def _wav(tmp_path: Path, channels: np.ndarray, rate: int = SAMPLE_RATE) -> Path:
    soundfile.write(tmp_path / "voice.wav", channels, rate, subtype="FLOAT")
    return tmp_path / "voice.wav"


# Damaged files.


def _no_bits() -> bytes:
    data = bytearray(wav_bytes(b"\1\0" * 4000))
    data[34:36] = b"\0\0"
    return bytes(data)


def _caf(size: int) -> bytes:
    """A CAF whose data chunk claims `size` bytes."""
    file = io.BytesIO()
    soundfile.write(file, tone(0.2), SAMPLE_RATE, format="CAF", subtype="PCM_16")
    data = file.getvalue()
    at = data.index(b"data") + 4
    return data[:at] + struct.pack(">q", size) + data[at + 8 :]


def _caf_without_rate() -> bytes:
    data = _caf(9600)
    at = data.index(b"desc") + 12
    return data[:at] + struct.pack(">d", 0.0) + b"\0\0\0\0" + data[at + 12 :]


def _w64(size: int) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(0.2), SAMPLE_RATE, format="W64", subtype="PCM_16")
    data = file.getvalue()
    at = data.index(b"fmt ") + 16
    return data[:at] + struct.pack("<q", size) + data[at + 8 :]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("bits0.wav", _no_bits()),
        ("norate.caf", _caf_without_rate()),
        *((f"size{size}.caf", _caf(size)) for size in (-(2**63), -5, 2**62, 2**63 - 1)),
        *((f"size{size}.w64", _w64(size)) for size in (-(2**63), -5, 0, 2**62, 2**63 - 1)),
    ],
)
def test_damaged_headers(tmp_path: Path, name: str, data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    try:
        audio, _ = read_audio(path)
    except AudioError as error:
        assert str(path) in error.got
    else:
        assert audio.size and np.isfinite(audio).all()
    assert "Traceback" not in capfd.readouterr().err


def test_an_average_that_overflows(tmp_path: Path) -> None:
    path = _wav(tmp_path, np.full((4800, 2), 3e38, np.float32))
    with pytest.raises(AudioError, match="too large for float32"):
        read_audio(path)


@pytest.mark.parametrize("path", [None, 5, b"a.wav", ["a.wav"]])
def test_a_path_that_is_none(path: Any) -> None:
    with pytest.raises(AudioError, match=f"a file of type {type(path).__name__}"):
        read_audio(path)
    with pytest.raises(VoiceError, match=f"a file of type {type(path).__name__}"):
        load_voice(path)


# Channels of opposite phase.


@pytest.mark.parametrize("rate", [SAMPLE_RATE, 44_100])
@pytest.mark.parametrize("gain", [-1.0, -0.8, -1.2])
def test_opposite_phase_stays_audible(tmp_path: Path, gain: float, rate: int) -> None:
    left = np.interp(np.arange(4 * rate) / rate, np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE, speech())
    path = _wav(tmp_path, np.stack([left, gain * left], axis=1), rate)
    audio, info = read_audio(path)
    louder = 1 if gain < -1 else 0
    assert info.channel == louder and info.channels == 2
    expected = abs(gain) if louder else 1.0
    assert dbfs(audio) == pytest.approx(dbfs(expected * speech()), abs=0.1)
    voice = load_voice(path)
    assert dbfs(voice.audio) == pytest.approx(-25.0, abs=0.05)
    check = next(check for check in voice.checks if check.code == "out_of_phase")
    assert f"channel {louder + 1}" in check.message and check.severity == "info"


def test_opposite_phase_with_an_offset_in_both(tmp_path: Path) -> None:
    left = speech()
    audio, info = read_audio(_wav(tmp_path, np.stack([left, -left], axis=1) + 0.2))
    assert info.channel == 0 and audio.std() == pytest.approx(left.std(), rel=1e-3)


@pytest.mark.parametrize(
    "other", ["same", "silent", "independent", "quieter"], ids=lambda other: f"second channel {other}"
)
def test_ordinary_stereo_is_averaged(tmp_path: Path, other: str) -> None:
    left = speech()
    second = {
        "same": left,
        "silent": np.zeros_like(left),
        "independent": tone(4.0, hz=333),
        "quieter": 0.1 * left,
    }[other]
    audio, info = read_audio(_wav(tmp_path, np.stack([left, second], axis=1)))
    assert info.channel is None
    np.testing.assert_array_equal(audio, np.stack([left, second], axis=1).mean(axis=1, dtype=np.float32))


def test_one_channel_of_six_is_averaged_too(tmp_path: Path) -> None:
    channels = np.zeros((4 * SAMPLE_RATE, 6), np.float32)
    channels[:, 2] = speech()
    assert read_audio(_wav(tmp_path, channels))[1].channel is None


def test_opposite_phase_in_a_compressed_file(tmp_path: Path) -> None:
    left = speech()
    soundfile.write(tmp_path / "a.ogg", np.stack([left, -left], axis=1), SAMPLE_RATE)
    audio, info = read_audio(tmp_path / "a.ogg")
    assert info.channel == 0 and dbfs(audio) == pytest.approx(dbfs(left), abs=0.5)


# An offset.


@pytest.mark.parametrize("offset", [0.05, 0.3, -0.6])
def test_an_offset_does_not_take_the_loudness(tmp_path: Path, offset: float) -> None:
    voice = load_voice(_wav(tmp_path, speech() + np.float32(offset)))
    plain = load_voice(_wav(tmp_path, speech()))
    assert abs(float(voice.audio.mean())) < 1e-4
    assert dbfs(voice.audio) == pytest.approx(-25.0, abs=0.01)
    np.testing.assert_allclose(voice.audio, plain.audio, atol=2e-3)
    check = next(check for check in voice.checks if check.code == "offset")
    assert check.severity == "info" and "was removed" in check.message
    kept = load_voice(_wav(tmp_path, speech() + np.float32(offset)), normalize=False)
    assert abs(float(kept.audio.mean())) < 1e-4


def test_an_ordinary_recording_is_left_as_it_is(tmp_path: Path) -> None:
    """The exact loudness of the reference, also with the offset that a cheap sound card has."""
    audio = speech() + np.float32(0.002)
    voice = load_voice(audio, trim=False)
    assert not any(check.code == "offset" for check in voice.checks)
    np.testing.assert_array_equal(voice.audio, normalize_loudness(audio))
