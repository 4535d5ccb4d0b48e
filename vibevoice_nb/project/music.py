"""Music of a project: intro, outro and bed, each a file that is copied into the folder `music`."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from vibevoice_nb.audio.io import encode_audio, read_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import FileSource
from vibevoice_nb.errors import AudioError, OptionError, ProjectError, VibeVoiceError
from vibevoice_nb.ranges import shown
from vibevoice_nb.texts import duration

from .adjustments import MERGED_SECONDS
from .history import History, inverse
from .soundtrack import MusicFile
from .storage.music import (
    MAX_MUSIC_BYTES,
    MAX_MUSIC_SECONDS,
    MIN_MUSIC_SECONDS,
    NAME_LENGTH,
    OPTIONS,
    ROLES,
    Music,
    Role,
    checked_role,
)
from .storage.reading import UNREADABLE, reason_of
from .storage.schema import read_record
from .storage.undo import Kept
from .store import ProjectStore, shortened

if TYPE_CHECKING:
    from typing_extensions import Unpack

MAX_FILE_BYTES = 128 * 1024**2
"""Most bytes of a file in the project: more than 20 minutes of 24 bits need."""
_CHUNK = 1 << 20


class MusicSettings(TypedDict, total=False):
    """Settings of music; see `Music`."""

    gain: float
    """In dB, from -60 to 12; -12 by default."""
    fade_in: float
    """In seconds; 1 by default."""
    fade_out: float
    """In seconds; 3 by default."""
    alone: float
    """Intro and outro: most seconds without speech; 5 by default."""
    overlap: float
    """Intro and outro: most seconds under speech; 3 by default."""
    ducking: float
    """Bed: decibels by which it is quieter under speech; 12 by default."""
    attack: float
    """Bed: seconds in which it becomes quieter; 0.4 by default."""
    release: float
    """Bed: seconds in which it becomes louder; 1 by default."""
    loop: bool
    """Bed: repeat it until the end of the speech; True by default."""
    license: str
    """Note on source and license, which the manifest of exports contains."""


class ProjectMusic(Mapping[Role, Music]):
    """Music of a project, by role.

    Changes can be undone. A file that is missing or damaged is left out of the episode, with a warning.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from vibevoice_nb import Project
    >>> from vibevoice_nb.audio.io import write_audio
    >>> with tempfile.TemporaryDirectory() as folder, Project.create(f"{folder}/talk") as project:
    ...     theme = write_audio(f"{folder}/theme.wav", np.zeros(96000, np.float32))
    ...     project.set_music("intro", theme, gain=-6, fade_out=2)
    ...     project.clear_music("intro")
    ...     print(project.music)
    ...     project.undo(), list(project.music)
    <intro 'theme.wav', 4.0 s: gain=-6.0, fade_in=1.0, fade_out=2.0, alone=5.0, overlap=3.0>
    <no music>
    ('removed the intro', ['intro'])
    """

    def __init__(self, store: ProjectStore, history: History) -> None:
        self._store, self._history = store, history
        self._loaded: dict[str, FileSource | str] = {}  # by file; a text is the reason why it is left out

    def __getitem__(self, role: Role) -> Music:
        return self._store.state.music[role]

    def __iter__(self) -> Iterator[Role]:
        return (role for role in ROLES if role in self._store.state.music)

    def __len__(self) -> int:
        return len(self._store.state.music)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.values())) or "<no music>"

    def set(
        self,
        role: Role,
        source: str | os.PathLike[str] | None = None,
        *,
        name: str | None = None,
        **settings: Unpack[MusicSettings],
    ) -> Music:
        """Copy a music file into the project, or change the settings of the one it has.

        Parameters
        ----------
        role : {"intro", "outro", "bed"}
        source : path, optional
            An audio file of any common format, from 0.5 seconds to 20 minutes long and of at most 256 MiB.
            It is stored as 24 kHz mono, like the episode. By default the file that the role has.
        name : str, optional
            Name to show; by default that of a new file, else it stays as it is.
        **settings : Unpack[MusicSettings]
            With a new file, the others get their defaults; else they stay as they are.

        Returns
        -------
        Music

        Raises
        ------
        AudioError
            If the file can't be used.
        OptionError
            If the role or a setting is unknown, or out of its range.
        ProjectError
            If the project can't be changed.
        """
        if source is None:
            return self.adjust(role, settings, name)
        role = _checked_options(role, settings)
        self._store.check_writable()
        data, samples = _encoded(source)
        sha256 = hashlib.sha256(data).hexdigest()
        shown_name = (Path(source).name if name is None else name)[:NAME_LENGTH]
        music = Music(role, f"music-{sha256[:12]}", sha256, shown_name, samples, **settings)
        with self._store.changing("music") as state:
            folder = self._store.folder
            with folder.disk():
                folder.inside(folder.music).mkdir(exist_ok=True)
            folder.write(folder.music / f"{music.file}.flac", data)
            self._loaded.pop(music.file, None)
            words = f"set the {role} “{shortened(shown_name)}”"
            self._history.record(words, ["music", role, _before(state.music.get(role))])
            state.music[role] = music
        return music

    def clear(self, role: Role) -> None:
        """Remove the music of a role; without one, nothing happens.

        Raises
        ------
        OptionError
            If the role is unknown.
        ProjectError
            If the project can't be changed.
        """
        role = checked_role(role)
        with self._store.mutex:
            if role not in self._store.state.music:
                return
            with self._store.changing("music") as state:
                self._history.record(f"removed the {role}", ["music", role, _before(state.music.pop(role))])

    def files(self) -> list[MusicFile]:
        """Return the music that can be played."""
        with self._store.mutex:
            found = [(music, self._load(music)) for music in self.values()]
        return [MusicFile(music, source) for music, source in found if isinstance(source, FileSource)]

    def source(self, role: Role) -> FileSource:
        """Return the audio of a role.

        Raises
        ------
        ProjectError
            If there is none, or its file is missing or damaged.
        """
        role = checked_role(role)
        with self._store.mutex:
            music = self.get(role)
            source = f"there is no {role}" if music is None else self._load(music)
        if isinstance(source, str):
            raise ProjectError(source, "a music file", "choose a file")
        return source

    def problem(self, role: Role) -> str:
        """Return the reason why the music of a role is left out; empty if it is not."""
        with self._store.mutex:
            music = self.get(role)
            source = "" if music is None else self._load(music)
        return source if isinstance(source, str) else ""

    def adjust(self, role: Role, settings: Mapping[str, Any], name: str | None = None) -> Music:
        """Change settings or name of the music that a role has; see `set`."""
        role = _checked_options(role, settings)
        with self._store.mutex:
            before = self.get(role)
            if before is None:
                raise OptionError(f"there is no {role}", "the path of a music file", "give one")
            shown_name = before.name if name is None else name[:NAME_LENGTH]
            after = replace(before, name=shown_name, **settings)
            if after != before:
                with self._store.changing("music") as state:
                    entry = ["adjust_music", role, _before(before)]
                    self._history.record(f"adjusted the {role}", entry, merge=MERGED_SECONDS)
                    state.music[role] = after
        return after

    def _load(self, music: Music) -> FileSource | str:
        """Return the audio of a file, which is checked once, or the reason why it can't be used."""
        folder = self._store.folder
        known = self._loaded.get(music.file)
        if isinstance(known, FileSource) and not known.path.is_file():
            known = None  # the folder was deleted
        if known is None:
            try:
                known = _verified(folder.inside(folder.music / f"{music.file}.flac"), music)
            except (*UNREADABLE, VibeVoiceError) as exc:
                known = f"the file of the {music.role} “{shortened(music.name)}” is damaged: {reason_of(exc)}"
                if self._loaded.get(music.file) != known:
                    folder.warn(f"{known}; it was left out")
            self._loaded[music.file] = known
        return known


