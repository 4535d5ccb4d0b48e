"""Log-mel frames, and their PCA with 64 dimensions, the initial latents of the codec.

``python -m vibevoice_nb.training.nano2 latents --work-dir nano-work`` fits the PCA on excerpts like
those that the codec is trained on, and writes ``pca.npz``.

Shapes: B rows, T frames of 3200 samples, 16 mel columns of 100 bands a frame (1600 numbers).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.training.common import step_rng
from vibevoice_nb.training.frames import HOP_LENGTH
from vibevoice_nb.training.latent_space import FLOOR, LatentSpace

from .speech import CropConfig, Crops, Speech

N_FFT, HOP, BANDS, F_MIN, F_MAX = 1024, 200, 100, 40.0, 12_000.0
COLUMNS = HOP_LENGTH // HOP
WIDTH = COLUMNS * BANDS


@dataclasses.dataclass(frozen=True)
class LatentsConfig:
    """Contents of ``configs/latents.json``: the number of batches that the PCA is fitted on."""

    seed: int
    batches: int
    crops: CropConfig


def mel_filters() -> np.ndarray:
    """Return mel filters [100, 513] float32, each with sum 1 and none empty."""
    filters = librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=BANDS, fmin=F_MIN, fmax=F_MAX, htk=True, norm=None
    )
    centers = librosa.mel_frequencies(BANDS + 2, fmin=F_MIN, fmax=F_MAX, htk=True)[1:-1]
    for row, center in zip(filters, centers, strict=True):
        if row.sum() < 1e-3:
            row[round(center * N_FFT / SAMPLE_RATE)] = 1.0
    return (filters / filters.sum(1, keepdims=True)).astype(np.float32)


class LogMel(nn.Module):
    """Compute the natural logarithm of mel magnitudes, floor 1e-4; about 0 for a full-scale sine."""

    filters: Tensor
    window: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", torch.from_numpy(mel_filters()), persistent=False)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Return mel columns [B, 16 T, 100] of audio [B, 3200 T]."""
        spectrum = torch.stft(audio, N_FFT, HOP, window=self.window, return_complex=True)
        power = torch.view_as_real(spectrum[..., :-1]).square().sum(-1)
        magnitude = (power + 1e-10).sqrt() / (N_FFT / 4)
        return (self.filters @ magnitude).clamp(min=FLOOR).log().transpose(1, 2)


class Projection(nn.Module):
    """Linear map of the PCA, from mel columns to latents."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, space: LatentSpace) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(space.mean), persistent=False)
        matrix = (space.components / space.scale[:, None]).T
        self.register_buffer("matrix", torch.from_numpy(np.ascontiguousarray(matrix)), persistent=False)

    def forward(self, columns: Tensor) -> Tensor:
        """Return latents [B, T, 64] of columns [B, 16 T, 100]."""
        return (columns.unflatten(1, (-1, COLUMNS)).flatten(2) - self.mean) @ self.matrix


def fit(speech: Speech, work_dir: Path, config: LatentsConfig) -> dict[str, float]:
    """Fit the PCA and write ``{work_dir}/pca.npz``.

    Returns
    -------
    dict
        ``variance_kept`` by 64 dimensions.
    """
    crops, log_mel = Crops(speech, config.crops), LogMel()

    def batches() -> Iterator[np.ndarray]:
        for batch in range(config.batches):
            rng, _ = step_rng(config.seed, batch)
            yield log_mel(crops.draw(rng)).reshape(-1, WIDTH).numpy()

    space, kept = LatentSpace.fit(batches())
    space.save(work_dir / "pca.npz")
    return {"variance_kept": round(kept, 4)}
