"""Audio requests of a page: peaks, samples and spectrogram, in pieces of limited size.

Positions are samples at 24 kHz for any sample rate of the source; audio is sent as little-endian int16.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE, to_int16
from vibevoice_nb.audio.sources import AudioSource, read_padded
from vibevoice_nb.errors import OptionError, VibeVoiceError

from .base import Answer, Part, call
from .payloads import TakeSummary

MAX_BUCKETS = 16_384
MAX_SAMPLES = 30 * SAMPLE_RATE
MAX_COLUMNS, MAX_ROWS = 2048, 512
_LONGEST = 24 * 3600 * SAMPLE_RATE
_MARGIN = 0.05
"""Seconds of context for the resampler before and after a piece, so that pieces join seamlessly."""


class AudioRequests(Part):
    """Audio that the page draws or plays.

    Parameters
    ----------
    source : callable
        Returns the audio of a source name; raises a VibeVoiceError if there is none.
    summary : callable, optional
        Returns the summary of a source name; by default `summary_of` its audio.
    """

    def __init__(
        self,
        source: Callable[[str], AudioSource],
        summary: Callable[[str], TakeSummary] | None = None,
    ) -> None:
        self._source = source
        self._summary = summary or (lambda name: summary_of(name, source(name)))

    @call("describe", slow=True)
    def _describe(self, source: str) -> TakeSummary:
        return self._summary(source)

    @call("peaks", slow=True)
    def _peaks(self, source: str, start: int, stop: int, buckets: int) -> Answer:
        audio = at_24_khz(self._source(source))
        _check("buckets", buckets, 1, MAX_BUCKETS)
        _check_stretch(start, stop, audio.samples)
        peaks = audio.peaks(start, stop, buckets)
        return Answer({"buckets": buckets}, [peaks.astype("<i2").tobytes()])

    @call("samples", slow=True)
    def _samples(self, source: str, start: int, count: int) -> Answer:
        audio = at_24_khz(self._source(source))
        _check("start", start, 0, audio.samples)
        _check("count", count, 0, MAX_SAMPLES)
        heard = np.nan_to_num(audio.read(start, min(count, audio.samples - start)))
        return Answer({"start": start, "count": len(heard)}, [to_int16(heard).astype("<i2").tobytes()])

    @call("spectrogram", slow=True)
    def _spectrogram(self, source: str, start: int, stop: int, columns: int, rows: int, scale: str) -> Answer:
        from vibevoice_nb.audio.spectrogram import image

        audio = at_24_khz(self._source(source))
        _check("columns", columns, 1, MAX_COLUMNS)
        _check("rows", rows, 1, MAX_ROWS)
        _check_stretch(start, stop, audio.samples)
        if scale not in ("mel", "linear"):
            raise OptionError(f"scale={scale!r}", "mel or linear", "choose one of the two")
        picture = image(audio, start, stop, columns, rows, "mel" if scale == "mel" else "linear")
        return Answer({"columns": columns, "rows": rows}, [picture.tobytes()])


def summary_of(name: str, source: AudioSource) -> TakeSummary:
    """Describe audio without turns as the `take` trait does."""
    return {
        "source": name,
        "name": name.partition(":")[2] or name,
        "samples": at_24_khz(source).samples,
        "sample_rate": SAMPLE_RATE,
        "revision": 0,
        "turns": [],
    }


def at_24_khz(source: AudioSource) -> AudioSource:
    """Return a source at 24 kHz: itself, or a resampled view of it.

    Examples
    --------
    >>> from vibevoice_nb.audio.sources import ArraySource
    >>> at_24_khz(ArraySource(np.zeros(48_000, np.float32), 48_000)).samples
    24000
    """
    return source if source.sample_rate == SAMPLE_RATE else _Resampled(source)


class _Resampled:
    """Source at another rate, resampled while it is read."""

    sample_rate = SAMPLE_RATE

    def __init__(self, source: AudioSource) -> None:
        common = math.gcd(source.sample_rate, SAMPLE_RATE)
        # `_theirs` source samples last as long as `_ours` at 24 kHz: pieces begin on common positions.
        self._theirs, self._ours = source.sample_rate // common, SAMPLE_RATE // common
        self._source = source
        self.samples = math.ceil(source.samples * self._ours / self._theirs)

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        import soxr

        first, last = max(0, start), min(self.samples, start + count)
        if last <= first:
            return np.zeros(0, np.float32)
        margin = math.ceil(_MARGIN * SAMPLE_RATE / self._ours)
        low, high = first // self._ours - margin, -(-last // self._ours) + margin
        audio = read_padded(self._source, low * self._theirs, high * self._theirs)
        resampled = soxr.resample(audio, self._source.sample_rate, SAMPLE_RATE)
        at = first - low * self._ours
        return np.asarray(resampled[at : at + last - first], np.float32)

    def peaks(self, start: int, stop: int, buckets: int) -> NDArray[np.int16]:
        theirs = [round(place * self._theirs / self._ours) for place in (start, stop)]
        return self._source.peaks(theirs[0], max(theirs[1], theirs[0] + 1), buckets)


def _check(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise OptionError(f"{what}={value}", f"{low} to {high}", "request a smaller piece")


def _check_stretch(start: int, stop: int, samples: int) -> None:
    """Check a range; it may end after the audio, which is followed by silence, but not begin there."""
    if not 0 <= start < max(1, samples) or not start < stop <= start + _LONGEST:
        raise VibeVoiceError(
            f"invalid range: samples {start} to {stop} of {samples}",
            "a range that begins inside the audio",
            "reload the page",
        )
