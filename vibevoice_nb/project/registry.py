"""Projects that are open in this process: widgets and cells on one folder share one object."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path

from vibevoice_nb.errors import ProjectError

from .project import Project
from .storage.paths import project_path

_open: weakref.WeakValueDictionary[Path, Project] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def shared_project(path: str | os.PathLike[str], *, create: bool = True) -> Project:
    """Open a project, or make it; one folder gives one object for as long as anybody holds it.

    Another process may be writing in it: then it is opened to read, and `Project.holder` says who holds it.

    Parameters
    ----------
    path : path
        The folder; `.vibevoice` may be left out.
    create : bool
        Whether it is made when it isn't there.

    Raises
    ------
    ProjectError
        The folder can't be made or read, or isn't there and `create` is off.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     project = shared_project(f"{folder}/talk")
    ...     shared_project(f"{folder}/talk.vibevoice") is project
    True
    """
    folder = project_path(path).absolute()
    with _lock:
        project = _open.get(folder)
        # Read-only because of somebody who may have gone meanwhile: worth another try. One whose folder is
        # gone has still what was in it; another project in its place is another one.
        outdated = project is not None and (project.closed or project.read_only or project.was_replaced)
        if project is None or outdated:
            if not folder.exists() and not create:
                raise ProjectError(f"{folder}: no such folder", "a project's folder", "make a new one")
            project = Project.open(folder) if folder.exists() else Project.create(folder)
            _open[folder] = project
        return project


def share(project: Project) -> None:
    """Let `shared_project` give this object for its folder."""
    with _lock:
        _open[project.path.absolute()] = project
