"""Loss of a codec: distance between two signals in log-mel and magnitude.

Shapes: B rows, N samples.
"""

from __future__ import annotations

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from vibevoice_nb.model.config import SAMPLE_RATE

# (n_fft, mel bands) of the five scales of the decoder's loss; the hop is a quarter of n_fft.
SCALES = ((2048, 96), (1024, 80), (512, 64), (256, 32), (128, 16))
FLOOR = 1e-4


class SpectralLoss(nn.Module):
    """Distance between two signals: log-mel and magnitude, L1, on five scales."""

    def __init__(self) -> None:
        super().__init__()
        for n_fft, bands in SCALES:
            filters = torch.from_numpy(mel_filters(n_fft, bands))
            self.register_buffer(f"filters_{n_fft}", filters, persistent=False)
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def magnitude(self, audio: Tensor, n_fft: int) -> Tensor:
        """Compute magnitudes [B, bins, columns] of audio [B, N]; a full-scale sine has about 1."""
        window = getattr(self, f"window_{n_fft}")
        spectrum = torch.stft(audio, n_fft, n_fft // 4, window=window, return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(-1)
        return (power + 1e-10).sqrt() / (n_fft / 4)

    def forward(self, audio: Tensor, target: Tensor) -> Tensor:
        total = audio.new_zeros(())
        for n_fft, _ in SCALES:
            filters = getattr(self, f"filters_{n_fft}")
            ours, wanted = self.magnitude(audio, n_fft), self.magnitude(target, n_fft)
            mel = [(filters @ m).clamp(min=FLOOR).log() for m in (ours, wanted)]
            total = total + (mel[0] - mel[1]).abs().mean()
            total = total + (ours - wanted).abs().mean() / (wanted.mean() + 1e-3)
        return total / len(SCALES)


def mel_filters(n_fft: int, bands: int) -> np.ndarray:
    """Return mel filters [bands, bins] float32, each with sum 1 and none empty."""
    centers = librosa.mel_frequencies(bands + 2, fmin=40.0, fmax=11_000.0, htk=True)
    edges = np.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1)
    rising = (edges - centers[:-2, None]) / np.diff(centers)[:-1, None]
    falling = (centers[2:, None] - edges) / np.diff(centers)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    # Low filters of small transforms can fall between two bins; use the nearest one.
    for row, center in zip(filters, centers[1:-1], strict=True):
        if row.sum() < 1e-3:
            row[np.abs(edges - center).argmin()] = 1.0
    return (filters / filters.sum(1, keepdims=True)).astype(np.float32)
