"""A project that is open: its text and what was decided, kept on disk with every change."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from vibevoice_nb.errors import ProjectError, ScriptError
from vibevoice_nb.script import Diagnostic, Script, parse_script

from .cast import VoiceShelf
from .folder import MAX_SCRIPT_BYTES, SUFFIX, ProjectFolder
from .lock import ProjectLock
from .matching import Words, match_turns
from .state import DEFAULTS, MAX_UNDO, State, TurnRecord, UndoStep, checked_setting
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
        self._shelf = VoiceShelf(folder)
        self._state = folder.load_state()
        self._takes = folder.load_takes()
        self._text = folder.load_script()
        self._live: set[str] = set()
        self._settings = Settings(self)
        if lock is not None:
            self._finish_deletions()
        self._adopt_takes()
        self._read(self._text)
        if lock is not None:
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
            Something is there already, or the folder can't be made.
        """
        target = _with_suffix(Path(path).expanduser())
        if os.path.lexists(target):
            raise ProjectError(f"{target}, which is there", "a new name", "open it, or choose another name")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as made:
                folder = ProjectFolder(Path(made) / target.name)
                folder.path.mkdir()
                folder.save_script(script)
                folder.save_state(State())
                folder.path.rename(target)
        except OSError as exc:
            got, remedy = f"{target}: {exc.strerror or exc}", "choose another folder"
            raise ProjectError(got, "a folder that can be written", remedy) from exc
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
        given = Path(path).expanduser()
        target = given if given.is_dir() else _with_suffix(given)
        if not target.is_dir():
            raise ProjectError(f"{given}: no such folder", "a project's folder", "Project.create makes one")
        if not any((target / name).exists() for name in ("project.json", "project.json.bak")):
            got = f"{given}: project.json is missing"
            raise ProjectError(got, "a project's folder", "check the path, or make one with Project.create")
        lock, holder = None, ""
        if not read_only:
            lock, holder = _lock(target)
        try:
            project = cls(ProjectFolder(target.resolve()), lock, holder)
        except BaseException:
            if lock is not None:
                lock.release()
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
    def script_text(self) -> str:
        """The script, as it was typed. Setting it keeps every take with its line; see `match_turns`."""
        return self._text

    @script_text.setter
    def script_text(self, text: str) -> None:
        if len(text.encode("utf-8", "replace")) > MAX_SCRIPT_BYTES:
            got, expected = f"a script of {len(text):,} characters", f"at most {MAX_SCRIPT_BYTES:,} bytes"
            raise ScriptError(got, expected, "split it into episodes")
        if text == self._text:
            return
        with self._changing("script"):
            self._read(text)
            self._folder.save_script(text)

    @property
    def script(self) -> Script:
        """What was read in the text."""
        return self._script

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What was remarked on it."""
        return self._script.diagnostics

    @property
    def settings(self) -> MutableMapping[str, Any]:
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

    @contextlib.contextmanager
    def _changing(self, reason: str) -> Iterator[State]:
        """Change the state in the block; it is on disk when that ends, and those who observe are told."""
        with self._mutex:
            self._check_writable()
            yield self._state
            self._folder.save_state(self._state)
            observers = list(self._observers)
        for callback in observers:
            try:
                callback(reason)
            except Exception:  # who looks on must not stop who works
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

    def _can_be_undone(self, words: str, *back: list[Any]) -> None:
        """Remember how to take a change back; what can't be reached any more leaves the trash."""
        steps = self._state.undo
        steps.append(UndoStep(words, list(back)))
        if len(steps) > MAX_UNDO:
            del steps[: len(steps) - MAX_UNDO]
            self._tidy()

    def _steps_back(self, what: str) -> list[list[Any]]:
        return [step for undo in self._state.undo for step in undo.back if step[0] == what]

    def _finish_deletions(self) -> None:
        """Bring back takes that a crash left in the trash before it was written that they are deleted."""
        for take_id in self._folder.thrown_away() - {step[1] for step in self._steps_back("restore")}:
            take = self._folder.bring_back(take_id)
            if take is not None:
                self._takes[take_id] = take

    def _tidy(self) -> None:
        trash = {step[1] for step in self._steps_back("restore")}
        voices = {step[2].get("voice") for step in self._steps_back("member")}
        voices |= {member.voice for member in self._state.cast}
        with self._folder.disk():
            self._folder.tidy(trash, {voice for voice in voices if voice}, set(self._takes))

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
        """Read the script, and find its turns again."""
        state = self._state
        script = parse_script(text, known=[member.label for member in state.cast])
        words = [Words(turn.label, turn.text) for turn in script.turns]
        ids = match_turns(
            [(turn.id, turn.words) for turn in state.turns],
            words,
            self._fresh_id,
            [(turn.id, turn.words) for turn in state.retired],
        )
        before = {turn.id: turn for turn in (*state.retired, *state.turns)}
        turns = []
        for turn_id, (speaker, said) in zip(ids, words, strict=True):
            record = before.pop(turn_id, None) or TurnRecord(turn_id, speaker, said)
            record.speaker, record.text = speaker, said
            turns.append(record)
        with_takes = {take.manifest["turn_id"] for take in self._takes.values()}
        state.turns, state.retired = turns, [turn for turn in before.values() if turn.id in with_takes]
        speakers = dict.fromkeys(turn.label for turn in script.turns)
        state.cast = [member for member in state.cast if member.voice or member.label in speakers]
        for label in speakers:
            state.member(label)
        self._text, self._script = text, script

    def _fresh_id(self) -> str:
        return secrets.token_hex(4)


class Settings(MutableMapping[str, Any]):
    """A project's settings; a name that was never set has its default, deleting one brings that back."""

    def __init__(self, project: OpenProject) -> None:
        self._project = project

    def __getitem__(self, name: str) -> Any:
        return {**DEFAULTS, **self._project._state.settings}[name]

    def __setitem__(self, name: str, value: Any) -> None:
        self.update({name: value})

    def __delitem__(self, name: str) -> None:
        if name not in self._project._state.settings:
            raise KeyError(name)
        with self._project._changing("settings") as state:
            del state.settings[name]

    def __iter__(self) -> Iterator[str]:
        return iter({**DEFAULTS, **self._project._state.settings})

    def __len__(self) -> int:
        return len({**DEFAULTS, **self._project._state.settings})

    def __repr__(self) -> str:
        return repr(dict(self))

    def update(self, *changes: Any, **named: Any) -> None:
        """Change several at once.

        Raises
        ------
        OptionError
            A value that isn't plain.
        """
        values: Mapping[str, Any] = dict(*changes, **named)
        values = {name: checked_setting(name, value) for name, value in values.items()}
        if any(name not in self or self[name] != value for name, value in values.items()):
            with self._project._changing("settings") as state:
                state.settings.update(values)


def _with_suffix(path: Path) -> Path:
    return path if path.suffix == SUFFIX else path.with_name(f"{path.name}{SUFFIX}")


def take_number(take: Take) -> int:
    """Which of its turn's takes it is, from 1."""
    number = take.manifest.get("number")
    return number if isinstance(number, int) else 0


def _order(take: Take) -> tuple[int, str, str]:
    return take_number(take), str(take.manifest.get("created")), take.id


def _lock(folder: Path) -> tuple[ProjectLock | None, str]:
    """Take the lock, or say in words why not."""
    lock = ProjectLock(folder)
    try:
        if lock.acquire():
            return lock, ""
    except OSError as exc:
        return None, f"its folder can't be written ({exc.strerror or exc})"
    holder = lock.holder()
    return None, f"it is open for writing in {holder or 'another process'}"
