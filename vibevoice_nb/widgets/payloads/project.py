"""Project: its state on disk, music and cover."""

from __future__ import annotations

from typing import Literal, TypedDict

from vibevoice_nb.project.storage.music import Role as MusicRole

SaveAction = Literal["recreate", "retry", "save_copy"]


class ProjectState(TypedDict):
    """State of the project on disk."""

    name: str
    path: str
    read_only: bool
    holder: str
    """Holder of the write lock, if the project is read-only because of it; else empty."""
    problem: str
    """Reason why the project cannot be saved; else empty."""
    unsaved: bool
    """True if the script shown differs from the one on disk."""
    actions: list[SaveAction]
    """Actions offered to the user."""


class MusicState(TypedDict):
    """Intro, outro or bed of the episode; its audio is the source "music:ROLE"."""

    role: MusicRole
    name: str
    seconds: float
    gain: float
    fade_in: float
    fade_out: float
    alone: float
    overlap: float
    ducking: float
    loop: bool
    license: str
    problem: str
    """Reason why it is left out; else empty."""


class CoverPicture(TypedDict):
    """Cover picture of a project; the method `cover` returns it small."""

    width: int
    height: int
    size: int
    """Size of the file in bytes."""
    version: str
    """Changes with the picture."""
