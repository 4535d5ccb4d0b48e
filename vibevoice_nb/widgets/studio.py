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
from vibevoice_nb.display.static import Static
from vibevoice_nb.engine.remote.address import confirm
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.project import Project, Take
from vibevoice_nb.project.jobs.generation import Generation
from vibevoice_nb.project.registry import shared_project
from vibevoice_nb.ranges import shown
from vibevoice_nb.voices.library import VoiceLibrary

from .audio_requests import AudioRequests, summary_of
from .audition_panel import AuditionPanel, AuditionTraits
from .base import VibeVoiceWidget
from .cast_panel import CastPanel, CastTraits, known_voices, voice_source
from .cell_script import use_cell_script
from .controls import ModelPanel, model_name, speak_options
from .cover_panel import CoverPanel, CoverTraits
from .exports import Exports
from .generation_panel import GenerationPanel, GenerationTraits
from .importing import Importing
from .loudness_preview import LoudnessPreview
from .music_panel import MUSIC, MusicPanel, MusicTraits
from .payloads import TakeSummary
from .project_panel import ProjectPanel, ProjectTraits
from .project_traits import EPISODE, stand_in_names, take_summary
from .pronunciation_panel import PREVIEW, PronunciationPanel, PronunciationTraits
from .read_along_panel import ReadAlongPanel, ReadAlongTraits
from .review_panel import ATTEMPTS, ReviewPanel
from .settings_panel import SETTINGS, SettingsPanel, SettingsTraits
from .static_project import static_project
from .uploads import Uploads

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.options import GenerationSettings
    from vibevoice_nb.model.kernels.quantized import Quantize
    from vibevoice_nb.project.jobs.audition import Audition
    from vibevoice_nb.project.jobs.review import ReviewJob
    from vibevoice_nb.project.jobs.sweep import SweepAxes

    from .settings_panel import StudioSettings
    from .sweep import SweepGrid

_DEFAULT_PROJECT = "episode.vibevoice"


