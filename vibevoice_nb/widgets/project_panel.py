"""`ProjectPanel`: state of a project, choice of takes, undo, and recovery when it cannot be saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import traitlets

from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.registry import share
from vibevoice_nb.texts import whole_text

from .base import VibeVoiceWidget, call
from .payloads import ProjectState, SaveAction, payload


class ProjectPanel(VibeVoiceWidget):
    """Mixin for a widget that edits a project.

    Attributes
    ----------
    project_state : ProjectState
    """

    project_state = payload(ProjectState)
    script = traitlets.Unicode().tag(sync=True, page=True)
    _failed = ""

    @property
    def project(self) -> Project:
        """The project: script, cast, takes and settings."""
        raise NotImplementedError

    def open_project(self, path: str | Path, *, create: bool = False) -> None:
        """Switch to another project."""
        raise NotImplementedError

    def save_settings(self) -> None:
        """Save the settings as displayed."""
        raise NotImplementedError

    def recreate_project(self) -> None:
        """Recreate the project's folder after it was deleted, with the script as displayed.

        Raises
        ------
        ProjectError
            If the folder exists, or cannot be written.
        """
        script = self.script
        self.project.recreate()
        self.project.write_script(script)
        self.save_settings()
        self._show_notes()

    def save_copy(self, path: str | Path) -> None:
        """Save the project and the displayed script to another folder, and switch to that project.

        Raises
        ------
        ProjectError
            If the folder exists, or cannot be written.
        """
        copy = self.project.save_copy(path)
        copy.write_script(self.script)
        share(copy)
        self.open_project(copy.path)

    def save(self) -> None:
        """Save the displayed script and settings, after an earlier save failed.

        Raises
        ------
        ProjectError
            If the project still cannot be written.
        """
        self.project.write_script(self.script)
        self.save_settings()

    @call("choose_take")
    def _choose_take(self, turn: str, take: str) -> None:
        self.project.choose(turn, take)

    @call("star_take")
    def _star_take(self, take: str, starred: bool) -> None:
        self.project.star(take, starred)

    @call("delete_take")
    def _delete_take(self, take: str) -> None:
        self.project.delete_take(take)

    @call("undo")
    def _undo(self) -> dict[str, Any]:
        return {"undone": self.project.undo()}

    @call("set_gap")
    def _set_gap(self, turn: str, gap_ms: int | None = None) -> None:
        self.project.set_gap(turn, gap_ms)

    @call("retry_save")
    def _retry_save(self) -> None:
        self.save()

    @call("recreate_project")
    def _recreate_project(self) -> None:
        self.recreate_project()

    @call("save_copy", slow=True)
    def _save_copy(self, path: str) -> None:
        self.save_copy(path)

    def _attempt(self, action: Callable[[], None]) -> None:
        """Run an action that does not answer a call; show its error in the page."""
        try:
            action()
        except VibeVoiceError as error:
            if self.project.read_only or isinstance(error, OptionError):
                self.notify("error", str(error))
            else:
                self._failed = str(error)
        else:
            if self.script == self.project.script_text:
                self._failed = ""
        self._show_project()

    def notify(self, severity: str, text: str) -> None:
        """Show a notice in the page; `severity` is "error", "warning" or "info"."""
        self.channel.send("notice", severity=severity, text=whole_text(text))

    def _show_notes(self) -> None:
        """Show the problems found when the project was opened."""
        for text in self.project.notes:
            self.notify("warning", text)

    def _fail(self, call_id: int, error: VibeVoiceError) -> None:
        super()._fail(call_id, error)
        self._show_project()  # the cause may be a full disk

    def _show_project(self) -> None:
        """Update `project_state`."""
        project = self.project
        problem, unsaved = project.problem, self.script != project.script_text and not project.read_only
        text = problem.got if problem else self._failed
        gone, replaced = project.store.can_recreate, project.store.was_replaced
        offered: dict[SaveAction, bool] = {
            "recreate": gone,
            "retry": bool(text) and not gone and not replaced,
            "save_copy": bool(text),
        }
        shown: ProjectState = {
            "name": project.name,
            "path": str(project.path),
            "read_only": project.read_only,
            "holder": project.holder,
            "problem": text,
            "unsaved": bool(text) and unsaved,
            "actions": [action for action, possible in offered.items() if possible],
        }
        if self.project_state != shown:
            self.project_state = shown
