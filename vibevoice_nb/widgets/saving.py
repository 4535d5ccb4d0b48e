"""Saving of a project that the disk refuses, or whose folder is gone: the state shown, and the actions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import traitlets

from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.registry import share
from vibevoice_nb.texts import whole_text

from .base import VibeVoiceWidget, call


class SavePanel(VibeVoiceWidget):
    """For a widget whose page edits a project, `work`.

    Attributes
    ----------
    project : dict
        Name, path, whether it is read-only and why; `problem`, why it can't be saved, in words, whether the
        script that is shown is `unsaved`, and what can be done: "recreate", "retry", "save_copy".
    """

    project = traitlets.Dict().tag(sync=True)
    script = traitlets.Unicode().tag(sync=True, page=True)
    _failed = ""

    @property
    def work(self) -> Project:
        """The project: its script, cast, takes and choices."""
        raise NotImplementedError

    def open_project(self, path: str | Path, *, create: bool = False) -> None:
        """Change to another project."""
        raise NotImplementedError

    def keep_shown(self) -> None:
        """Save the settings that are shown."""
        raise NotImplementedError

    def recreate_project(self) -> None:
        """Make the project's folder again after it was deleted, with the script as it is shown.

        Raises
        ------
        ProjectError
            The folder is there, or the disk refuses.
        """
        shown = self.script
        self.work.recreate()
        self.work.write_script(shown)
        self.keep_shown()
        self._show_notes()

    def save_copy(self, path: str | Path) -> None:
        """Save the project, with the script as it is shown, under another name, and go on with that.

        Raises
        ------
        ProjectError
            Something is there already, or the disk refuses.
        """
        copy = self.work.save_copy(path)
        copy.write_script(self.script)
        share(copy)
        self.open_project(copy.path)

    def save(self) -> None:
        """Save what is shown, after a save that failed.

        Raises
        ------
        ProjectError
            The disk still refuses.
        """
        self.work.write_script(self.script)
        self.keep_shown()

    @call("save_again")
    def _save_again(self) -> None:
        self.save()

    @call("recreate_project")
    def _recreate_project(self) -> None:
        self.recreate_project()

    @call("save_copy", slow=True)
    def _save_copy(self, path: str) -> None:
        self.save_copy(path)

    def _do(self, action: Callable[[], None]) -> None:
        """Do something that no call asked for; what is wrong with it is shown in the page."""
        try:
            action()
        except VibeVoiceError as error:
            if self.work.read_only or isinstance(error, OptionError):
                self.tell("error", str(error))
            else:
                self._failed = str(error)
        else:
            if self.script == self.work.script_text:
                self._failed = ""
        self._show_project()

    def tell(self, severity: str, text: str) -> None:
        """Show a notice in the page; `severity` is error, warning or info."""
        self.channel.send("notice", severity=severity, text=whole_text(text))

    def _show_notes(self) -> None:
        """Show what was found damaged when the project was opened."""
        for text in self.work.notes:
            self.tell("warning", text)

    def _fail(self, call_id: int, error: VibeVoiceError) -> None:
        super()._fail(call_id, error)
        self._show_project()  # the disk may be the reason

    def _show_project(self) -> None:
        """Show which project this is, and whether it can be saved."""
        project = self.work
        problem, unsaved = project.problem, self.script != project.script_text and not project.read_only
        text = problem.got if problem else self._failed
        gone, replaced = project.store.can_recreate, project.store.was_replaced
        actions = ["recreate"] * gone
        actions += ["retry"] * (bool(text) and not gone and not replaced)
        actions += ["save_copy"] * bool(text)
        shown = {
            "name": project.name,
            "path": str(project.path),
            "read_only": project.read_only,
            "note": project.holder,
            "problem": text,
            "unsaved": bool(text) and unsaved,
            "actions": actions,
        }
        if self.project != shown:
            self.project = shown
