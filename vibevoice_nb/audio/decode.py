"""Decoding of any audio file to blocks of float32 [n, channels] at its own rate, by soundfile or PyAV.

Files are untrusted: memory is never allocated from the sizes in a header, and inconsistent files are errors.
"""

from __future__ import annotations

import codecs
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from vibevoice_nb.errors import AudioError

# Formats PyAV may open: audio containers, but no playlists, which refer to other files or the network.
_CONTAINERS = "aac,ac3,aiff,amr,asf,au,avi,caf,flac,matroska,mov,mp3,mp4,mpegts,ogg,w64,wav,webm"
_RATES = range(4_000, 768_001)  # lower rates would grow too much when resampled; higher ones are not audio
_BLOCK = 1 << 18  # samples decoded at a time, over all channels
_CHUNKS = 10_000  # checked before decoding; real files have a dozen
_READABLE = "an audio file: WAV, FLAC, MP3, OGG, M4A, WebM and the like"


@dataclass(frozen=True)
class Decoded:
    """Opened audio file: its properties, and its samples in blocks of float32 [n, channels]."""

    format: str
    decoder: str
    sample_rate: int
    channels: int
    floating: bool
    expected_seconds: float  # 0 when unknown
    blocks: Iterator[np.ndarray]


class _SafeSeeks:
    """File for decoders in which seeking to an invalid position moves to the end.

    Their callbacks print the traceback of an error in `seek` and go on with a wrong position.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, os.fstat(file.fileno()).st_size
        self.read, self.readinto, self.tell = file.read, file.readinto, file.tell  # type: ignore[attr-defined]

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._file.tell()}.get(whence, self._size)
        place = start + offset
        return self._file.seek(place if 0 <= place <= self._size else self._size)


def open_plain_file(path: Path, max_bytes: int) -> BinaryIO:
    """Open a file after the checks that need no decoder; the caller closes it."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise AudioError(f"{path} is a folder", _READABLE, "name a file in it")
        if not stat.S_ISREG(mode):  # reading a pipe or a device could block forever
            raise AudioError(f"{path} is not a plain file", _READABLE, "save the audio to a file first")
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError as exc:
        raise AudioError(f"{path}: no such file", _READABLE, "check the path") from exc
    except PermissionError as exc:
        raise AudioError(
            f"{path} cannot be read: no permission", "a readable file", "change its permissions"
        ) from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise AudioError(f"{path!s:.200} cannot be opened ({reason})", _READABLE, "check the path") from exc
    try:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise AudioError(f"{path} is an empty file (0 bytes)", _READABLE, "copy or record it again")
        if size > max_bytes:
            raise AudioError(
                f"{path} is {size / 1e6:.0f} MB",
                f"at most {max_bytes / 1e6:.0f} MB",
                "cut out the part you need",
            )
        if _is_text(file.read(4096)):
            raise AudioError(f"{path} is a text file", _READABLE, "choose an audio file")
        _check_chunks(file, size, path)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def decode(file: BinaryIO, path: object) -> Decoded:
    """Open a file with the first decoder that accepts it.

    A decoder may raise anything for a damaged file: libsndfile and FFmpeg have errors of their own, and their
    bindings raise `OSError`, `ValueError`, `AttributeError` and more. Here and in `_guarded` all of them
    become an `AudioError`.

    Parameters
    ----------
    file : binary file
        From `open_plain_file`; open until the last block is read.
    path : object
        Name of the file, for messages.

    Raises
    ------
    AudioError
        If no decoder accepts the file, it has no audio, or its rate is out of range; raised by `blocks` if
        the file is damaged.
    """
    try:
        decoded = _open_soundfile(_SafeSeeks(file)) or _open_pyav(_SafeSeeks(file), path)
    except (AudioError, MemoryError):
        raise
    except Exception as exc:
        raise AudioError(
            f"{path} is not an audio file that can be decoded ({str(exc)[:200]})",
            _READABLE,
            "convert it to WAV",
        ) from exc
    if decoded.sample_rate not in _RATES or decoded.channels < 1:
        raise AudioError(
            f"{path}: {decoded.sample_rate} Hz, {decoded.channels} channels",
            "4 to 768 kHz",
            "convert it to WAV",
        )
    return replace(decoded, blocks=_guarded(decoded.blocks, path))


def _guarded(blocks: Iterator[np.ndarray], path: object) -> Iterator[np.ndarray]:
    try:
        yield from blocks
    except (AudioError, MemoryError):
        raise
    except Exception as exc:
        raise damaged(path, str(exc)[:200]) from exc


