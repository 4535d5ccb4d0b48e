"""Search for projects below a folder, within limits: home folders may have millions of files."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vibevoice_nb.files import PROJECT_SUFFIX

MAX_FOLDERS = 4000
MAX_ENTRIES = 200_000
"""Files count as well: reading their names takes the time of a search."""
MAX_FOUND = 2000
MAX_DEPTH = 8
MAX_SECONDS = 3.0
_SKIPPED = {"node_modules", "__pycache__", "site-packages", "venv", "env"}


@dataclass
class Found:
    """Projects found.

    Attributes
    ----------
    projects : list of Path
    incomplete : bool
        True if a limit ended the search.
    """

    projects: list[Path] = field(default_factory=list)
    incomplete: bool = False


def find_projects(root: Path, first: Path | None = None, seconds: float = MAX_SECONDS) -> Found:
    """Return the projects below a folder, nearest first.

    Hidden folders and links are skipped, and folders deeper than 8 levels.

    Parameters
    ----------
    root : Path
    first : Path, optional
        Folder below the root that is searched before all others.
    seconds : float
        Maximum duration of the search.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for path in ("one.vibevoice", "a/two.vibevoice/three.vibevoice", ".b/four.vibevoice"):
    ...         Path(folder, path).mkdir(parents=True)
    ...     [path.name for path in find_projects(Path(folder)).projects]
    ['one.vibevoice', 'two.vibevoice']
    """
    found, seen, entries = Found(), set[Path](), 0
    deadline = time.monotonic() + seconds
    # Resolved: the same folder must not have two names, which would list its projects twice.
    pending = deque((folder.resolve(), 0) for folder in (first, root) if folder is not None)
    while pending:
        folder, depth = pending.popleft()
        if folder in seen:
            continue
        if len(seen) == MAX_FOLDERS:
            found.incomplete = True
            return found
        seen.add(folder)
        for entry in _entries(folder):
            entries += 1
            if entries > MAX_ENTRIES or len(found.projects) == MAX_FOUND or time.monotonic() > deadline:
                found.incomplete = True
                return found
            if not _is_folder(entry):
                continue
            if entry.name.endswith(PROJECT_SUFFIX):
                found.projects.append(folder / entry.name)
            elif depth < MAX_DEPTH and entry.name not in _SKIPPED:
                pending.append((folder / entry.name, depth + 1))
    return found


def folder_below(root: Path, path: str) -> Path | None:
    """Return the folder that a page names by its path below the root; None if it leads out, or is none.

    Examples
    --------
    >>> folder_below(Path("/tmp"), "../etc") is None, folder_below(Path("/tmp"), "/").name
    (True, 'tmp')
    """
    try:
        folder = (root / path.lstrip("/")).resolve()
        fine = folder.is_relative_to(root.resolve()) and folder.is_dir()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL, a loop of links
        return None
    return folder if fine else None


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:  # removed meanwhile, or not readable
        return


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Return True for folders that are searched, or are projects: neither hidden nor links."""
    try:
        return not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
    except OSError:  # removed meanwhile
        return False