class Studio(
    CastTraits,
    AuditionTraits,
    CoverTraits,
    ProjectTraits,
    PronunciationTraits,
    ReadAlongTraits,
    MusicTraits,
    SettingsTraits,
    GenerationTraits,
    VibeVoiceWidget,
):
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
    **settings : Unpack[StudioSettings]
        `num_steps`, `cfg_scale`, `seed`, `solver`, `mode`, `spoken_forms`, `edge_silence`, `listen_back`,
        `recognizer`, and `title` and `artist` of exported files; the project's by default. A value is
        applied when it is given for the first time or differs from the last run of the cell; a setting that
        was changed in the page since is kept when the cell is re-run.

    Attributes
    ----------
    project : Project
        Script, cast, takes and settings.
    turns : list of TurnState
    takes : dict of TakeState, by id
    speakers : list of Speaker
    music : list of MusicState
    job : JobState
    project_state : ProjectState
    voice_library : VoiceLibrary
        The user's voice library.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> studio = Studio(folder.name + "/show", script="Anna: Hello!", num_steps=5)
    >>> [turn["state"] for turn in studio.turns], studio.num_steps, studio.cfg_scale
    (['unspoken'], 5, 2.0)
    >>> studio.close(); folder.cleanup()
    """

    _page: ClassVar[str] = "studio"

    position = traitlets.Float(0.0).tag(sync=True, page=True)
    playing = traitlets.Bool(False).tag(sync=True, page=True)

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
        **settings: Unpack[StudioSettings],
    ) -> None:
        for name in settings:
            if name not in SETTINGS:
                expected = f"one of {', '.join(SETTINGS)}"
                raise OptionError(f"Studio got an unknown setting {name!r}", expected, "remove it")
        given: dict[str, Any] = {**settings}
        if model is not None:
            given["model"] = model_name(model)
            confirm(given["model"])
        if not isinstance(project, Project):
            if not isinstance(project, (str, os.PathLike, type(None))):
                raise OptionError(
                    f"project={shown(project)}", "a Project, or the path of its folder", "pass one of these"
                )
            project = shared_project(project or _DEFAULT_PROJECT)
        self.voice_library = VoiceLibrary()
        self._project = project
        self._lock = threading.RLock()
        self._unobserve: Callable[[], None] = lambda: None
        super().__init__(voices=known_voices(self.voice_library))
        self._add_parts(device=device, dtype=dtype, quantize=quantize)
        self._settings_panel.show({**project.settings, **given})  # validates before anything is saved
        if not project.read_only:
            if script is not None:
                self._use_cell_script(script, replace_script)
            self._project_panel.attempt(lambda: project.settings.give(given))
        self._show_project()
        self._project_panel.follow()
        self._settings_panel.follow()

    def _add_parts(self, **how: Any) -> None:
        """Create the parts; `how` is the arguments of `ModelPanel`."""

        def project() -> Project:
            return self._project

        self._model = model = ModelPanel(self, **how)
        self._audition_panel = AuditionPanel(
            self,
            project=project,
            engine=lambda: model.engine(self.model),
            options=lambda: speak_options(self),
            lock=self._lock,
        )
        self._generation_panel = GenerationPanel(
            self,
            self.channel,
            project=project,
            engine=model.engine,
            refresh=self._refresh,
            lock=self._lock,
            took=lambda take: self._review_panel.took(take),
            prepare=self._audition_panel.cancel,
        )
        self._review_panel = ReviewPanel(
            self, project=project, retake=self._generation_panel.retake, lock=self._lock
        )
        self._project_panel = ProjectPanel(
            self,
            self.channel,
            project=project,
            marks=lambda: self._generation_panel.marks,
            save_settings=self.save_settings,
            open_project=self.open_project,
        )
        self._cast_panel = CastPanel(
            self,
            project,
            self.voice_library,
            self._stand_ins,
            self._default_voices,
        )
        self._settings_panel = SettingsPanel(self, project, model, self._project_panel.attempt)
        self._loudness = LoudnessPreview(lambda: self._project.timeline())
        self._pronunciation = PronunciationPanel(
            self, project=project, engine=model.engine, busy=lambda: self._generation_panel.busy
        )
        self._read_along = ReadAlongPanel(
            self,
            self.channel,
            project=project,
            engine=model.engine,
            busy=lambda: self._generation_panel.busy,
            options=lambda: speak_options(self),
            notify=self.notify,
        )
        uploads = Uploads(self._cast_panel.use_recording)
        self._music_panel = MusicPanel(self, project, uploads.inbox)
        self._cover_panel = CoverPanel(self, project)
        self._exports = Exports(self, self.channel, lambda: self.episode, lambda: self._project.cover)
        self.add_parts(
            model,
            self._generation_panel,
            self._review_panel,
            self._review_panel.recognizer,
            self._audition_panel,
            self._project_panel,
            self._cast_panel,
            uploads,
            self._music_panel,
            AudioRequests(self.audio_source, self.audio_summary),
            self._exports,
            self._cover_panel,
            self._loudness,
            self._pronunciation,
            self._read_along,
            Importing(),
        )

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

    def _static(self) -> Static:
        return static_project(self._project)

    @property
    def episode(self) -> Take:
        """The chosen takes, assembled; no model is needed."""
        return self._project.assemble()

    @property
    def generation(self) -> Generation | None:
        """The current generation, or the last one."""
        return self._generation_panel.current

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
        return self._generation_panel.generate(turns, **options)

    def regenerate(self, turns: str | Sequence[str], *, takes: int = 1) -> Generation:
        """Generate new takes of turns in their context; other turns are unchanged.

        Parameters
        ----------
        turns : str or sequence of str
            Ids of the turns.
        takes : int
            New takes of each turn, up to 20; the last one is chosen. A turn that already has a take with the
            current seed gets a new seed, as the same seed would reproduce the same take.
        """
        return self._generation_panel.regenerate(turns, takes)

    def respeak(self, turn: str) -> Generation:
        """Generate a new take of one turn; deprecated, use `regenerate`."""
        message = "Studio.respeak is deprecated. Use Studio.regenerate instead."
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return self.regenerate(turn)

    def review(self, takes: Sequence[str] | None = None) -> ReviewJob:
        """Compare the words of takes with the script in the background, with the recognizer of the settings.

        Parameters
        ----------
        takes : sequence of str, optional
            Ids of takes; by default the chosen ones.

        Raises
        ------
        OptionError, VibeVoiceError
            If the recognizer is not installed, or has to be downloaded first.
        """
        return self._review_panel.review(takes)

    def fix(self, turns: Sequence[str] | None = None, *, attempts: int = ATTEMPTS) -> Generation:
        """Generate misspoken turns again, by default the flagged ones; see `Project.fix`."""
        return self._review_panel.fix(turns, attempts)

    def best_of(self, turns: Sequence[str], *, takes: int = ATTEMPTS) -> Generation:
        """Generate new takes of turns and choose the best by its review, unless a person chose one."""
        return self._review_panel.best_of(turns, takes)

    def cancel(self) -> None:
        """Cancel the generation within one frame; audio generated so far is kept."""
        self._generation_panel.cancel()

    def sweep(self, *, review: bool | None = None, **axes: Unpack[SweepAxes]) -> SweepGrid:
        """Generate the script with every combination of settings, shown as a grid of players.

        The audio is kept in memory and the project is unchanged, so it may be read-only.

        Parameters
        ----------
        review : bool, optional
            Review each cell as it finishes, with the recognizer of the settings; `grid.sweep.result()` then
            waits for the reviews, too. By default cells are reviewed if takes are (`listen_back="each take"`)
            and the recognizer needs no download, and the result does not wait.
        **axes : Unpack[SweepAxes]
            Lists of values for `cfg_scale`, `num_steps`, `seed`, `solver`, `temperature`.

        Returns
        -------
        SweepGrid
            `await grid.sweep`, `grid.sweep.to_dataframe()`.

        Raises
        ------
        OptionError, VibeVoiceError
            If an axis is not valid; with `review`, if the recognizer is not installed or not downloaded.
        """
        from .sweep import SweepGrid

        model, wanted = self.model, self._review_panel.recognizer.ready() if review else False
        sweep = self._project.sweep(
            lambda: self._model.engine(model), speak_options(self), review=wanted, **axes
        )
        grid = SweepGrid(sweep, recognizer=self.recognizer)
        if review is None and self.listen_back == "each take":
            grid.review_if_ready()
        return grid

    def audition(self, speaker: str) -> Audition:
        """Generate a speaker's first line in every available voice, without making takes.

        The page shows the lines in the gallery of voices.

        Returns
        -------
        Audition
            `(await audition).takes["Ada"]` is the line in that voice; `studio.project.set_voice` chooses it.

        Raises
        ------
        ScriptError
            If the speaker has no lines, or none that can be spoken.
        """
        return self._audition_panel.start(speaker)

    def open_project(self, path: str | Path, *, create: bool = False) -> None:
        """Switch to another project; the current one is unchanged.

        Raises
        ------
        ProjectError
            If the project cannot be read, or does not exist and `create` is false.
        """
        with self._lock:
            if self._generation_panel.busy:
                raise VibeVoiceError(
                    "cannot switch projects during generation", "no generation in progress", "stop it first"
                )
            self._review_panel.close()
            self._project = shared_project(path, create=create)
            self._project_panel.forget_failure()
            self._show_project()

    def save(self) -> None:
        """Save the displayed script and settings, after an earlier save failed.

        Raises
        ------
        ProjectError
            If the project still cannot be written.
        """
        self._project_panel.save()

    def save_copy(self, path: str | Path) -> None:
        """Save the project and the displayed script to another folder, and switch to that project.

        Raises
        ------
        ProjectError
            If the folder exists, or cannot be written.
        """
        self._project_panel.save_copy(path)

    def recreate_project(self) -> None:
        """Recreate the project's folder after it was deleted, with the script as displayed.

        Raises
        ------
        ProjectError
            If the folder exists, or cannot be written.
        """
        self._project_panel.recreate()

    def save_settings(self) -> None:
        """Save the settings as displayed."""
        self._settings_panel.save()
        self._refresh()

    def notify(self, severity: str, text: str) -> None:
        """Show a notice in the page; `severity` is "error", "warning" or "info"."""
        self._project_panel.notify(severity, text)

    def refresh_cast(self) -> None:
        """Update the displayed cast; only differences are sent."""
        self._cast_panel.refresh()

    def refresh_voices(self) -> None:
        """Reload the list of library voices."""
        self._cast_panel.refresh_voices()

    def audio_source(self, name: str) -> AudioSource:
        """Return the audio of "episode", "take:ID", "voice:SPEAKER", "library:VOICE", "music:ROLE" ...

        "episode:-16" is the episode at a loudness of -16 LUFS.
        """
        kind, _, rest = name.partition(":")
        if name == EPISODE:
            return self._project.timeline()
        if kind == EPISODE:
            return self._loudness.source(rest)
        if kind == "take":
            return self._project.take(rest).source
        if kind == "audition":
            return self._audition_panel.source(name)
        if kind == PREVIEW:
            return self._pronunciation.source(name)
        if kind == MUSIC:
            return self._music_panel.source(name)
        return voice_source(name, self._project, self.voice_library)

    def audio_summary(self, name: str) -> TakeSummary:
        """Return the summary of a source, with turns if it belongs to this project."""
        kind, _, rest = name.partition(":")
        if kind == EPISODE:
            return {**self._project_panel.episode_summary(), "source": name}
        if kind == "take":
            return take_summary(self._project.take(rest), name, 0)
        if kind == PREVIEW:
            return {**summary_of(name, self.audio_source(name)), "name": self._pronunciation.heard}
        if kind == MUSIC:
            return self._music_panel.summary(name)
        return summary_of(name, self.audio_source(name))

    def close(self) -> None:
        """Cancel the generation and close the widget; the project is unchanged."""
        if "_unobserve" in vars(self):  # otherwise the constructor failed
            self._unobserve()
        super().close()

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Apply values from the page; a changed script was typed there."""
        with self._project_panel.typing():
            super().set_state(sync_data)

    # Inside

    def _show_project(self) -> None:
        """Display the project, and follow its changes instead of those of the previous one."""
        self._unobserve()
        self._settings_panel.show(self._project.settings)
        self._project_panel.show_script()
        self._cover_panel.refresh()
        self._refresh()
        self._project_panel.show_notes()
        self._unobserve = self._project.observe(self._follow)

    def _follow(self, reason: str) -> None:
        if reason == "script":
            self._project_panel.show_script()
        if reason == "cover":
            self._cover_panel.refresh()
        self._refresh()

    def _refresh(self) -> None:
        """Update the traits from the project; only changed ones are sent."""
        with self._lock:
            self._project_panel.refresh()
            self._pronunciation.refresh()
            self._music_panel.refresh()
            self._review_panel.refresh()
            self._cast_panel.refresh()
            self._audition_panel.refresh()

    def _stand_ins(self) -> dict[str, str]:
        limits = self.model_limits
        known = limits.get("follows_voices", True) or limits.get("voice_prompts")
        return {} if known else stand_in_names(self._project)

    def _default_voices(self) -> dict[str, str]:
        """Return the voices of speakers without one; a model with voice prompts has no default."""
        return {} if self.model_limits.get("voice_prompts") else self._project.cast.default_voices()

    def _fail(self, call_id: int, error: VibeVoiceError) -> None:
        super()._fail(call_id, error)
        self._project_panel.show_state()  # the cause may be a full disk

    def _use_cell_script(self, script: str, replace: bool) -> None:
        text = use_cell_script(self._project, script, replace=replace, option="replace_script=True")
        if text:
            warnings.warn(text, stacklevel=3)
            self.notify("info", text)
