"""Sound that is no speech, and silence that is too long, in a recording of speech."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE

HOP = 480
"""Samples of a frame: 20 ms."""
_SILENT_DB = -32.0
"""Level of silence, relative to that of the speech. Pauses of nano and of studio recordings lie below -45."""
_STEADY_DB = 9.0
"""Speech rises and falls by more than this within half a second; noise and chords don't."""
_STEADY_SECONDS, _WINDOW = 1.2, 25
# With Silero's voice detector, measured on nano: at most 0.13 s of speech is loud and called no voice, but at
# least 0.9 s of two planted seconds of noise or music.
_VOICE, _LOUD_DB, _GAP, _VOICELESS_SECONDS = 0.3, -25.0, 0.2, 0.6
# Measured: none of 444 recordings without a repetition reaches 0.85; a third of words copied in nano's speech
# do.
_ECHO_LIKENESS, _ECHO_VARIED, _ECHO_LOUD_DB, _ECHO_LAGS = 0.85, 0.25, -28.0, (9, 45)
_DETECTOR_RATE, _DETECTOR_HOP = 16_000, 512


@dataclass(frozen=True)
class Span:
    """Part of a recording, in seconds."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        """Length."""
        return self.end - self.start


def levels(audio: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the level of each frame of 20 ms in dB, relative to the loud parts (their 90th percentile)."""
    count = max(1, -(-len(audio) // HOP))
    frames = np.pad(np.asarray(audio, np.float32), (0, count * HOP - len(audio))).reshape(count, HOP)
    power = np.mean(frames**2, axis=1)
    loud = float(np.percentile(power, 90))
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12) / max(loud, 1e-7)), np.float32)


def trimmed(level: NDArray[np.float32], start: float, end: float) -> tuple[float, float]:
    """Return a range of seconds without the silence at its ends, which recognizers count to the word.

    Parameters
    ----------
    level : float32 [T]
        Result of `levels`.
    start, end : float

    Examples
    --------
    >>> level = np.array([-60, -60, -5, -5, -60], np.float32)
    >>> trimmed(level, 0.0, 0.1), trimmed(level, 0.0, 0.03)
    ((0.04, 0.08), (0.0, 0.03))
    """
    step = HOP / SAMPLE_RATE
    first = int(start / step)
    loud = np.flatnonzero(level[first : math.ceil(end / step)] > _SILENT_DB)
    if not len(loud):
        return start, end
    return max(start, (first + int(loud[0])) * step), min(end, (first + int(loud[-1]) + 1) * step)


def silences(audio: NDArray[np.float32], longest: float) -> list[Span]:
    """Return the silent parts longer than `longest` seconds, in digital silence throughout too.

    Examples
    --------
    >>> speech = np.sin(np.arange(24000) * 0.1).astype(np.float32)
    >>> quiet = np.zeros(60000, np.float32)
    >>> [(span.start, span.end) for span in silences(np.concatenate([speech, quiet, speech]), 2.0)]
    [(1.0, 3.5)]
    """
    if not len(audio) or float(np.max(np.abs(audio))) < 1e-4:
        whole = Span(0.0, len(audio) / SAMPLE_RATE)
        return [whole] if whole.seconds > longest else []
    return [span for span in _runs(levels(audio) < _SILENT_DB) if span.seconds > longest]


def other_sounds(audio: NDArray[np.float32]) -> list[Span]:
    """Return the parts with sound that is no speech, such as noise and music.

    With faster-whisper installed, by the voice detector in it (Silero); else only `steady_sounds`.
    """
    voice = _voice(audio)
    if voice is None:
        return steady_sounds(audio)
    times = np.arange(len(voice)) * _DETECTOR_HOP / _DETECTOR_RATE
    level = levels(audio)
    loud = level[np.minimum((times * SAMPLE_RATE / HOP).astype(int), len(level) - 1)] > _LOUD_DB
    where = loud & (voice < _VOICE)
    # Chords and crackle are now and then taken for a voice: join over short gaps.
    spans: list[Span] = []
    for span in _runs(where, _DETECTOR_HOP / _DETECTOR_RATE):
        if spans and span.start - spans[-1].end <= _GAP:
            spans[-1] = Span(spans[-1].start, span.end)
        else:
            spans.append(span)
    return [span for span in spans if span.seconds >= _VOICELESS_SECONDS]


