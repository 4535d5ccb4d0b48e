"""Listing of projects and voices, with their waveforms from the peaks that are stored beside the audio."""

from __future__ import annotations

import functools
import itertools
import os
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.audio.sources import ArraySource, AudioSource, FileSource
from vibevoice_nb.errors import VibeVoiceError
from vibevoice_nb.files import PROJECT_SUFFIX
from vibevoice_nb.project import Project
from vibevoice_nb.project.storage.reading import read_bounded
from vibevoice_nb.voices.builtin import builtin_voices
from vibevoice_nb.voices.library import VoiceLibrary
from vibevoice_nb.voices.names import fold_name, unknown_voice
from vibevoice_nb.widgets.cast_panel import known_voices
from vibevoice_nb.widgets.payloads import Home, ListedProject, ListedTake, ListedVoice
from vibevoice_nb.widgets.project_traits import take_cards

from .search import find_projects, folder_below

MAX_PROJECTS = 60
MAX_SECONDS = 3.0
"""Time to describe projects; the rest is described by the next listing, which remembers these."""
MAX_TAKES = 2000
MAX_STATE_BYTES = 8_000_000
"""Larger projects are listed without details: the server must stay responsive."""
MAX_VOICE_BYTES = 64 * 1024**2
BARS = 64
_TEXT_LENGTH = 80
_KEPT = 4 * MAX_PROJECTS

Key = tuple[tuple[int, int], ...]


class Listing:
    """Listing of a server's projects, which remembers those that have not changed."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, tuple[Key, ListedProject]] = OrderedDict()

    def home(self, root: Path | None, folder: str) -> Home:
        """Return the projects below a root, the most recently used first, and the voices.

        Parameters
        ----------
        root : Path or None
            None if the server's files are not on this machine's disk.
        folder : str
            Folder that is searched first, relative to the root.
        """
        voices = listed_voices()
        if root is None:
            return {"projects": [], "voices": voices, "incomplete": False}
        found = find_projects(root, folder_below(root, folder))
        recent = sorted(found.projects, key=_last_used, reverse=True)
        listed: list[ListedProject] = []
        incomplete, deadline = found.incomplete, time.monotonic() + MAX_SECONDS
        for path in recent:
            if len(listed) == MAX_PROJECTS or time.monotonic() > deadline:
                incomplete = True
                break
            if described := self._project(root, path):
                listed.append(described)
        return {"projects": listed, "voices": voices, "incomplete": incomplete}

    def _project(self, root: Path, path: Path) -> ListedProject | None:
        """Return the description of a project; None if it is not one, or damaged."""
        key = _version(path)
        known = self._known.pop(path, None)
        if known is not None and known[0] == key:
            described = known[1]
        else:
            try:
                described = describe(path, _server_path(root, path))
            except (VibeVoiceError, OSError, ValueError):  # opening it reports the error
                return None
        self._known[path] = (key, described)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return described


def describe(path: Path, server_path: str) -> ListedProject:
    """Return the description of a project.

    Parameters
    ----------
    path : Path
        Its folder.
    server_path : str
        The folder's path on the server.

    Raises
    ------
    VibeVoiceError, OSError
        If it is not a project, or damaged.
    """
    facts = (path / "project.json").stat()
    listed: ListedProject = {
        "name": path.name.removesuffix(PROJECT_SUFFIX),
        "title": "",
        "path": server_path,
        "opening": "",
        "turns": 0,
        "spoken": 0,
        "seconds": 0.0,
        "modified": facts.st_mtime,
        "bars": [],
        "takes": [],
    }
    if facts.st_size > MAX_STATE_BYTES or _has_more(path / "takes", MAX_TAKES):
        return listed
    with Project.open(path, read_only=True) as project:
        texts = {item.id: f"{item.turn.label}: {item.turn.text}"[:_TEXT_LENGTH] for item in project.turns}
        timeline = project.timeline()
        cards: list[ListedTake] = [
            {
                "id": take["id"],
                "text": texts.get(take["turn"], ""),
                "seconds": take["seconds"],
                "starred": take["starred"],
                "model": take["model"],
            }
            for take in take_cards(project).values()
        ]
        listed |= {
            "title": str(project.settings["title"])[:_TEXT_LENGTH],
            "opening": next(iter(texts.values()), ""),
            "turns": len(texts),
            "spoken": len(timeline.segments),
            "seconds": round(timeline.samples / SAMPLE_RATE, 2),
            "takes": cards,
        }
        sources = [segment.take.source for segment in timeline.segments]
        if all(isinstance(one, FileSource) and one.peaks_path.is_file() for one in sources):
            listed["bars"] = bars(timeline)
    return listed


def listed_voices() -> list[ListedVoice]:
    """Return the built-in voices and those of the user's library, with their waveforms."""
    rows: list[ListedVoice] = []
    for voice in known_voices(VoiceLibrary()):
        try:
            path = _voice_file(voice["name"])
            facts = path.stat()
            drawn = _voice_bars(path, facts.st_mtime_ns, facts.st_size)
        except (VibeVoiceError, OSError):
            drawn = ()
        rows.append(
            {
                "name": voice["name"],
                "kind": voice["kind"],
                "description": voice["description"],
                "seconds": voice["seconds"],
                "bars": list(drawn),
            }
        )
    return rows


