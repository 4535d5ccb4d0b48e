"""Models loaded in this process, each once, and what they hold.

A notebook has several widgets and cells; they share what is loaded here. Importing this brings no torch.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .engine_api import Engine


@dataclass(frozen=True)
class Loaded:
    """A model that is in memory.

    Attributes
    ----------
    model : str
        As it was asked for.
    device, dtype : str
        Where it runs, and what it computes in.
    nbytes : int
        What its weights take at most; where 16 bits hold them exactly they are kept at half of it.
    """

    model: str
    device: str
    dtype: str
    nbytes: int


class EngineShelf:
    """Engines by what was asked for: model, device, dtype.

    Loading the same again, from any thread, waits for the first and gives the same engine.

    Examples
    --------
    >>> shelf = EngineShelf()
    >>> engine = shelf.load("nano")
    >>> shelf.load("nano") is engine, [loaded.model for loaded in shelf.list()]
    (True, ['nano'])
    >>> shelf.unload("nano"), shelf.list()
    (1, [])
    """

    def __init__(self) -> None:
        self._engines: dict[tuple[str, str, str], Engine] = {}
        self._loading = threading.Lock()

    def load(
        self,
        model: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
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
        key = (str(model), device, dtype)
        with self._loading:
            if key not in self._engines:
                if making is not None:
                    making()
                from .engine_api import Engine

                self._engines[key] = Engine.load(model, device=device, dtype=dtype, progress=progress)
            return self._engines[key]

    def get(self, model: str, *, device: str = "auto", dtype: str = "auto") -> Engine | None:
        """Return an engine if it is loaded; never waits."""
        return self._engines.get((str(model), device, dtype))

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

    def list(self) -> list[Loaded]:
        """What is loaded, in the order of loading."""
        return [describe(engine) for engine in list(self._engines.values())]


def describe(engine: Engine) -> Loaded:
    """Say where a model is and what its weights take."""
    tensors = [*engine.model.parameters(), *engine.model.buffers()]
    nbytes = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    return Loaded(engine.name, str(engine.device), str(engine.dtype).removeprefix("torch."), nbytes)


engines = EngineShelf()
"""What this process has loaded."""
