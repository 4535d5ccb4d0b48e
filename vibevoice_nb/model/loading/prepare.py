"""Preparation of published weights for fast inference on a device, during loading or after."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ...machine import usable_cores
from ..codec import Block
from ..diffusion_head import DiffusionHead
from ..generation.threads import at_most_threads, is_small
from ..kernels.base import Kernel
from ..kernels.choice import choose_for_many_rows, choose_kernel, choose_widened, computes, in_hardware
from ..kernels.quantized import Quantize, choose_quantized
from ..language_model import Layer
from ..modules.conv import CausalConv, Downsample, Upsample
from ..modules.linear import Dense, LinearWeights, derived_values
from ..realtime import RealtimeModel
from ..vibevoice import Network, TokenScores, VibeVoiceModel
from .weights import Ready, load_model, load_realtime

Choose = Callable[[Tensor, Tensor | None], Kernel]


def load_prepared(
    folder: Path,
    placement: Mapping[str, torch.device] | torch.device,
    dtype: torch.dtype,
    *,
    quantize: Quantize | None = None,
    scored: Sequence[int] | None = None,
    progress: Callable[[float], None] | None = None,
) -> VibeVoiceModel:
    """Load a checkpoint and prepare it part by part, so that at most one part is in memory twice.

    Parameters
    ----------
    folder, placement, dtype
        As for `load_model`.
    quantize : {"int8", "int4"}, optional
        Store the language model's layers in 8 or 4 bits.
    scored : sequence of int, optional
        Tokens whose scores are needed; the matrix of scores keeps only these rows. All by default.
    progress : callable, optional
        Called with the fraction completed, from 0 to 1.

    Raises
    ------
    CheckpointError, ConfigError
    """
    ready = _preparation(quantize, scored, progress)
    with at_most_threads(usable_cores()):
        model = load_model(folder, placement, dtype, ready=ready)
        prepare(model, quantize=quantize)
    return model


def load_prepared_realtime(
    folder: Path,
    placement: Mapping[str, torch.device] | torch.device,
    dtype: torch.dtype,
    *,
    quantize: Quantize | None = None,
    progress: Callable[[float], None] | None = None,
) -> RealtimeModel:
    """Load a VibeVoice-Realtime and prepare it part by part; see `load_prepared`."""
    with at_most_threads(usable_cores()):
        model = load_realtime(folder, placement, dtype, ready=_preparation(quantize, None, progress))
        prepare(model, quantize=quantize)
    return model


def _preparation(
    quantize: Quantize | None, scored: Sequence[int] | None, progress: Callable[[float], None] | None
) -> Ready:
    """Return the function that prepares each part once it is loaded."""

    def ready(part: nn.Module, share: float) -> None:
        _prepare_part(part, quantize)
        if scored is not None and isinstance(part, TokenScores):
            part.keep(scored)
        _return_freed_memory()
        if progress is not None:
            progress(share)

    return ready


def _return_freed_memory() -> None:
    """Return freed memory to the system; otherwise glibc keeps it, up to a quarter of a model."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def prepare(model: Network, *, quantize: Quantize | None = None) -> None:
    """Fuse, fold and pack every matrix for inference, and drop the originals.

    The model computes the same as before, without gradients. The originals' memory is freed, part after part:
    they become tensors on the meta device, which keep their names and shapes and are not computed with any
    more.

    Parameters
    ----------
    model : VibeVoiceModel or RealtimeModel
    quantize : {"int8", "int4"}, optional
        Store the language model's layers in 8 or 4 bits; codec and heads are unchanged.
    """
    model.max_threads = 1 if is_small(model) else usable_cores()
    model.quantize = quantize
    if model.fingerprint is None:
        model.fingerprint = model.take_fingerprint()
    for part in (*(part for part in model.modules() if isinstance(part, Layer)), *model.children()):
        _prepare_part(part, quantize)


def _prepare_part(part: nn.Module, quantize: Quantize | None) -> None:
    if isinstance(part, DiffusionHead):
        _widen(part)
    for module in part.modules():
        if isinstance(module, Block) and not module.widest:
            for dense in (module.up, module.down):
                if not dense.prepared:
                    dense.prepare(_choose_for_steps)
    choose: Choose = choose_quantized(quantize) if quantize and isinstance(part, Layer) else choose_kernel
    for value in derived_values(part):
        if value.prepared:
            continue
        if isinstance(value, Dense):
            value.prepare(choose)
        else:
            value.prepare()
            weight, _ = value()
            if weight.device.type == "cpu" and not computes(weight.dtype):
                value.cast(torch.float32)  # filters and gains, whose memory is negligible
    _drop_weights(part)


def _drop_weights(part: nn.Module) -> None:
    """Free the weights that were prepared."""
    for module in part.modules():
        if isinstance(module, (LinearWeights, CausalConv, Downsample, Upsample)):
            weight = torch.empty(module.weight.shape, dtype=module.weight.dtype, device="meta")
            module.weight = nn.Parameter(weight, requires_grad=False)


def _widen(head: DiffusionHead) -> None:
    """Let the head compute in float32 on a CPU, where its loop of small products would lose time to rounding.

    Kept in 16 bits, its matrices take no more memory. Only its one product of many rows stays in bfloat16, if
    the processor multiplies that itself.
    """
    if head.device.type != "cpu" or head.dtype == torch.float32:
        return
    for value in derived_values(head):
        if isinstance(value, Dense):
            value.prepare(choose_for_many_rows if value is head.all_modulations else choose_widened)
    _drop_weights(head)
    head.float()


def _choose_for_steps(weight: Tensor, bias: Tensor | None) -> Kernel:
    """Choose for several rows at a time: eight are enough for bfloat16 in hardware to be the fastest."""
    return in_hardware(weight, bias) or choose_kernel(weight, bias)
