"""Audio files: read any format as 24 kHz mono, write atomically, normalize the level.

Shapes: audio is float32 [N], 24 kHz mono, nominally in [-1, 1]; a decoder's block is float32 [n, channels].
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.channels import ChannelPowers
from vibevoice_nb.audio.decode import Decoded, damaged, decode, open_plain_file
from vibevoice_nb.audio.encode import SPECS, Format, check_encoder, encode
from vibevoice_nb.audio.pcm import SAMPLE_RATE, as_samples, to_int16, to_int24
from vibevoice_nb.audio.sinks import MemorySink, QueueSink, Sink, WavSink
from vibevoice_nb.errors import AudioError
from vibevoice_nb.files import check_target, write_atomically

__all__ = [
    "AUDIO_SUFFIXES",
    "MAX_BYTES",
    "MAX_SECONDS",
    "SAMPLE_RATE",
    "AudioError",
    "AudioInfo",
    "MemorySink",
    "QueueSink",
    "Sink",
    "WavSink",
    "as_samples",
    "check_audio_target",
    "clipped_fraction",
    "dbfs",
    "normalize_loudness",
    "read_audio",
    "rms",
    "write_audio",
]

MAX_SECONDS = 2 * 3600.0  # beyond the model's longest episode, 90 minutes
MAX_BYTES = 2 * 1024**3

_SUBTYPES: dict[str, tuple[str, str, Callable[[NDArray[np.float32]], NDArray[Any]]]] = {
    ".wav": ("WAV", "PCM_16", to_int16),
    ".flac": ("FLAC", "PCM_24", to_int24),
    ".ogg": ("OGG", "VORBIS", np.asarray),
}
_EXPORTED: dict[str, Format] = {
    spec.suffix: name for name, spec in SPECS.items() if spec.suffix not in _SUBTYPES
}
AUDIO_SUFFIXES = (*_SUBTYPES, *_EXPORTED)
"""File types that `write_audio` writes: by soundfile, and by the encoders of `export`."""


@dataclass(frozen=True)
class AudioInfo:
    """Properties of an audio file before its conversion to 24 kHz mono.

    Attributes
    ----------
    source : str
        The file, as given by the user.
    format : str
        The container, such as `WAV` or `mov,mp4`.
    decoder : str
        `soundfile` or `PyAV`.
    sample_rate : int
        Sample rate of the file, in Hz.
    channels : int
        Number of channels of the file, which were averaged unless `channel` is set.
    seconds : float
        Length of the decoded audio.
    clipped : float
        Fraction of the samples at full scale, from 0 to 1.
    channel : int or None
        Index of the channel used, from 0, if the channels would cancel each other when averaged.
    """

    source: str
    format: str
    decoder: str
    sample_rate: int
    channels: int
    seconds: float
    clipped: float
    channel: int | None = None


def rms(audio: np.ndarray) -> float:
    """Return the root mean square of the samples; 0 for no samples.

    Examples
    --------
    >>> rms(np.array([0.5, -0.5], dtype=np.float32))
    0.5
    """
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64)))) if audio.size else 0.0


def dbfs(audio: np.ndarray) -> float:
    """Return the RMS level in dB relative to full scale, at least -120.

    Examples
    --------
    >>> round(dbfs(np.full(100, 0.1, dtype=np.float32)), 3)
    -20.0
    """
    return 20.0 * float(np.log10(max(rms(audio), 1e-6)))


def normalize_loudness(audio: np.ndarray, target_dbfs: float = -25.0, eps: float = 1e-6) -> np.ndarray:
    """Normalize audio to the loudness of the model's training data.

    `audio * 10^(target_dbfs / 20) / (rms + eps)`; if the peak then exceeds 1, divided by `peak + eps`, as
    VibeVoice's own processor does.

    Parameters
    ----------
    audio : float32 [N]
    target_dbfs : float
        RMS level, dB relative to full scale.
    eps : float
        Small constant that keeps silence unchanged.

    Returns
    -------
    float32 [N]
        A new array.

    Examples
    --------
    >>> round(dbfs(normalize_loudness(np.sin(np.arange(24000, dtype=np.float32)))), 2)
    -25.0
    """
    audio = as_samples(audio)
    audio = audio * np.float32(10.0 ** (target_dbfs / 20.0) / (rms(audio) + eps))
    peak = float(np.abs(audio).max(initial=0.0))
    return audio / np.float32(peak + eps) if peak > 1.0 else audio


def clipped_fraction(block: np.ndarray, *, floating: bool = False) -> float:
    """Return the fraction of the samples at full scale, from 0 to 1.

    Parameters
    ----------
    block : float32, any shape
    floating : bool
        True if the samples were stored as floating point, which may exceed 1 without being clipped.

    Examples
    --------
    >>> clipped_fraction(np.array([0.0, 0.2, 1.0, -1.0]))
    0.5
    """
    size = np.abs(block)
    hits = (size >= 0.9999) & (size <= 1.0001) if floating else size >= 0.99
    return float(hits.mean()) if block.size else 0.0


def read_audio(
    path: str | os.PathLike[str], *, max_seconds: float = MAX_SECONDS, max_bytes: int = MAX_BYTES
) -> tuple[np.ndarray, AudioInfo]:
    """Read a file of any common format as 24 kHz mono.

    soundfile decodes it, else PyAV; soxr resamples; channels are averaged, or if they cancel each other, the
    loudest is used (see `AudioInfo`). Decoding works block by block, so only the result is held in memory. A
    file that is shorter than its header states is an error; one without a length (OGG) is read to its end.

    Parameters
    ----------
    path : path
    max_seconds, max_bytes : float, int
        Longer and larger files are rejected.

    Returns
    -------
    audio : float32 [N]
    info : AudioInfo

    Raises
    ------
    AudioError
        If the file is missing, a folder, unreadable, empty, too large, too long, text, not audio, truncated
        or damaged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_audio(Path(folder) / "tone.flac", np.zeros(2400, dtype=np.float32))
    ...     audio, info = read_audio(path)
    >>> audio.shape, info.format, info.channels
    ((2400,), 'FLAC', 1)
    """
    named: object = path
    if not isinstance(named, (str, os.PathLike)) or isinstance(os.fspath(named), bytes):
        raise AudioError(f"a file of type {type(named).__name__}", "a path", "name an audio file")
    with open_plain_file(Path(path), max_bytes) as file:
        decoded = decode(file, path)
        powers = ChannelPowers()
        audio, seconds, clipped = _collect(decoded, path, max_seconds, powers)
        channel = powers.cancelled()
        if channel is not None:  # known only at the end, so the file is decoded again
            file.seek(0)
            audio, seconds, clipped = _collect(decode(file, path), path, max_seconds, channel)
    info = AudioInfo(
        source=str(path),
        format=decoded.format,
        decoder=decoded.decoder,
        sample_rate=decoded.sample_rate,
        channels=decoded.channels,
        seconds=seconds,
        clipped=clipped,
        channel=channel,
    )
    return audio, info


def write_audio(path: str | os.PathLike[str], audio: np.ndarray, *, force: bool = False) -> Path:
    """Write audio to a file atomically.

    Parameters
    ----------
    path : path
        The suffix selects the format: `.wav` (16 bit), `.flac` (24 bit), `.mp3`, `.ogg`, `.opus`, `.m4a`.
    audio : float32 [N]
    force : bool
        Replace an existing file.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    AudioError
        If the suffix is unknown, the format cannot be encoded, the file exists and `force` is false, the
        folder is missing or not writable, the disk is full, or the audio is empty or not finite; the disk is
        then unchanged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_audio(Path(folder) / "silence.wav", np.zeros(24000, dtype=np.float32)).name
    'silence.wav'
    """
    target = check_audio_target(path, force=force)
    write_atomically(target, encode_audio(path, audio), force=force)
    return target


def check_audio_target(path: str | os.PathLike[str], *, force: bool) -> Path:
    """Check, before any work is done, that audio can be encoded and written to a file.

    Raises
    ------
    AudioError
        If `write_audio` would fail for the file.
    """
    target = check_target(path, suffixes=AUDIO_SUFFIXES, force=force)
    if target.suffix.lower() in _EXPORTED:
        check_encoder(_EXPORTED[target.suffix.lower()])
    return target


def encode_audio(path: str | os.PathLike[str], audio: np.ndarray) -> bytes:
    """Return the bytes of an audio file; the path's suffix selects the format, as for `write_audio`.

    Parameters
    ----------
    path : path
        Path that selects the format; nothing is written.
    audio : float32 [N]

    Raises
    ------
    AudioError
        If the audio is empty or not finite, or libsndfile cannot write the format.

    Examples
    --------
    >>> encode_audio("silence.flac", np.zeros(24000, dtype=np.float32))[:4]
    b'fLaC'
    """
    audio = as_samples(audio)
    if not audio.size:
        raise AudioError(f"there is no audio for {path}", "at least one sample", "generate speech first")
    suffix = Path(path).suffix.lower()  # of the given name; the target of a link may have another one
    # Encoded in memory, as encoders do not report a full disk.
    if suffix in _EXPORTED:
        return encode(audio, _EXPORTED[suffix])
    return _encode(audio, suffix, path)


def _encode(audio: np.ndarray, suffix: str, path: object) -> bytes:
    import soundfile

    container, subtype, stored = _SUBTYPES[suffix]
    encoded = io.BytesIO()
    try:
        with soundfile.SoundFile(encoded, "w", SAMPLE_RATE, 1, subtype=subtype, format=container) as file:
            for start in range(0, audio.size, SAMPLE_RATE):  # the Vorbis encoder overflows on long writes
                file.write(stored(audio[start : start + SAMPLE_RATE]))
    except (soundfile.LibsndfileError, ValueError) as exc:
        raise AudioError(
            f"{path}: this libsndfile cannot write {container} ({exc})",
            "a format it can write",
            "write .wav or .flac, or install a newer soundfile",
        ) from exc
    return encoded.getvalue()


def _collect(
    decoded: Decoded, path: object, max_seconds: float, take: ChannelPowers | int
) -> tuple[np.ndarray, float, float]:
    """Mix, resample and join the blocks; return audio [N], seconds decoded, fraction clipped.

    `take` is the channel to use, or the meter of the channels while they are averaged.
    """
    import soxr  # type: ignore[import-untyped, unused-ignore]

    rate = decoded.sample_rate
    if decoded.expected_seconds > max_seconds:
        raise _too_long(path, decoded.expected_seconds, max_seconds)
    resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
    parts: list[np.ndarray] = []
    frames, clipped = 0, 0.0
    for block in decoded.blocks:
        if not np.isfinite(block).all():
            raise AudioError(
                f"{path} has samples that are NaN or infinite", "finite samples", "export it again"
            )
        clipped += clipped_fraction(block, floating=decoded.floating) * len(block)
        frames += len(block)
        if frames > max_seconds * rate:
            raise _too_long(path, frames / rate, max_seconds)
        if isinstance(take, int):
            mono = np.ascontiguousarray(block[:, min(take, block.shape[1] - 1)])
        else:
            with np.errstate(over="ignore"):  # overflow is reported at the end
                mono = np.ascontiguousarray(block.mean(axis=1, dtype=np.float32))
            if block.shape[1] > 1:
                take.add(block, mono)
        parts.append(mono if resampler is None else resampler.resample_chunk(mono))
    if not frames:
        raise AudioError(f"{path} has no samples", "a recording", "copy or record it again")
    if resampler is not None:
        parts.append(resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
    seconds = frames / rate
    slack = max(0.25, 0.02 * decoded.expected_seconds)  # for padding by encoders
    if seconds < decoded.expected_seconds - slack:
        raise damaged(path, f"it ends at {seconds:.1f} s of {decoded.expected_seconds:.1f} s")
    audio = np.concatenate(parts)
    if not np.isfinite(audio).all():  # samples near the largest float: their average or filter overflows
        raise AudioError(f"{path} has samples too large for float32", "samples in [-1, 1]", "export it again")
    return audio, seconds, clipped / frames


def _too_long(path: object, seconds: float, limit: float) -> AudioError:
    return AudioError(
        f"{path} is at least {seconds:.0f} s long", f"at most {limit:.0f} s", "cut out the part you need"
    )
