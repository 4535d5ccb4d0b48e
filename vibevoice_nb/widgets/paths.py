"""Paths from a page: relative to the server's root folder, which may differ in the kernel."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from vibevoice_nb.errors import ProjectError


def document_path(root: str, path: str) -> Path:
    """Return the absolute path of a file that a page names by its path on the server.

    Parameters
    ----------
    root : str
        Root folder of the server, as the page knows it.
    path : str
        Path relative to that folder.

    Raises
    ------
    ProjectError
        If this kernel has no access to the file.

    Examples
    --------
    >>> document_path("~", "no/such.vvscript")
    Traceback (most recent call last):
    vibevoice_nb.errors.ProjectError: no/such.vvscript is not accessible from this kernel...
    """
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # too long, a NUL, no home folder
        candidates = (Path(root).expanduser() / path, Path.cwd() / path, Path.cwd() / Path(path).name)
        for candidate in candidates:
            if candidate.exists():
                return Path(os.path.abspath(candidate))
    shown = path if len(path) <= 200 else f"{path[:100]}...{path[-60:]}"
    raise ProjectError(
        f"{shown} is not accessible from this kernel",
        "a kernel on the computer that stores the file",
        "choose another kernel, or save the file first",
    )
