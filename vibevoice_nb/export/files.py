"""File groups that are published together or not at all, and file names that are safe on every system."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import unicodedata
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from vibevoice_nb.errors import AudioError
from vibevoice_nb.files import check_target, create_beside, disk_error, publish

_NAME_BYTES = 80
_HASH_BLOCK = 1 << 18


def safe_name(label: str) -> str:
    """Return a label as part of a file name: letters, digits, `-` and `_`; may be empty.

    Use it after a number, which keeps names distinct and avoids reserved ones.

    Examples
    --------
    >>> safe_name("../../etc/passwd"), safe_name("Dr. Ada  Lovelace"), safe_name("Zoë")
    ('etc-passwd', 'Dr-Ada-Lovelace', 'Zoë')
    """
    text = unicodedata.normalize("NFC", label)
    kept = "".join(char if unicodedata.category(char)[0] in "LMN" or char == "_" else " " for char in text)
    return "-".join(kept.split()).encode()[:_NAME_BYTES].decode(errors="ignore")


class FileGroup:
    """Files written under temporary names; they get their names together when the `with` block ends.

    After an exception nothing remains: neither files nor the folder, if it was created for them.

    Parameters
    ----------
    folder : Path
        Folder of the files.
    make_folder : bool
        Create the folder if it doesn't exist; its parent must exist.
    force : bool
        Replace existing files.

    Attributes
    ----------
    published : list of Path
        In the order of creation, then the unchanged ones.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with FileGroup(Path(folder) / "new", make_folder=True, force=False) as files:
    ...         files.write(files.check("a.txt", ".txt"), b"a")
    ...     [path.name for path in files.published]
    ['a.txt']
    """

    def __init__(self, folder: Path, *, make_folder: bool, force: bool) -> None:
        self.published: list[Path] = []
        self._kept: list[Path] = []
        self._folder, self._make_folder, self._force = folder, make_folder, force
        self._parts: list[tuple[Path, Path]] = []
        self._made_folder = False

    def check(self, name: str, suffix: str) -> Path:
        """Return the path of a file to write; raise AudioError if it can't be written."""
        return check_target(self._folder / name, suffixes=(suffix,), force=self._force)

    def create(self, target: Path) -> BinaryIO:
        """Create a file; the caller closes it."""
        try:
            part, file = create_beside(target, f".{os.getpid()}.tmp")
        except OSError as exc:
            raise disk_error(target, exc) from exc
        self._parts.append((part, target))
        # Encoders expect `write` to write everything, which only a buffered file does.
        return io.BufferedWriter(file)  # type: ignore[arg-type]

    def write(self, target: Path, data: bytes) -> None:
        """Write a whole file."""
        try:
            with self.create(target) as file:
                file.write(data)
        except OSError as exc:
            raise disk_error(target, exc) from exc

    def keep(self, name: str, data: bytes) -> bool:
        """Count an existing file with the same content as written; return True if there is one."""
        path = self._folder / name
        try:
            same = path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
        except (OSError, ValueError):
            return False
        if same:
            self._kept.append(path.resolve())
        return same

    def digests(self) -> dict[str, tuple[int, str]]:
        """Return the size and SHA-256 of each file so far, by name."""
        found = {}
        for part, target in self._parts:
            digest = hashlib.sha256()
            with open(part, "rb") as file:
                while block := file.read(_HASH_BLOCK):
                    digest.update(block)
            found[target.name] = part.stat().st_size, digest.hexdigest()
        return found

    def __enter__(self) -> FileGroup:
        if self._make_folder and not self._folder.exists() and self._folder.parent.is_dir():
            try:
                self._folder.mkdir()
            except (OSError, ValueError) as exc:
                raise AudioError(
                    f"{self._folder} ({exc})", "a folder that can be created", "choose another folder"
                ) from exc
            self._made_folder = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if reason is None:
                self._publish()
                self.published += self._kept
        finally:
            for part, _ in self._parts:
                part.unlink(missing_ok=True)
            if self._made_folder and not self.published:
                with contextlib.suppress(OSError):  # another program put a file into it
                    self._folder.rmdir()

    def _publish(self) -> None:
        try:
            for part, target in self._parts:
                with open(part, "rb+") as file:
                    os.fsync(file.fileno())
                publish(part, target, force=self._force)
                self.published.append(target)
        except BaseException as exc:
            if not self._force:  # replaced files are lost, but new files can be removed
                for target in self.published:
                    target.unlink(missing_ok=True)
                self.published.clear()
            if isinstance(exc, OSError):
                raise disk_error(target, exc) from exc
            raise
