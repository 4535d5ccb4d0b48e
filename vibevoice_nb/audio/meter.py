"""Loudness meter: integrated loudness, true peak and RMS, measured block by block.

Shapes: audio is float32 [N], 24 kHz mono.

Loudness is integrated and gated as in ITU-R BS.1770-4, with pyloudnorm's K-weighting filters; the true peak
is the largest value of the audio oversampled four times. Memory does not grow with the length of the audio.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .pcm import BLOCK, SAMPLE_RATE, as_samples
from .true_peak import REACH, true_peaks

FLOOR_DB = -120.0
"""Level reported for silence, as in `vibevoice_nb.audio.io.dbfs`."""

_GATE_SECONDS = 0.4
_HOP = SAMPLE_RATE // 10  # gating blocks overlap by three quarters


@dataclass(frozen=True)
class Loudness:
    """Result of a loudness measurement.

    Attributes
    ----------
    lufs : float or None
        Integrated loudness; None for silence and for less than 0.4 s, which have none.
    true_peak_db : float
        dB relative to full scale, of the audio oversampled four times; silence has -120.
    rms_db : float
        Plain RMS, dB relative to full scale; silence has -120.
    seconds : float
    """

    lufs: float | None
    true_peak_db: float
    rms_db: float
    seconds: float

    def __str__(self) -> str:
        loudness = "too short or too quiet for a loudness" if self.lufs is None else f"{self.lufs:.1f} LUFS"
        return f"{loudness}, true peak {self.true_peak_db:.1f} dBTP, {self.seconds:.1f} s"


class LoudnessMeter:
    """Loudness meter for audio in blocks.

    Examples
    --------
    >>> meter = LoudnessMeter()
    >>> for _ in range(10):
    ...     meter.add(np.zeros(2400, dtype=np.float32))
    >>> meter.result()
    Loudness(lufs=None, true_peak_db=-120.0, rms_db=-120.0, seconds=1.0)
    """

    def __init__(self) -> None:
        import pyloudnorm

        # The two filters of BS.1770, as in pyloudnorm's own meter.
        stages = (
            pyloudnorm.IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, SAMPLE_RATE, "high_shelf"),
            pyloudnorm.IIRfilter(0.0, 0.5, 38.0, SAMPLE_RATE, "high_pass"),
        )
        self._filters = [(stage.b, stage.a, np.zeros(2)) for stage in stages]
        self._rest: NDArray[np.float64] = np.zeros(0)
        self._energies: list[NDArray[np.float64]] = []
        self._tail = np.zeros(2 * REACH, dtype=np.float32)
        self._samples, self._power, self._peak = 0, 0.0, 0.0

    def add(self, audio: NDArray[np.floating[Any]]) -> None:
        """Add float32 [n]."""
        from scipy.signal import lfilter

        audio = as_samples(audio)
        self._samples += audio.size
        self._power += float(np.dot(audio, audio.astype(np.float64)))
        self._peak = self._peak_with(audio)
        self._tail = np.concatenate([self._tail, audio])[-2 * REACH :]
        weighted = audio.astype(np.float64)
        for number, (b, a, state) in enumerate(self._filters):
            weighted, state = lfilter(b, a, weighted, zi=state)
            self._filters[number] = (b, a, state)
        self._rest = np.concatenate([self._rest, weighted])
        whole = self._rest.size // _HOP * _HOP
        self._energies.append(np.square(self._rest[:whole]).reshape(-1, _HOP).sum(axis=1))
        self._rest = self._rest[whole:]

    def result(self) -> Loudness:
        """Return the loudness of all added blocks."""
        peak = self._peak_with(np.zeros(2 * REACH, dtype=np.float32))
        mean = self._power / self._samples if self._samples else 0.0
        return Loudness(
            self._integrated(),
            max(FLOOR_DB, 20 * float(np.log10(max(peak, 1e-9)))),
            max(FLOOR_DB, 10 * float(np.log10(max(mean, 1e-18)))),
            self._samples / SAMPLE_RATE,
        )

    def _peak_with(self, audio: NDArray[np.float32]) -> float:
        peak = max(self._peak, float(np.abs(audio).max(initial=0.0)))
        return max(peak, float(true_peaks(np.concatenate([self._tail, audio]), peak).max(initial=0.0)))

    def _integrated(self) -> float | None:
        hops = np.concatenate(self._energies) if self._energies else np.zeros(0)
        per_block = round(_GATE_SECONDS * SAMPLE_RATE / _HOP)
        if hops.size < per_block:
            return None
        power = np.convolve(hops, np.ones(per_block), "valid") / (per_block * _HOP)
        loud = power[_lufs(power) >= -70.0]
        if not loud.size:
            return None
        gated = loud[_lufs(loud) > float(_lufs(loud.mean())) - 10.0]
        return float(_lufs(gated.mean()))


def measure(audio: NDArray[np.floating[Any]] | Iterable[NDArray[np.floating[Any]]]) -> Loudness:
    """Measure loudness and true peak.

    Parameters
    ----------
    audio : float32 [N], or an iterable of float32 [n]
        Audio; use blocks to save memory.

    Raises
    ------
    AudioError
        If the samples are not finite floats.

    Examples
    --------
    >>> tone = np.sin(2 * np.pi * 997 * np.arange(72000) / 24000).astype(np.float32)
    >>> print(measure(tone))
    -3.1 LUFS, true peak 0.0 dBTP, 3.0 s
    """
    meter = LoudnessMeter()
    blocks = np.split(audio, range(BLOCK, len(audio), BLOCK)) if isinstance(audio, np.ndarray) else audio
    for block in blocks:
        meter.add(block)
    return meter.result()


def _lufs(power: NDArray[np.float64] | np.floating[Any]) -> NDArray[np.float64]:
    return -0.691 + 10 * np.log10(np.maximum(power, 1e-30))
