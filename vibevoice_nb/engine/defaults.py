"""Settings of a checkpoint: default options, front end, limits. Needs no torch."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, OptionError, VibeVoiceError
from ..model.config import PromptShape
from ..model.loading.checkpoint import NANO, NANO_FOLDER
from ..model.loading.model_kind import is_realtime
from ..model.loading.plain_files import read_json
from ..model.loading.realtime_config import parse_realtime_config
from ..ranges import shown
from ..script.frontends import FRONTENDS, PLAIN_QUOTES, PLAIN_TEXT, Frontend
from .model_limits import ModelLimits
from .options import GenerationOptions
from .remote.address import is_address


@dataclass(frozen=True)
class ModelSettings:
    """Settings of a model.

    Attributes
    ----------
    options : GenerationOptions
        The package's own defaults where the checkpoint names none.
    frontend : Frontend
        Conversion from text to the tokenizer's input.
    limits : ModelLimits
    """

    options: GenerationOptions
    frontend: Frontend
    limits: ModelLimits


PUBLISHED = ModelSettings(GenerationOptions(), PLAIN_TEXT, ModelLimits())
"""Settings of a model without settings of its own."""


REALTIME_SHAPE = PromptShape(text_layers=4, speech_layers=20, kv_heads=2, head_dim=64, hidden_size=896)
"""Sizes of the published voice prompts."""

REALTIME = ModelSettings(
    GenerationOptions(cfg_scale=1.5, num_steps=5),
    PLAIN_QUOTES,
    ModelLimits(
        follows_voices=False,
        voice_prompts=REALTIME_SHAPE,
        notes=(
            "English; other languages are experimental.",
            "Its license is MIT; its authors publish it for research and advise against other use untested.",
        ),
    ),
)
"""Settings of VibeVoice-Realtime-0.5B."""

_REALTIME_NAMES = {"microsoft/vibevoice-realtime-0.5b"}


def model_settings(folder: Path) -> ModelSettings:
    """Read a checkpoint's settings from its `generation.json`, and the kind of model from its config.json.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    CheckpointError
        If it contains a setting that this package does not know.

    Examples
    --------
    >>> from vibevoice_nb.model.loading.checkpoint import find_checkpoint
    >>> settings = model_settings(find_checkpoint("nano"))
    >>> settings.options.cfg_scale, settings.limits.languages, settings.limits.follows_voices
    (2.0, ('en',), True)
    """
    file = folder / "generation.json"
    settings = dict(read_json(file)) if file.exists() else {}
    config = read_json(folder / "config.json") if (folder / "config.json").exists() else {}
    base = _realtime(config) if is_realtime(config) else PUBLISHED
    frontend = settings.pop("text_frontend", _name_of(base.frontend))
    if not isinstance(frontend, str) or frontend not in FRONTENDS:
        raise CheckpointError(
            f"{file} names the text frontend {shown(frontend)}",
            f"one of {', '.join(FRONTENDS)}",
            "update vibevoice-nb",
        )
    limits = _limits(settings, file, base.limits)
    try:
        options = base.options.updated(settings)
    except OptionError as error:
        raise CheckpointError(
            f"{file}: {error.got}", error.expected, "correct or delete that file"
        ) from error
    return ModelSettings(
        options, FRONTENDS[frontend], replace(base.limits, **limits, passage_seconds=options.passage_seconds)
    )


_OF_SERVERS: dict[str, ModelSettings] = {}
"""Settings of the models of servers, by address, as known since the first connection."""


def keep_settings(address: str, settings: ModelSettings) -> None:
    """Keep the settings of a server's model, for `known_settings`."""
    _OF_SERVERS[address] = settings


def _realtime(config: Mapping[str, Any]) -> ModelSettings:
    """Return the settings of a VibeVoice-Realtime of any size."""
    shape = parse_realtime_config(config).prompt_shape
    return replace(REALTIME, limits=replace(REALTIME.limits, voice_prompts=shape))


def _name_of(frontend: Frontend) -> str:
    return next(name for name, known in FRONTENDS.items() if known is frontend)


def is_known(model: str) -> bool:
    """Return false for the address of a server that this process has not been connected to."""
    return model in _OF_SERVERS or not is_address(model)


def known_settings(model: str) -> ModelSettings:
    """Return a model's settings as far as they are known without loading or fetching it.

    >>> [known_settings(name).limits.languages for name in ("nano", "vibevoice/VibeVoice-1.5B-hf")]
    [('en',), ()]
    >>> known_settings("microsoft/VibeVoice-Realtime-0.5B").options.cfg_scale
    1.5
    """
    if model in _OF_SERVERS:
        return _OF_SERVERS[model]
    try:
        if model.lower() in _REALTIME_NAMES:
            return REALTIME
        folder = NANO_FOLDER if model == NANO else Path(model).expanduser()
        files = [file for name in ("generation.json", "config.json") if (file := folder / name).is_file()]
        return _known(folder, *(file.stat().st_mtime_ns for file in files)) if files else PUBLISHED
    except (VibeVoiceError, OSError, ValueError, RuntimeError):  # loading the model reports the error
        return PUBLISHED


@functools.lru_cache(maxsize=16)
def _known(folder: Path, *changed: int) -> ModelSettings:
    return model_settings(folder)


def _limits(settings: dict[str, Any], file: Path, base: ModelLimits) -> dict[str, Any]:
    """Take the limits out of the settings."""
    languages = settings.pop("languages", list(base.languages))
    follows = settings.pop("follows_voices", base.follows_voices)
    ratio = settings.pop("length_ratio", list(base.length_ratio))
    right = (
        isinstance(languages, list)
        and all(isinstance(code, str) for code in languages)
        and isinstance(follows, bool)
        and isinstance(ratio, list)
        and len(ratio) == 2
        and all(isinstance(value, int | float) and value > 0 for value in ratio)
        and ratio[0] < 1 < ratio[1]
    )
    if not right:
        raise CheckpointError(
            f"{file}: languages={languages!r}, follows_voices={follows!r}, length_ratio={ratio!r}",
            "a list of language codes, true or false, and two numbers around 1",
            "correct or delete that file",
        )
    return {"languages": tuple(languages), "follows_voices": follows, "length_ratio": tuple(ratio)}
