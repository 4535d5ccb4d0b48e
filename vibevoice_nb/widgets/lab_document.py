"""Rooms for pages that are no notebook: JupyterLab's documents and its sidebar.

Their page can't wait for a cell to show it a widget. It asks for a room with one expression,

    __import__("vibevoice_nb.widgets.lab_document", fromlist=["show"]).show('{"room": "studio", ...}')

which is answered with the name of a comm and what the room shows, or with what is wrong. From then on both
speak what ipywidgets speak. The comm is never announced, so no other page in the kernel takes it for its own,
and any number of pages may listen to it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ipywidgets import DOMWidget

from vibevoice_nb import display
from vibevoice_nb.errors import OptionError, ProjectError, VibeVoiceError
from vibevoice_nb.project.registry import shared_project
from vibevoice_nb.project.storage.folder import SUFFIX
from vibevoice_nb.texts import whole_texts

from .base import VibeVoiceWidget, system_error
from .library import Shelf
from .studio import Studio

_rooms: dict[str, VibeVoiceWidget] = {}
_log = logging.getLogger(__name__)
_OTHER_SCRIPT = (
    "The project beside this file had another script. "
    "The text of the file was taken; Undo, under Takes, brings the other back."
)
_SETTINGS = ("model", "num_steps", "cfg_scale", "seed", "solver")


class Unannounced(DOMWidget):  # type: ignore[misc]
    """Mixed into a widget whose page is our own: only who knows of its comm hears it."""

    comm: Any

    def open(self) -> None:
        """Make the comm, without telling every page in the kernel."""
        from comm import create_comm, get_comm_manager
        from IPython import get_ipython

        if self.comm is None:
            made: Any = create_comm(target_name="vibevoice_nb", primary=False)
            get_comm_manager().register_comm(made)
            if getattr(made, "kernel", self) is None:  # ipykernel's learns it when it announces itself
                made.kernel = getattr(get_ipython(), "kernel", None)
            self.comm = made

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """What a page is told: not the widget's code and style, which it has."""
        ours = {name for name in self.keys if name[0] != "_"} - set(DOMWidget.class_trait_names(sync=True))
        return super().get_state(ours if key is None else key, drop_defaults)


class DocumentStudio(Unannounced, Studio):
    """The Studio of a script file."""


class SidebarShelf(Unannounced, Shelf):
    """The shelf of JupyterLab's sidebar."""


def show(asked: str) -> Any:
    """Answer a page that asks for a room, making it if it isn't there.

    Parameters
    ----------
    asked : str
        JSON. `room` is "studio" or "shelf"; for a studio `path` of the script's file, `root` the folder that
        it starts from as far as the page knows, `before` what it was called until now, if it was renamed,
        `text` the script as the page has it, `settings` those of a new project. `budget` is how many bytes a
        take on show may add to a notebook.

    Returns
    -------
    IPython.display.JSON
        `comm` and `state`, or `failed`: got, expected, remedy.
    """
    from IPython.display import JSON

    try:
        wanted = whole_texts(json.loads(asked))
        if isinstance(budget := wanted.get("budget"), int):
            display.default_budget = budget
        room = _room(wanted)
        return JSON({"comm": room.comm.comm_id, "state": room.get_state()})
    except Exception as error:  # whatever it is, it must appear in the page, which waits for an answer
        return JSON({"failed": whole_texts(_failure(error))})


def _failure(error: Exception) -> dict[str, str]:
    if isinstance(error, OSError):
        error = system_error(error)
    if isinstance(error, VibeVoiceError):
        return {"got": error.got, "expected": error.expected, "remedy": error.remedy}
    _log.exception("a document could not be opened")
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return {"got": f"something went wrong in the kernel: {reason}", "expected": "", "remedy": "try again"}


def document_path(root: str, path: str) -> Path:
    """Find a file that a page knows by its path on the server.

    Raises
    ------
    ProjectError
        It can't be seen from this kernel.

    Examples
    --------
    >>> document_path("~", "no/such.vvscript")
    Traceback (most recent call last):
    vibevoice_nb.errors.ProjectError: no/such.vvscript, which this kernel can't see...
    """
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # no path at all: too long, a NUL, no home
        places = (Path(root).expanduser() / path, Path.cwd() / path, Path.cwd() / Path(path).name)
        for place in places:
            if place.exists():
                return Path(os.path.abspath(place))
    shown = path if len(path) <= 200 else f"{path[:100]}...{path[-60:]}"
    raise ProjectError(
        f"{shown}, which this kernel can't see",
        "a kernel on the computer that has the file",
        "choose another kernel, or save the file first",
    )


def _room(wanted: Mapping[str, Any]) -> VibeVoiceWidget:
    if wanted.get("room") == "shelf":
        return _kept("shelf", SidebarShelf)
    if wanted.get("room") != "studio":
        raise OptionError(f"the room {wanted.get('room')!r}", "studio or shelf", "reload the page")
    path = document_path(wanted["root"], wanted["path"])
    text, settings = wanted.get("text", ""), wanted.get("settings") or {}
    folder = path.with_suffix(SUFFIX)
    if wanted.get("before") and str(path).endswith(wanted["path"]):
        _follow(Path(str(path).removesuffix(wanted["path"]), wanted["before"]), folder)
    new = not folder.exists()
    project = shared_project(folder)
    if new:
        project.settings.update({name: settings[name] for name in _SETTINGS if name in settings})
    room = _kept(str(path), lambda: DocumentStudio(project))
    if room.work is not project:  # it could only be read before, because of somebody who has gone
        room.open_project(folder)
    # An empty file beside a project that has a script is a new way to an old work.
    if text.strip() and not project.read_only and text != project.script_text:
        before = project.script_text
        project.script_text = text
        if before.strip():
            room.tell("info", _OTHER_SCRIPT)
    return room


def _follow(before: Path, folder: Path) -> None:
    """Let a project go with its file, which was renamed; what is being spoken ends here, and is kept."""
    room = _rooms.pop(str(before), None)
    if isinstance(room, Studio):
        room.close()
        room.work.close()
    old = before.with_suffix(SUFFIX)
    if old.is_dir() and not folder.exists():
        old.rename(folder)


def _kept(name: str, make: Callable[[], Any]) -> Any:
    if name not in _rooms:
        _rooms[name] = make()
    return _rooms[name]
