"""Helpers for tests of voices: speech-like audio, a home without voices, a library, a catalogue."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import vibevoice_nb.voices.builtin as builtin
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.voices import VoiceLibrary


def speech(seconds: float = 5.0, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Something with the rhythm of speech: noisy syllables of 0.2 s, a pause after every fourth."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    syllable = np.clip(np.sin(np.pi * time / 0.2) ** 2 * 1.5 - 0.05, 0, 1) * (np.floor(time / 0.2) % 5 != 4)
    carrier = np.sin(2 * np.pi * 130 * time) + 0.3 * rng.standard_normal(time.size)
    return (level * syllable * carrier + 1e-5 * rng.standard_normal(time.size)).astype(np.float32)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the files that import it, no test sees the user's own voices."""
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path / "home"))


@pytest.fixture
def library(tmp_path: Path) -> VoiceLibrary:
    return VoiceLibrary(tmp_path / "library")


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A catalogue of two built-in voices, so that these tests don't depend on the trained ones."""
    folder = tmp_path / "shipped"
    folder.mkdir()
    for seed, name in enumerate(("ada", "ben")):
        soundfile.write(folder / f"{name}.flac", speech(4.0, seed), SAMPLE_RATE)
    entries = [
        {"name": n.title(), "description": f"{n}'s voice", "file": f"{n}.flac"} for n in ("ada", "ben")
    ]
    (folder / "voices.json").write_text(json.dumps(entries))
    monkeypatch.setattr(builtin, "_BUILTIN", folder)
    yield folder