def read_voice(name: str) -> bytes:
    """Return the file of a voice on the list, by its name.

    Raises
    ------
    VibeVoiceError, OSError
        If there is no such voice, or its file cannot be read.

    Examples
    --------
    >>> read_voice("Ada")[:4]
    b'fLaC'
    >>> read_voice("../Ada")
    Traceback (most recent call last):
    vibevoice_nb.errors.VoiceError: unknown voice '../Ada'...
    """
    return read_bounded(_voice_file(name), MAX_VOICE_BYTES)


def bars(source: AudioSource) -> list[int]:
    """Return the outline of audio as percentages of its loudest part; empty without audio.

    Examples
    --------
    >>> bars(ArraySource(np.linspace(0, 0.5, 64 * 256, dtype=np.float32)))[::21]
    [2, 35, 68, 100]
    """
    if not source.samples:
        return []
    peaks: NDArray[np.int64] = np.abs(source.peaks(0, source.samples, BARS).astype(np.int64)).max(axis=1)
    return [int(value) for value in -(-100 * peaks // max(1, int(peaks.max())))]


@functools.lru_cache(maxsize=500)
def _voice_bars(path: Path, _modified: int, size: int) -> tuple[int, ...]:
    if size > MAX_VOICE_BYTES:
        return ()
    file = FileSource(path)
    # Not the peaks of the file itself: those of a long one would be written beside it.
    return tuple(bars(ArraySource(file.read(0, file.samples), file.sample_rate)))


def _voice_file(name: str) -> Path:
    """Return the file of a voice; only names on the list are looked up, so no path can be named."""
    wanted = fold_name(name)
    library = VoiceLibrary()
    files = {fold_name(known): path for known, path in builtin_voices().items()}
    for entry in library.list():
        files.setdefault(fold_name(entry.name), library.folder / entry.name / "voice.flac")
    if wanted not in files:
        raise unknown_voice(name[:100], list(files))
    return files[wanted]


def _has_more(folder: Path, limit: int) -> bool:
    """Return True if a folder has more entries than a limit, of which no more are read."""
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:  # `iterdir` reads all names first
        return next(itertools.islice(entries, limit, None), None) is not None


def _server_path(root: Path, path: Path) -> str:
    shown = path.relative_to(root.resolve()).as_posix()
    shown.encode()  # a name that is not valid text cannot be opened by the page
    return shown


def _last_used(path: Path) -> float:
    """Return when a project was last changed, or opened for writing."""
    return max((stamp / 1e9 for stamp, _ in _version(path)), default=0.0)


def _version(path: Path) -> Key:
    """Return what changes with a project: times and sizes of its state, its script and its lock's note."""
    key = []
    for name in ("project.json", "script.txt", ".holder.json"):
        try:
            facts = (path / name).stat()
        except (OSError, ValueError):
            key.append((0, 0))
        else:
            key.append((facts.st_mtime_ns, facts.st_size))
    return tuple(key)
