"""Helpers of the export tests: a conversation made of tones, and independent readers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np

from vibevoice_nb.project.take import Take, TakeTurn

RATE = 24_000


def speechlike(seconds: float, seed: int = 0, level: float = 0.1) -> np.ndarray:
    """Noise with the spectrum and the syllables of speech, roughly."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(int(seconds * RATE))
    spectrum = np.fft.rfft(noise)
    spectrum *= 1 / (1 + (np.fft.rfftfreq(noise.size, 1 / RATE) / 600) ** 2)
    smooth = np.fft.irfft(spectrum, noise.size)
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * np.arange(noise.size) / RATE + seed)
    return (level * smooth / smooth.std() * syllables).astype(np.float32)


def conversation(labels: list[str], seconds: float = 2.0, gap: float = 0.25, **manifest: Any) -> Take:
    """One turn for each label, with a silence behind each."""
    parts, turns, place = [], [], 0
    for number, label in enumerate(labels):
        audio = speechlike(seconds, number)
        turns.append(TakeTurn(f"t{number}", label, f"Turn {number}.", place, place + audio.size))
        parts += [audio, np.zeros(int(gap * RATE), np.float32)]
        place += parts[-1].size + audio.size
    return Take.from_audio(
        np.concatenate(parts),
        turns=turns,
        name="Episode",
        manifest=manifest or {"model": "nano", "options": {"seed": 7}},
    )


def read_back(data: bytes | Path) -> tuple[np.ndarray, int, dict[str, str], list[dict[str, Any]]]:
    """Samples as float64, rate, tags and chapters, as PyAV reads them."""
    with av.open(io.BytesIO(data) if isinstance(data, bytes) else str(data)) as container:
        tags = {**container.metadata, **container.streams.audio[0].metadata}
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
        chapters = container.chapters()
        rate = container.streams.audio[0].rate
    audio = np.concatenate([frame.ravel() for frame in frames])
    scale = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}.get(audio.dtype, 1.0)
    return audio / scale, rate, {key.lower(): value for key, value in tags.items()}, chapters


def snr_db(signal: np.ndarray, heard: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(signal**2) / np.mean((signal - heard) ** 2)))
