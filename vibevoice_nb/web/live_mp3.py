"""Live audio for browsers: an MP3 file that grows during generation, and a stream of its bytes.

The file has no table of contents and no length, which are known only at the end. It is for listening only;
downloads are encoded separately, exact to the sample and with the whole manifest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE

BIT_RATE = 160_000
"""Highest MP3 bit rate at this sample rate: browsers read blocks of bytes, so playback starts earlier."""

_BLOCK = 1 << 16
_POLL = 0.05  # seconds; a frame is 0.133


class LiveMp3:
    """MP3 file that can be read while it is written.

    Parameters
    ----------
    path : Path
        A new file.
    tags : mapping of str
        Title and comment, written first.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with LiveMp3(Path(folder) / "live.mp3", {"comment": "generated speech"}) as live:
    ...         live.write(np.zeros(9600, np.float32))
    ...         early = live.path.stat().st_size
    ...     0 < early < live.path.stat().st_size, live.ended
    (True, True)
    """

    def __init__(self, path: Path, tags: Mapping[str, str]) -> None:
        import av

        self.path, self.ended = path, False
        self._samples = 0
        self._file = open(path, "xb", buffering=0)  # noqa: SIM115 - as long as the container
        # Without a Xing header, nothing is rewritten at the end.
        self._container: Any = av.open(
            _Forward(self._file), "w", format="mp3", options={"write_xing": "0", "flush_packets": "1"}
        )
        self._container.metadata.update(tags)
        self._stream: Any = self._container.add_stream("libmp3lame", rate=SAMPLE_RATE, layout="mono")
        self._stream.format, self._stream.bit_rate = "fltp", BIT_RATE

    def write(self, audio: NDArray[np.float32]) -> None:
        """Append float32 [n] at 24 kHz."""
        import av

        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(audio)[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, self._samples
        self._samples += len(audio)
        self._mux(frame)

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def __enter__(self) -> LiveMp3:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._samples:  # nothing was encoded
                self._mux(None)
            self._container.close()
        finally:
            self._file.close()
            # The encoder keeps its threads until it is garbage-collected.
            self._stream = self._container = None
            self.ended = True

    async def follow(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes from its beginning, as they are written, until the end."""
        with open(self.path, "rb") as file:
            while True:
                last = self.ended  # checked before reading, so that the last read is complete
                if block := file.read(_BLOCK):
                    yield block
                elif last:
                    return
                else:
                    await asyncio.sleep(_POLL)


class _Forward:
    """Write-only file: the encoder must not seek back to bytes that were already streamed."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        self._file.write(data)
        return len(data)
