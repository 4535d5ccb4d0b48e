"""A project that is open: its text and what was decided, kept on disk with every change."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from vibevoice_nb.errors import ProjectError, VibeVoiceError
from vibevoice_nb.script import Diagnostic, Script

from .cast import VoiceShelf
from .script_text import checked_text, keep_earlier, read_script
from .settings import Settings
from .storage.folder import SUFFIX, ProjectFolder, new_folder
from .storage.lock import ProjectLock
from .storage.paths import existing_project, project_path
from .storage.recovery import FoundScript, find_script
from .storage.schema import Earlier, State, TurnRecord, UndoStep
from .take import Take

_Self = TypeVar("_Self", bound="OpenProject")
_log = logging.getLogger(__name__)


class OpenProject:
    """What every part of a `Project` stands on: opening, closing, changing, undoing, its script and settings.

    Every change is on disk when the call returns. Any thread may call.
    """

    def __init__(self, folder: ProjectFolder, lock: ProjectLock | None, holder: str) -> None:
        self.holder = holder
        """Why it is read-only though nobody asked for that: who has it open, in words. Empty otherwise."""
        self.closed = False
        self._folder, self._lock = folder, lock
        self._mutex = threading.RLock()
        self._observers: list[Callable[[str], None]] = []
        folder.check_links()
        self._shelf = VoiceShelf(folder)
        self._state = folder.load_state()
        self._takes = folder.load_takes()
        self._live: set[str] = set()
        self._settings = Settings(self)
        self._reverts = contextlib.ExitStack()
        self._tidy_due = False
        if lock is not None:
            self._finish_deletions()
        self._adopt_takes()
        found = self._find_script()
        self._read(found.text)
        if lock is not None:
            self._keep_found(found)
            self._tidy()

    @classmethod
    def create(cls: type[_Self], path: str | os.PathLike[str], script: str = "") -> _Self:
        """Make a new project.

        Parameters
        ----------
        path : path
            The folder to be; `.vibevoice` is added if it is missing.
        script : str

        Raises
        ------
        ProjectError
            Something is there already, the path names no folder, or the folder can't be made.
        ScriptError
            The script is too long.
        """
        target = project_path(path, new=True)
        text = checked_text(script)
        with new_folder(target) as folder:
            folder.save(State(script=text), text)
        return cls.open(target)

    @classmethod
    def open(cls: type[_Self], path: str | os.PathLike[str], read_only: bool = False) -> _Self:
        """Open a project.

        If somebody else has it open, or its folder can't be written, it is opened to read only: a warning and
        `holder` say why.

        Parameters
        ----------
        path : path
            The folder; `.vibevoice` may be left out.
        read_only : bool
            Open it to read in any case; then nobody is kept from writing.

        Raises
        ------
        ProjectError
            No project, damaged beyond its backup, or of a later format.
        """
        target = existing_project(path)
        lock, holder = None, ""
        if not read_only:
            lock, holder = lock_folder(target)
        try:
            project = cls(ProjectFolder(target.resolve()), lock, holder)
        except BaseException as exc:
            if lock is not None:
                lock.release()
            if isinstance(exc, OSError):
                got = f"{target}: {exc.strerror or exc}"
                raise ProjectError(got, "a folder that can be read", "check its permissions") from exc
            raise
        if holder:
            warnings.warn(f"{target.name} is opened to read only: {holder}", stacklevel=2)
        return project

    def close(self) -> None:
        """Let others write; the project can't be changed any more, its takes can still be heard."""
        with self._mutex:
            self.closed = True
            if self._lock is not None:
                self._lock.release()

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, reason: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        about = ", read-only" if self.read_only else ""
        return f"<{type(self).__name__} {self.name!r}: {len(self._state.turns)} turns{about}>"

    @property
    def path(self) -> Path:
        """The folder."""
        return self._folder.path

    @property
    def name(self) -> str:
        """The folder's name without `.vibevoice`."""
        return self.path.name.removesuffix(SUFFIX)

    @property
    def read_only(self) -> bool:
        """Whether it can only be read."""
        return self._lock is None

    @property
    def notes(self) -> tuple[str, ...]:
        """Damage found when the project was opened, and what was done about it."""
        return tuple(self._folder.notes)

    @property
    def script_text(self) -> str:
        """The script, as it was typed. Setting it keeps every take with its line, and can be undone."""
        with self._mutex:
            return self._text

    @script_text.setter
    def script_text(self, text: str) -> None:
        self.write_script(text)

    def write_script(self, text: str, *, typing: bool = False) -> None:
        """Replace the script; every take stays with its line, see `match_turns`.

        Parameters
        ----------
        text : str
            Half of a surrogate pair, which is no text, becomes U+FFFD.
        typing : bool
            Whether somebody is typing it: small changes in a row are then one step of `undo`.

        Raises
        ------
        ScriptError
            The script is too long.
        ProjectError
            The disk refuses, and the script is as it was; or the project can't be changed.
        """
        text = checked_text(text)
        with self._mutex:
            if text == self._text:
                return
            with self._changing("script") as state:
                old = state.copy()
                self._read(text)
                self._tidy_due = keep_earlier(state, old, typing=typing) or self._tidy_due

    def give_script(self, text: str, *, replace: bool = False) -> bool:
        """Replace the script by the text of a cell, which may be run again, unless somebody edited it since.

        Parameters
        ----------
        text : str
        replace : bool
            Also replace a script that is not the one that the cell gave last; it can be undone.

        Returns
        -------
        bool
            Whether the project's script is this text now.

        Raises
        ------
        ScriptError, ProjectError
            As `write_script` does.
        """
        text = checked_text(text)
        with self._mutex:
            edited = bool(self._text.strip()) and self._state.given.get("script") != _digest(self._text)
            if text != self._text and edited and not replace:
                return False
            self.write_script(text)
            self.note_given({"script": _digest(text)})
            return True

    def is_new_argument(self, name: str, value: Any) -> bool:
        """Return whether a cell gives an argument for the first time, or another value than last time."""
        given = self._state.given
        return name not in given or given[name] != value

    def note_given(self, arguments: Mapping[str, Any]) -> None:
        """Keep the arguments of a cell, for `is_new_argument`.

        Raises
        ------
        ProjectError
        """
        new = {name: value for name, value in arguments.items() if self.is_new_argument(name, value)}
        if new:
            with self._changing("settings") as state:
                state.given.update(new)

    @property
    def script(self) -> Script:
        """What was read in the text."""
        return self._script

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What was remarked on it."""
        return self._script.diagnostics

    @property
    def settings(self) -> Settings:
        """How to speak, plain values by name; each change is saved at once."""
        return self._settings

    def observe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Call back after every change, with what changed: "script", "cast", "settings", "takes", "gaps".

        Returns
        -------
        callable
            Ends it.
        """
        with self._mutex:
            self._observers.append(callback)

        def stop() -> None:
            with self._mutex, contextlib.suppress(ValueError):
                self._observers.remove(callback)

        return stop

    @property
    def can_undo(self) -> str:
        """What `undo` would take back, in words; empty if there is nothing."""
        return self._state.undo[-1].words if self._state.undo and not self.read_only else ""

    @property
    def problem(self) -> ProjectError | None:
        """Reason why the project can't be saved now; None while it can, or if it is read-only or closed."""
        if self._lock is None or self.closed:
            return None
        path, folder = self.path, self._folder
        remedy = "recreate it here (project.recreate()), or save a copy elsewhere (project.save_copy(path))"
        if not folder.is_there:
            return ProjectError(
                f"{path} was deleted or moved while it was open", "the project's folder", remedy
            )
        if not folder.is_same:
            if not self._lock.is_noted:
                remedy = "save a copy elsewhere (project.save_copy(path))"
                return ProjectError(f"{path} is another folder now", "the folder that was opened", remedy)
            folder.trust()  # some file systems give a folder another number from time to time
        if not os.access(path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            remedy = "give it back its permissions, or save a copy elsewhere (project.save_copy(path))"
            return ProjectError(f"{path} can no longer be written", "a folder that can be written", remedy)
        return None

    @property
    def was_replaced(self) -> bool:
        """True if another folder is in the place of the one that was opened for writing."""
        return self.problem is not None and os.path.lexists(self.path) and not self._folder.is_same

    @property
    def can_recreate(self) -> bool:
        """True if `recreate` can make the folder again: it was open here, and is gone."""
        return self._lock is not None and not self.closed and not os.path.lexists(self.path)

    @contextlib.contextmanager
    def _changing(self, reason: str) -> Iterator[State]:
        """Change the state in the block: all of it is on disk when that ends, or nothing has changed.

        Files that the block moves are moved back by what it adds to `_reverts`.
        """
        with self._mutex:
            self._check_writable()
            text = self._text
            with contextlib.ExitStack() as reverts:
                reverts.callback(self._go_back, self._state.copy(), dict(self._takes), text, self._script)
                self._reverts = reverts
                yield self._state
                self._folder.save(self._state, None if self._text == text else self._text)
                reverts.pop_all()
            if self._tidy_due:
                self._tidy()
        self._tell(reason)

    def _go_back(self, state: State, takes: dict[str, Take], text: str, script: Script) -> None:
        self._state, self._takes, self._text, self._script = state, takes, text, script
        self._tidy_due = False

    def _tell(self, reason: str) -> None:
        with self._mutex:
            observers = list(self._observers)
        for callback in observers:
            try:
                callback(reason)
            except Exception:  # an observer's error must not break the project
                _log.exception("an observer of %s failed", self.name)

    def _check_writable(self) -> None:
        if self.closed:
            raise ProjectError(f"{self.name}, which is closed", "an open project", "open it again")
        if self._lock is None:
            raise ProjectError(
                f"{self.name}, opened to read only{f': {self.holder}' if self.holder else ''}",
                "a project that is open for writing here",
                "close it there and open it again here" if self.holder else "open it without read_only",
            )
        if problem := self.problem:
            raise problem

    def _can_be_undone(self, words: str, *back: list[Any]) -> None:
        """Keep how to take a change back; what can't be reached any more leaves the trash."""
        self._tidy_due = self._state.remember(UndoStep(words, list(back))) or self._tidy_due

    def _finish_deletions(self) -> None:
        """Bring back takes that a crash left in the trash before it was written that they are deleted."""
        for take_id in self._folder.thrown_away() - self._state.thrown_away():
            with contextlib.suppress(VibeVoiceError):  # it stays in the trash until the next time
                if take := self._folder.bring_back(take_id):
                    self._takes[take_id] = take

    def _tidy(self) -> None:
        self._tidy_due = False
        with contextlib.suppress(VibeVoiceError, OSError):  # what can't be removed now is removed later
            self._folder.tidy(self._state.thrown_away(), self._state.voices(), set(self._takes))

    def _lanes(self) -> dict[str, list[Take]]:
        """The takes of every turn that has some, in the order in which they were made."""
        lanes: dict[str, list[Take]] = {}
        for take in sorted(self._takes.values(), key=_order):
            lanes.setdefault(take.manifest["turn_id"], []).append(take)
        return lanes

    def _latest(self, turn_id: str) -> str | None:
        """The turn's last take, if possible a complete one."""
        takes = self._lanes().get(turn_id, [])
        found = [take for take in takes if take.ended != "cancelled"] or takes
        return found[-1].id if found else None

    def _adopt_takes(self) -> None:
        """Give every take its turn and every turn with takes a chosen one, whatever a crash left undone."""
        for take in self._takes.values():
            turn_id = take.manifest["turn_id"]
            if self._state.turn(turn_id) is None:
                words = take.turns[0]
                self._state.retired.append(TurnRecord(turn_id, words.label, words.text))
        for record in (*self._state.turns, *self._state.retired):
            if record.chosen not in self._takes:
                record.chosen = self._latest(record.id)

    def _read(self, text: str) -> None:
        """Read a script, and find its turns again."""
        with_takes = {take.manifest["turn_id"] for take in self._takes.values()}
        self._script = read_script(self._state, text, with_takes, lambda: secrets.token_hex(4))
        self._text = text

    def _find_script(self) -> FoundScript:
        try:
            return find_script(self._folder.load_script(), self._state)
        except UnicodeDecodeError as exc:
            got = f"{self.path / 'script.txt'}: {exc}"
            raise ProjectError(got, "text in UTF-8", "save it as UTF-8 text") from exc

    def _keep_found(self, found: FoundScript) -> None:
        """Save what was recovered, and say so; on a full disk it is recovered again the next time."""
        if not found.note:
            return
        self._folder.warn(f"{self.name}: {found.note}")
        with contextlib.suppress(ProjectError):
            if found.damaged:
                self._folder.set_aside("script.txt")
            elif found.before is not None:
                self._can_be_undone(
                    "took the edited script.txt", ["script", "", asdict(Earlier(found.before))]
                )
            self._folder.save(self._state, found.text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def take_number(take: Take) -> int:
    """Which of its turn's takes it is, from 1."""
    number = take.manifest.get("number")
    return number if isinstance(number, int) else 0


def _order(take: Take) -> tuple[int, str, str]:
    return take_number(take), str(take.manifest.get("created")), take.id


def lock_folder(folder: Path) -> tuple[ProjectLock | None, str]:
    """Take the lock, or say in words why not."""
    lock = ProjectLock(folder)
    try:
        if lock.acquire():
            return lock, ""
    except OSError as exc:
        return None, f"its folder can't be written ({exc.strerror or exc})"
    holder = lock.holder()
    return None, f"it is open for writing in {holder or 'another process'}"
