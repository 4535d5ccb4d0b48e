"""Studio and library for pages that are not notebooks: JupyterLab's documents and its sidebar.

Such a page requests a view with one expression,

    __import__("vibevoice_nb.widgets.lab_document", fromlist=["show"]).show('{"view": "studio", ...}')

whose value is a comm id and the state of the widget, or an error. From then on, both sides use the protocol
of ipywidgets. The comm is never announced, so other frontends of the kernel ignore it, and any number of
pages may connect to it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ipywidgets import DOMWidget

from vibevoice_nb import display
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project.registry import shared_project
from vibevoice_nb.project.storage.folder import SUFFIX
from vibevoice_nb.texts import whole_texts

from .base import VibeVoiceWidget, system_error
from .library import LibraryBrowser
from .paths import document_path
from .studio import Studio

_widgets: dict[str, VibeVoiceWidget] = {}
_log = logging.getLogger(__name__)
_OTHER_SCRIPT = (
    "The project of this file had a different script, which was replaced by the text of the file. "
    "To restore it, press Undo in the Takes panel."
)
_SETTINGS = ("model", "num_steps", "cfg_scale", "seed", "solver")


class PrivateComm(DOMWidget):  # type: ignore[misc]
    """Mixin for a widget with a page of its own: its comm is registered, but not announced."""

    comm: Any

    def open(self) -> None:
        """Create and register the comm without announcing it."""
        from comm import create_comm, get_comm_manager
        from IPython import get_ipython

        if self.comm is None:
            created: Any = create_comm(target_name="vibevoice_nb", primary=False)
            get_comm_manager().register_comm(created)
            if getattr(created, "kernel", self) is None:  # ipykernel sets it when announcing
                created.kernel = getattr(get_ipython(), "kernel", None)
            self.comm = created

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Any:
        """Return the state for a page, without code and style, which it already has."""
        shared = {name for name in self.keys if name[0] != "_"} - set(DOMWidget.class_trait_names(sync=True))
        return super().get_state(shared if key is None else key, drop_defaults)


class DocumentStudio(PrivateComm, Studio):
    """Studio of a script file."""


class SidebarLibrary(PrivateComm, LibraryBrowser):
    """Library browser in JupyterLab's sidebar."""


def show(request: str) -> Any:
    """Return the widget that a page requests, creating it if necessary.

    Parameters
    ----------
    request : str
        JSON object. `view` is "studio" or "library". For a studio: `path` of the script file; `root`, the
        server's root folder as the page knows it; `previous_path`, if the file was renamed; `text`, the
        script as the page has it; `settings` of a new project. `budget` is the maximum number of bytes that
        a displayed take may add to a notebook.

    Returns
    -------
    IPython.display.JSON
        `comm` and `state`, or `failed` with `got`, `expected` and `remedy`.
    """
    from IPython.display import JSON

    try:
        wanted = whole_texts(json.loads(request))
        if isinstance(budget := wanted.get("budget"), int):
            display.default_budget = budget
        widget = _widget_for(wanted)
        return JSON({"comm": widget.comm.comm_id, "state": widget.get_state()})
    except Exception as error:  # the page waits for an answer, so every error must reach it
        return JSON({"failed": whole_texts(_failure(error))})


def _failure(error: Exception) -> dict[str, str]:
    if isinstance(error, OSError):
        error = system_error(error)
    if isinstance(error, VibeVoiceError):
        return {"got": error.got, "expected": error.expected, "remedy": error.remedy}
    _log.exception("cannot open a document")
    reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return {"got": f"internal error: {reason}", "expected": "", "remedy": "try again"}


def _widget_for(wanted: Mapping[str, Any]) -> VibeVoiceWidget:
    if wanted.get("view") == "library":
        return _get_or_create("library", SidebarLibrary)
    if wanted.get("view") != "studio":
        raise OptionError(f"unknown view {wanted.get('view')!r}", "studio or library", "reload the page")
    path = document_path(wanted["root"], wanted["path"])
    text, settings = wanted.get("text", ""), wanted.get("settings") or {}
    folder = path.with_suffix(SUFFIX)
    if wanted.get("previous_path") and str(path).endswith(wanted["path"]):
        _move_project(Path(str(path).removesuffix(wanted["path"]), wanted["previous_path"]), folder)
    new = not folder.exists()
    project = shared_project(folder)
    if new:
        project.settings.update({name: settings[name] for name in _SETTINGS if name in settings})
    studio = _get_or_create(str(path), lambda: DocumentStudio(project))
    if studio.project is not project:  # it was read-only before; its lock has been released since
        studio.open_project(folder)
    # An empty file next to a project with a script is a new way to open existing work.
    if text.strip() and not project.read_only and text != project.script_text:
        replaced = project.script_text
        project.script_text = text
        if replaced.strip():
            studio.notify("info", _OTHER_SCRIPT)
    return studio


def _move_project(previous: Path, folder: Path) -> None:
    """Move the project of a renamed file; a generation in progress is cancelled and its audio kept."""
    studio = _widgets.pop(str(previous), None)
    if isinstance(studio, Studio):
        studio.close()
        studio.project.close()
    old = previous.with_suffix(SUFFIX)
    if old.is_dir() and not folder.exists():
        old.rename(folder)


def _get_or_create(name: str, create: Callable[[], Any]) -> Any:
    if name not in _widgets:
        _widgets[name] = create()
    return _widgets[name]
