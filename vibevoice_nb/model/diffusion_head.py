"""Diffusion head: v-prediction network for one latent, conditioned on the language model's hidden state.

Shapes: B rows, S timesteps, L layers, H hidden size, Z latent size. x and v are [B, Z], cond is [B, H].

The part that depends on the condition and the timestep but not on x (two thirds of the work) is computed for
all solver steps in one product by `modulations`; the solver loop then only calls `denoise`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import HeadConfig
from .kernels.apart import steps_within
from .language_model import widened
from .modules.layers import Modulated, RMSNorm, SwiGLU
from .modules.linear import Affine, Derived, Linear, LinearWeights, fused

FREQUENCIES = 128


def sinusoid(t: Tensor) -> Tensor:
    """Embed timesteps [S] as cosines and sines [S, 256]; Nichol and Dhariwal, 2021 (arXiv 2102.09672)."""
    index = torch.arange(FREQUENCIES, dtype=torch.float32, device=t.device)
    angles = t.float()[:, None] * torch.exp(-math.log(10_000) * index / FREQUENCIES)
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


class TimestepEmbedding(nn.Module):
    """Timesteps [S] -> [S, H]."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.fc1 = Linear(2 * FREQUENCIES, size, bias=False)
        self.fc2 = Linear(size, size, bias=False)

    def forward(self, t: Tensor) -> Tensor:
        # The reference casts timesteps to the model's dtype first: in bf16, 999 becomes 1000.
        dtype = self.fc1.weight.dtype
        return self.fc2(F.silu(self.fc1(sinusoid(t.to(dtype)).to(dtype))))


class HeadLayer(nn.Module):
    """A feed-forward layer, shifted, scaled and gated by the condition (adaLN)."""

    def __init__(self, size: int, ffn_size: int, eps: float) -> None:
        super().__init__()
        self.norm = RMSNorm(size, eps)
        self.ffn = SwiGLU(size, ffn_size)
        self.modulation = LinearWeights(size, 3 * size, bias=False)

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor, gate: Tensor) -> Tensor:
        return self.ffn.add_to(x, x, Modulated(self.norm.eps, scale, shift), gate)


class DiffusionHead(nn.Module):
    """v-prediction network."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.size, self.eps = size, config.norm_eps
        self.x_proj = Linear(config.latent_size, size, bias=False)
        self.cond_proj = Linear(size, size, bias=False)
        self.time = TimestepEmbedding(size)
        layers = [HeadLayer(size, config.ffn_size, config.norm_eps) for _ in range(config.num_layers)]
        self.layers = nn.ModuleList(layers)
        self.final_modulation = LinearWeights(size, 2 * size, bias=False)
        self.final = Linear(size, config.latent_size, bias=False)
        self.all_modulations = fused(*(layer.modulation for layer in layers), self.final_modulation)
        self.gains = Derived(self._gains)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.layers[0].get_parameter("norm.weight").device

    @property
    def dtype(self) -> torch.dtype:
        """Dtype of the computation; float32 in a 16-bit model where that is faster (see `prepare`)."""
        return self.layers[0].get_parameter("norm.weight").dtype

    def modulations(self, cond: Tensor, time: Tensor) -> Tensor:
        """Compute every layer's shift, scale and gate.

        Parameters
        ----------
        cond : Tensor [B, H]
        time : Tensor [S, H]
            Embedded timesteps, `self.time(t)`.

        Returns
        -------
        Tensor [S, B, (3 L + 2) H]
            Scales are the factors of the normed x: the norm's weight times 1 + scale.
        """
        return self._modulate(F.silu(self.cond_proj(cond) + time[:, None]))

    def _modulate(self, c: Tensor) -> Tensor:
        gain, one = self.gains()
        assert one is not None
        return torch.addcmul(one, steps_within(self.all_modulations.product, c), gain)

    def _gains(self) -> Affine:
        """Return factors and terms that turn scales into factors of the normed x: [(3 L + 2) H]."""
        weights = [layer.get_parameter("norm.weight") for layer in self.layers]
        ones = torch.ones_like(weights[0])
        zeros = torch.zeros_like(ones)
        gain = [part for weight in weights for part in (ones, weight, ones)]
        added = [part for weight in weights for part in (zeros, weight, zeros)]
        return torch.cat((*gain, ones, ones)), torch.cat((*added, zeros, ones))

    def denoise(self, x: Tensor, modulation: Tensor) -> Tensor:
        """Predict the velocity v [B, Z] of x [B, Z] under one step's modulation [B, (3 L + 2) H]."""
        parts = modulation.split(self.size, dim=-1)
        x = widened(self.x_proj(x))
        for index, layer in enumerate(self.layers):
            x = layer(x, *parts[3 * index : 3 * index + 3])
        shift, scale = parts[-2:]
        return self.final.dense.product(x, Modulated(self.eps, scale, shift))

    def forward(self, x: Tensor, t: Tensor, cond: Tensor) -> Tensor:
        """Predict the velocity of each row at its own timestep: x [B, Z], t [B], cond [B, H] -> v [B, Z].

        Plain form for training, and the oracle of the precomputed one.
        """
        c = F.silu(self.cond_proj(cond.to(self.dtype)) + self.time(t))
        return self.denoise(x.to(self.dtype), self._modulate(c)).to(x.dtype)
