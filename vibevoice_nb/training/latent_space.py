"""Latents computed from log-mel frames: a PCA with 64 dimensions.

W numbers in a frame: columns times mel bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

LATENT_DIM = 64
FLOOR = 1e-4


class LatentSpace:
    """Affine map from log-mel frames to latents.

    Parameters
    ----------
    mean : ndarray [W]
    components : ndarray [64, W]
        Orthonormal rows, by falling variance.
    scale : ndarray [64]
        Divisor of the projection.
    """

    def __init__(self, mean: np.ndarray, components: np.ndarray, scale: np.ndarray) -> None:
        self.mean, self.components, self.scale = mean, components, scale

    @classmethod
    def fit(cls, batches: Iterator[np.ndarray]) -> tuple[LatentSpace, float]:
        """Fit the PCA of log-mel frames [T, W]; also return the fraction of variance that it keeps."""
        count, total, square = 0, np.zeros(()), np.zeros(())
        for frames in batches:
            count += len(frames)
            total = total + frames.sum(0, dtype=np.float64)
            square = square + (frames.T @ frames).astype(np.float64)
        mean = total / count
        values, vectors = np.linalg.eigh(square / count - np.outer(mean, mean))
        values, vectors = values[::-1], vectors[:, ::-1]
        spread = np.sqrt(values[:LATENT_DIM])
        # Dividing by the root of each deviation reduces the range of the components but keeps their order;
        # the second factor normalizes their joint deviation to 1.
        weight = np.sqrt(spread)
        gain = np.sqrt(np.mean((spread / weight) ** 2))
        space = cls(
            mean.astype(np.float32),
            vectors[:, :LATENT_DIM].T.astype(np.float32),
            (weight * gain).astype(np.float32),
        )
        return space, float(values[:LATENT_DIM].sum() / values.sum())

    @classmethod
    def load(cls, path: Path) -> LatentSpace:
        """Read a file written by `save`."""
        with np.load(path, allow_pickle=False) as data:
            return cls(data["mean"], data["components"], data["scale"])

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file."""
        np.savez(path, mean=self.mean, components=self.components, scale=self.scale)

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """Map log-mel frames [T, W] to latents [T, 64]."""
        return ((frames - self.mean) @ self.components.T / self.scale).astype(np.float32)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Map latents [T, 64] back to approximate log-mel frames [T, W]."""
        return (latents * self.scale) @ self.components + self.mean
