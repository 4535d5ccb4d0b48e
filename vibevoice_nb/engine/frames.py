"""Latent frames of generated speech, as they are kept with a take.

Shapes: T frames, Z latent size, F semantic size.

The codec decodes audio from them, and the language model reads them when a later turn is generated in their
context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..audio.pcm import SAMPLE_RATE
from ..script import Turn

if TYPE_CHECKING:
    from ..model.generation.context import SpokenFrames

LEAD_SAMPLES = SAMPLE_RATE * 20 // 1000
"""Samples of the audio before a turn that are kept with its frames, for crossfades: 20 ms."""


@dataclass(frozen=True)
class Frames:
    """Frames on the host; float32 also holds those of half precision exactly."""

    latent: NDArray[np.float32]
    """latent_norm [T, Z]."""
    semantic: NDArray[np.float32]
    """[T, F]"""

    def __len__(self) -> int:
        return len(self.latent)

    @classmethod
    def joined(cls, parts: Sequence[Frames], latent_size: int, semantic_size: int) -> Frames:
        """Concatenate parts; the sizes are used if there are none."""
        none = cls(np.zeros((0, latent_size), np.float32), np.zeros((0, semantic_size), np.float32))
        return cls(
            np.concatenate([part.latent for part in (none, *parts)]),
            np.concatenate([part.semantic for part in (none, *parts)]),
        )

    def __getitem__(self, part: slice) -> Frames:
        return Frames(self.latent[part], self.semantic[part])

    def as_tensors(self) -> SpokenFrames:
        """Return the frames as tensors that share their memory."""
        import torch

        from ..model.generation.context import SpokenFrames

        return SpokenFrames(torch.from_numpy(self.latent), torch.from_numpy(self.semantic))


@dataclass(frozen=True)
class Spoken:
    """A turn generated before, and its frames: context for the next."""

    turn: Turn
    frames: Frames


def last_frames(parts: Sequence[Frames], count: int) -> list[Frames]:
    """Return the last `count` frames of consecutive parts, without copying them.

    Examples
    --------
    >>> parts = [Frames(np.zeros((n, 2), np.float32), np.zeros((n, 3), np.float32)) for n in (5, 4, 2)]
    >>> [len(part) for part in last_frames(parts, 5)]
    [3, 2]
    """
    found: list[Frames] = []
    for part in reversed(parts):
        if count <= 0:
            break
        found.append(part[max(0, len(part) - count) :])
        count -= len(part)
    return found[::-1]


class FrameBuffer:
    """Frames in arrays that grow by half, so that appending copies little.

    Parameters
    ----------
    latent_size, semantic_size : int
    frames : Frames, optional
        Initial content; copied.

    Examples
    --------
    >>> buffer = FrameBuffer(2, 1)
    >>> buffer.append(np.ones(2, np.float32), np.zeros(1, np.float32))
    >>> len(buffer), buffer.frames.latent.tolist()
    (1, [[1.0, 1.0]])
    """

    def __init__(self, latent_size: int, semantic_size: int, frames: Frames | None = None) -> None:
        self._count = 0 if frames is None else len(frames)
        capacity = max(64, self._count)
        self._latent = np.empty((capacity, latent_size), np.float32)
        self._semantic = np.empty((capacity, semantic_size), np.float32)
        if frames is not None:
            self._latent[: self._count], self._semantic[: self._count] = frames.latent, frames.semantic

    def __len__(self) -> int:
        return self._count

    @property
    def frames(self) -> Frames:
        """The frames so far, as views that later frames do not change."""
        return Frames(self._latent[: self._count], self._semantic[: self._count])

    def append(self, latent: NDArray[np.float32], semantic: NDArray[np.float32]) -> None:
        """Append a frame: latent [Z], semantic [F]."""
        if self._count == len(self._latent):
            self._latent, self._semantic = _grown(self._latent), _grown(self._semantic)
        self._latent[self._count], self._semantic[self._count] = latent, semantic
        self._count += 1


def _grown(array: NDArray[np.float32]) -> NDArray[np.float32]:
    larger = np.empty((len(array) * 3 // 2, array.shape[1]), array.dtype)
    larger[: len(array)] = array
    return larger
