"""Sidebar: projects and voices of the Jupyter server."""

from __future__ import annotations

from typing import TypedDict

from .cast import VoiceKind


class ListedTake(TypedDict):
    """Take in the sidebar's list of projects."""

    id: str
    text: str
    seconds: float
    starred: bool
    model: str


class ListedProject(TypedDict):
    """Project in the sidebar."""

    name: str
    title: str
    path: str
    """Path of its folder on the server."""
    opening: str
    """Beginning of its script."""
    turns: int
    spoken: int
    """Number of turns with audio."""
    seconds: float
    """Length of the audio of these turns."""
    modified: float
    """Seconds since 1970."""
    bars: list[int]
    """Outline of the waveform in percent; empty if it is not known."""
    takes: list[ListedTake]


class ListedVoice(TypedDict):
    """Voice in the sidebar."""

    name: str
    kind: VoiceKind
    description: str
    seconds: float
    bars: list[int]


class Home(TypedDict):
    """Content of the sidebar, from the Jupyter server."""

    projects: list[ListedProject]
    voices: list[ListedVoice]
    incomplete: bool
    """True if there are more projects than are listed, or not all folders were searched."""
