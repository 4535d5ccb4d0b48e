"""Project store: an open project folder and its content in memory, changed on disk first."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from vibevoice_nb.errors import ProjectError, VibeVoiceError
from vibevoice_nb.ranges import shown
from vibevoice_nb.script import Script

from .mutex import Mutex
from .storage.copying import write_copy
from .storage.folder import SUFFIX, ProjectFolder, new_folder
from .storage.lock import ProjectLock, lock_folder
from .storage.paths import existing_project, project_path
from .storage.schema import State, TurnRecord
from .storage.voices import ProjectVoices
from .take import Take

_log = logging.getLogger(__name__)


class ProjectStore:
    """Content of a project, shared by the parts of a `Project`.

    Changes are made in a `changing` block: they are on disk when it ends, or nothing has changed. Any thread
    may call.

    Parameters
    ----------
    folder : ProjectFolder
    lock : ProjectLock or None
        None opens it read-only.
    holder : str
        Description of the process that holds the lock, if the project had to be opened read-only.

    Attributes
    ----------
    state : State
        Content of `project.json`.
    takes : dict of Take
        By id.
    text, script : str, Script
        The script as typed, and parsed.
    voices : ProjectVoices
    drafts : set of str
        Ids of the drafts that are being written.
    mutex : Mutex
        Held while the content is read or changed.
    reverts : ExitStack
        Inside `changing`: callbacks that move files back if the change fails.
    trash_outdated : bool
        True if the change dropped undo steps: their files are then removed.
    """

    def __init__(self, folder: ProjectFolder, lock: ProjectLock | None, holder: str) -> None:
        self.folder, self.holder, self.closed = folder, holder, False
        self.mutex = Mutex()
        self.reverts = contextlib.ExitStack()
        self.trash_outdated = False
        self.drafts: set[str] = set()
        self._lock = lock
        self._observers: list[Callable[[str], None]] = []
        folder.check_links()
        self.voices = ProjectVoices(folder)
        self.state = folder.load_state()
        self.takes = folder.load_takes()
        self.text, self.script = "", Script((), ())
        if lock is not None:
            self._finish_deletions()
        self.adopt_takes()

    @classmethod
    def open(cls, path: str | os.PathLike[str], read_only: bool = False) -> ProjectStore:
        """Open a project's folder; see `Project.open`."""
        target = existing_project(path)
        lock, holder = None, ""
        if not read_only:
            lock, holder = lock_folder(target)
        try:
            store = cls(ProjectFolder(target.resolve()), lock, holder)
        except BaseException as exc:
            if lock is not None:
                lock.release()
            if isinstance(exc, OSError):
                got = f"{target}: {exc.strerror or exc}"
                raise ProjectError(got, "a readable folder", "check its permissions") from exc
            raise
        if holder:
            warnings.warn(f"{target.name} was opened read-only: {holder}", stacklevel=3)
        return store

    def close(self) -> None:
        """Release the lock; the content stays readable."""
        with self.mutex:
            self.closed = True
            if self._lock is not None:
                self._lock.release()

    # The folder

    @property
    def path(self) -> Path:
        """The folder."""
        return self.folder.path

    @property
    def name(self) -> str:
        """The folder's name without `.vibevoice`."""
        return self.path.name.removesuffix(SUFFIX)

    @property
    def read_only(self) -> bool:
        """True if the project can't be changed."""
        return self._lock is None

    @property
    def problem(self) -> ProjectError | None:
        """Reason why the project can't be saved now; None if it can, or if it is read-only or closed."""
        if self._lock is None or self.closed:
            return None
        path, folder = self.path, self.folder
        remedy = "recreate it here (project.recreate()), or save a copy elsewhere (project.save_copy(path))"
        if not folder.is_there:
            return ProjectError(
                f"{path} was deleted or moved while it was open", "the project's folder", remedy
            )
        if not folder.is_same:
            if not self._lock.is_noted:
                remedy = "save a copy elsewhere (project.save_copy(path))"
                return ProjectError(f"{path} is another folder now", "the folder that was opened", remedy)
            folder.trust()  # some file systems change the inode number of a folder
        if not os.access(path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            remedy = "restore its permissions, or save a copy elsewhere (project.save_copy(path))"
            return ProjectError(f"{path} can no longer be written", "a writable folder", remedy)
        return None

    @property
    def was_replaced(self) -> bool:
        """True if another folder is in the place of the one that was opened for writing."""
        return self.problem is not None and os.path.lexists(self.path) and not self.folder.is_same

    @property
    def can_recreate(self) -> bool:
        """True if the folder was deleted while the project was open for writing."""
        return self._lock is not None and not self.closed and not os.path.lexists(self.path)

    def check_writable(self) -> None:
        """Raise if the project can't be changed now.

        Raises
        ------
        ProjectError
        """
        if self.closed:
            raise ProjectError(f"the project {self.name} is closed", "an open project", "open it again")
        if self._lock is None:
            raise ProjectError(
                f"{self.name} is read-only{f': {self.holder}' if self.holder else ''}",
                "a project that is open for writing here",
                "close it there and open it again here" if self.holder else "open it without read_only",
            )
        if problem := self.problem:
            raise problem

    def copy_to(self, target: Path) -> list[str]:
        """Write the project into a new folder; return the ids of the takes whose files are gone.

        Raises
        ------
        ProjectError
            If something exists there, or a file can't be written.
        """
        with self.mutex, new_folder(target) as folder:
            return write_copy(self.state, self.text, self.voices, self.folder, folder, self.takes)

    def recreate(self) -> None:
        """Create the folder again, after it was deleted while the project was open.

        Script, settings and voices are written as they are in memory. The audio of takes was in the folder:
        takes that are gone are left out, with a warning.

        Raises
        ------
        ProjectError
            If something exists at the path, or a file can't be written.
        """
        with self.mutex:
            if self._lock is None or self.closed:
                self.check_writable()
            lost = self.copy_to(self.path)
            lock, holder = lock_folder(self.path)
            if lock is None:
                raise ProjectError(
                    f"{self.name} can't be locked: {holder}", "a folder of its own", "open it again"
                )
            assert self._lock is not None
            self._lock.release()
            self._lock = lock
            self.folder.trust()
            for take_id in lost:
                del self.takes[take_id]
            self.adopt_takes()
            self.warn_of_lost(lost)
        self.notify("takes")

    def warn_of_lost(self, takes: list[str]) -> None:
        """Warn of takes whose files are gone; nothing happens for an empty list."""
        if takes:
            several = f"{len(takes)} takes" if len(takes) > 1 else "1 take"
            self.folder.warn(f"{self.name}: the audio of {several} is gone with its folder")

    # Changes

    @contextlib.contextmanager
    def changing(self, reason: str) -> Iterator[State]:
        """Change the content in the block: all of it is on disk when it ends, or nothing has changed.

        Parameters
        ----------
        reason : str
            Passed to the observers.

        Raises
        ------
        ProjectError
            If the project can't be changed, or a file can't be written.
        """
        with self.mutex:
            self.check_writable()
            text = self.text
            with contextlib.ExitStack() as reverts:
                reverts.callback(self._restore, self.state.copy(), dict(self.takes), text, self.script)
                self.reverts = reverts
                yield self.state
                self.folder.save(self.state, None if self.text == text else self.text)
                reverts.pop_all()
            if self.trash_outdated:
                self.tidy()
        self.notify(reason)

    def _restore(self, state: State, takes: dict[str, Take], text: str, script: Script) -> None:
        self.state, self.takes, self.text, self.script = state, takes, text, script
        self.trash_outdated = False

    def observe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call back after every change with its kind; the function returned stops the calls.

        Kinds are "script", "cast", "settings", "lexicon", "takes", "gaps", "adjustments", "music", "cover",
        "reviews" and "undo".
        """
        with self.mutex:
            self._observers.append(callback)

        def stop() -> None:
            with self.mutex, contextlib.suppress(ValueError):
                self._observers.remove(callback)

        return stop

    def notify(self, reason: str) -> None:
        """Call the observers, once this thread has released the mutex: they may wait for other threads."""
        self.mutex.call_after(lambda: self._call_observers(reason))

    def _call_observers(self, reason: str) -> None:
        with self.mutex:
            observers = list(self._observers)
        for callback in observers:
            try:
                callback(reason)
            except Exception:  # an observer's error must not break the project
                _log.exception("an observer of %s failed", self.name)

    # Turns and takes

    def record(self, turn_id: str) -> TurnRecord:
        """Return the turn of the script with an id.

        Raises
        ------
        ProjectError
            If there is none.
        """
        return self.state.turns[self.index(turn_id)]

    def index(self, turn_id: object) -> int:
        """Return the place of a turn in the script.

        Raises
        ------
        ProjectError
            If it is not in the script.
        """
        for index, record in enumerate(self.state.turns):
            if isinstance(turn_id, str) and record.id == turn_id:
                return index
        got = f"the turn {shown(turn_id)} is not in the script of {self.name}"
        raise ProjectError(got, "the id of a turn", "see project.turns")

    def takes_by_turn(self) -> dict[str, list[Take]]:
        """Return the takes of every turn that has any, the oldest first."""
        takes_by_turn: dict[str, list[Take]] = {}
        for take in sorted(self.takes.values(), key=_age):
            takes_by_turn.setdefault(take.turn_id, []).append(take)
        return takes_by_turn

    def latest(self, turn_id: str) -> str | None:
        """Return the id of a turn's last take, preferably a complete one."""
        takes = self.takes_by_turn().get(turn_id, [])
        found = [take for take in takes if take.ended != "cancelled"] or takes
        return found[-1].id if found else None

    def adopt_takes(self) -> None:
        """Give every take its turn, and every turn with takes a chosen one, also after a crash."""
        for take in self.takes.values():
            if self.state.turn(take.turn_id) is None:
                words = take.turns[0]
                self.state.retired.append(TurnRecord(take.turn_id, words.label, words.text))
        for record in (*self.state.turns, *self.state.retired):
            if record.chosen not in self.takes:
                record.chosen = self.latest(record.id)

    def _finish_deletions(self) -> None:
        """Restore takes that a crash left in the trash before their deletion was saved."""
        for take_id in self.folder.trashed() - self.state.trashed():
            with contextlib.suppress(VibeVoiceError):  # it stays in the trash until the next time
                if take := self.folder.restore_take(take_id):
                    self.takes[take_id] = take

    def tidy(self) -> None:
        """Remove files that are no longer needed."""
        self.trash_outdated = False
        with contextlib.suppress(VibeVoiceError, OSError):  # what can't be removed now is removed later
            state = self.state
            self.folder.tidy(state.trashed(), state.voices(), state.music_files(), set(self.takes))


def create_folder(path: str | os.PathLike[str], text: str) -> Path:
    """Create the folder of a new project with a script; return it."""
    target = project_path(path, new=True)
    with new_folder(target) as folder:
        folder.save(State(script=text), text)
    return target


def _age(take: Take) -> tuple[int, str, str]:
    return take.number, take.created, take.id


def shortened(text: str, letters: int = 30) -> str:
    """Return the beginning of a text."""
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def quoted(record: TurnRecord) -> str:
    """Return a turn's first words, for a message."""
    return f"“{record.speaker}: {shortened(record.text)}”"
