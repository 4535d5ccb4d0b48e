"""Names of version 0.1: old module paths and keywords still work, with a DeprecationWarning.

The finder is the last in `sys.meta_path`, so it handles only modules that no other finder finds.
"""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")

MOVED: Mapping[str, tuple[str, ...]] = {
    "channels": ("audio.channels",),
    "decoders": ("audio.decode",),
    "defaults": ("engine.defaults",),
    "engine_api": ("engine.engine",),
    "engines": ("engine.registry",),
    "frontends": ("script.frontends",),
    "jobs": ("engine.run", "engine.delivery"),
    "magic": ("widgets.magic",),
    "memory_need": ("system.memory_estimate",),
    "model_info": ("system.model_info",),
    "model_limits": ("engine.model_limits", "voices.casting"),
    "names": ("voices.names",),
    "passages": ("script.passages",),
    "peaks": ("audio.peaks", "audio.pcm"),
    "plots": ("display.plots",),
    "recordings": ("voices.voice", "voices.checks"),
    "runs": ("engine.run", "engine.delivery"),
    "sinks": ("audio.sinks", "audio.pcm"),
    "sources": ("audio.sources",),
    "speakable": ("script.speakable",),
    "spectrogram": ("audio.spectrogram",),
    "speech": ("engine.options", "engine.speech"),
    "bench.distance": ("bench.quantization_error",),
    "bench.first_sound": ("bench.latency",),
    "bench.floor": ("bench.roofline",),
    "bench.hearing": ("bench.recognizers",),
    "bench.sides": ("bench.backends",),
    "bench.start": ("bench.cold_start",),
    "bench.voice": ("bench.intelligibility",),
    "cli.doctor": ("system.doctor",),
    "engine.alignment": ("model.generation.alignment",),
    "engine.attention": ("model.modules.attention",),
    "engine.cache": ("model.modules.kv_cache",),
    "engine.checkpoint": ("model.loading.checkpoint",),
    "engine.codec": ("model.codec",),
    "engine.config": ("model.config", "model.loading.config_file"),
    "engine.context": ("model.generation.context",),
    "engine.conv": ("model.modules.conv",),
    "engine.footprint": ("model.loading.footprint",),
    "engine.generate": ("model.generation.loop",),
    "engine.head": ("model.diffusion_head",),
    "engine.keys": ("model.loading.parameter_names",),
    "engine.layers": ("model.modules.layers",),
    "engine.linear": ("model.modules.linear",),
    "engine.lm": ("model.language_model",),
    "engine.memory": ("model.generation.prompt_cache",),
    "engine.model": ("model.vibevoice",),
    "engine.placement": ("model.loading.placement",),
    "engine.prepare": ("model.loading.prepare",),
    "engine.prompt": ("model.prompt",),
    "engine.quantized": ("model.kernels.quantized",),
    "engine.sampler": ("model.generation.sampler", "model.solver"),
    "engine.state": ("model.generation.state",),
    "engine.tokenizer": ("model.tokenizer",),
    "engine.weights": ("model.loading.weights",),
    "export.about": ("export.manifest",),
    "export.encode": ("audio.encode",),
    "export.levelling": ("audio.limiter",),
    "export.loudness": ("audio.loudness", "audio.meter"),
    "export.true_peak": ("audio.true_peak",),
    "export.writing": ("export.export",),
    "project.background": ("project.jobs.job",),
    "project.generation": ("project.jobs.generation",),
    "project.sweep": ("project.jobs.sweep",),
}
"""Modules of version 0.1 and the modules that now hold their names; paths are relative to the package."""

RENAMED: Mapping[str, str] = {
    "EngineShelf": "EngineRegistry",
    "denormalise": "denormalize",
    "normalise": "normalize",
    "normalise_loudness": "normalize_loudness",
    "to_pcm16": "to_int16",
}
"""Names of version 0.1 that old modules still provide, and their new spelling."""

RUNS: Mapping[str, str] = {"TurnRun": "in_context", "WholeRun": "whole"}
"""Classes of version 0.1 that took an `Engine`, and the class method of `SpeechRun` that replaces each."""


def moved_name(name: str, modules: Sequence[ModuleType]) -> object:
    """Return an attribute of an old module from the first new module that has it.

    Raises
    ------
    AttributeError
        If none of them has it.
    """
    if name in RUNS and any(hasattr(module, "SpeechRun") for module in modules):
        return _old_run(name, getattr(moved_name("SpeechRun", modules), RUNS[name]))
    for candidate in (name, RENAMED.get(name, name)):
        for module in modules:
            if hasattr(module, candidate):
                return getattr(module, candidate)
    raise AttributeError(f"module {modules[0].__name__!r} has no attribute {name!r}")


def _old_run(name: str, factory: Callable[..., object]) -> Callable[..., object]:
    """Return a function that makes a run from an `Engine`, as the class of this name did."""

    def make_run(engine: Any, *args: Any, **kwargs: Any) -> object:
        message = (
            f"{name}(engine, ...) is deprecated. Use SpeechRun.{RUNS[name]}(engine.loaded, ...) instead."
        )
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return factory(engine.loaded, *args, **kwargs)

    return make_run


def renamed_keyword(old: str, new: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a function accept a keyword argument under its old name.

    Examples
    --------
    >>> @renamed_keyword("colour", "color")
    ... def paint(color: str) -> str:
    ...     return color
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     paint(colour="red")
    'red'
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            if old in kwargs and new not in kwargs:
                message = f"{function.__name__}({old}=...) is deprecated. Use {new}=... instead."
                warnings.warn(message, DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return call

    return decorate


class _MovedLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        targets = [f"{__package__}.{path}" for path in MOVED[module.__name__.partition(".")[2]]]
        warnings.warn(
            f"{module.__name__} has moved. Import from {' or '.join(targets)} instead.",
            DeprecationWarning,
            stacklevel=2,  # the import statement: frames of importlib do not count
        )
        modules = [import_module(target) for target in targets]
        module.__doc__ = modules[0].__doc__
        vars(module)["__getattr__"] = lambda name: moved_name(name, modules)
        vars(module)["__dir__"] = lambda: sorted({name for target in modules for name in dir(target)})


class MovedFinder(MetaPathFinder):
    """Finds modules by their paths of version 0.1."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        return ModuleSpec(fullname, _MovedLoader()) if package == __package__ and name in MOVED else None


def install() -> None:
    """Add the finder to `sys.meta_path`, once."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(MovedFinder())
