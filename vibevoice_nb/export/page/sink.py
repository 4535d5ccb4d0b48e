"""Sink that encodes audio and writes it into a web page."""

from __future__ import annotations

import base64
import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.cover import Cover
from vibevoice_nb.audio.encode import SPECS, Chapter, Encoder
from vibevoice_nb.audio.sinks import Sink

from ..manifest import ExportManifest

if TYPE_CHECKING:
    from .parts import PageTake

PAGE = replace(SPECS["mp3"], suffix=".html", mime="text/html", bitrates=(16_000, 64_000, 160_000))
"""Settings of the audio in a page: speech with 24 kHz needs no more than 64 kbit/s."""

_PIECE = 3 << 18  # bytes of audio in an element, which are 1 MB as base64


class PageSink(Sink):
    """Sink that writes a web page with the audio.

    Parameters
    ----------
    file : binary file
        Open for writing; stays open.
    take : Take
        Source of the waveform and the transcript.
    tags : mapping of str
        Metadata of the audio; the page shows the title, and the comment, which names the model.
    artist : str
        Shown below the title; may be empty.
    chapters : sequence of Chapter
    cover : Cover or None
    manifest : ExportManifest
    bitrate : int, optional

    Raises
    ------
    OptionError
        If the bit rate is out of range.
    """

    def __init__(
        self,
        file: BinaryIO,
        take: PageTake,
        *,
        tags: Mapping[str, str],
        artist: str,
        chapters: Sequence[Chapter],
        cover: Cover | None,
        manifest: ExportManifest,
        bitrate: int | None = None,
    ) -> None:
        assert PAGE.bitrates is not None
        self._file, self._take, self._tags, self._artist = file, take, tags, artist
        self._chapters, self._cover, self._manifest = chapters, cover, manifest
        # MP3's header is completed at the end, so it can't be written into the page at once.
        self._audio = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the sink
        self._encoder = Encoder(
            self._audio, "mp3", metadata=tags, chapters=chapters, bitrate=bitrate or PAGE.bitrates[1]
        )

    def write(self, chunk: NDArray[np.floating[Any]]) -> None:
        """Append float32 [n]."""
        self._encoder.write(chunk)

    def close(self) -> None:
        """Complete the audio and write the page."""
        from .parts import foot, head  # imports matplotlib

        self._encoder.close()
        with self._audio as audio:
            audio.seek(0)
            self._file.write(
                head(
                    self._take,
                    title=self._tags["title"],
                    facts=self._tags["comment"],
                    artist=self._artist,
                    chapters=self._chapters,
                    cover=self._cover,
                ).encode()
            )
            while piece := audio.read(_PIECE):
                self._file.write(b'<script type="text/plain" class="audio">')
                self._file.write(base64.b64encode(piece))
                self._file.write(b"</script>\n")
            self._file.write(foot(self._manifest).encode())

    def abandon(self, reason: BaseException) -> None:
        """Delete the audio; the page is incomplete."""
        self._encoder.abandon(reason)
        with contextlib.suppress(OSError):
            self._audio.close()
