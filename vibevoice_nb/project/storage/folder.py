"""Folder of a project: layout of its files, and safe reading and writing.

    NAME.vibevoice/
        project.json  project.json.bak   decisions (see `schema`), and the previous valid version
        script.txt                       as typed
        cover                            picture for exported files, PNG or JPEG
        voices/NAME.flac  NAME.json   (or NAME.safetensors, a voice prompt)
        music/NAME.flac                  intro, outro and bed
        takes/ID/audio.flac  audio.flac.peaks  frames.safetensors  take.json
        takes/.draft-ID/audio.f32        audio of a generation in progress
        trash/ID/                        deleted takes that can be restored

Its content is not trusted: names are checked, links that lead out are rejected, sizes are bounded.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vibevoice_nb import __version__
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import FileSource
from vibevoice_nb.errors import AudioError, ProjectError, VibeVoiceError
from vibevoice_nb.files import (
    PROJECT_SUFFIX,
    copy_name,
    disk_error,
    sync_folder,
    write_atomically,
    write_together,
)

from ..take import Take, TakeManifest, TakeTurn
from .reading import UNREADABLE, check_inside, parse_json, read_bounded, reason_of
from .schema import FORMAT, State, checked_id

SUFFIX = PROJECT_SUFFIX
DRAFT = ".draft-"
MAKING = ".making-"
MAX_SCRIPT_BYTES = 4_000_000
MAX_STATE_BYTES = 64 * 1024**2
MAX_MANIFEST_BYTES = 8 * 1024**2
MAX_TAKE_SAMPLES = 3 * 3600 * SAMPLE_RATE  # twice the longest audio of any model
_LEFT_OVER = re.compile(r"\.?(script|project|holder)\..*\.tmp")


class ProjectFolder:
    """Files of a project.

    Parameters
    ----------
    path : Path
        The folder.

    Attributes
    ----------
    notes : list of str
        Damage found, and what was recovered.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []
        self._sound = False  # True if project.json is valid, so that it may become the backup
        self._identity = self._look()

    def _look(self) -> tuple[int, int] | None:
        try:
            facts = self.path.stat()
        except (OSError, ValueError):
            return None
        return facts.st_dev, facts.st_ino

    @property
    def is_there(self) -> bool:
        """True if there is a folder at the path."""
        return self.path.is_dir()

    @property
    def is_same(self) -> bool:
        """True if the folder at the path is the one that was opened."""
        return self._identity is not None and self._look() == self._identity

    def trust(self) -> None:
        """Treat the folder at the path as the one that was opened."""
        self._identity = self._look()

    def warn(self, text: str) -> None:
        """Issue a warning, and keep it in `notes`."""
        self.notes.append(text)
        warnings.warn(text, stacklevel=3)

    @property
    def takes(self) -> Path:
        return self.path / "takes"

    @property
    def trash(self) -> Path:
        return self.path / "trash"

    @property
    def voices(self) -> Path:
        return self.path / "voices"

    @property
    def music(self) -> Path:
        return self.path / "music"

    def check_links(self) -> None:
        """Check that no folder of the project is a link that leads out of it.

        Raises
        ------
        ProjectError
        """
        for folder in (self.takes, self.voices, self.music, self.trash):
            self.inside(folder)

    def inside(self, path: Path) -> Path:
        """Return a path, if no link leads it out of the folder.

        Raises
        ------
        ProjectError
        """
        return check_inside(path, self.path)

    def read(self, path: Path, limit: int) -> bytes:
        """Read a file of at most `limit` bytes.

        Raises
        ------
        ProjectError
            If it leads out of the folder, is not a regular file, or too large.
        OSError
        """
        return read_bounded(self.inside(path), limit)

    def read_json(self, path: Path, limit: int) -> Any:
        """Read a JSON file of at most `limit` bytes, whose values are nested at most 100 deep.

        Raises
        ------
        ProjectError, OSError, ValueError, RecursionError
            If it is not such a file.
        """
        return parse_json(self.read(path, limit))

    def load_script(self) -> bytes | None:
        """Read the script's file; None if there is none.

        Raises
        ------
        ProjectError
        """
        path = self.path / "script.txt"
        try:
            return self.read(path, MAX_SCRIPT_BYTES)
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise ProjectError(
                f"{path}: {exc.strerror or exc}", "a readable file", "restore it from a copy"
            ) from exc

    def set_aside(self, name: str) -> None:
        """Keep a damaged file as `NAME.damaged`."""
        path = self.path / name
        with self.disk():
            if os.path.lexists(path):
                copy_name(path, path.with_name(f"{name}.damaged"))

    def load_state(self) -> State:
        """Read `project.json`; if it is damaged, its backup, with a warning.

        Raises
        ------
        ProjectError
            If neither can be read, or the format is newer.
        """
        path, backup = self.path / "project.json", self.path / "project.json.bak"
        try:
            state = self._state(path)
            self._sound = True
            return state
        except UNREADABLE as exc:
            reason = f"{path}: {reason_of(exc)}"
        try:
            state = self._state(backup)
        except UNREADABLE as exc:
            raise ProjectError(
                f"{reason}; project.json.bak: {reason_of(exc)}",
                "the folder of a project",
                "check the path, or restore project.json from a copy (the other files do not depend on it)",
            ) from exc
        self.warn(f"{reason}; the previous state was recovered from project.json.bak")
        return state

    def _state(self, path: Path) -> State:
        data = self.read_json(path, MAX_STATE_BYTES)
        number = data["format"]
        if isinstance(number, int) and number > FORMAT:
            raise ProjectError(
                f"{self.path.name} has project format {number}",
                f"at most format {FORMAT}, which vibevoice-nb {__version__} supports",
                "install a newer vibevoice-nb",
            )
        return State.from_json(data)

    def save(self, state: State, text: str | None = None) -> None:
        """Write `project.json`, whose old content becomes the backup, and the script, if given.

        Raises
        ------
        ProjectError
            If a file can't be written; all files are unchanged.
        """
        path, backup = self.path / "project.json", self.path / "project.json.bak"
        data = {**state.to_json(), "made_by": f"vibevoice-nb {__version__}"}
        # The script first: after a crash in between it is newer than the state, and is used.
        files = {} if text is None else {self.path / "script.txt": _encoded(text)}
        files[path] = _encoded(json.dumps(data, ensure_ascii=False))
        with self.disk():
            if self._sound and path.exists():
                copy_name(path, backup)
            elif path.exists():  # damaged: keep the backup
                copy_name(path, path.with_name("project.json.damaged"))
            write_together(files)
        self._sound = True

    def write(self, path: Path, data: bytes) -> None:
        """Write a file; a link in its place is replaced, not followed.

        Raises
        ------
        ProjectError
            If the folder is a link that leads out of the project, or a file can't be written.
        """
        self.inside(path.parent)
        with self.disk():
            write_atomically(path, data, force=True)

    def load_takes(self) -> dict[str, Take]:
        """Read every take; leave out damaged ones, with a warning."""
        takes = {}
        for path in self._folders(self.takes):
            try:
                take = self.load_take(path)
            except (*UNREADABLE, VibeVoiceError) as exc:
                self.warn(f"the take in {path} is damaged and was left out: {reason_of(exc)}")
            else:
                takes[take.id] = take
        return takes

    def load_take(self, path: Path) -> Take:
        """Read a take's folder.

        Raises
        ------
        ProjectError, AudioError, OSError, ValueError, KeyError, TypeError
            If it is damaged.
        """
        take_id = checked_id(path.name)
        manifest = TakeManifest.from_json(self.read_json(path / "take.json", MAX_MANIFEST_BYTES))
        audio = self.inside(path / "audio.flac")
        if audio.stat().st_size != manifest.audio_bytes:
            raise ValueError(f"audio.flac is {audio.stat().st_size} bytes, not {manifest.audio_bytes}")
        if not self.inside(path / "frames.safetensors").is_file():
            raise ValueError("frames.safetensors is missing")
        source = FileSource(audio)
        if source.sample_rate != SAMPLE_RATE or not 0 < source.samples <= MAX_TAKE_SAMPLES:
            raise ValueError(f"audio.flac has {source.samples} samples at {source.sample_rate} Hz")
        label, text, turn_id = manifest.speaker, manifest.text, checked_id(manifest.turn_id)
        if label is None or text is None:
            raise ValueError("take.json has no speaker or text")
        confidence = 1.0 if manifest.confidence is None else min(1.0, max(0.0, manifest.confidence))
        turn = TakeTurn(turn_id, label, text, 0, source.samples, confidence)
        name = f"{label}: {text if len(text) <= 40 else f'{text[:39]}…'}"
        return Take(take_id, name, source, (turn,), manifest, path)

    def drafts(self) -> list[Path]:
        """Return the folders of unfinished audio."""
        return [path for path in self._folders(self.takes, hidden=True) if path.name.startswith(DRAFT)]

    def _folders(self, parent: Path, hidden: bool = False) -> list[Path]:
        if not self.inside(parent).is_dir():
            return []
        found = [path for path in parent.iterdir() if path.name.startswith(".") == hidden and path.is_dir()]
        return sorted(found)

    def move_to_trash(self, take_id: str) -> None:
        """Move a take to the trash, if it exists.

        Raises
        ------
        ProjectError
        """
        path = self.takes / checked_id(take_id)
        if path.is_dir():
            self._move(path, self.trash / take_id)

    def restore_take(self, take_id: str) -> Take | None:
        """Move a take out of the trash; return None if it is missing or damaged.

        Raises
        ------
        ProjectError
            If a file can't be written.
        """
        try:
            path = self.takes / checked_id(take_id)
            if (self.trash / take_id).is_dir():
                self._move(self.trash / take_id, path)
            return self.load_take(path)
        except ProjectError:
            raise
        except (*UNREADABLE, VibeVoiceError):
            return None

    def trashed(self) -> set[str]:
        """Return the ids of the takes in the trash."""
        return {path.name for path in self._folders(self.trash)}

    def tidy(
        self,
        wanted_trash: set[str],
        wanted_voices: set[str],
        wanted_music: set[str],
        known_takes: set[str],
    ) -> None:
        """Remove files that can no longer be reached."""
        for path in self._folders(self.trash):
            if path.name not in wanted_trash:
                remove_folder(path)
        for path in self._folders(self.takes, hidden=True):
            published = path.name.removeprefix(DRAFT) in known_takes
            if path.name.startswith(MAKING) or (path.name.startswith(DRAFT) and published):
                remove_folder(path)
        for folder, wanted in ((self.voices, wanted_voices), (self.music, wanted_music)):
            for path in folder.iterdir() if self.inside(folder).is_dir() else ():
                name = path.name.partition(".")[0]
                ours = path.name.endswith((".flac", ".flac.peaks", ".json"))
                if ours and name not in wanted and not path.is_dir():
                    path.unlink(missing_ok=True)
        for path in self.path.iterdir():
            if _LEFT_OVER.fullmatch(path.name):  # left by a process that was killed while writing
                path.unlink(missing_ok=True)

    def _move(self, path: Path, target: Path) -> None:
        with self.disk():
            self.inside(target.parent).mkdir(exist_ok=True)
            self.inside(path).rename(target)
            sync_folder(target.parent)
            sync_folder(path.parent)

    @contextlib.contextmanager
    def disk(self) -> Iterator[None]:
        """Convert disk errors to ProjectError.

        Raises
        ------
        ProjectError
        """
        try:
            yield
        except (AudioError, OSError) as exc:
            error = exc if isinstance(exc, AudioError) else disk_error(self.path, exc, "it is unchanged")
            raise ProjectError(error.got, error.expected, error.remedy) from exc


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[ProjectFolder]:
    """Create a project folder: filled in the block, it gets its name when the block succeeds.

    Raises
    ------
    ProjectError
        If something exists there, or a file can't be written.
    """
    if os.path.lexists(target):
        raise ProjectError(f"{target} already exists", "a new name", "open it, or choose another name")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=target.parent) as made:
            folder = Path(made) / target.name
            folder.mkdir()
            yield ProjectFolder(folder)
            folder.rename(target)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise ProjectError(f"{target}: {reason}", "a writable folder", "choose another folder") from exc


def remove_folder(path: Path) -> None:
    """Delete a folder; a link is removed, not followed."""
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