def echoes(audio: NDArray[np.float32]) -> list[Span]:
    """Return the parts that are followed by nearly the same sounds: words said twice.

    Cepstra of 20 ms frames are compared with those a lag later, for lags of 0.18 to 0.9 s; a part is as long
    as its lag. A held vowel resembles itself at every lag and does not count.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> steps = np.repeat(rng.integers(100, 2000, 40), 2400) / SAMPLE_RATE
    >>> speech = (0.1 * np.sin(2 * np.pi * np.cumsum(steps))).astype(np.float32)
    >>> [round(span.start, 1) for span in echoes(np.concatenate([speech[:24000], speech[12000:]]))]
    [0.5]
    >>> echoes(speech)
    []
    """
    import librosa

    if len(audio) < SAMPLE_RATE // 2:
        return []
    mel = librosa.feature.melspectrogram(
        y=np.asarray(audio, np.float32), sr=SAMPLE_RATE, n_fft=1024, hop_length=HOP, n_mels=40, fmax=8000
    )
    cepstra = librosa.feature.mfcc(S=10 * np.log10(np.maximum(mel, 1e-6)), n_mfcc=20)[1:].T
    cepstra = cepstra - cepstra.mean(0)
    unit = cepstra / (np.linalg.norm(cepstra, axis=1, keepdims=True) + 1e-6)
    power = 10 * np.log10(mel.sum(0) + 1e-9)
    loud = power > np.percentile(power, 90) + _ECHO_LOUD_DB
    found: list[tuple[float, Span]] = []
    for lag in range(*_ECHO_LAGS):
        likeness = np.where(loud[:-lag] & loud[lag:], (unit[:-lag] * unit[lag:]).sum(1), 0.0)
        if len(likeness) < lag:
            break
        mean = np.convolve(likeness, np.ones(lag) / lag, "valid")
        for start in np.flatnonzero(mean > _ECHO_LIKENESS):
            varied = 1.0 - float(np.linalg.norm(unit[start : start + lag].mean(0)))
            score = float(mean[start]) * min(1.0, varied / _ECHO_VARIED)
            if score > _ECHO_LIKENESS:
                found.append(
                    (score, Span(int(start) * HOP / SAMPLE_RATE, int(start + lag) * HOP / SAMPLE_RATE))
                )
    # Of overlapping ones, the most alike.
    best: list[Span] = []
    for _, span in sorted(found, key=lambda pair: -pair[0]):
        if all(span.start >= other.end or span.end <= other.start for other in best):
            best.append(span)
    return sorted(best, key=lambda span: span.start)


def _voice(audio: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the probability of a voice every 32 ms; None without the detector."""
    if importlib.util.find_spec("faster_whisper") is None:
        return None
    import soxr
    from faster_whisper.vad import get_vad_model

    sound = soxr.resample(np.asarray(audio, np.float32), SAMPLE_RATE, _DETECTOR_RATE)
    sound = np.pad(sound, (0, _DETECTOR_HOP - len(sound) % _DETECTOR_HOP))
    detector = get_vad_model()
    try:
        found = detector(sound)
    except AssertionError:  # faster-whisper before 1.2.1 expects a batch
        found = detector(sound[None])
    return np.asarray(found, np.float32).reshape(-1)


def steady_sounds(audio: NDArray[np.float32]) -> list[Span]:
    """Return the parts with sound that lacks the rise and fall of speech: noise, hum, sustained music.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    >>> quiet = np.zeros(24000, np.float32)
    >>> [round(span.seconds) for span in steady_sounds(np.concatenate([quiet, noise, quiet]))]
    [2]
    """
    from scipy.ndimage import maximum_filter1d, minimum_filter1d  # slow to import

    level = levels(audio)
    size = min(_WINDOW, len(level))
    spread = maximum_filter1d(level, size) - minimum_filter1d(level, size)
    steady = (spread < _STEADY_DB) & (level > _SILENT_DB)
    # A window of half a second sees the edges of a sound, so the sound is longer by as much.
    grown = maximum_filter1d(steady.astype(np.int8), size) > 0
    return [span for span in _runs(grown & (level > _SILENT_DB)) if span.seconds >= _STEADY_SECONDS]


def _runs(where: NDArray[np.bool_], step: float = HOP / SAMPLE_RATE) -> Iterator[Span]:
    """Yield the runs of true values; `step` is the length of one in seconds."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], where.astype(np.int8), [0]])))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        yield Span(float(start) * step, float(stop) * step)
