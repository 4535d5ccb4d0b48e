"""Paths of projects, checked before use."""

from __future__ import annotations

import os
from pathlib import Path

from vibevoice_nb.errors import ProjectError
from vibevoice_nb.files import PROJECT_SUFFIX
from vibevoice_nb.ranges import shown
from vibevoice_nb.voices.names import is_reserved

_NAME_BYTES = 255 - 40  # file names have at most 255 bytes, and temporary ones are longer
_PATH_BYTES = 4000


def project_path(path: str | os.PathLike[str], *, new: bool = False) -> Path:
    """Return the folder of a project: `~` is expanded, `.vibevoice` added if it is missing.

    Parameters
    ----------
    path : path
    new : bool
        True for a project to create, whose name must be valid on every system.

    Raises
    ------
    ProjectError
        If the path is empty, is not a folder name (`.`, `..`, `/`), contains a NUL, is too long, begins with
        the home of an unknown user, or, with `new`, has a name that is not valid on some systems.

    Examples
    --------
    >>> project_path("shows/monday").name
    'monday.vibevoice'
    >>> project_path("..")
    Traceback (most recent call last):
    vibevoice_nb.errors.ProjectError: the project path '..'. Expected a folder name, such as 'episode'...
    """
    try:
        text = os.fsdecode(path)
    except TypeError:
        raise _unfit(path, "a path as text", "write 'episode'") from None
    if "\0" in text:
        raise _unfit(text, "a path without NUL characters", "remove them")
    try:
        folder = Path(text).expanduser()
    except (RuntimeError, KeyError):  # ~name of an unknown user
        user = text.split("/")[0]
        raise _unfit(
            text, f"a user of this computer after ~ ({user} is unknown)", "write the full path"
        ) from None
    name = folder.name.removesuffix(PROJECT_SUFFIX)
    if not name.strip(" .") or text.rstrip("/") == "~":
        raise _unfit(text, "a folder name, such as 'episode'", "add the project's name")
    folder = folder.with_name(f"{name}{PROJECT_SUFFIX}")
    try:
        lengths = len(os.fsencode(folder.name)), len(os.fsencode(folder.absolute()))
    except UnicodeEncodeError:  # half of a surrogate pair
        raise _unfit(text, "a path in valid Unicode", "remove the damaged character") from None
    if lengths[0] > _NAME_BYTES or lengths[1] > _PATH_BYTES:
        raise _unfit(text, f"a name of at most {_NAME_BYTES} bytes in a path of {_PATH_BYTES}", "shorten it")
    if new:
        _check_new(text, name)
    return folder


def existing_project(path: str | os.PathLike[str]) -> Path:
    """Return the folder of an existing project; `.vibevoice` may be left out.

    Raises
    ------
    ProjectError
        If there is none, or as `project_path`.
    """
    try:
        if _has_state(here := Path(os.fsdecode(path))):
            return here.resolve() if not here.name or here.name == ".." else here
        folder = project_path(path)
        given = folder.with_name(folder.name.removesuffix(PROJECT_SUFFIX))
        found = folder if folder.is_dir() else given
        if _has_state(found):
            return found
        taken = next((one for one in (folder, given) if one.is_file()), None)
        missing = not found.is_dir()
    except TypeError:
        raise _unfit(path, "a path as text", "write 'episode'") from None
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise ProjectError(f"{shown(path)}: {reason}", "a readable folder", "check the path") from exc
    if missing and taken:
        raise ProjectError(f"{taken} is a file", "a project's folder", "move or rename the file")
    if missing:
        raise ProjectError(f"{given}: no such folder", "a project's folder", "create one with Project.create")
    got = f"{found}: project.json is missing"
    raise ProjectError(got, "a project's folder", "check the path, or create a project with Project.create")


def _has_state(folder: Path) -> bool:
    """Return True if a folder contains a project's state; False for an invalid path."""
    try:
        return any(os.path.lexists(folder / name) for name in ("project.json", "project.json.bak"))
    except ValueError:
        return False


def _check_new(text: str, name: str) -> None:
    try:
        printable = name.encode().decode().isprintable()
    except UnicodeEncodeError:
        printable = False
    if not printable:
        raise _unfit(text, "a name without control characters or damaged letters", "choose another name")
    if is_reserved(name) or name != name.strip(" ") or name.endswith("."):
        expected = (
            "a name that is valid on every system: not reserved by Windows, no space or dot at its ends"
        )
        raise _unfit(text, expected, "choose another name")


def _unfit(path: object, expected: str, remedy: str) -> ProjectError:
    return ProjectError(f"the project path {shown(path)}", expected, remedy)
