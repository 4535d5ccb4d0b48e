"""Acoustic codec (a sigma-VAE) and semantic encoder: stacks of causal convolutional stages.

Shapes: B rows, N samples, T latents (N = 3200 T as published), C channels. Activations are time-major,
[B, steps, C]; audio is [B, 1, N] and latents are [B, T, 64].
Source: VibeVoice, arXiv 2508.19205, section 2.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .config import AcousticConfig, StackConfig
from .modules.conv import (
    CausalConv,
    DepthwiseConv,
    Downsample,
    StreamState,
    Upsample,
    number_slots,
    streaming_convs,
)
from .modules.layers import Normalized, RMSNorm
from .modules.linear import Affine, Dense, Derived, LinearWeights

_WIDE = 256
"""Channels from which a block is wide."""


class FeedForward(nn.Module):
    """Weights of two linear layers with a hidden size of four times the input; used by `Block`."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear1 = LinearWeights(size, 4 * size, bias=True)
        self.linear2 = LinearWeights(4 * size, size, bias=True)


class Block(nn.Module):
    """Depthwise convolution, then feed-forward with an exact GELU, each with a norm and a residual.

    In narrow blocks, with many steps and few weights, the norms' weights and the layer scales are folded into
    the convolution and the matrices. Wide blocks have few steps and many weights, which are not changed, so
    that they can be stored at half the size (see `kernels`).
    """

    def __init__(self, size: int, eps: float, *, widest: bool = False) -> None:
        super().__init__()
        self.eps, self.folded = eps, size < _WIDE
        self.widest = widest
        """Whether the block is in the widest stage, which has one step per frame; others have several."""
        self.norm = RMSNorm(size, eps)
        self.mixer = DepthwiseConv(size)
        self.gamma = nn.Parameter(torch.empty(size))
        self.ffn_norm = RMSNorm(size, eps)
        self.ffn = FeedForward(size)
        self.ffn_gamma = nn.Parameter(torch.empty(size))
        self.filters = Derived(self._filters)
        self.up = Dense(self._up)
        self.down = Dense(self._down)

    def _filters(self) -> Affine:
        gain = self.gamma * self.norm.weight
        return self.mixer.weight * gain[:, None, None], self.mixer.bias * self.gamma

    def _up(self) -> Affine:
        linear = self.ffn.linear1
        return (linear.weight * self.ffn_norm.weight if self.folded else linear.weight), linear.bias

    def _down(self) -> Affine:
        linear = self.ffn.linear2
        assert linear.bias is not None
        if not self.folded:
            return linear.weight, linear.bias
        return linear.weight * self.ffn_gamma[:, None], linear.bias * self.ffn_gamma

    def forward(self, x: Tensor, state: StreamState | None) -> Tensor:
        x = self.mixer.add_to(x, Normalized(self.eps), self.filters(), state)
        if self.folded:
            return self.down.add_to(x, self.up.gelu(x, Normalized(self.eps)))
        return self.down.add_to(x, self.up.gelu(x, self.ffn_norm), self.ffn_gamma)


class Stage(nn.Module):
    """Convolution that changes the rate or width, then blocks."""

    def __init__(self, entry: CausalConv | Downsample | Upsample, blocks: list[Block]) -> None:
        super().__init__()
        self.entry = entry
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor, state: StreamState | None) -> Tensor:
        x = self.entry(x, state)
        for block in self.blocks:
            x = block(x, state)
        return x


class _Stack(nn.Module):
    """Stages and a last convolution; subclasses build the stages."""

    def __init__(self, stages: list[Stage], head: CausalConv) -> None:
        super().__init__()
        self.stages = nn.ModuleList(stages)
        self.head = head
        number_slots(self)
        self._contexts = [(conv.context, conv.channels) for conv in streaming_convs(self)]

    def new_state(self, batch: int) -> StreamState:
        """Make the state of `batch` streams after silence (zeros)."""
        like = self.head.bias
        return [like.new_zeros(batch, context, channels) for context, channels in self._contexts]

    def _run(self, x: Tensor, state: StreamState | None) -> Tensor:
        for stage in self.stages:
            x = stage(x, state)
        return self.head(x, state)


class Encoder(_Stack):
    """Audio to latents (the sigma-VAE's mean) or to semantic features."""

    def __init__(self, config: StackConfig) -> None:
        widths = [config.filters * 2**i for i in range(len(config.depths))]
        entries: list[CausalConv | Downsample] = [CausalConv(1, widths[0])]
        entries += [Downsample(w // 2, w, r) for w, r in zip(widths[1:], config.ratios, strict=True)]
        super().__init__(
            [
                Stage(
                    entry, [Block(width, config.norm_eps, widest=width == max(widths)) for _ in range(depth)]
                )
                for entry, width, depth in zip(entries, widths, config.depths, strict=True)
            ],
            CausalConv(widths[-1], config.size),
        )

    def forward(self, audio: Tensor, state: StreamState | None = None) -> Tensor:
        """Encode audio [B, 1, N] to [B, ceil(N / hop), size]; with a state, N is a multiple of the hop."""
        return self._run(audio.transpose(1, 2), state)


class Decoder(_Stack):
    """Latents to audio."""

    def __init__(self, config: StackConfig) -> None:
        widths = [config.filters * 2**i for i in reversed(range(len(config.depths)))]
        entries: list[CausalConv | Upsample] = [CausalConv(config.size, widths[0])]
        entries += [Upsample(2 * w, w, r) for w, r in zip(widths[1:], config.ratios, strict=True)]
        super().__init__(
            [
                Stage(
                    entry, [Block(width, config.norm_eps, widest=width == max(widths)) for _ in range(depth)]
                )
                for entry, width, depth in zip(entries, widths, config.depths, strict=True)
            ],
            CausalConv(widths[-1], 1),
        )

    def forward(self, latent: Tensor, state: StreamState | None = None) -> Tensor:
        """Decode latents [B, T, size] to audio [B, 1, T * hop]."""
        return self._run(latent, state).transpose(1, 2)


class AcousticCodec(nn.Module):
    """Sigma-VAE: `encode` returns the mean of the latents, `decode` audio."""

    def __init__(self, config: AcousticConfig) -> None:
        super().__init__()
        self.encoder = Encoder(config.encoder)
        self.decoder = Decoder(config.decoder)

    def encode(self, audio: Tensor, state: StreamState | None = None) -> Tensor:
        """Encode audio [B, 1, N] to latent means [B, T, 64]."""
        return self.encoder(audio, state)

    def decode(self, latent: Tensor, state: StreamState | None = None) -> Tensor:
        """Decode latents [B, T, 64] to audio [B, 1, T * hop]."""
        return self.decoder(latent, state)
