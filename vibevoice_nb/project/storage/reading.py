"""Reading of files that are not trusted: links that lead out are rejected, sizes and nesting are bounded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from vibevoice_nb.errors import ProjectError

MAX_DEPTH = 100
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""Errors of a damaged file, besides the package's own."""


def check_inside(path: Path, folder: Path) -> Path:
    """Return a path, if no link leads it out of the folder.

    Raises
    ------
    ProjectError
    """
    try:
        fine = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # a loop of links
        fine = False
    if not fine:
        raise ProjectError(f"{path} is a link that leads out of the project", "a regular file", "remove it")
    return path


def read_bounded(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises
    ------
    ProjectError
        If it is not a regular file, or too large.
    OSError
    """
    if path.exists() and not path.is_file():  # opening a pipe would block
        raise ProjectError(f"{path} is not a regular file", "a regular file", "remove it")
    with open(path, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ProjectError(
            f"{path} is larger than {limit:,} bytes", "a smaller file", "restore it from a copy"
        )
    return data


def parse_json(data: bytes) -> Any:
    """Parse JSON whose values are nested at most 100 deep.

    Raises
    ------
    ValueError, RecursionError
        If it is not such JSON.
    """
    value = json.loads(data)
    if not _is_shallow(value):
        raise ValueError(f"more than {MAX_DEPTH} levels of nesting")
    return value


def reason_of(exc: BaseException) -> str:
    """Return the reason that a file cannot be read, for a message."""
    if isinstance(exc, FileNotFoundError):
        return f"{Path(exc.filename).name} is missing" if exc.filename else "a file is missing"
    return f"{exc} is missing" if isinstance(exc, KeyError) else str(exc)


def _is_shallow(value: object) -> bool:
    """Return whether JSON values are nested at most `MAX_DEPTH` deep, without recursion."""
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        containers = [item for item in level if isinstance(item, (dict, list))]
        level = [
            inner for item in containers for inner in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return True
    return False
