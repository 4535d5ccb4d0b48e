r"""A project: a script, its cast and the takes of its turns, in a folder that survives a crash and a move.

    with Project.create("episode", "Anna: Hello!") as project:
        project.set_voice("Anna", "Ada")
        project.generate(engine).result().save("episode.mp3")

Each turn has takes, one of which is chosen; the episode is the chosen takes in the order of the script.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from vibevoice_nb.errors import ProjectError
from vibevoice_nb.script import Diagnostic, Script

from .cast import Cast, CastMember
from .episode import Episode
from .history import History
from .jobs.generation import Generation, GenerationProgress, Listener, Mode, prepare
from .jobs.sweep import Sweep, SweepAxes, SweepProgress, sweep_project
from .moved import moved_attribute
from .script_text import GivenScript, ProjectScript, checked_text
from .settings import ProjectSettings
from .storage.paths import project_path
from .store import ProjectStore, create_folder
from .take import Take
from .takes import ProjectTakes
from .timeline import Timeline
from .turns import ContextTurn, ProjectTurn, ProjectTurns

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.options import GenerationSettings
    from vibevoice_nb.export.options import ExportOptions, SaveOptions
    from vibevoice_nb.script.frontends import Frontend
    from vibevoice_nb.voices.casting import VoiceSpec
    from vibevoice_nb.voices.voice import Voice


class Project:
    r"""A conversation and its takes; made by `Project.create` and `Project.open`.

    Every change is on disk when the call returns. Any thread may call.

    Attributes
    ----------
    cast : Cast
        Speakers by label, with their voices.
    takes : ProjectTakes
        Takes by id; `takes.of(turn)` are those of a turn.
    settings : ProjectSettings
        Options of a generation by name.
    history : History
        Changes that can be undone.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/talk") as project:
    ...     project.script_text = "Anna: Hello!\nBen: Good morning."
    ...     [(item.turn.label, item.state) for item in project.turns], project.timeline().samples
    ([('Anna', 'unspoken'), ('Ben', 'unspoken')], 0)
    """

    def __init__(self, store: ProjectStore) -> None:
        self.store = store
        self.history = History(store)
        self.settings = ProjectSettings(store)
        self.cast = Cast(store, self.history)
        self.takes = ProjectTakes(store, self.history, self.cast)
        self._text = ProjectScript(store, self.history)
        self._turns = ProjectTurns(store, self.history, self.cast, self.takes, self.settings)
        self._episode = Episode(store, self.cast, self.takes, self._turns, self.settings)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return moved_attribute(self, name)

    # Opening and closing

    @classmethod
    def create(cls, path: str | os.PathLike[str], script: str = "") -> Project:
        """Create a project in a new folder; `.vibevoice` is added to the path if it is missing.

        Raises
        ------
        ProjectError
            If something exists there, the path is not a valid folder name, or the folder can't be created.
        ScriptError
            If the script is too long.
        """
        return cls.open(create_folder(path, checked_text(script)))

    @classmethod
    def open(cls, path: str | os.PathLike[str], read_only: bool = False) -> Project:
        """Open a project; `.vibevoice` may be left out of the path.

        If another process has it open, or its folder can't be written, it is opened read-only: a warning and
        `holder` give the reason. With `read_only`, others can open it for writing.

        Raises
        ------
        ProjectError
            If there is no project, it is damaged beyond its backup, or was written by a later version.
        """
        store = ProjectStore.open(path, read_only)
        project = cls(store)
        try:
            project._text.load()
        except BaseException:
            store.close()
            raise
        if not store.read_only:
            store.tidy()
        return project

    def close(self) -> None:
        """Let others write; the project can't be changed any more, its takes can still be played."""
        self.store.close()

    def __enter__(self) -> Project:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        about = ", closed" if self.closed else ", read-only" if self.read_only else ""
        count = len(self.store.state.turns)
        return f"<Project {self.name!r}: {count} {'turn' if count == 1 else 'turns'}{about}>"

    @property
    def closed(self) -> bool:
        """True after `close`."""
        return self.store.closed

    @property
    def path(self) -> Path:
        """The folder."""
        return self.store.path

    @property
    def name(self) -> str:
        """The folder's name without `.vibevoice`."""
        return self.store.name

    @property
    def read_only(self) -> bool:
        """True if the project can't be changed."""
        return self.store.read_only

    @property
    def holder(self) -> str:
        """Description of the process that holds the lock, if the project had to be opened read-only."""
        return self.store.holder

    @property
    def notes(self) -> tuple[str, ...]:
        """Damage found when the project was opened, and what was recovered."""
        return tuple(self.store.folder.notes)

    def observe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call back after every change with its kind: "script", "cast", "settings", "takes", "gaps", "undo".

        The function returned stops the calls.
        """
        return self.store.observe(callback)

    # The script

    @property
    def script_text(self) -> str:
        """The script as typed. Setting it keeps every take with its line, and can be undone."""
        with self.store.mutex:
            return self.store.text

    @script_text.setter
    def script_text(self, text: str) -> None:
        self.write_script(text)

    def write_script(self, text: str, *, typing: bool = False) -> None:
        """Replace the script; see `ProjectScript.write`."""
        self._text.write(text, typing=typing)

    def give_script(self, text: str, *, replace: bool = False) -> GivenScript:
        """Apply the script of a cell, which may be run many times; see `ProjectScript.give`."""
        return self._text.give(text, replace=replace)

    @property
    def script(self) -> Script:
        """The parsed script."""
        return self.store.script

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Diagnostics of the script, and of everything in it that the model cannot speak."""
        return self._turns.diagnostics

    # The turns

    @property
    def turns(self) -> list[ProjectTurn]:
        """The turns in the order of the script, as they are now."""
        return self._turns.snapshot()

    def turn(self, turn_id: str) -> ProjectTurn:
        """Return the turn with an id; raise ProjectError if it is not in the script."""
        return self._turns.find(turn_id)

    def missing(self) -> list[str]:
        """Return the ids of the turns to generate: without a take, with a partial one, or changed since."""
        return self._turns.missing()

    def context_for(
        self,
        turn_id: str,
        model: str | None = None,
        frontend: Frontend | None = None,
        weights: str | None = None,
    ) -> list[ContextTurn]:
        """Return the turns that are the context of a turn; see `ProjectTurns.context_for`."""
        return self._turns.context_for(turn_id, model, frontend, weights)

    def context_changed(self, take_id: str) -> bool:
        """Return True if the turns before a take's turn now have other takes or texts than its context."""
        return self._turns.context_changed(take_id)

    def set_gap(self, turn_id: str, gap_ms: int | None) -> None:
        """Set the silence after a turn; see `ProjectTurns.set_gap`."""
        self._turns.set_gap(turn_id, gap_ms)

    # The cast

    def set_voice(
        self, label: str, voice: VoiceSpec, kind: str | None = None, consent: bool = False
    ) -> CastMember:
        """Give a speaker a voice, which is copied into the project; see `Cast.set_voice`."""
        return self.cast.set_voice(label, voice, kind, consent)

    def clear_voice(self, label: str) -> None:
        """Remove a speaker's voice; see `Cast.clear_voice`."""
        self.cast.clear_voice(label)

    def trim_voice(self, label: str, start_s: float, stop_s: float) -> CastMember:
        """Keep only `[start_s, stop_s)` of a speaker's recording; see `Cast.trim_voice`."""
        return self.cast.trim_voice(label, start_s, stop_s)

    def set_consent(self, label: str, consent: bool) -> None:
        """Record whether the right to use a speaker's voice is confirmed; see `Cast.set_consent`."""
        self.cast.set_consent(label, consent)

    def set_color(self, label: str, color: str) -> None:
        """Give a speaker a color, such as "#0072b2"; see `Cast.set_color`."""
        self.cast.set_color(label, color)

    def check_voices(self, turn_ids: Iterable[str] | None = None) -> dict[int, Voice]:
        """Return the voices by the model's speaker index; see `ProjectTurns.check_voices`."""
        return self._turns.check_voices(turn_ids)

    # The takes

    def take(self, take_id: str) -> Take:
        """Return the take with an id; raise ProjectError if there is none."""
        return self.takes.find(take_id)

    def choose(self, turn_id: str, take_id: str) -> None:
        """Choose the take that is played for a turn; see `ProjectTakes.choose`."""
        self.takes.choose(turn_id, take_id)

    def star(self, take_id: str, on: bool = True) -> None:
        """Mark a take, or remove the mark; see `ProjectTakes.star`."""
        self.takes.star(take_id, on)

    def delete_take(self, take_id: str) -> None:
        """Delete a take; `undo` restores it. See `ProjectTakes.delete`."""
        self.takes.delete(take_id)

    @property
    def unfinished(self) -> list[Take]:
        """Audio of generations that a crash ended; see `ProjectTakes.unfinished`."""
        return self.takes.unfinished

    # Undo

    @property
    def can_undo(self) -> str:
        """Description of the change that `undo` would undo; empty if there is none."""
        return self.history.can_undo

    def undo(self) -> str:
        """Undo the last change and return its description; see `History.undo`."""
        return self.history.undo()

    # The episode

    def timeline(self) -> Timeline:
        """Return the chosen takes in order, with pauses; see `Episode.timeline`."""
        return self._episode.timeline()

    def assemble(self) -> Take:
        """Return the episode as a take, which reads from the takes' files and holds no audio."""
        return self._episode.assemble()

    def generation(
        self,
        engine: Engine | Callable[[], Engine],
        turns: Sequence[str] | None = None,
        *,
        mode: Mode | None = None,
        listener: Listener | None = None,
        progress: bool | Callable[[GenerationProgress], None] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Generation:
        """Prepare a generation, which `start()` begins; see `jobs.generation.prepare` for the parameters."""
        self.store.check_writable()
        return prepare(
            self._episode, engine, turns, mode=mode, listener=listener, progress=progress, **options
        )

    def generate(
        self,
        engine: Engine | Callable[[], Engine],
        turns: Sequence[str] | None = None,
        *,
        mode: Mode | None = None,
        listener: Listener | None = None,
        progress: bool | Callable[[GenerationProgress], None] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Generation:
        """Generate what is missing, or the turns given, in the background; see `jobs.generation.prepare`."""
        return self.generation(
            engine, turns, mode=mode, listener=listener, progress=progress, **options
        ).start()

    def regenerate(
        self,
        engine: Engine | Callable[[], Engine],
        turn_id: str,
        *,
        listener: Listener | None = None,
        progress: bool | Callable[[GenerationProgress], None] | None = None,
        **options: Unpack[GenerationSettings],
    ) -> Generation:
        """Generate another take of one turn in its context; the other turns stay as they are.

        If the seed is fixed and the turn has a take with it, a new seed is drawn.
        """
        seed = self.settings.current.seed if options.get("seed") is None else options["seed"]
        options["seed"] = self.takes.fresh_seed(turn_id, seed)
        return self.generation(
            engine, [turn_id], mode="turns", listener=listener, progress=progress, **options
        ).start()

    def sweep(
        self,
        engine: Engine | Callable[[], Engine],
        options: GenerationSettings | None = None,
        *,
        progress: bool | Callable[[SweepProgress], None] | None = None,
        **axes: Unpack[SweepAxes],
    ) -> Sweep:
        """Generate the script for every combination of the axes' values, in the background; see `Sweep`."""
        return sweep_project(self._episode, engine, axes, options or {}, progress).start()

    def save(self, path: str | os.PathLike[str], **options: Unpack[SaveOptions]) -> Path:
        """Save the episode as one audio file; see `Take.save`."""
        return self.assemble().save(path, **options)

    def export(self, target: str | os.PathLike[str], **options: Unpack[ExportOptions]) -> list[Path]:
        """Export the episode whole, by turn or by speaker; see `export.export.export_take`."""
        return self.assemble().export(target, **options)

    # The folder

    @property
    def problem(self) -> ProjectError | None:
        """Reason why the project can't be saved now; None if it can, or if it is read-only or closed."""
        return self.store.problem

    def recreate(self) -> None:
        """Create the folder again after it was deleted; see `ProjectStore.recreate`."""
        self.store.recreate()

    def save_copy(self, path: str | os.PathLike[str]) -> Project:
        """Save a copy in a new folder, also if this project can't be saved any more; return the open copy.

        A warning and the `notes` of the copy name the takes whose audio is gone.

        Raises
        ------
        ProjectError
            If something exists there, or a file can't be written.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/talk") as project:
        ...     with project.save_copy(f"{folder}/copy") as copy:
        ...         copy.name
        'copy'
        """
        target = project_path(path, new=True)
        lost = self.store.copy_to(target)
        copy = Project.open(target)
        copy.store.warn_of_lost(lost)
        return copy
