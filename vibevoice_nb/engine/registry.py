"""Models loaded in this process, each once, and what they hold.

A notebook has several widgets and cells; they share what is loaded here. Importing this brings no torch.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .model_limits import ModelLimits

if TYPE_CHECKING:
    from ..model.kernels.quantized import Quantize
    from .engine import Engine


@dataclass(frozen=True)
class LoadedInfo:
    """A model that is in memory.

    Attributes
    ----------
    model : str
        As it was asked for.
    device, dtype : str
        Where it runs, and what it computes in; with the bits its layers are kept in, if they are fewer.
    nbytes : int
        What its weights take at most; where 16 bits hold them exactly they are kept at half of it.
    mirror : str
        Repository and commit that served it, if it is not the repository asked for.
    limits : ModelLimits
        Languages, voices and lengths it is bound to.
    """

    model: str
    device: str
    dtype: str
    nbytes: int
    mirror: str = ""
    limits: ModelLimits = field(default_factory=ModelLimits)


class EngineRegistry:
    """Engines by what was asked for: model, device, dtype, bits.

    Loading the same again, from any thread, waits for the first and gives the same engine.

    Examples
    --------
    >>> registry = EngineRegistry()
    >>> engine = registry.load("nano")
    >>> registry.load("nano") is engine, [loaded.model for loaded in registry.list()]
    (True, ['nano'])
    >>> registry.unload("nano"), registry.list()
    (1, [])
    """

    def __init__(self) -> None:
        self._engines: dict[tuple[str | None, ...], Engine] = {}
        self._loading = threading.Lock()

    def load(
        self,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        quantize: Quantize | None = None,
        making: Callable[[], None] | None = None,
        progress: Callable[[float], None] | None = None,
    ) -> Engine:
        """Get an engine, loading it if it isn't there; see `Engine.load` for arguments and errors.

        Parameters
        ----------
        making : callable, optional
            Called before a load that takes time, never when the engine is there already.
        progress : callable, optional
            Told the share of the weights that is there, from 0 to 1.
        """
        key = (str(model), device, dtype, quantize)
        with self._loading:
            if key not in self._engines:
                if making is not None:
                    making()
                from .engine import Engine

                self._engines[key] = Engine.load(
                    model, device=device, dtype=dtype, quantize=quantize, progress=progress
                )
            return self._engines[key]

    def get(
        self, model: str, *, device: str = "auto", dtype: str = "auto", quantize: Quantize | None = None
    ) -> Engine | None:
        """Return an engine if it is loaded; never waits."""
        return self._engines.get((str(model), device, dtype, quantize))

    def unload(self, model: str) -> int:
        """Let go of a model on every device; returns how many engines that were.

        Their memory is free once nobody else holds them: a generation under way keeps its own.
        """
        with self._loading:
            keys = [key for key in self._engines if key[0] == str(model)]
            for key in keys:
                del self._engines[key]
        if keys:
            gc.collect()
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()
        return len(keys)

    def list(self) -> list[LoadedInfo]:
        """What is loaded, in the order of loading."""
        return [describe(engine) for engine in list(self._engines.values())]


def describe(engine: Engine) -> LoadedInfo:
    """Say where a model is and what its weights take."""
    dtype = str(engine.dtype).removeprefix("torch.")
    if engine.quantize is None:
        tensors = [*engine.model.parameters(), *engine.model.buffers()]
        nbytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return LoadedInfo(engine.name, str(engine.device), dtype, nbytes, engine.mirror, engine.limits)
    import torch

    from ..model.loading.footprint import kept_bytes
    from ..model.vibevoice import VibeVoiceModel

    with torch.device("meta"):
        shapes = VibeVoiceModel(engine.model.config, tied=engine.model.lm_head is None)
    nbytes = kept_bytes(
        shapes,
        engine.dtype,
        device_type=engine.device.type,
        published_half=False,
        quantize=engine.quantize,
    )
    return LoadedInfo(
        engine.name, str(engine.device), f"{dtype}, {engine.quantize}", nbytes, engine.mirror, engine.limits
    )


engines = EngineRegistry()
"""What this process has loaded."""
