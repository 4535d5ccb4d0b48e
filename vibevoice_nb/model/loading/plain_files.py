"""Small files of a checkpoint: only regular files are read, up to a size limit."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from ...errors import CheckpointError

JSON_LIMIT = 10_000_000


def check_regular(path: Path) -> int:
    """Return the size of a regular file; links are followed.

    Raises
    ------
    CheckpointError
        If it is missing, or a folder, a pipe or a device, which may never end.
    """
    try:
        status = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a socket or a device"
        raise CheckpointError(f"{path} is {kind}", "a regular file", "fetch the checkpoint again")
    return status.st_size


def read_limited(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises
    ------
    CheckpointError
    """
    size = check_regular(path)
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) > limit:
        raise CheckpointError(
            f"{path} has {max(size, len(data))} bytes",
            f"a file of at most {limit} bytes",
            "fetch the checkpoint again",
        )
    return data


def read_json(path: Path, limit: int = JSON_LIMIT) -> dict[str, Any]:
    """Read a JSON object of a checkpoint.

    Raises
    ------
    CheckpointError
        If it is missing, unreadable, not a regular file, too large, or not a JSON object.
    """
    try:
        data = json.loads(read_limited(path, limit).decode("utf-8"))
    except (
        ValueError,
        RecursionError,
    ) as error:  # not UTF-8, not JSON, a number too large, or nested too deeply
        raise CheckpointError(
            f"{path} is not JSON ({str(error)[:200]})", "a JSON object", "fetch the checkpoint again"
        ) from error
    if not isinstance(data, dict):
        raise CheckpointError(
            f"{path} holds {type(data).__name__}", "a JSON object", "fetch the checkpoint again"
        )
    return data


def _unreadable(path: Path, error: OSError | ValueError) -> CheckpointError:
    reason = getattr(error, "strerror", None) or error
    return CheckpointError(
        f"{str(path)[:400]} can't be read ({reason})",
        "a checkpoint folder with this file",
        "check the path and its permissions, or fetch the checkpoint again",
    )
