"""Single-writer lock, released by the OS when the process dies, with a note that names its holder."""

from __future__ import annotations

import contextlib
import errno
import getpass
import json
import os
import platform
import stat
import time
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from vibevoice_nb.errors import AudioError
from vibevoice_nb.files import write_atomically

_NOTE_BYTES = 4096
_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK)
"""errno values of file systems without lock support."""


@dataclass(frozen=True)
class Holder:
    """Process that has a project open for writing."""

    pid: int
    started: float  # start time of the process: its number may be reused
    host: str
    user: str
    since: float

    @classmethod
    def here(cls) -> Holder:
        return cls(os.getpid(), _started(os.getpid()), platform.node(), _user(), time.time())

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since).strftime("%Y-%m-%d %H:%M")
        if self.is_here:
            return f"this process, since {since}"
        return f"{self.user} on {self.host} (process {self.pid}), since {since}"

    @property
    def is_here(self) -> bool:
        """True if it is this process."""
        return self.host == platform.node() and self.pid == os.getpid() and self._alive

    @property
    def may_live(self) -> bool:
        """True if the process may still be running; always True for other hosts."""
        return self.host != platform.node() or self._alive

    @property
    def _alive(self) -> bool:
        return abs(_started(self.pid) - self.started) < 2.0


class ProjectLock:
    """Right to write in a folder.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    held : bool
        True while this object has the lock.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first, second = ProjectLock(Path(folder)), ProjectLock(Path(folder))
    ...     first.acquire(), second.acquire(), str(second.holder())[:12]
    ...     first.release()
    ...     second.acquire(), second.release()
    (True, False, 'this process')
    (True, None)
    """

    def __init__(self, folder: Path) -> None:
        import filelock

        self._file = folder / ".lock"
        self._lock = filelock.FileLock(self._file, timeout=0, thread_local=False)
        self._note = folder / ".holder.json"
        self._holder: Holder | None = None
        self.held = False

    def acquire(self) -> bool:
        """Take the lock, if it is free.

        Raises
        ------
        OSError
            If the folder can't be written.
        """
        import filelock

        _remove_foreign(self._file)
        try:
            self._lock.acquire()
        except filelock.Timeout:
            return False
        except (NotImplementedError, OSError) as exc:
            if isinstance(exc, OSError) and exc.errno not in _WITHOUT_LOCKS:
                raise
            holder = self.holder()
            if holder is not None and holder.may_live:  # without locks, only the note shows the holder
                return False
        self.held = True
        self._holder = Holder.here()
        note = json.dumps(asdict(self._holder)).encode()
        with contextlib.suppress(AudioError):  # full disk: the lock works without its note
            write_atomically(self._note, note, force=True)
        return True

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self.held:
            self.held = False
            with contextlib.suppress(OSError):
                if self.is_noted:  # otherwise another project is in the folder's place
                    self._note.unlink(missing_ok=True)
            self._lock.release()

    @property
    def is_noted(self) -> bool:
        """True if the folder contains the note of this lock."""
        return self._holder is not None and self.holder() == self._holder

    def holder(self) -> Holder | None:
        """Return the holder according to the note; None without a note."""
        try:
            if not self._note.is_file():  # opening a pipe would block
                return None
            with open(self._note, "rb") as file:
                data = json.loads(file.read(_NOTE_BYTES))
            numbers = float(data["started"]), float(data["since"])
            return Holder(
                int(data["pid"]), numbers[0], str(data["host"])[:100], str(data["user"])[:100], numbers[1]
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return None


def _remove_foreign(path: Path) -> None:
    """Remove a file that is not a lock file: a link, or a file with content, which locking would truncate."""
    with contextlib.suppress(FileNotFoundError):
        facts = os.lstat(path)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size:
            path.unlink()


def _started(pid: int) -> float:
    """Return the start time of a process, seconds since 1970; 0 if it doesn't exist."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except (psutil.Error, ValueError, OverflowError):
        return 0.0


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container may have no name for its user
        return "somebody"


def lock_folder(folder: Path) -> tuple[ProjectLock | None, str]:
    """Take a folder's lock; return it and "", or None and the reason in words."""
    lock = ProjectLock(folder)
    try:
        if lock.acquire():
            return lock, ""
    except OSError as exc:
        return None, f"its folder can't be written ({exc.strerror or exc})"
    holder = lock.holder()
    return None, f"it is open for writing in {holder or 'another process'}"
