"""Chunked uploads from the page into a private folder; nothing the page claims is trusted.

A page announces the size of a file, then sends its chunks in order; a chunk that does not match is rejected.
The name from the page is only displayed, never used for a file.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import Any

from vibevoice_nb.errors import AudioError, OptionError, VibeVoiceError
from vibevoice_nb.voices.checks import MAX_VOICE_SECONDS
from vibevoice_nb.voices.names import derive_name
from vibevoice_nb.voices.voice import Voice, load_voice

from .base import Part, call
from .channel import Buffer

MAX_BYTES = 64 * 1024 * 1024
MAX_CHUNK = 8 * 1024 * 1024
MAX_OPEN = 4
"""Maximum number of unfinished uploads; the oldest is dropped when another one begins."""

KINDS = {
    "upload": "cut out the best 10 to 30 seconds",
    "recording": "cut out the best 10 to 30 seconds",
    "music": "save it as FLAC or MP3, or cut out the part you need",
}
"""Kinds of uploads, with the remedy for a file that is too large."""
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


@dataclass
class _Upload:
    name: str
    size: int
    kind: str
    path: Path
    received: int = field(default=0)


@dataclass(frozen=True)
class Received:
    """Completely uploaded file.

    Attributes
    ----------
    path : Path
        The file; deleted at the end of the block that received it.
    name : str
        Name to display.
    kind : {"upload", "recording", "music"}
    """

    path: Path
    name: str
    kind: str


class Inbox:
    r"""Unfinished uploads, in a folder that only this user can read.

    Examples
    --------
    >>> inbox = Inbox()
    >>> upload = inbox.begin("C:\\voices\\anna.wav", size=4, kind="upload")
    >>> inbox.add(upload, 0, b"RI"), inbox.add(upload, 2, b"FF")
    (2, 4)
    >>> with inbox.whole(upload) as received:
    ...     received.name, received.path.read_bytes()
    ('anna.wav', b'RIFF')
    >>> received.path.exists()
    False
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._uploads: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    def begin(self, name: str, size: int, kind: str) -> str:
        """Register an upload; return its token.

        Raises
        ------
        OptionError
            If the file is empty, larger than 64 MiB, or of an unknown kind.
        """
        if kind not in KINDS:
            raise OptionError(f"kind={kind!r}", f"one of {', '.join(KINDS)}", "reload the page")
        if not 0 < size <= MAX_BYTES:
            raise OptionError(f"the file has {size} bytes", f"1 to {MAX_BYTES} bytes", KINDS[kind])
        with self._lock:
            while len(self._uploads) >= MAX_OPEN:
                self._drop(next(iter(self._uploads)))
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="vibevoice-upload-")
            token = secrets.token_hex(8)
            shown = display_name(name)
            suffix = Path(shown).suffix.lower()
            path = Path(self._folder.name, token + (suffix if _SUFFIX.fullmatch(suffix) else ""))
            path.touch()
            self._uploads[token] = _Upload(shown, size, kind, path)
            return token

    def add(self, token: str, offset: int, chunk: Buffer) -> int:
        """Append the next chunk; return the number of bytes received.

        Raises
        ------
        AudioError
            If it is not the next chunk, or exceeds the announced size; the upload is then dropped.
        """
        with self._lock:
            upload = self._find(token)
            length = memoryview(chunk).nbytes
            if offset != upload.received or not 0 < length <= min(MAX_CHUNK, upload.size - offset):
                self._drop(token)
                raise AudioError(
                    f"{upload.name}: {length} bytes at {offset}, after {upload.received} of {upload.size}",
                    f"the file's chunks in order, each of at most {MAX_CHUNK} bytes",
                    "upload it again",
                )
            try:
                with open(upload.path, "ab") as file:
                    file.write(chunk)
            except OSError as exc:
                self._drop(token)
                raise AudioError(
                    f"{upload.name}: {exc.strerror or exc}", "enough space on the disk", "free some space"
                ) from exc
            upload.received += length
            return upload.received

    @contextlib.contextmanager
    def whole(self, token: str) -> Iterator[Received]:
        """Yield the complete file, which is deleted at the end of the block.

        Raises
        ------
        AudioError
            If a part of it is missing.
        """
        with self._lock:
            upload = self._find(token)
            del self._uploads[token]
        try:
            if upload.received != upload.size:
                raise AudioError(
                    f"{upload.name}: only {upload.received} of {upload.size} bytes arrived",
                    "the whole file",
                    "upload it again",
                )
            yield Received(upload.path, upload.name, upload.kind)
        finally:
            upload.path.unlink(missing_ok=True)

    def cancel(self, token: str) -> None:
        """Drop an upload; an unknown one is ignored."""
        with self._lock:
            self._drop(token)

    def close(self) -> None:
        """Delete everything."""
        with self._lock:
            self._uploads.clear()
            if self._folder is not None:
                self._folder.cleanup()
                self._folder = None

    def _find(self, token: str) -> _Upload:
        upload = self._uploads.get(token)
        if upload is None:
            raise AudioError("unknown upload", "an upload in progress", "upload it again")
        return upload

    def _drop(self, token: str) -> None:
        upload = self._uploads.pop(token, None)
        if upload is not None:
            upload.path.unlink(missing_ok=True)


def display_name(name: str) -> str:
    r"""Return the last part of a name from a page, without invisible characters.

    Examples
    --------
    >>> display_name("../../etc/pass\u202ewd\n.wav"), display_name("///")
    ('passwd.wav', 'recording')
    """
    last = PureWindowsPath(name[-1000:]).name
    visible = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    return visible.strip()[-120:] or "recording"


def voice_of(received: Received, *, max_seconds: float = MAX_VOICE_SECONDS) -> Voice:
    """Return a voice from an uploaded file, named after it; the file's location is not stored.

    Recordings longer than `max_seconds` are rejected.

    Raises
    ------
    VoiceError
        If the recording cannot be used, as in `load_voice`.
    """
    try:
        name = derive_name(Path(received.name).stem)
        voice = load_voice(received.path, name=name, max_seconds=max_seconds)
    except VibeVoiceError as exc:
        raise type(exc)(
            exc.got.replace(str(received.path), received.name), exc.expected, exc.remedy
        ) from None
    info = None if voice.info is None else replace(voice.info, source=received.name)
    return replace(voice, source=received.name, info=info)


class Uploads(Part):
    """Recordings that the page uploads.

    Parameters
    ----------
    use : callable
        Called with a complete file and the speaker it is for; returns the answer to the page.

    Attributes
    ----------
    inbox : Inbox
        The files, for parts that use other kinds.
    """

    def __init__(self, use: Callable[[Received, str], dict[str, Any]]) -> None:
        self._use, self.inbox = use, Inbox()

    def close(self) -> None:
        """Delete unfinished uploads."""
        self.inbox.close()

    @call("upload_begin")
    def _begin(self, name: str, size: int, kind: str) -> dict[str, Any]:
        return {"upload": self.inbox.begin(name, size, kind)}

    @call("upload_chunk")
    def _chunk(self, upload: str, offset: int, buffers: Sequence[memoryview]) -> dict[str, Any]:
        return {"received": self.inbox.add(upload, offset, b"".join(buffers[:1]))}

    @call("upload_end", slow=True)
    def _end(self, upload: str, speaker: str) -> dict[str, Any]:
        with self.inbox.whole(upload) as received:
            return self._use(received, speaker)

    @call("upload_cancel")
    def _cancel(self, upload: str) -> None:
        self.inbox.cancel(upload)
