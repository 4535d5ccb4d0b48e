"""Loading of a model of either kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ..model.config import RealtimeConfig
from ..model.kernels.quantized import Quantize
from ..model.loading.checkpoint import find_checkpoint
from ..model.loading.weights import read_any_config
from .loaded_model import LoadedModel, check_how
from .loaded_realtime import LoadedRealtime


def load_model(
    model: str | Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    revision: str | None = None,
    mirrors: Sequence[str] | None = None,
    quantize: Quantize | None = None,
    progress: Callable[[float], None] = lambda fraction: None,
) -> LoadedModel | LoadedRealtime:
    """Load a VibeVoice for conversations or a VibeVoice-Realtime; see `Engine.load`."""
    target = check_how(device, dtype, quantize)
    folder = find_checkpoint(model, revision=revision, mirrors=mirrors)
    config = read_any_config(folder)
    if isinstance(config, RealtimeConfig):
        return LoadedRealtime.load(
            str(model), folder, config, device=target, dtype=dtype, quantize=quantize, progress=progress
        )
    return LoadedModel.load_folder(str(model), folder, target, dtype, quantize, progress)
