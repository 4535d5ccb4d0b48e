"""Memory estimate of a model from its shapes; the model may be on the meta device."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import nn

from ..model.kernels.quantized import Quantize
from ..model.loading.footprint import kept_bytes, loading_bytes
from ..model.modules.conv import streaming_convs
from ..model.modules.kv_cache import position_bytes
from ..model.prompt import FRAMES_AT_ONCE
from ..model.realtime import RealtimeModel
from ..model.vibevoice import VibeVoiceModel

ROWS = 2
"""Rows of the language model: the conditional one, and the unconditional one for guidance."""
_KERNEL_BYTES = 60_000_000
"""Memory that oneDNN, fbgemm and MKL allocate on first use (measured, torch 2.13, 2 cores)."""
_CONTEXT_BYTES = 500_000_000
"""Approximate memory of CUDA's context."""
_ROOM = 2.125
"""Factor on the keys and values of the audio's positions: text and voices add half, caches grow by a quarter
in advance, and the prompt cache keeps one row."""
_GPU_SIZES = (4, 6, 8, 10, 12, 16, 24, 32, 40, 48, 80)
"""Common GPU memory sizes in GB; about 5 % is reserved by driver and display."""


@dataclass(frozen=True)
class Need:
    """Memory needed in one dtype, in bytes.

    Attributes
    ----------
    process : int
        Memory before the weights: Python and its libraries, or a GPU's context.
    weights : int
        Weights as stored: fused, packed, in 16 bits where that is lossless.
    loading : int
        Temporary memory besides the weights while they are read.
    cache_per_minute : int
        Keys and values of a minute of audio, both rows; text and voices come on top.
    codec : int
        Convolution buffers of the streaming codec.
    working : int
        Activations, at most while a voice is encoded.
    """

    process: int
    weights: int
    loading: int
    cache_per_minute: int
    codec: int
    working: int

    @property
    def room_per_minute(self) -> float:
        """Bytes of keys and values per minute of conversation, including the prompt cache."""
        return _ROOM * self.cache_per_minute

    def total(self, minutes: float) -> int:
        """Return the peak memory with room for a number of minutes of conversation."""
        speaking = self.codec + self.working + minutes * self.room_per_minute
        return round(self.process + self.weights + max(self.loading, speaking))

    def gpu_size(self, minutes: float) -> int | None:
        """Return the smallest common GPU size in GB with room for some minutes; None beyond the largest."""
        return next((size for size in _GPU_SIZES if self.total(minutes) <= 0.95e9 * size), None)


def memory_need(
    model: VibeVoiceModel | RealtimeModel,
    dtype: torch.dtype,
    *,
    device: str = "cpu",
    published_half: bool = False,
    quantize: Quantize | None = None,
) -> Need:
    """Estimate the memory a model needs; see `footprint.kept_bytes` for the parameters."""
    width = torch.empty(0, dtype=dtype).element_size()
    config = model.config
    stacks: list[nn.Module] = [model.acoustic.decoder]
    if isinstance(model, RealtimeModel):
        # The last stage of the decoder over a frame.
        filters, piece = model.config.decoder.filters, model.config.hop_length
    else:
        stacks.append(model.semantic)
        # The peak is the first stage of an encoder over a piece of a voice, with its hidden layer four
        # times as wide, beside its input and the residual.
        filters = max(model.config.acoustic.encoder.filters, model.config.semantic.filters)
        piece = FRAMES_AT_ONCE * model.config.hop_length
    buffers = [conv.context * conv.channels for stack in stacks for conv in streaming_convs(stack)]
    kept = functools.partial(
        kept_bytes, dtype=dtype, device_type=device, published_half=published_half, quantize=quantize
    )
    stored = 2 if published_half else 4
    return Need(
        process=_process_bytes() if device == "cpu" else _CONTEXT_BYTES,
        weights=kept(model),
        loading=loading_bytes(model, kept, dtype, device_type=device, stored_width=stored),
        cache_per_minute=round(ROWS * 60 * config.frame_rate * position_bytes(config.language, width)),
        codec=sum(buffers) * width,
        working=piece * filters * 8 * width,
    )


@functools.cache
def _process_bytes() -> int:
    """Return the memory of this process with torch imported, with first-use allocations of its products."""
    import psutil

    return psutil.Process().memory_info().rss + _KERNEL_BYTES
