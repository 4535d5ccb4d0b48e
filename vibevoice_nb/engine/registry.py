"""Registry of the models loaded in this process, each once.

The widgets and cells of a notebook share them. Importing this module does not import torch.
"""

from __future__ import annotations

import gc
import sys
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
    """Facts of a loaded model.

    Attributes
    ----------
    model : str
        Name, folder or hub id that it was loaded by.
    device, dtype : str
        Device and dtype of the computation, with the bits of quantized layers.
    nbytes : int
        Most memory of its weights; half of it where 16 bits hold them exactly.
    mirror : str
        Repository and commit that served it, if it is not the requested repository.
    limits : ModelLimits
        Languages, voices and lengths that it supports.
    server : str
        Address of the server that has the model; empty for a model in this process.
    """

    model: str
    device: str
    dtype: str
    nbytes: int
    mirror: str = ""
    limits: ModelLimits = field(default_factory=ModelLimits)
    server: str = ""


class EngineRegistry:
    """Engines by model, device, dtype and quantization.

    Loading the same again, from any thread, waits for the first load and returns the same engine.

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
        """Return an engine, loading it first if necessary; see `Engine.load` for parameters and errors.

        Parameters
        ----------
        making : callable, optional
            Called before a model is loaded, but not if it is loaded already.
        progress : callable, optional
            Called with the fraction completed, from 0 to 1.
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
        """Return an engine if it is loaded; do not wait."""
        return self._engines.get((str(model), device, dtype, quantize))

    def unload(self, model: str) -> int:
        """Unload a model from every device; return the number of engines removed.

        Their memory is free once no generation uses them.
        """
        with self._loading:
            keys = [key for key in self._engines if key[0] == str(model)]
            for key in keys:
                del self._engines[key]
        if keys:
            gc.collect()
            torch = sys.modules.get("torch")  # not imported for models on servers
            if torch is not None and torch.cuda.is_available():
                torch.cuda.empty_cache()
        return len(keys)

    def __repr__(self) -> str:
        return f"<EngineRegistry: {', '.join(key[0] or '' for key in self._engines) or 'no models'}>"

    def list(self) -> list[LoadedInfo]:
        """Return the loaded models, in the order of loading."""
        return [describe(engine) for engine in list(self._engines.values())]


def describe(engine: Engine) -> LoadedInfo:
    """Return the facts of a loaded model."""
    dtype = str(engine.dtype).removeprefix("torch.")
    if engine.quantize is not None:
        dtype = f"{dtype}, {engine.quantize}"
    return LoadedInfo(
        engine.name, str(engine.device), dtype, engine.nbytes(), engine.mirror, engine.limits, engine.server
    )


engines = EngineRegistry()
"""Models of this process."""
