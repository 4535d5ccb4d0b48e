"""Audio: files, PCM samples, sources and sinks, waveform peaks, spectrograms, loudness and limiting."""

from __future__ import annotations

import warnings

from .encode import read_manifest
from .io import AudioInfo, dbfs, normalize_loudness, read_audio, write_audio
from .loudness import normalize
from .meter import Loudness, measure
from .pcm import SAMPLE_RATE, as_samples, to_float32, to_int16
from .sinks import MemorySink, QueueSink, Sink, WavSink
from .sources import ArraySource, AudioSource, FileSource

__all__ = [
    "SAMPLE_RATE",
    "ArraySource",
    "AudioInfo",
    "AudioSource",
    "FileSource",
    "Loudness",
    "MemorySink",
    "QueueSink",
    "Sink",
    "WavSink",
    "as_samples",
    "dbfs",
    "measure",
    "normalize",
    "normalize_loudness",
    "read_audio",
    "read_manifest",
    "to_float32",
    "to_int16",
    "write_audio",
]


def __getattr__(name: str) -> object:
    if name != "normalise_loudness":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    message = f"{__name__}.{name} is deprecated. Use normalize_loudness instead."
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return normalize_loudness
