"""Roofline: lower bound of a frame's time, from the bytes it reads and the memory bandwidth.

With few rows every weight is read for a few multiplications, so memory bandwidth is the limit everywhere.
"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass

import torch

from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.model.loading.footprint import kept_bytes
from vibevoice_nb.model.modules.kv_cache import position_bytes
from vibevoice_nb.model.vibevoice import VibeVoiceModel

_PROBE = {"cpu": 256 << 20, "cuda": 2 << 30}
_TRIES = 5


@dataclass(frozen=True)
class Floor:
    """Bytes that one frame reads, and the memory bandwidth of this machine."""

    nbytes: int
    bandwidth: float
    """Bytes per second, measured by summing a large tensor."""

    @property
    def seconds(self) -> float:
        """Lower bound of a frame's time in seconds."""
        return self.nbytes / self.bandwidth


def frame_bytes(
    config: ModelConfig,
    dtype: torch.dtype,
    context: int,
    num_steps: int,
    *,
    device: str,
    published_half: bool,
) -> int:
    """Count the bytes that one frame of one script reads: stored weights, keys and values.

    The layers of the diffusion head are read once per solver step, their modulation layers once.
    """
    with torch.device("meta"):
        model = VibeVoiceModel(config, tied=True)
    size = functools.partial(kept_bytes, dtype=dtype, device_type=device, published_half=published_half)
    head, language = model.head, config.language
    once = (model.acoustic.decoder, model.semantic, model.acoustic_connector, model.semantic_connector)
    each_step = [head.x_proj, head.final, *(layer.get_submodule("ffn") for layer in head.layers)]
    repeated = sum(map(size, each_step))
    weights = sum(map(size, (*model.language_model.layers, *once))) + size(head) + (num_steps - 1) * repeated
    return weights + context * position_bytes(language, dtype.itemsize)


def measure_bandwidth(device: torch.device) -> float:
    """Measure the bytes per second that this process reads, on all its compute threads."""
    numbers = torch.ones(_PROBE.get(device.type, _PROBE["cpu"]) // 4, device=device)
    best = float("inf")
    for _ in range(_TRIES):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        began = time.perf_counter()
        float(numbers.sum())
        best = min(best, time.perf_counter() - began)
    return numbers.numel() * 4 / best
