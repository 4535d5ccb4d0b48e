"""Model of a widget: loaded in the background, with its state reported, and unloaded on request."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vibevoice_nb.engine.defaults import known_settings
from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.engine.registry import describe, engines
from vibevoice_nb.engine.remote.address import default_model, is_address, is_confirmed
from vibevoice_nb.errors import OptionError, VibeVoiceError
from vibevoice_nb.model.loading.checkpoint import MIRRORS, NANO

from . import payloads
from .payloads import KnownModel, ModelState, ModelStatus, ServerState

if TYPE_CHECKING:
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.interface import QueuePlace
    from vibevoice_nb.engine.model_limits import ModelLimits

_HUB = default_model("")
SUGGESTIONS: list[KnownModel] = [
    *([KnownModel(id=_HUB, note="Server of this hub")] if _HUB else []),
    {"id": NANO, "note": "Small embedded model: no download, English, for trying things out"},
    {"id": "vibevoice/VibeVoice-1.5B-hf", "note": "VibeVoice 1.5B: 5.4 GB, up to 90 minutes"},
    {"id": "vibevoice/VibeVoice-7B-hf", "note": "VibeVoice 7B: 18.7 GB, up to 45 minutes"},
    {
        "id": "microsoft/VibeVoice-Realtime-0.5B",
        "note": "VibeVoice-Realtime 0.5B: 2.0 GB, one speaker at a time, published voices only, for research",
    },
    *(KnownModel(id=name, note="Original layout") for name in MIRRORS),
]


def model_defaults(model: str) -> GenerationOptions:
    """Return the default settings of a model, as far as known without loading or downloading it.

    >>> model_defaults("nano").cfg_scale, model_defaults("vibevoice/VibeVoice-1.5B-hf").cfg_scale
    (2.0, 1.3)
    """
    return known_settings(model).options


class ModelLoader:
    """Loads one model at a time and reports its state.

    Parameters
    ----------
    tell : callable
        Called with the state, a plain dict, whenever it changes, from any thread.
    **how
        `device`, `dtype` and `quantize`, as for `Engine.load`.
    """

    def __init__(self, tell: Callable[[ModelState], None], **how: Any) -> None:
        self._tell, self._how = tell, how
        self._watched: tuple[Engine, Callable[[QueuePlace | None], None]] | None = None
        self._limits: dict[str, ModelLimits] = {}

    def state(self, model: str) -> ModelState:
        """Return the current state of a model."""
        engine = engines.get(model, **self._how)
        return _unloaded(model) if engine is None else self._ready(model, engine)

    def limits(self, model: str) -> payloads.ModelLimits:
        """Return a model's limits on languages, voices and lengths, as far as known."""
        limits = self._limits.get(model) or known_settings(model).limits
        return {
            "languages": list(limits.languages),
            "follows_voices": limits.follows_voices,
            "voice_prompts": "" if limits.voice_prompts is None else str(limits.voice_prompts),
            "max_seconds": limits.max_seconds,
            "passage_seconds": limits.passage_seconds,
            "sentences": limits.sentences(model),
        }

    def engine(self, model: str) -> Engine:
        """Return the engine, loading it first if necessary. Blocks; do not call from the main thread.

        Raises
        ------
        OptionError
            If the model is the address of a server that was not chosen in this process.
        """
        if not is_confirmed(model):
            raise _not_chosen(model)
        try:
            engine = engines.load(
                model,
                **self._how,
                making=lambda: self._tell(_state("loading", model, message=_beginning(model), fraction=0.0)),
                progress=self._loading(model),
            )
        except VibeVoiceError as error:
            self._tell(_state("failed", model, message=str(error)))
            raise
        except Exception as error:
            self._tell(_state("failed", model, message=f"{type(error).__name__}: {error}"))
            raise
        self._tell(self._ready(model, engine))
        return engine

    def _ready(self, model: str, engine: Engine) -> ModelState:
        loaded = describe(engine)
        self._limits[model] = loaded.limits
        if is_address(model):
            self._watch_queue(model, engine)
        message = (
            f"loaded from the mirror {loaded.mirror}, as {model} could not be downloaded"
            if loaded.mirror
            else ""
        )
        ready = _state(
            "ready", model, device=loaded.device, dtype=loaded.dtype, memory=loaded.nbytes, message=message
        )
        return {**ready, "server": _server(model, engine)}

    def _watch_queue(self, model: str, engine: Engine) -> None:
        """Report the place of requests in the queue of the engine's server."""
        if self._watched is not None and self._watched[0] is engine:
            return
        self.close()

        def report(place: QueuePlace | None) -> None:
            self._tell({**self._ready(model, engine), "server": _server(model, engine, place)})

        engine.queue_listeners.append(report)
        self._watched = engine, report

    def close(self) -> None:
        """Stop reporting the queue of a server."""
        if self._watched is not None:
            engine, report = self._watched
            engine.queue_listeners.remove(report)
            self._watched = None

    def _loading(self, model: str) -> Callable[[float], None]:
        """Return a function that reports the loaded fraction in steps of a tenth."""
        reported = 0

        def report(fraction: float) -> None:
            nonlocal reported
            if (tenths := int(10 * fraction)) > reported:
                reported = tenths
                nearly = "almost done; the first load on a GPU also compiles kernels"
                message = nearly if tenths == 9 else f"{10 * tenths} % loaded"
                self._tell(_state("loading", model, message=message, fraction=tenths / 10))

        return report

    def load(self, model: str) -> threading.Thread:
        """Load in the background; errors are reported in the state."""

        def work() -> None:
            try:
                self.engine(model)
            except Exception:  # reported in the state
                return

        thread = threading.Thread(target=work, name="vibevoice-load", daemon=True)
        thread.start()
        return thread

    def unload(self, model: str) -> None:
        """Unload a model; a running generation keeps it until it finishes."""
        self.close()
        engines.unload(model)
        self._tell(_unloaded(model))


def _state(
    state: ModelStatus,
    model: str,
    *,
    device: str = "",
    dtype: str = "",
    memory: int = 0,
    message: str = "",
    fraction: float | None = None,
) -> ModelState:
    return {
        "state": state,
        "name": model,
        "device": device,
        "dtype": dtype,
        "memory": memory,
        "message": message,
        "fraction": fraction,
        "server": _server(model),
    }


def _server(model: str, engine: Engine | None = None, place: QueuePlace | None = None) -> ServerState | None:
    if not is_address(model):
        return None
    return {
        "host": _host(model),
        "model": "" if engine is None else engine.name,
        "position": 0 if place is None else place.position,
        "waiting": 0 if place is None else place.waiting,
    }


def _beginning(model: str) -> str:
    return "connecting …" if is_address(model) else "loading …"


def _unloaded(model: str) -> ModelState:
    if not is_confirmed(model):
        message = f"this project names the server {_host(model)}: nothing is sent to it until you connect"
    else:
        message = "connected on first use" if is_address(model) else "loaded on first use"
    return _state("unloaded", model, message=message)


def _host(address: str) -> str:
    return address.strip().split("://", 1)[1].rstrip("/")


def _not_chosen(model: str) -> OptionError:
    return OptionError(
        f"this project names the server {_host(model)}; nothing was sent to it",
        "a server that you have chosen",
        "if you trust it, press Connect under Settings, or pass model= to Studio; else choose another model",
    )
