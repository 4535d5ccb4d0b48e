"""Damaged audio files of every common format: read up to the damage, or rejected with a clear error."""

from __future__ import annotations

import functools
import io
import os
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from fuzz_helpers import generators

from vibevoice_nb.audio.encode import encode
from vibevoice_nb.errors import VoiceError
from vibevoice_nb.voices import load_voice

RATE = 24_000
SECONDS = 0.5
LONGEST_CPU = 20.0
"""Seconds of CPU that one small file may take; an endless file would take more."""

_SOUNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "wav-float": ("WAV", "FLOAT"),
    "wav-adpcm": ("WAV", "IMA_ADPCM"),
    "wavex": ("WAVEX", "PCM_24"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "caf-alac": ("CAF", "ALAC_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
_PYAV = ("mp3", "opus", "m4a")
FORMATS = [*_SOUNDFILE, *(f"pyav-{name}" for name in _PYAV)]
_EXTREMES = [
    0,
    1,
    2,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63 - 1,
    2**63,
    2**64 - 1,
]


@functools.cache
def whole(format: str) -> bytes:
    """A sound file as it should be: two channels of a hum that swells, or one."""
    times = np.arange(int(SECONDS * RATE)) / RATE
    hum = (0.3 * np.sin(2 * np.pi * 220 * times) * np.sin(np.pi * times / SECONDS)).astype(np.float32)
    if format.startswith("pyav-"):
        return encode(hum, format.removeprefix("pyav-"))  # type: ignore[arg-type]
    file, (container, subtype) = io.BytesIO(), _SOUNDFILE[format]
    soundfile.write(file, np.stack([hum, 0.5 * hum], axis=1), RATE, format=container, subtype=subtype)
    return file.getvalue()


def damaged(format: str, rng: np.random.Generator) -> bytes:
    """The file with one to four faults, most of them where headers are."""
    data = bytearray(whole(format))
    for _ in range(int(rng.integers(1, 5))):
        at = int(rng.integers(0, max(1, len(data) if rng.random() < 0.3 else min(len(data), 160))))
        match int(rng.integers(0, 8)):
            case 0:
                data[at : at + 1] = rng.bytes(1)
            case 1:
                size = int(rng.choice([1, 2, 4, 8]))
                value = _EXTREMES[int(rng.integers(0, len(_EXTREMES)))] % 2 ** (8 * size)
                data[at : at + size] = value.to_bytes(size, "little" if rng.random() < 0.5 else "big")
            case 2:
                data[at : at + 16] = rng.bytes(16)
            case 3:
                del data[at : at + int(rng.integers(1, 64))]
            case 4:
                data[at:at] = rng.bytes(int(rng.integers(1, 64)))
            case 5:
                del data[int(rng.integers(0, len(data) + 1)) :]
            case 6:
                part = data[at : at + int(rng.integers(1, 200))]
                data[at:at] = part * int(rng.integers(1, 20))
            case _:
                other = whole(FORMATS[int(rng.integers(0, len(FORMATS)))])
                data[at : at + 64] = other[at : at + 64]
    return bytes(data)


@pytest.mark.parametrize("format", FORMATS)
def test_damaged_files(format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for number, rng in generators(format, 100):
        path = tmp_path / f"{format}-{number}.{format.partition('-')[0].removeprefix('pyav')}"
        path.write_bytes(damaged(format, rng))
        began = time.process_time()
        try:
            voice = load_voice(path)
        except VoiceError as error:
            assert str(path) in error.got and error.expected and error.remedy
            assert len(str(error)) < 1500 + len(str(path))
        except Exception as error:
            raise AssertionError(f"{path} raises {type(error).__name__}: {error}") from error
        else:
            assert voice.audio.ndim == 1 and voice.audio.dtype == np.float32
            assert np.isfinite(voice.audio).all() and voice.audio.size
        assert time.process_time() - began < LONGEST_CPU, path
        assert "Traceback" not in capfd.readouterr().err, path
        os.unlink(path)
    assert load_voice(_written(tmp_path / "whole", whole(format))).seconds >= 0.3


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