def _is_text(head: bytes) -> bool:
    if b"\0" in head:
        return False
    utf8 = codecs.getincrementaldecoder("utf-8")()  # incremental: the head may end inside a character
    try:
        utf8.decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _check_chunks(file: BinaryIO, size: int, path: Path) -> None:
    """Reject a WAV or AIFF that is shorter than its header states; libsndfile would cut it silently."""
    file.seek(0)
    kind, form = struct.unpack("<4s4x4s", file.read(12).ljust(12, b"\0"))
    if not (kind in (b"RIFF", b"RF64") and form == b"WAVE") and not (
        kind == b"FORM" and form in (b"AIFF", b"AIFC")
    ):
        return
    order = ">" if kind == b"FORM" else "<"
    long_size = 0
    for _ in range(_CHUNKS):
        if len(head := file.read(8)) < 8:
            return
        name, claimed = struct.unpack(f"{order}4sI", head)
        if name == b"ds64" and claimed >= 16:
            long_size = struct.unpack("<8xQ", file.read(16).ljust(16, b"\0"))[0]
            claimed -= 16
        if name in (b"data", b"SSND"):
            if claimed == 0xFFFFFFFF:  # RF64, or a WAV that was written to a pipe without its length
                claimed = long_size
            if claimed > size - file.tell():
                raise AudioError(
                    f"{path}: truncated; its header states {claimed / 1e6:.1f} MB of audio, but "
                    f"{max(0, size - file.tell()) / 1e6:.1f} MB are present",
                    "a complete file",
                    "copy or record it again",
                )
            return
        file.seek(claimed + claimed % 2, os.SEEK_CUR)


def _open_soundfile(file: _SafeSeeks) -> Decoded | None:
    import soundfile

    try:
        sound = soundfile.SoundFile(file)
    except MemoryError:
        raise
    except Exception:  # PyAV reads more formats, and its error is the one to show
        return None
    if sound.format == "MP3" and not _mp3_tells_length(file):
        sound.close()  # libsndfile would guess the length, and stop there
        return None

    def blocks() -> Iterator[np.ndarray]:
        with sound:
            while len(block := sound.read(max(1, _BLOCK // sound.channels), "float32", always_2d=True)):
                yield block

    return Decoded(
        format=sound.format,
        decoder="soundfile",
        sample_rate=sound.samplerate,
        channels=sound.channels,
        floating=sound.subtype in ("FLOAT", "DOUBLE"),
        expected_seconds=sound.frames / max(1, sound.samplerate),
        blocks=blocks(),
    )


def _mp3_tells_length(file: _SafeSeeks) -> bool:
    """Return true if an MP3 has the optional header with its length."""
    position = file.tell()
    file.seek(0)
    tag = file.read(10).ljust(10, b"\0")
    if tag[:3] == b"ID3":
        file.seek(10 + (tag[6] << 21 | tag[7] << 14 | tag[8] << 7 | tag[9]))
    else:
        file.seek(0)
    first_frame = file.read(512)
    file.seek(position)
    return b"Xing" in first_frame or b"Info" in first_frame


def _open_pyav(file: _SafeSeeks, path: object) -> Decoded:
    import av

    file.seek(0)
    container = av.open(file, "r", options={"format_whitelist": _CONTAINERS})
    if not container.streams.audio:
        raise AudioError(f"{path} has no audio ({container.format.name})", _READABLE, "choose another file")
    name, stream = container.format.name, container.streams.audio[0]
    if getattr(stream, "codec_context", None) is None:  # PyAV then reports no rate and no channels
        raise AudioError(f"{path}: the audio codec is not supported", _READABLE, "convert it to WAV")

    def blocks() -> Iterator[np.ndarray]:
        with container:
            planar = av.AudioResampler(format="fltp")  # type: ignore[no-untyped-call, unused-ignore]
            for frame in container.decode(stream):
                for part in planar.resample(frame):
                    yield part.to_ndarray().T

    return Decoded(
        format=name,
        decoder="PyAV",
        sample_rate=stream.rate or 0,
        channels=stream.channels or 0,
        floating=False,
        # Other containers do not store the length, and FFmpeg guesses it from the bit rate.
        expected_seconds=(container.duration or 0) / 1e6 if name.startswith(("mov", "matroska")) else 0.0,
        blocks=blocks(),
    )


def damaged(path: object, reason: object) -> AudioError:
    """Return the error for a file that is truncated or cannot be decoded completely."""
    return AudioError(
        f"{path}: truncated or damaged ({reason})", "a complete file", "copy or record it again"
    )
