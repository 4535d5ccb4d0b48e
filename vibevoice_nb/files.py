"""Safe file writes: targets checked first, atomic replacement, no overwriting without `force`."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from vibevoice_nb.errors import AudioError
from vibevoice_nb.ranges import shown

PROJECT_SUFFIX = ".vibevoice"
"""Suffix of a project's folder."""


def check_target(path: str | os.PathLike[str], *, suffixes: tuple[str, ...], force: bool) -> Path:
    """Check that a file may be written, before any work is done; nothing is changed.

    Parameters
    ----------
    path : path
        File to write.
    suffixes : tuple of str
        Allowed file types, such as `(".wav",)`.
    force : bool
        Replace an existing file.

    Returns
    -------
    Path
        The path with links resolved.

    Raises
    ------
    AudioError
        If the type is unknown, the folder is missing or not writable, the file exists and `force` is not
        set, the path is not a plain file, is a link to a file of another type, or is a link that leads out
        of a project.

    Examples
    --------
    >>> check_target("episode.xyz", suffixes=(".wav",), force=False)
    Traceback (most recent call last):
    vibevoice_nb.errors.AudioError: episode.xyz. Expected a file name that ends in .wav. To fix it: rename it.
    """
    try:
        target = Path(path)
    except TypeError:  # a number, bytes
        raise AudioError(f"the path {shown(path)}", "a path as text", "write 'episode.wav'") from None
    if target.suffix.lower() not in suffixes:
        raise AudioError(f"{path}", f"a file name that ends in {', '.join(suffixes)}", "rename it")
    try:
        target, given = target.resolve(), target
        if target.is_symlink():  # Python 3.13 returns a loop of links instead of raising
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        exists = target.exists()
        owner = _project_of(given)
        leads_out = owner is not None and not target.is_relative_to(owner.resolve())
    except (OSError, RuntimeError, ValueError) as exc:  # a loop of links, a name too long, a NUL
        raise AudioError(f"{path!r} ({exc})", "a path that can be written", "choose another name") from exc
    if leads_out:
        raise AudioError(
            f"{path}: a link that leads out of the project", "a file inside the project", "remove the link"
        )
    if not target.parent.is_dir():
        raise AudioError(
            f"{path}: the folder {target.parent} doesn't exist", "an existing folder", "create it first"
        )
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise AudioError(
            f"{path}: the folder {target.parent} isn't writable", "a writable folder", "choose another"
        )
    if exists and not target.is_file():
        raise AudioError(
            f"{path}: not a plain file", "a new file, or a plain file to replace", "choose another name"
        )
    if target.suffix.lower() != given.suffix.lower():
        raise AudioError(
            f"{path}: a link to {target.name}", f"a link to a {given.suffix} file", "remove the link"
        )
    if exists and not force:
        raise exists_error(target)
    return target


def _project_of(path: Path) -> Path | None:
    """Return the project folder that contains a path, without resolving links; None if there is none."""
    folders = (folder for folder in path.absolute().parents if folder.suffix == PROJECT_SUFFIX)
    return next(folders, None)


