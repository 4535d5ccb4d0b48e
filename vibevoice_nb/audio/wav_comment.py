"""Comment of a WAV file that is complete: a chunk after the audio, as other programs write and read it."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from ..errors import AudioError
from .sinks import MAX_WAV_BYTES

_SIZES = struct.Struct("<4sI4s4sI")


def append_comment(path: Path, text: str) -> None:
    """Append a comment to a WAV file; `read_manifest` reads JSON in it.

    Raises
    ------
    AudioError
        If it is not a WAV file, or would be larger than 4 GB.
    OSError

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from vibevoice_nb.audio.encode import read_manifest
    >>> from vibevoice_nb.audio.sinks import WavSink
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with WavSink(Path(folder) / "talk.wav") as sink:
    ...         sink.write(np.zeros(3200, np.float32))
    ...     append_comment(sink.path, 'generated speech {"seed": 7}')
    ...     read_manifest(sink.path)
    {'seed': 7}
    """
    value = text.encode() + b"\0"
    padded = value + b"\0" * (len(value) % 2)
    chunk = _SIZES.pack(b"LIST", 4 + 8 + len(padded), b"INFO", b"ICMT", len(value)) + padded
    with path.open("r+b") as file:
        if file.read(4) != b"RIFF":
            raise AudioError(f"{path} is no WAV file", "a WAV file", "choose another file")
        end = file.seek(0, os.SEEK_END)
        if end + len(chunk) > MAX_WAV_BYTES:
            raise AudioError(f"{path} of {end} bytes", "at most 4 GB", "leave out the comment")
        file.write(chunk)
        file.seek(4)
        file.write(struct.pack("<I", end + len(chunk) - 8))
        file.flush()
        os.fsync(file.fileno())
