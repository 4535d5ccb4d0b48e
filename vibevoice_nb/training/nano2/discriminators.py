"""Discriminators of the codec: small convolutional networks on spectrograms of short excerpts.

Shapes: B rows, N samples, K columns, L bins.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

SLOPE = 0.1


class SpectralDiscriminator(nn.Module):
    """Discriminator of patches of one short-time spectrum.

    Parameters
    ----------
    n_fft : int
        The hop is a quarter of it.
    channels : int
    """

    window: Tensor

    def __init__(self, n_fft: int, channels: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)
        layers = [nn.Conv2d(2, channels, (3, 7), padding=(1, 3))]
        for stride in ((1, 2), (2, 2), (1, 2)):
            layers.append(nn.Conv2d(channels, channels, (3, 7), stride=stride, padding=(1, 3)))
        self.layers = nn.ModuleList(weight_norm(layer) for layer in layers)
        self.verdict = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return scores [B, 1, K', L'] of audio [B, N], and the output of each layer."""
        spectrum = torch.stft(audio, self.n_fft, self.n_fft // 4, window=self.window, return_complex=True)
        parts = torch.view_as_real(spectrum).permute(0, 3, 2, 1) / (self.n_fft / 4)
        # The root of the magnitude, with the phase kept, gives quiet overtones more weight.
        x = 4 * parts / (parts.square().sum(1, keepdim=True) + 1e-8) ** 0.25
        found = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
            found.append(x)
        return self.verdict(x), found


class Critic:
    """All discriminators, with the optimizer that trains them.

    Parameters
    ----------
    n_ffts : tuple of int
    channels : int
    learning_rate : float
    device : torch.device
    """

    def __init__(
        self, n_ffts: tuple[int, ...], channels: int, learning_rate: float, device: torch.device
    ) -> None:
        self.judges = nn.ModuleList(SpectralDiscriminator(n_fft, channels) for n_fft in n_ffts).to(device)
        self.optimizer = torch.optim.AdamW(self.judges.parameters(), learning_rate, betas=(0.8, 0.99))

    def state_dict(self) -> dict[str, Any]:
        """Return the weights and the optimizer's state."""
        return {"judges": self.judges.state_dict(), "optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`."""
        self.judges.load_state_dict(state["judges"])
        self.optimizer.load_state_dict(state["optimizer"])

    def learn(self, real: Tensor, made: Tensor) -> Tensor:
        """Take one step of the hinge loss on audio [B, N]; return the loss (2 at chance level)."""
        made = made.detach()
        losses = [F.relu(1 - j(real)[0]).mean() + F.relu(1 + j(made)[0]).mean() for j in self.judges]
        total = torch.stack(losses).mean()
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return total.detach()

    def judge(self, real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
        """Return the codec's adversarial loss on `made` [B, N] and its feature matching loss to `real`."""
        self.judges.requires_grad_(False)
        fooling, matching = [], []
        for judge in self.judges:
            verdict, found = judge(made)
            wanted = judge(real)[1]
            fooling.append(-verdict.mean())
            matching += [
                (a - b).abs().mean() / (b.abs().mean() + 1e-4) for a, b in zip(found, wanted, strict=True)
            ]
        self.judges.requires_grad_(True)
        return torch.stack(fooling).mean(), torch.stack(matching).mean()
