"""`ProjectPanel`: a project in the page: script, turns, takes, undo, and recovery when it cannot be saved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import traitlets

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.registry import share
from vibevoice_nb.texts import whole_text

from .base import Part, call
from .channel import Channel
from .editor import diagnostic_rows
from .payloads import (
    ProjectState,
    SaveAction,
    ScriptDiagnostic,
    TakeState,
    TakeSummary,
    TurnState,
    TurnStatus,
    payload,
    payload_dict,
    payload_list,
)
from .project_traits import EPISODE, take_cards, take_summary, turn_states


class ProjectTraits(traitlets.HasTraits):
    """Traits of a widget that edits a project.

    Attributes
    ----------
    script : str
    diagnostics : list of ScriptDiagnostic
    turns : list of TurnState
    takes : dict of TakeState, by id
    take : TakeSummary
        The episode.
    can_undo : str
        Description of the change that Undo would undo; empty if there is none.
    project_state : ProjectState
    """

    script = traitlets.Unicode().tag(sync=True, page=True)
    diagnostics = payload_list(ScriptDiagnostic)
    turns = payload_list(TurnState)
    takes = payload_dict(TakeState)
    take = payload(TakeSummary)
    can_undo = traitlets.Unicode().tag(sync=True)
    project_state = payload(ProjectState)


class OpenProject(Protocol):
    """Function that makes another project the one of the widget."""

    def __call__(self, path: str | Path, *, create: bool = False) -> None: ...


class ProjectPanel(Part):
    """Project of a widget, edited by the page.

    Parameters
    ----------
    widget : ProjectTraits
    channel : Channel
        Channel for notices.
    project : callable
        Returns the project.
    marks : callable
        Returns the turns that are queued or being generated, as for `turn_states`.
    save_settings : callable
        Saves the settings as displayed.
    open_project : callable
        Makes another project the one of the widget.
    """

    def __init__(
        self,
        widget: ProjectTraits,
        channel: Channel,
        *,
        project: Callable[[], Project],
        marks: Callable[[], Mapping[str, TurnStatus]],
        save_settings: Callable[[], None],
        open_project: OpenProject,
    ) -> None:
        self._widget, self._channel = widget, channel
        self._project, self._marks = project, marks
        self._save_settings, self._open = save_settings, open_project
        self._failed = ""
        self._typing = False
        self._revision = 0
        self._assembled: tuple[object, ...] = ()

    # Display

    def refresh(self) -> None:
        """Update the traits, except `script`, from the project; only changed ones are sent."""
        project, widget = self._project(), self._widget
        timeline = project.timeline()
        if timeline.key != self._assembled:
            self._assembled = timeline.key
            self._revision += 1
        values = {
            "diagnostics": diagnostic_rows(project.diagnostics) if project.script_text.strip() else [],
            "turns": turn_states(project, self._marks(), timeline),
            "takes": take_cards(project),
            "take": self.episode_summary(),
            "can_undo": project.can_undo,
        }
        for name, value in values.items():
            if getattr(widget, name) != value:
                setattr(widget, name, value)
        self.show_state()

    def episode_summary(self) -> TakeSummary:
        """Describe the episode, for the `take` trait."""
        return take_summary(self._project().assemble(), EPISODE, self._revision)

    def show_script(self) -> None:
        """Display the project's script if it has changed.

        Typing in the page updates `script` in the main thread while other threads refresh; newly typed text
        must not be overwritten with the project's older text.
        """
        if self._widget.script != self._project().script_text:
            self._widget.script = self._project().script_text

    def show_notes(self) -> None:
        """Show the problems found when the project was opened."""
        for text in self._project().notes:
            self.notify("warning", text)

    def show_state(self) -> None:
        """Update `project_state`."""
        project, script = self._project(), self._widget.script
        problem, unsaved = project.problem, script != project.script_text and not project.read_only
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
        if self._widget.project_state != shown:
            self._widget.project_state = shown

    def notify(self, severity: str, text: str) -> None:
        """Show a notice in the page; `severity` is "error", "warning" or "info"."""
        self._channel.send("notice", severity=severity, text=whole_text(text))

    # Saving

    def follow(self) -> None:
        """Save every change of the script from now on."""
        self._widget.observe(self._script_changed, "script")

    @contextmanager
    def typing(self) -> Iterator[None]:
        """Save a script that changes in the block as typed in the page."""
        self._typing = True
        try:
            yield
        finally:
            self._typing = False

    def attempt(self, action: Callable[[], None]) -> None:
        """Run an action that does not answer a call; show its error in the page."""
        project = self._project()
        try:
            action()
        except VibeVoiceError as error:
            if project.read_only or isinstance(error, OptionError):
                self.notify("error", str(error))
            else:
                self._failed = str(error)
        else:
            if self._widget.script == project.script_text:
                self._failed = ""
        self.show_state()

    def forget_failure(self) -> None:
        """Forget that an earlier project could not be saved."""
        self._failed = ""

    def save(self) -> None:
        """Save the displayed script and settings; see `Studio.save`."""
        self._project().write_script(self._widget.script)
        self._save_settings()

    def recreate(self) -> None:
        """Create the project's folder again; see `Studio.recreate_project`."""
        script = self._widget.script
        self._project().recreate()
        self._project().write_script(script)
        self._save_settings()
        self.show_notes()

    def save_copy(self, path: str | Path) -> None:
        """Save a copy and switch to it; see `Studio.save_copy`."""
        copy = self._project().save_copy(path)
        copy.write_script(self._widget.script)
        share(copy)
        self._open(copy.path)

    def _script_changed(self, change: Any) -> None:
        project, typing = self._project(), self._typing
        self.attempt(lambda: project.write_script(change["new"], typing=typing))
        if whole_text(change["new"]) == project.script_text:
            self.show_script()  # without lone surrogates

    # From the page

    @call("choose_take")
    def _choose_take(self, turn: str, take: str) -> None:
        self._project().choose(turn, take)

    @call("star_take")
    def _star_take(self, take: str, starred: bool) -> None:
        self._project().star(take, starred)

    @call("delete_take")
    def _delete_take(self, take: str) -> None:
        self._project().delete_take(take)

    @call("undo")
    def _undo(self) -> dict[str, Any]:
        return {"undone": self._project().undo()}

    @call("adjust_turn")
    def _adjust_turn(self, turn: str, gain: float, pace: float, pause: float | None = None) -> None:
        self._project().adjust(turn, gain=gain, pace=pace, pause=pause)

    @call("adjust_speaker")
    def _adjust_speaker(self, speaker: str, gain: float, pace: float) -> None:
        self._project().adjust_speaker(speaker, gain=gain, pace=pace)

    @call("trim_take")
    def _trim_take(self, take: str, start: int, stop: int) -> None:
        self._project().trim_take(take, start / SAMPLE_RATE, stop / SAMPLE_RATE)

    @call("retry_save")
    def _retry_save(self) -> None:
        self.save()

    @call("recreate_project")
    def _recreate_project(self) -> None:
        self.recreate()

    @call("save_copy", slow=True)
    def _save_copy(self, path: str) -> None:
        self.save_copy(path)

    @call("open_project")
    def _open_project(self, path: str, create: bool) -> None:
        self._open(path, create=create)