def publish(part: Path, target: Path, *, force: bool) -> None:
    """Rename a finished file to its target in one step; only `force` replaces an existing file."""
    if force:
        os.replace(part, target)
    else:
        try:
            os.link(part, target)  # unlike a rename, it fails when the name is taken
        except FileExistsError:
            raise exists_error(target) from None
        except OSError:  # a file system without hard links
            if target.exists():
                raise exists_error(target) from None
            os.replace(part, target)
        else:
            part.unlink()
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system supports it."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems do not support it
            os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(target: Path, data: bytes | memoryview, *, force: bool) -> None:
    """Write a file whole or not at all: temporary file beside it, fsync, rename.

    Raises
    ------
    AudioError
        If the disk is full, or the write fails; no file is left behind or overwritten.
    """
    part: Path | None = None
    try:
        part, file = create_beside(target, f".{os.getpid()}.tmp")
        with file:
            write_all(file, data)
            os.fsync(file.fileno())
        publish(part, target, force=force)
    except OSError as exc:
        raise disk_error(target, exc) from exc
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def write_together(files: Mapping[Path, bytes]) -> None:
    """Replace several files together, or none of them; a link is replaced, not followed.

    All data is written under temporary names before the first file is replaced. If one replacement fails,
    the earlier ones are reverted. After a crash in between, only the first files are new.

    Raises
    ------
    AudioError
        If the disk is full, or a write fails; nothing has changed.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, other = Path(folder, "one"), Path(folder, "other")
    ...     write_together({one: b"1", other: b"2"})
    ...     one.read_bytes() + other.read_bytes()
    b'12'
    """
    parts: list[tuple[Path, Path]] = []
    replaced: list[tuple[Path, Path | None]] = []
    target = Path()
    try:
        for target, data in files.items():
            part, file = create_beside(target, f".{os.getpid()}.tmp")
            parts.append((part, target))
            with file:
                write_all(file, data)
                os.fsync(file.fileno())
        for part, target in parts:
            replaced.append((target, _second_name(target)))
            os.replace(part, target)
        for folder in {target.parent for target in files}:
            sync_folder(folder)
    except BaseException as exc:
        for target, before in reversed(replaced):
            with contextlib.suppress(OSError):
                if before is None:
                    target.unlink(missing_ok=True)
                else:
                    os.replace(before, target)
        if isinstance(exc, OSError):
            raise disk_error(target, exc) from exc
        raise
    finally:
        for name in (*(part for part, _ in parts), *(before for _, before in replaced)):
            if name is not None:
                name.unlink(missing_ok=True)


def copy_name(path: Path, second: Path) -> None:
    """Give a file a second name, replacing any file of that name: a hard link if possible, else a copy."""
    part, file = create_beside(second, f"{second.suffix}.{os.getpid()}.tmp")
    file.close()
    try:
        part.unlink()
        try:
            os.link(path, part, follow_symlinks=False)
        except (OSError, NotImplementedError):  # a file system without hard links
            shutil.copyfile(path, part, follow_symlinks=False)
        os.replace(part, second)
    finally:
        part.unlink(missing_ok=True)


def _second_name(path: Path) -> Path | None:
    """Give a file a temporary second name; None if there is no file."""
    if not os.path.lexists(path):
        return None
    second = path.with_name(f".{path.name}.{os.getpid()}.before.tmp")
    copy_name(path, second)
    return second


def disk_error(path: Path, exc: OSError, kept: str = "nothing was written") -> AudioError:
    """Return the error for a failed write; `kept` describes what is on the disk now."""
    if exc.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return AudioError(
            f"{path}: the disk is full ({exc.strerror}); {kept}",
            "space for the audio (2.9 MB per minute of WAV)",
            "free some space or choose another disk",
        )
    return AudioError(
        f"{path}: {exc.strerror or exc}; {kept}", "a disk that can be written", "choose another folder"
    )


def exists_error(path: Path) -> AudioError:
    """Return the error for a file that already exists."""
    return AudioError(f"{path} exists", "a new file name", "choose another name, or force=True (--force)")


def create(path: Path) -> BinaryIO:
    """Create a new file, unbuffered: written data survives if the process dies."""
    return open(path, "xb", buffering=0)  # type: ignore[return-value]


def create_beside(target: Path, suffix: str) -> tuple[Path, BinaryIO]:
    """Create a new file `STEM + suffix` next to `target`, numbered when the name is taken."""
    base, dot, extension = suffix.rpartition(".")
    stem = target.stem
    while len(os.fsencode(stem)) > 200:  # file names end at 255 bytes
        stem = stem[:-1]
    number = 1
    while True:
        part = target.with_name(f"{stem}{base}{number if number > 1 else ''}{dot}{extension}")
        try:
            return part, create(part)
        except FileExistsError:
            number += 1


def write_all(file: BinaryIO, data: bytes | memoryview) -> None:
    """Write all data; one `write` of a raw file may write less, especially on an almost full disk."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]
