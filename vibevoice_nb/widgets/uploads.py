"""Recordings from the page: they come in chunks, into a private folder, and are believed in nothing.

A page says how large a file is, then sends it in order; whatever doesn't fit what it said is refused. The
name it gives is for people to read: no file is ever called by it.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import tempfile
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PureWindowsPath
from typing import Any

from vibevoice_nb.errors import AudioError, OptionError, VibeVoiceError
from vibevoice_nb.voices.checks import MAX_VOICE_SECONDS
from vibevoice_nb.voices.names import derive_name
from vibevoice_nb.voices.voice import Voice, load_voice

from .base import call
from .channel import Buffer

MAX_BYTES = 64 * 1024 * 1024
MAX_CHUNK = 8 * 1024 * 1024
MAX_OPEN = 4
"""Uploads that wait for their end at a time; a page that begins more has forgotten the oldest."""

KINDS = ("upload", "recording")
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
    """A file that came whole.

    Attributes
    ----------
    path : Path
        It is there until the block it was given to ends.
    name : str
        What the person calls it.
    kind : {"upload", "recording"}
    """

    path: Path
    name: str
    kind: str


class Inbox:
    r"""Files on their way from a page, in a folder that only this user can read.

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
        """Expect a file; return what its chunks are to be sent with.

        Raises
        ------
        OptionError
            Empty, larger than 64 MiB, or of an unknown kind.
        """
        if kind not in KINDS:
            raise OptionError(f"kind={kind!r}", f"one of {', '.join(KINDS)}", "reload the page")
        if not 0 < size <= MAX_BYTES:
            raise OptionError(
                f"a file of {size} bytes", f"1 to {MAX_BYTES} bytes", "cut out the best 10 to 30 seconds"
            )
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
        """Take the next chunk; return how many bytes are here.

        Raises
        ------
        AudioError
            Not the next chunk, or more than was announced; the upload is then given up.
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
                    f"{upload.name}: {exc.strerror or exc}", "room for it on the disk", "free some space"
                ) from exc
            upload.received += length
            return upload.received

    @contextlib.contextmanager
    def whole(self, token: str) -> Iterator[Received]:
        """The file, which is deleted when the block ends.

        Raises
        ------
        AudioError
            Some of it is missing.
        """
        with self._lock:
            upload = self._find(token)
            del self._uploads[token]
        try:
            if upload.received != upload.size:
                raise AudioError(
                    f"{upload.name}: {upload.received} of {upload.size} bytes", "all of it", "upload it again"
                )
            yield Received(upload.path, upload.name, upload.kind)
        finally:
            upload.path.unlink(missing_ok=True)

    def cancel(self, token: str) -> None:
        """Forget an upload; one that isn't there is forgotten already."""
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
            raise AudioError("an upload nobody has begun", "one that is under way", "upload it again")
        return upload

    def _drop(self, token: str) -> None:
        upload = self._uploads.pop(token, None)
        if upload is not None:
            upload.path.unlink(missing_ok=True)


def display_name(name: str) -> str:
    r"""Return a name from a page, fit to be shown: its last part, without what can't be seen.

    Examples
    --------
    >>> display_name("../../etc/pass\u202ewd\n.wav"), display_name("///")
    ('passwd.wav', 'recording')
    """
    last = PureWindowsPath(name[-1000:]).name
    visible = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    return visible.strip()[-120:] or "recording"


def voice_of(received: Received, *, max_seconds: float = MAX_VOICE_SECONDS) -> Voice:
    """Make a voice of a file from a page, its name derived from the file's; nothing says where the file was.

    Longer ones than `max_seconds` are refused.

    Raises
    ------
    VoiceError
        As `load_voice` does.
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


class Uploads:
    """For a widget whose page sends recordings: it says in `upload_received` what becomes of one."""

    _inbox: Inbox | None = None

    def upload_received(self, received: Received, speaker: str) -> dict[str, Any]:
        """Use a file that came whole; what is returned answers the page."""
        raise NotImplementedError

    @property
    def inbox(self) -> Inbox:
        """Where the files lie while they come."""
        if self._inbox is None:
            self._inbox = Inbox()
        return self._inbox

    @call("upload_begin")
    def _upload_begin(self, name: str, size: int, kind: str) -> dict[str, Any]:
        return {"upload": self.inbox.begin(name, size, kind)}

    @call("upload_chunk")
    def _upload_chunk(self, upload: str, offset: int, buffers: Sequence[memoryview]) -> dict[str, Any]:
        return {"received": self.inbox.add(upload, offset, b"".join(buffers[:1]))}

    @call("upload_end", slow=True)
    def _upload_end(self, upload: str, speaker: str) -> dict[str, Any]:
        with self.inbox.whole(upload) as received:
            return self.upload_received(received, speaker)

    @call("upload_cancel")
    def _upload_cancel(self, upload: str) -> None:
        self.inbox.cancel(upload)
