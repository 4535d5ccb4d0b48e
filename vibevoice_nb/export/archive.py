"""Archives: the files of an export in one .zip file."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from vibevoice_nb.files import check_target, disk_error

from .files import FileGroup

_COMPRESSED = (".flac", ".mp3", ".opus", ".m4a")  # deflating them again only costs time
_BLOCK = 1 << 20
_DATE = (1980, 1, 1, 0, 0, 0)  # the same for all, so that the same files give the same archive


def write_archive(
    target: str | os.PathLike[str],
    write: Callable[[Path], list[Path]],
    force: bool,
    check: Callable[[], None] = lambda: None,
) -> Path:
    """Write files into a temporary folder, then into a .zip file, in blocks of 1 MB.

    Parameters
    ----------
    target : path
        Ends in `.zip`.
    write : callable
        Writes the files into the given folder and returns them, in the order of the archive.
    force : bool
        Replace an existing archive.
    check : callable
        Called for every block; may raise to cancel.

    Raises
    ------
    AudioError
        If the archive can't be written or exists, or the disk is full.

    Examples
    --------
    >>> def write(folder):
    ...     _ = (folder / "a.txt").write_text("a")
    ...     return [folder / "a.txt"]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with zipfile.ZipFile(write_archive(Path(folder) / "all.zip", write, False)) as archive:
    ...         archive.namelist()
    ['a.txt']
    """
    archive = check_target(target, suffixes=(".zip",), force=force)
    try:
        # Beside the archive, as the folder for temporary files may be small.
        with (
            tempfile.TemporaryDirectory(prefix=".export-", dir=archive.parent) as name,
            FileGroup(archive.parent, make_folder=False, force=force) as group,
        ):
            folder = Path(name).resolve()
            paths = write(folder)
            with group.create(archive) as file, zipfile.ZipFile(file, "w") as files:
                for path in paths:
                    _add(files, path, path.relative_to(folder).as_posix(), check)
    except OSError as exc:
        raise disk_error(archive, exc) from exc
    return archive


def _add(files: zipfile.ZipFile, path: Path, name: str, check: Callable[[], None]) -> None:
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_STORED if path.suffix in _COMPRESSED else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.file_size = path.stat().st_size  # decides on the large format of the entry
    with open(path, "rb") as source, files.open(entry, "w") as copy:
        while block := source.read(_BLOCK):
            check()
            copy.write(block)
