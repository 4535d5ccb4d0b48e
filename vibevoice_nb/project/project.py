r"""A project: a script, its cast and the takes of its turns, in a folder that survives a crash and a move.

    with Project.create("episode", "Anna: Hello!") as project:
        project.set_voice("Anna", "Ada")
        project.generate(engine).result().save("episode.mp3")

Each turn has takes, one of which is chosen; the episode is the chosen takes in the order of the script.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from vibevoice_nb.errors import ProjectError
from vibevoice_nb.script import Diagnostic, Script
from vibevoice_nb.script.pronunciation import Pronunciation

from .adjustments import ProjectAdjustments
from .cast import Cast
from .cover import ProjectCover
from .delegates import delegate
from .episode import Episode
from .history import History
from .jobs.start import ProjectJobs
from .lexicon import ProjectLexicon
from .moved import moved_attribute
from .music import ProjectMusic
from .reviews import ProjectReviews
from .script_text import ProjectScript, checked_text
from .settings import ProjectSettings
from .storage.paths import project_path
from .store import ProjectStore, create_folder
from .take import Take
from .takes import ProjectTakes
from .turns import ProjectTurn, ProjectTurns, ReadWord

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from vibevoice_nb.export.options import ExportOptions, SaveOptions


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
    adjustments : ProjectAdjustments
        Gain, pause, pace and trim; see `adjust`, `adjust_speaker` and `trim_take`.
    music : ProjectMusic
        Intro, outro and bed; see `set_music`.
    cover : ProjectCover
        Cover picture of exported files.
    lexicon : ProjectLexicon
        Readings of words, by word.
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
        self.cover = ProjectCover(store)
        self.lexicon = ProjectLexicon(store, self.history)
        self.cast = Cast(store, self.history)
        reviews = ProjectReviews(store, self.cast)
        self.takes = ProjectTakes(store, self.history, self.cast, reviews)
        self._text = ProjectScript(store, self.history)
        self.adjustments = ProjectAdjustments(store, self.history)
        self.music = ProjectMusic(store, self.history)
        self._turns = ProjectTurns(
            store, self.history, self.cast, self.takes, self.settings, self.adjustments
        )
        self._episode = Episode(
            store,
            self.cast,
            self.takes,
            self._turns,
            self.settings,
            self.adjustments,
            reviews,
            self.music,
        )
        self._jobs = ProjectJobs(store, self._episode)

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

    close = delegate("store", ProjectStore.close)

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

    observe = delegate("store", ProjectStore.observe)

    # The script

    @property
    def script_text(self) -> str:
        """The script as typed. Setting it keeps every take with its line; all but the first can be undone."""
        with self.store.mutex:
            return self.store.text

    @script_text.setter
    def script_text(self, text: str) -> None:
        self.write_script(text)

    write_script = delegate("_text", ProjectScript.write)
    give_script = delegate("_text", ProjectScript.give)

    @property
    def script(self) -> Script:
        """The parsed script."""
        return self.store.script

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """Diagnostics of the script, of what the model cannot speak, and of where a whole script is cut."""
        return self._turns.diagnostics

    # The turns

    @property
    def turns(self) -> list[ProjectTurn]:
        """The turns in the order of the script, as they are now."""
        return self._turns.snapshot()

    @property
    def pronunciation(self) -> Pronunciation:
        """The lexicon and the spoken forms, as they are now."""
        return self._turns.pronunciation

    turn = delegate("_turns", ProjectTurns.find)
    read_as = delegate("_turns", ProjectTurns.read_as)

    @property
    def read_words(self) -> list[ReadWord]:
        """Words of the script that are read in another way, with their places."""
        return self._turns.read_words

    missing = delegate("_turns", ProjectTurns.missing)
    context_for = delegate("_turns", ProjectTurns.context_for)
    context_changed = delegate("_turns", ProjectTurns.context_changed)
    set_gap = delegate("_turns", ProjectTurns.set_gap)

    # How it sounds: applied when the episode is assembled, without generating anything

    adjust = delegate("adjustments", ProjectAdjustments.adjust)
    adjust_speaker = delegate("adjustments", ProjectAdjustments.adjust_speaker)

    def trim_take(
        self, take_id: str, start: float | None = None, stop: float | None = None
    ) -> tuple[float, float]:
        """Play only `[start, stop)` of a take, in seconds; without times, play it whole.

        The audio of the take is kept. Returns the times.

        Raises
        ------
        OptionError
            If less than 0.05 s is left, or the times are not in the take.
        ProjectError
            If there is no such take, or the project can't be changed.
        """
        return self.adjustments.trim(self.takes.find(take_id), start, stop)

    set_music = delegate("music", ProjectMusic.set)
    clear_music = delegate("music", ProjectMusic.clear)

    # The cast

    set_voice = delegate("cast", Cast.set_voice)
    clear_voice = delegate("cast", Cast.clear_voice)
    trim_voice = delegate("cast", Cast.trim_voice)
    set_consent = delegate("cast", Cast.set_consent)
    set_color = delegate("cast", Cast.set_color)
    check_voices = delegate("_turns", ProjectTurns.check_voices)

    # The takes

    take = delegate("takes", ProjectTakes.find)
    choose = delegate("takes", ProjectTakes.choose)
    star = delegate("takes", ProjectTakes.star)
    delete_take = delegate("takes", ProjectTakes.delete)

    @property
    def unfinished(self) -> list[Take]:
        """Audio of generations that a crash ended; see `ProjectTakes.unfinished`."""
        return self.takes.unfinished

    # Undo

    @property
    def can_undo(self) -> str:
        """Description of the change that `undo` would undo; empty if there is none."""
        return self.history.can_undo

    undo = delegate("history", History.undo)

    # The episode

    timeline = delegate("_episode", Episode.timeline)
    assemble = delegate("_episode", Episode.assemble)

    # Jobs

    generation = delegate("_jobs", ProjectJobs.generation)
    generate = delegate("_jobs", ProjectJobs.generate)
    regenerate = delegate("_jobs", ProjectJobs.regenerate)
    review = delegate("_jobs", ProjectJobs.review)
    fix = delegate("_jobs", ProjectJobs.fix)
    judge = delegate("_jobs", ProjectJobs.judge)
    preview = delegate("_jobs", ProjectJobs.preview)
    sweep = delegate("_jobs", ProjectJobs.sweep)
    audition = delegate("_jobs", ProjectJobs.audition)

    @property
    def reviews(self) -> ProjectReviews:
        """Reviews: `reviews.of(take_id)`, and `reviews.report()` of the episode."""
        return self._episode.reviews

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        edge_silence: float | None = None,
        **options: Unpack[SaveOptions],
    ) -> Path:
        """Save the episode as one audio file or web page; see `Take.save`.

        `title`, `artist`, `cover` and `edge_silence`, the most silence at the ends of turns in seconds, are
        by default those of the project.
        """
        merged: SaveOptions = {
            **self.settings.export_tags(),
            **self.cover.for_export(path, options),  # type: ignore[typeddict-item]
            **options,
        }
        return self.assemble(edge_silence=edge_silence).save(path, **merged)

    def export(
        self,
        target: str | os.PathLike[str],
        *,
        edge_silence: float | None = None,
        **options: Unpack[ExportOptions],
    ) -> list[Path]:
        """Export the episode whole, by turn or by speaker; see `export.export.export_take`.

        `title`, `artist`, `cover` and `edge_silence` are by default those of the project; see `save`.
        """
        merged: ExportOptions = {
            **self.settings.export_tags(),
            **self.cover.for_export(target, options),  # type: ignore[typeddict-item]
            **options,
        }
        return self.assemble(edge_silence=edge_silence).export(target, **merged)

    # The folder

    @property
    def problem(self) -> ProjectError | None:
        """Reason why the project can't be saved now; None if it can, or if it is read-only or closed."""
        return self.store.problem

    recreate = delegate("store", ProjectStore.recreate)

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
