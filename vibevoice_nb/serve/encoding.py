"""Encoding of a stream of audio for an HTTP response, as it is generated.

Shapes: audio is float32 [n], 24 kHz mono.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from ..audio.encode import SPECS, format_spec
from ..audio.pcm import SAMPLE_RATE, to_int16, to_int24
from ..audio.stretch import Stretched, planned_samples
from ..errors import AudioError

AudioFormat = Literal["wav", "mp3", "opus", "flac", "pcm"]
AUDIO_FORMATS: tuple[AudioFormat, ...] = get_args(AudioFormat)
MIMES: Mapping[str, str] = {"pcm": "audio/pcm", **{name: spec.mime for name, spec in SPECS.items()}}

_UNKNOWN = 0xFFFFFFFF
_BLOCK = 1 << 14


class StreamEncoder(Protocol):
    """Encoder that returns bytes as soon as it has them."""

    def write(self, audio: NDArray[np.float32]) -> bytes:
        """Encode audio [n]; return what is ready."""

    def close(self) -> bytes:
        """Return the rest."""


def stream_encoder(format: AudioFormat) -> StreamEncoder:
    """Return the encoder of a format.

    Examples
    --------
    >>> encoder = stream_encoder("pcm")
    >>> len(encoder.write(np.zeros(100, np.float32)) + encoder.close())
    200
    """
    return Pcm(wav=format == "wav") if format in ("pcm", "wav") else Compressed(format)


class Pcm:
    """16-bit samples, little-endian; with a WAV header of unknown length, as streams have."""

    def __init__(self, *, wav: bool) -> None:
        self._header = wav_header(None) if wav else b""

    def write(self, audio: NDArray[np.float32]) -> bytes:
        """Encode audio [n]."""
        header, self._header = self._header, b""
        return header + to_int16(audio).astype("<i2").tobytes()

    def close(self) -> bytes:
        """Return nothing, or the header of a stream without audio."""
        return self._header


class Compressed:
    """FLAC, MP3 or Opus."""

    def __init__(self, format: AudioFormat) -> None:
        import av

        self._pipe, spec = _Pipe(), format_spec(format)
        # Without a Xing header, nothing is rewritten at the end.
        options = {"write_xing": "0"} if format == "mp3" else {}
        self._exact, self._samples = format == "flac", 0
        try:
            self._container: Any = av.open(
                self._pipe, "w", format=spec.container, options={**options, "flush_packets": "1"}
            )
            self._stream: Any = self._container.add_stream(spec.codec, rate=SAMPLE_RATE, layout="mono")
        except (av.FFmpegError, ValueError) as error:
            raise AudioError(
                f"{format} cannot be encoded here", "wav or pcm", "choose one of them"
            ) from error
        self._stream.format = spec.sample_format
        if spec.bitrates is not None:
            self._stream.bit_rate = spec.bitrates[1]

    def write(self, audio: NDArray[np.float32]) -> bytes:
        """Encode audio [n]."""
        import av

        for start in range(0, len(audio), _BLOCK):
            part = np.ascontiguousarray(audio[start : start + _BLOCK])
            stored = to_int24(part) if self._exact else part
            form = self._stream.format.name
            frame = av.AudioFrame.from_ndarray(stored[None], format=form, layout="mono")
            frame.sample_rate, frame.pts = SAMPLE_RATE, self._samples
            self._samples += len(part)
            self._mux(frame)
        return self._pipe.take()

    def close(self) -> bytes:
        """Return the encoder's remaining data."""
        if self._samples:
            self._mux(None)
        self._container.close()
        return self._pipe.take()

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


class _Pipe:
    """File that cannot be rewound, from which written bytes are taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def wav_header(samples: int | None) -> bytes:
    r"""Return the header of a 16-bit WAV file; without its length, that of a stream.

    >>> len(wav_header(None)), wav_header(10)[40:44]
    (44, b'\x14\x00\x00\x00')
    """
    size = _UNKNOWN if samples is None else 2 * samples
    whole = _UNKNOWN if samples is None else min(_UNKNOWN, 36 + size)
    form = (16, 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", whole, b"WAVE", b"fmt ", *form, b"data", size)


class Pace:
    """Time stretch of a stream: audio comes out as soon as the windows around it are there.

    Parameters
    ----------
    pace : float
        1.25 is 25 % faster, with the same pitch.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tone = np.sin(np.arange(240_000) / 10).astype(np.float32)
    >>> pace = Pace(1.25)
    >>> parts = [pace.write(part) for part in np.split(tone, 50)] + [pace.close()]
    >>> from vibevoice_nb.audio.sources import ArraySource
    >>> whole = Stretched(ArraySource(tone), 1.25)
    >>> bool(np.array_equal(np.concatenate(parts), whole.read(0, whole.samples)))
    True
    """

    def __init__(self, pace: float) -> None:
        self.pace = pace
        self._source = _Growing()
        self._stretched = Stretched(self._source, pace)
        self._sent = 0

    def write(self, audio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Append audio; return what is ready at the new pace."""
        if self.pace == 1.0:
            return audio
        self._source.append(audio)
        return self._read(planned_samples(self._source.received, self.pace))

    def close(self) -> NDArray[np.float32]:
        """Return the rest."""
        if self.pace == 1.0:
            return np.zeros(0, np.float32)
        self._source.samples = self._source.received
        self._stretched.samples = round(self._source.received / self.pace)
        return self._read(self._stretched.samples)

    def _read(self, stop: int) -> NDArray[np.float32]:
        stop = max(stop, self._sent)
        part = self._stretched.read(self._sent, stop - self._sent)
        self._sent = stop
        return part


class _Growing:
    """Source to which audio is appended; it has no end until `samples` is set."""

    sample_rate = SAMPLE_RATE

    def __init__(self) -> None:
        self.samples, self.received = 1 << 40, 0
        self._audio = np.zeros(1 << 16, np.float32)

    def append(self, audio: NDArray[np.float32]) -> None:
        needed = self.received + len(audio)
        if needed > len(self._audio):
            larger = np.zeros(max(needed, 2 * len(self._audio)), np.float32)
            larger[: self.received] = self._audio[: self.received]
            self._audio = larger
        self._audio[self.received : needed] = audio
        self.received = needed

    def read(self, start: int, count: int) -> NDArray[np.float32]:
        return self._audio[max(0, start) : max(0, min(start + count, self.received))]

    def peaks(self, start: int, stop: int, buckets: int) -> NDArray[np.int16]:
        raise NotImplementedError  # streams are not drawn
