"""`Studio`: widget to write, cast, generate, edit and export a conversation.

The work is a `Project` on disk, which the widget displays and edits. Everything the page can do is available
in Python: here, or as `Studio.project`.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from vibevoice_nb.audio.sources import AudioSource
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project import Project, Take
from vibevoice_nb.project.jobs.generation import Event, Generation, Mode
from vibevoice_nb.project.registry import shared_project
from vibevoice_nb.ranges import shown
from vibevoice_nb.texts import whole_text
from vibevoice_nb.voices.casting import stand_ins

from .audio_requests import AudioRequests
from .base import VibeVoiceWidget, call
from .cell_script import use_cell_script
from .controls import ControlTraits, model_name
from .editor import diagnostic_rows
from .exports import Exports
from .live_audio import LiveAudio
from .model_loader import ModelLoader, model_defaults
from .payloads import (
    JobState,
    ModelState,
    ScriptDiagnostic,
    TakeState,
    TakeSummary,
    TurnState,
    TurnStatus,
    payload,
    payload_dict,
    payload_list,
)
from .project_panel import ProjectPanel
from .project_traits import EPISODE, take_cards, take_summary, turn_states
from .voices import CastPanel, voice_source

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.options import GenerationSettings
    from vibevoice_nb.model.kernels.quantized import Quantize
    from vibevoice_nb.project.jobs.sweep import SweepAxes

    from .controls import ControlSettings
    from .sweep import SweepGrid

_SETTINGS = ("num_steps", "cfg_scale", "seed", "solver", "mode", "model")
"""Settings that are saved in the project."""
_OWN = ("num_steps", "cfg_scale")
"""Settings with a default that depends on the model."""
_DEFAULT_PROJECT = "episode.vibevoice"


class Studio(CastPanel, ProjectPanel, ControlTraits, Exports, AudioRequests, VibeVoiceWidget):
    """Studio for spoken conversations.

    Parameters
    ----------
    project : path or Project, optional
        A project, or its folder `NAME.vibevoice`, created if necessary. By default `episode.vibevoice` in the
        working directory, so re-running the cell opens the same project.
    script : str, optional
        Script of the cell. It is applied if it is new, or differs from the last run of the cell;
        `studio.project.undo()` restores the previous script. Re-running an unchanged cell keeps edits, and
        the first run keeps a script that is already there; a warning says so.
    replace_script : bool
        Apply `script` in any case.
    model : str, optional
        "nano", a Hugging Face model id, or a folder; the project's by default.
    device, dtype, quantize
        See `Engine.load`.
    **settings : Unpack[ControlSettings]
        `num_steps`, `cfg_scale`, `seed`, `solver`, `mode`; the project's by default. A value is applied when
        it is given for the first time or differs from the last run of the cell; a setting that was changed
        in the page since is kept when the cell is re-run.

    Attributes
    ----------
    project : Project
        Script, cast, takes and settings.
    turns : list of TurnState
    takes : dict of TakeState, by id
    speakers : list of Speaker
    job : JobState
    project_state : ProjectState

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> studio = Studio(folder.name + "/show", script="Anna: Hello!", num_steps=5)
    >>> [turn["state"] for turn in studio.turns], studio.num_steps, studio.cfg_scale
    (['unspoken'], 5, 3.0)
    >>> studio.close(); folder.cleanup()
    """

    _page: ClassVar[str] = "studio"
    _project: Project = None  # type: ignore[assignment]
    _unobserve: Callable[[], None] | None = None

    diagnostics = payload_list(ScriptDiagnostic)
    turns = payload_list(TurnState)
    take = payload(TakeSummary)
    position = traitlets.Float(0.0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True, page=True)
    takes = payload_dict(TakeState)
    job = payload(JobState, {"id": "", "state": "idle", "turns": [], "message": ""})
    can_undo = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        project: str | Path | Project | None = None,
        *,
        script: str | None = None,
        replace_script: bool = False,
        device: str = "auto",
        dtype: str = "auto",
        quantize: Quantize | None = None,
        model: str | None = None,
        **settings: Unpack[ControlSettings],
    ) -> None:
        for name in settings:
            if name not in _SETTINGS:
                expected = f"one of {', '.join(_SETTINGS)}"
                raise OptionError(f"Studio got an unknown setting {name!r}", expected, "remove it")
        given: dict[str, Any] = {**settings}
        if model is not None:
            given["model"] = model_name(model)
        if not isinstance(project, Project):
            if not isinstance(project, (str, os.PathLike, type(None))):
                raise OptionError(
                    f"project={shown(project)}", "a Project, or the path of its folder", "pass one of these"
                )
            project = shared_project(project or _DEFAULT_PROJECT)
        self._project = project
        self._lock = threading.RLock()
        self._revision = 0
        self._previous_choices: list[tuple[str | None, int | None]] = []
        self._generation: Generation | None = None
        self._live: LiveAudio | None = None
        self._marks: dict[str, TurnStatus] = {}
        self._typing = False
        self._model = ModelLoader(self._model_is, device=device, dtype=dtype, quantize=quantize)
        super().__init__()
        self._show_settings({**project.settings, **given})  # validates before anything is saved
        if not project.read_only:
            if script is not None:
                self._use_cell_script(script, replace_script)
            self._attempt(lambda: project.settings.give(given))
            self._show_settings(project.settings)
        self._show_script()
        self._refresh()
        self._show_notes()
        self._unobserve = project.observe(self._follow)
        self.observe(self._text_typed, "script")
        self.observe(self._setting_changed, list(_SETTINGS))

    # From Python

    @property
    def project(self) -> Project:
        """The project: script, cast, takes and settings."""
        return self._project

    @property
    def work(self) -> Project:
        """The project; deprecated, use `project`."""
        warnings.warn(
            "Studio.work is deprecated. Use Studio.project instead.", DeprecationWarning, stacklevel=2
        )
        return self._project

    def _repr_details(self) -> str:
        counts = f"turns={len(self._project.turns)}, takes={len(self.takes)}"
        return (
            f"{shown(str(self._project.path))}, {counts}, model={shown(self.model)}, job {self.job['state']}"
        )

    @property
    def episode(self) -> Take:
        """The chosen takes, assembled; no model is needed."""
        return self._project.assemble()

    @property
    def generation(self) -> Generation | None:
        """The current generation, or the last one."""
        return self._generation

    def generate(
        self, turns: Sequence[str] | None = None, **options: Unpack[GenerationSettings]
    ) -> Generation:
        """Generate missing turns in the background; the page plays audio while it is generated.

        Parameters
        ----------
        turns : sequence of str, optional
            Ids of the turns to generate, see `studio.project.turns`. By default, turns without an up-to-date
            take; if there are none, all turns.
        **options : Unpack[GenerationSettings]
            Options for this generation only; the settings of the studio by default.

        Returns
        -------
        Generation
            `await job`, `job.result()`, `for chunk in job`, `job.cancel()`.

        Raises
        ------
        ScriptError, VoiceError, ProjectError
            If the script, a voice or the project is not ready.
        """
        return self._start(turns, "whole" if self.mode == "whole" else "turns", **options)

    def regenerate(self, turn: str) -> Generation:
        """Generate a new take of one turn in its context; other turns are unchanged.

        If the turn already has a take with the current seed, a new seed is drawn, as the same seed would
        reproduce the same take.
        """
        return self._start([turn], "turns", seed=self._project.takes.fresh_seed(turn, self.seed))

    def _start(
        self, turns: Sequence[str] | None, mode: Mode, **options: Unpack[GenerationSettings]
    ) -> Generation:
        with self._lock:
            if self._generation is not None and not self._generation.done:
                raise VibeVoiceError(
                    "this studio is already generating",
                    "one generation at a time",
                    "stop it, or wait until it finishes",
                )
            model = self.model
            merged: dict[str, Any] = {**self._options(), **options}
            job = self._project.generation(
                lambda: self._model.engine(model),
                turns,
                mode=mode,
                listener=self._on_event,
                **merged,
            )
            self._generation, self._live = job, LiveAudio(self.channel, job)
            skipped = {turn.id for turn in self._project.turns if turn.state == "unspeakable"}
            self._marks = dict.fromkeys([turn for turn in job.turns if turn not in skipped], "queued")
            self._on_event(Event("state"))
            return job.start()

    def respeak(self, turn: str) -> Generation:
        """Generate a new take of one turn; deprecated, use `regenerate`."""
        message = "Studio.respeak is deprecated. Use Studio.regenerate instead."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self.regenerate(turn)

    def cancel(self) -> None:
        """Cancel the generation within one frame; audio generated so far is kept."""
        if self._generation is not None:
            self._generation.cancel()

    def sweep(self, **axes: Unpack[SweepAxes]) -> SweepGrid:
        """Generate the script with every combination of settings, shown as a grid of players.

        Parameters
        ----------
        **axes : Unpack[SweepAxes]
            Lists of values for `cfg_scale`, `num_steps`, `seed`, `solver`, `temperature`.

        Returns
        -------
        SweepGrid
            `await grid.sweep`, `grid.sweep.to_dataframe()`.
        """
        from vibevoice_nb.project.jobs.sweep import Sweep

        from .sweep import SweepGrid

        self._project.check_voices()
        cast = self._project.cast
        labels = dict.fromkeys(turn.turn.label for turn in self._project.turns)
        sweep = Sweep(
            lambda: self._model.engine(self.model),
            self._project.script,
            {label: voice for label in labels if (voice := cast[label].voice) is not None},
            {**axes},  # type: ignore[dict-item]
            {name: value for name, value in self._options().items() if name not in axes},
        )
        grid = SweepGrid(sweep)
        sweep.start()
        return grid

    def close(self) -> None:
        """Cancel the generation and close the widget; the project is unchanged."""
        if self._project is not None:  # None if the constructor failed
            self.cancel()
            if self._unobserve is not None:
                self._unobserve()
            self.inbox.close()
        super().close()

    # From the page

    @call("generate")
    def _generate(self, turns: list[str] | None = None) -> dict[str, Any]:
        return {"job": self.generate(turns).id}

    @call("regenerate")
    def _regenerate(self, turn: str) -> dict[str, Any]:
        return {"job": self.regenerate(turn).id}

    @call("cancel")
    def _cancel(self) -> None:
        self.cancel()

    @call("load_model")
    def _load_model(self) -> None:
        self._model.load(self.model)

    @call("unload_model")
    def _unload_model(self) -> None:
        self._model.unload(self.model)

    @call("open_project")
    def _open_project(self, path: str, create: bool) -> None:
        self.open_project(path, create=create)

    def open_project(self, path: str | Path, *, create: bool = False) -> None:
        """Switch to another project; the current one is unchanged.

        Raises
        ------
        ProjectError
            If the project cannot be read, or does not exist and `create` is false.
        """
        with self._lock:
            if self._generation is not None and not self._generation.done:
                raise VibeVoiceError(
                    "cannot switch projects during generation", "no generation in progress", "stop it first"
                )
            project = shared_project(path, create=create)
            if self._unobserve is not None:
                self._unobserve()
            self._project = project
            self._failed = ""
            self._show_settings(project.settings)
            self.script = project.script_text
            self._refresh()
            self._show_notes()
            self._unobserve = project.observe(self._follow)

    # Hooks of the mixins

    def cast_project(self) -> Project:
        """Return the project, whose cast the voice panel edits."""
        return self._project

    def audio_source(self, name: str) -> AudioSource:
        """Return the audio that a source name stands for."""
        kind, _, rest = name.partition(":")
        if name == EPISODE:
            return self._project.timeline()
        if kind == "take":
            return self._project.take(rest).source
        return voice_source(name, self._project, self.voice_library)

    def audio_summary(self, name: str) -> TakeSummary:
        """Return the summary of a source, with turns if it belongs to this project."""
        kind, _, rest = name.partition(":")
        if name == EPISODE:
            return take_summary(self.episode, name, self._revision)
        if kind == "take":
            return take_summary(self._project.take(rest), name, 0)
        return super().audio_summary(name)

    def export_take(self) -> Take:
        """Return the take that the export panel writes."""
        return self.episode

    # Inside

    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("num_steps", "cfg_scale", "seed", "solver")}

    def _on_event(self, event: Event) -> None:
        """Send an event of the generation to the page; called in its thread."""
        job, live = self._generation, self._live
        assert job is not None and live is not None
        with self._lock:
            if event.kind == "turn":
                self._marks.update({turn: "speaking" for turn in job.turns if event.turn in (turn, "")})
            elif event.kind == "take":
                self._marks.pop(event.turn, None)
            elif event.kind == "state":
                if job.done:
                    self._marks = {}
                if job.options is not None:
                    self.last_seed = job.options.seed
                message = "" if job.error is None else str(job.error)
                self.job = {"id": job.id, "state": job.state, "turns": list(job.turns), "message": message}
            if event.kind != "audio":
                self._refresh()
        live.on_event(event)

    def _use_cell_script(self, script: str, replace: bool) -> None:
        text = use_cell_script(self._project, script, replace=replace, option="replace_script=True")
        if text:
            warnings.warn(text, stacklevel=3)
            self.notify("info", text)

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Apply values from the page; a changed script was typed there."""
        self._typing = True
        try:
            super().set_state(sync_data)
        finally:
            self._typing = False

    def _text_typed(self, change: Any) -> None:
        typing = self._typing
        self._attempt(lambda: self._project.write_script(change["new"], typing=typing))
        if whole_text(change["new"]) == self._project.script_text:
            self._show_script()  # without lone surrogates

    def _setting_changed(self, change: Any) -> None:
        if change["name"] == "model":
            self.model_state = self._model.state(self.model)
            self.model_limits = self._model.limits(self.model)
            own = model_defaults(self.model)
            for name in _OWN:
                if self._project.settings[name] is None:
                    setattr(self, name, getattr(own, name))
        self._keep_settings({change["name"]: change["new"]})

    def save_settings(self) -> None:
        """Save the settings as displayed."""
        self._keep_settings({name: getattr(self, name) for name in _SETTINGS})
        self._refresh()

    def _keep_settings(self, changes: dict[str, Any]) -> None:
        """Save chosen settings; a model's own default is not saved as a choice."""
        own = model_defaults(self.model)
        kept = {
            name: None if name in _OWN and value == getattr(own, name) else value
            for name, value in changes.items()
        }
        if not self._project.read_only:
            self._attempt(lambda: self._project.settings.update(kept))

    def _show_settings(self, settings: Mapping[str, Any]) -> None:
        own = model_defaults(settings["model"])
        for name in _SETTINGS:
            value = settings[name]
            setattr(self, name, getattr(own, name) if value is None and name in _OWN else value)
        self.model_state = self._model.state(self.model)
        self.model_limits = self._model.limits(self.model)

    def _model_is(self, state: ModelState) -> None:
        self.model_state = state
        self.model_limits = self._model.limits(self.model)

    def stand_in_names(self) -> dict[str, str]:
        """Return the built-in voices that replace recordings the model cannot follow, by speaker."""
        if self.model_limits.get("follows_voices", True):
            return {}
        spoken = {turn.turn.label for turn in self._project.turns}
        voices = {
            label: member.voice
            for label, member in self._project.cast.items()
            if label in spoken and member.voice is not None
        }
        return {label: voice.name for label, voice in stand_ins(voices).items()}

    def _follow(self, reason: str) -> None:
        if reason == "script":
            self._show_script()
        self._refresh()

    def _show_script(self) -> None:
        """Show the project's script if it has changed.

        Typing in the page updates `script` in the main thread while other threads refresh; newly typed text
        must not be overwritten with the project's older text.
        """
        if self.script != self._project.script_text:
            self.script = self._project.script_text

    def _refresh(self) -> None:
        """Update the other traits from the project; only changed ones are sent."""
        with self._lock:
            project = self._project
            episode = project.assemble()
            heard = [(item.chosen, item.gap_ms) for item in project.turns]
            if heard != self._previous_choices:
                self._previous_choices = heard
                self._revision += 1
            values = {
                "diagnostics": diagnostic_rows(project.diagnostics) if project.script_text.strip() else [],
                "turns": turn_states(project, self._marks),
                "takes": take_cards(project),
                "take": take_summary(episode, EPISODE, self._revision),
                "can_undo": project.can_undo,
            }
            for name, value in values.items():
                if getattr(self, name) != value:
                    setattr(self, name, value)
            self._show_project()
            self.refresh_cast()
