"""Recordings of voices that no model was trained on, and the pitch of voices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from vibevoice_nb.audio.pcm import SAMPLE_RATE

LEVEL = 10 ** (-25 / 20)
"""RMS of recordings, as the engine normalizes voices."""


@dataclass(frozen=True)
class Clip:
    """A recording [N] float32 at -25 dBFS, its file and its transcript."""

    voice: str
    text: str
    audio: np.ndarray
    file: Path


def read_clips(folder: Path) -> list[Clip]:
    """Load the clips listed in ``clips.json`` in `folder`."""
    clips = []
    for row in json.loads((folder / "clips.json").read_text(encoding="utf-8")):
        file = folder / row["file"]
        audio, rate = soundfile.read(file, dtype="float32")
        assert rate == SAMPLE_RATE
        clips.append(Clip(row["voice"], row["text"], audio * (LEVEL / np.sqrt(np.mean(audio**2))), file))
    return clips


def mean_pitch(audio: Sequence[np.ndarray]) -> float:
    """Return the median pitch of the voiced frames of 24 kHz recordings, in hertz; 0 without any."""
    import librosa

    found: list[np.ndarray] = []
    for sound in audio:
        if len(sound) < 2048:
            continue
        pitch = librosa.yin(sound, fmin=60, fmax=400, sr=SAMPLE_RATE, frame_length=2048, hop_length=512)
        level = librosa.feature.rms(y=sound, frame_length=2048, hop_length=512)[0][: len(pitch)]
        # Loud frames are vowels; yin returns its limits where it finds no period.
        found.append(pitch[(level > 0.5 * level.max()) & (pitch > 62) & (pitch < 390)])
    voiced = np.concatenate(found) if found else np.zeros(0)
    return float(np.median(voiced)) if len(voiced) else 0.0


def semitones(pitch: float, reference: float) -> float:
    """Return the distance of two pitches in semitones.

    Examples
    --------
    >>> semitones(220.0, 110.0)
    12.0
    """
    return float(abs(12 * np.log2(max(pitch / max(1.0, reference), 0.1))))
