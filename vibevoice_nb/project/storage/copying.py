"""Copies of an open project, even if its folder is gone: the content in memory is written again."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection
from pathlib import Path

from .folder import DRAFT, ProjectFolder
from .schema import State
from .voices import AUDIO, PROMPT, SUFFIXES, ProjectVoices


def write_copy(
    state: State,
    text: str,
    voices: ProjectVoices,
    source: ProjectFolder,
    target: ProjectFolder,
    takes: Collection[str],
) -> list[str]:
    """Write a project into an empty folder, from its state and the files that its old folder still has.

    Parameters
    ----------
    state, text : State, str
        Content in memory.
    voices : ProjectVoices
        Voices in memory.
    source, target : ProjectFolder
    takes : collection of str
        Ids of its takes.

    Returns
    -------
    list of str
        Ids of the takes whose files are gone.

    Raises
    ------
    ProjectError
        If a file can't be written.
    """
    with target.disk():
        target.voices.mkdir()
        target.takes.mkdir()
        for name in state.voices():
            for suffix in SUFFIXES:
                _copy(source.voices / f"{name}{suffix}", target.voices / f"{name}{suffix}")
            if not any((target.voices / f"{name}{suffix}").exists() for suffix in (AUDIO, PROMPT)):
                voices.write_again(name, target)
        if names := state.music_files():
            target.music.mkdir()
            for name in names:
                _copy(source.music / f"{name}.flac", target.music / f"{name}.flac")
        _copy(source.path / "cover", target.path / "cover")
        lost = [take for take in takes if not _copy(source.takes / take, target.takes / take)]
        for name in state.trashed():
            if (source.trash / name).is_dir():
                target.trash.mkdir(exist_ok=True)
                _copy(source.trash / name, target.trash / name)
        with contextlib.suppress(OSError):
            for path in source.takes.glob(f"{DRAFT}*"):  # audio of a generation that failed
                _copy(path, target.takes / path.name)
    target.save(state, text)
    return lost


def _copy(source: Path, target: Path) -> bool:
    """Copy a file or a folder, without links; return False if it doesn't exist."""
    if source.is_symlink() or not source.exists():
        return False
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copyfile(source, target)
    return True
