"""Generation: the model, its server, and the current job."""

from __future__ import annotations

from typing import Literal, TypedDict

JobStatus = Literal["idle", "queued", "loading", "speaking", "finished", "cancelled", "failed"]
ModelStatus = Literal["unloaded", "loading", "ready", "failed"]


class ServerState(TypedDict):
    """Server that has the model, and the place of the latest request in its queue."""

    host: str
    """Host and port."""
    model: str
    """Name of its model; empty if it is not connected."""
    position: int
    """From 1; 0 if no request waits."""
    waiting: int
    """Requests that wait, of all users."""


class ModelState(TypedDict):
    """State of the model."""

    state: ModelStatus
    name: str
    device: str
    dtype: str
    memory: int
    """Bytes; 0 if it is not loaded."""
    message: str
    fraction: float | None
    """Fraction loaded so far; None if it is not loading."""
    server: ServerState | None
    """None for a model in the kernel."""


class ModelLimits(TypedDict):
    """Limits of the model: languages, voices, lengths."""

    languages: list[str]
    follows_voices: bool
    voice_prompts: str
    """Sizes of the voice prompts that it speaks with; empty for a model that takes recordings."""
    max_seconds: float | None
    passage_seconds: float | None
    sentences: list[str]


class KnownModel(TypedDict):
    """Suggested model."""

    id: str
    note: str


class JobState(TypedDict):
    """State of the current generation, or of the last one."""

    id: str
    state: JobStatus
    turns: list[str]
    message: str
