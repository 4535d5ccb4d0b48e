"""Tasks of the workers on a cluster, and their results. No ray and no torch here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from ...script import Turn
from ...voices.voice import Voice
from ..frames import Spoken
from ..interface import Audio
from ..model_limits import ModelLimits, OddLength
from ..options import Ended, GenerationOptions

if TYPE_CHECKING:
    from ...model.generation.spans import Span
    from ...model.kernels.quantized import Quantize


@dataclass(frozen=True)
class ModelSource:
    """Arguments of `Engine.load` in every worker; a folder must exist on every node."""

    model: str
    device: str = "auto"
    dtype: str = "auto"
    quantize: Quantize | None = None
    revision: str | None = None
    mirrors: tuple[str, ...] | None = None


class LoadingOptions(TypedDict, total=False):
    """Options of `Engine.load` for workers."""

    device: str
    dtype: str
    quantize: Quantize | None
    revision: str | None
    mirrors: Sequence[str] | None


@dataclass(frozen=True)
class WorkerFacts:
    """Facts of the model that a worker has loaded; see `SpeechModel`. The front end is one of `FRONTENDS`."""

    package: str
    name: str
    revision: str
    mirror: str
    quantize: Quantize | None
    defaults: GenerationOptions
    frontend: str
    limits: ModelLimits
    device: str
    dtype: str
    attention: str
    hop_length: int
    max_positions: int
    frame_sizes: tuple[int, int]
    weights: str
    versions: dict[str, str]
    node: str


@dataclass(frozen=True)
class Task:
    """A script, or one turn in context, to generate.

    Attributes
    ----------
    cast : mapping from speaker index to Voice
    context : tuple of Spoken or None
        Turns before the only one of `turns`; None for a whole script.
    """

    turns: tuple[Turn, ...]
    cast: Mapping[int, Voice]
    options: GenerationOptions
    context: tuple[Spoken, ...] | None = None
    pauses: bool = False


@dataclass(frozen=True)
class Began:
    """A task whose prompt was laid out."""

    max_seconds: float
    estimated_seconds: float
    context_used: int
    prefill_hash: str


@dataclass(frozen=True)
class Frame:
    """A frame: latent [Z], semantic [F], audio [N]; the first of a task also has the run's `lead`."""

    latent: NDArray[np.float32]
    semantic: NDArray[np.float32]
    audio: Audio
    lead: Audio | None = None


@dataclass(frozen=True)
class Pause:
    """A pause, in samples."""

    samples: int


@dataclass(frozen=True)
class Finished:
    """End of a task: the facts of its run."""

    ended: Ended
    odd_length: OddLength
    context_full: bool
    spans: list[Span]
    turn_samples: list[tuple[int, int, float]]


Item = tuple[int, Any]
"""Number of a task, and one of `Began`, `Frame`, `Pause` and `Finished`."""