def _checked_options(role: object, settings: Mapping[str, Any]) -> Role:
    """Return a role, if it has the settings."""
    checked = checked_role(role)
    for option in settings:
        if option not in OPTIONS[checked]:
            expected = f"one of {', '.join(OPTIONS[checked])}"
            raise OptionError(f"the setting {shown(option)} of the {checked}", expected, "leave it out")
    return checked


def _encoded(source: str | os.PathLike[str]) -> tuple[bytes, int]:
    """Return a music file as FLAC, and its length in samples."""
    audio, info = read_audio(source, max_seconds=MAX_MUSIC_SECONDS, max_bytes=MAX_MUSIC_BYTES)
    if info.seconds < MIN_MUSIC_SECONDS:
        raise AudioError(
            f"{source} is only {duration(info.seconds)} long",
            f"at least {MIN_MUSIC_SECONDS} s of music",
            "choose a longer file",
        )
    return encode_audio("music.flac", audio), len(audio)


def _verified(path: Path, music: Music) -> FileSource:
    """Return the audio of a file that is the one that was stored."""
    if not path.is_file():
        raise FileNotFoundError(2, "missing", str(path))
    if path.stat().st_size > MAX_FILE_BYTES:
        raise ValueError(f"it is larger than {MAX_FILE_BYTES:,} bytes")
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    source = FileSource(path)
    if digest.hexdigest() != music.sha256 or source.samples != music.samples:
        raise ValueError("it does not match its recorded checksum")
    if source.sample_rate != SAMPLE_RATE:
        raise ValueError(f"it has a sampling rate of {source.sample_rate} Hz")
    return source


def _before(music: Music | None) -> dict[str, Any] | None:
    return None if music is None else asdict(music)


def _check_music(key: str, before: Mapping[str, Any] | None) -> Kept:
    checked_role(key)
    return Kept() if before is None else Kept(music=frozenset([read_record(Music, before).file]))


def _restore(store: ProjectStore, key: str, before: Mapping[str, Any] | None) -> bool:
    """Restore the music that a role had before, or none."""
    if before is None:
        store.state.music.pop(key, None)
    else:
        store.state.music[key] = read_record(Music, before)
    return True


inverse("music", _check_music, reason="music")(_restore)
inverse("adjust_music", _check_music, reason="music")(_restore)
