"""Registry of the projects that are open in this process: one object per folder."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path

from vibevoice_nb.errors import ProjectError

from .project import Project
from .storage.paths import project_path
from .store import ProjectStore

_projects: weakref.WeakValueDictionary[Path, Project] = weakref.WeakValueDictionary()
_stores: weakref.WeakValueDictionary[Path, ProjectStore] = weakref.WeakValueDictionary()
"""Open stores; one outlives its `Project` while a part of it, such as its settings or a job, is in use."""
_lock = threading.Lock()


def shared_project(path: str | os.PathLike[str], *, create: bool = True) -> Project:
    """Open a project, or create it; return the same object for a folder as long as it is in use.

    If another process has it open, it is opened read-only, and `Project.holder` describes that process.

    Parameters
    ----------
    path : path
        The folder; `.vibevoice` may be left out.
    create : bool
        Create it if it doesn't exist.

    Raises
    ------
    ProjectError
        If the folder can't be created or read, or doesn't exist and `create` is False.

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
        store = _stores.get(folder)
        # If another process held the lock, it may have ended. If the folder was deleted, memory still has its
        # content; if another project is in its place, that one is opened.
        if store is None or store.closed or store.read_only or store.was_replaced:
            if not folder.exists() and not create:
                raise ProjectError(f"{folder}: no such folder", "a project's folder", "create a project")
            project = Project.open(folder) if folder.exists() else Project.create(folder)
        else:
            project = _projects.get(folder) or Project(store)
        _projects[folder], _stores[folder] = project, project.store
        return project


def share(project: Project) -> None:
    """Make `shared_project` return this object for its folder."""
    with _lock:
        folder = project.path.absolute()
        _projects[folder], _stores[folder] = project, project.store
