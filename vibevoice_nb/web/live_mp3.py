"""Sound while it is made, as a browser plays it: an MP3 file that grows, and its bytes as they come.

The file has no table of contents and no length: both are known only at the end. So it is for listening; what
is downloaded is encoded anew, exact to the sample and with the whole manifest.
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
"""The most MP3 has at this sample rate: browsers read in blocks of bytes, and begin to play the sooner."""

_BLOCK = 1 << 16
_POLL = 0.05  # seconds; a frame is 0.133


class LiveMp3:
    """An MP3 file that can be read while it is written.

    Parameters
    ----------
    path : Path
        A new file.
    tags : mapping of str
        Written first: title, comment.

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
        # Without a Xing header nothing is written twice.
        self._container: Any = av.open(
            _Forward(self._file), "w", format="mp3", options={"write_xing": "0", "flush_packets": "1"}
        )
        self._container.metadata.update(tags)
        self._stream: Any = self._container.add_stream("libmp3lame", rate=SAMPLE_RATE, layout="mono")
        self._stream.format, self._stream.bit_rate = "fltp", BIT_RATE

    def write(self, audio: NDArray[np.float32]) -> None:
        """Take float32 [n], 24 kHz."""
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
            if self._samples:  # before the first sample there is nothing to complete
                self._mux(None)
            self._container.close()
        finally:
            self._file.close()
            # The encoder has threads of its own as long as something refers to it.
            self._stream = self._container = None
            self.ended = True

    async def follow(self) -> AsyncIterator[bytes]:
        """Yield the file's bytes from its beginning, as they come, until it has ended."""
        with open(self.path, "rb") as file:
            while True:
                last = self.ended  # asked before reading: what is read then is all there is
                if block := file.read(_BLOCK):
                    yield block
                elif last:
                    return
                else:
                    await asyncio.sleep(_POLL)


class _Forward:
    """A file that can only be written: the encoder must not go back to what was heard already."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        self._file.write(data)
        return len(data)
