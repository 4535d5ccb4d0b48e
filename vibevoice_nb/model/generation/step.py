"""Results of a generation step, and its two callbacks: choice of a token, and noise.

Shapes: H hidden size, Z latent size, F semantic size, N samples a frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .state import GenerationState


@dataclass(frozen=True)
class Frame:
    """One frame of audio, with its latent and semantic features."""

    latent_norm: Tensor
    """[Z], the sampler's output."""
    semantic: Tensor
    """[F]"""
    audio: Tensor
    """[N], 24 kHz."""


@dataclass(frozen=True)
class Step:
    """Result of one step for one script."""

    row: int
    """Index of the script in the batch."""
    token: int
    hidden: Tensor
    """[H], the conditional row's last hidden state."""
    hidden_uncond: Tensor | None
    """[H], the unconditional row's; None without guidance."""
    logits: Tensor
    """[4], of the valid tokens."""
    embed: Tensor
    """[H], the embedding fed to the next step."""
    frame: Frame | None
    """The frame, if the token was one."""


Choose = Callable[[int, Tensor], int]
"""Function of a script's row and its logits [4] that returns the index of the token to take."""


def likeliest(row: int, logits: Tensor) -> int:
    """Take the likeliest token."""
    return int(logits.argmax())


@dataclass(frozen=True)
class Given:
    """A token taken before, which a script takes again, with its frame."""

    choice: int
    """Index of the token among the valid ones."""
    latent_norm: Tensor | None = None
    """[Z], if the token is a frame's."""
    semantic: Tensor | None = None
    """[F]"""
    decoded: bool = True
    """Whether the codec decodes the frame again, which only its buffers need."""


Draw = Callable[[int, GenerationState], Tensor]
"""Function of a script's row and its state that returns fresh standard normal noise [Z], fp32."""


def from_seed(row: int, state: GenerationState) -> Tensor:
    """Draw from the state's own generator."""
    # The reference draws noise for both rows and uses the first half; the same draws keep its seeds valid.
    return torch.randn(2, state.latent_size, generator=state.generator)[0]
