"""Settings of a checkpoint: default options, front end, limits. Needs no torch."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CheckpointError, OptionError, VibeVoiceError
from ..model.loading.checkpoint import NANO, NANO_FOLDER
from ..model.loading.plain_files import read_json
from ..ranges import shown
from ..script.frontends import FRONTENDS, PLAIN_TEXT, Frontend
from .model_limits import ModelLimits
from .options import GenerationOptions


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


def model_settings(folder: Path) -> ModelSettings:
    """Read a checkpoint's settings from its `generation.json`.

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
    (3.0, ('en',), False)
    """
    file = folder / "generation.json"
    settings = dict(read_json(file)) if file.exists() else {}
    frontend = settings.pop("text_frontend", "none")
    if not isinstance(frontend, str) or frontend not in FRONTENDS:
        raise CheckpointError(
            f"{file} names the text frontend {shown(frontend)}",
            f"one of {', '.join(FRONTENDS)}",
            "update vibevoice-nb",
        )
    limits = _limits(settings, file)
    try:
        options = GenerationOptions().updated(settings)
    except OptionError as error:
        raise CheckpointError(
            f"{file}: {error.got}", error.expected, "correct or delete that file"
        ) from error
    return ModelSettings(
        options, FRONTENDS[frontend], ModelLimits(**limits, passage_seconds=options.passage_seconds)
    )


def known_settings(model: str) -> ModelSettings:
    """Return a model's settings as far as they are known without loading or fetching it.

    >>> [known_settings(name).limits.languages for name in ("nano", "vibevoice/VibeVoice-1.5B-hf")]
    [('en',), ()]
    """
    try:
        folder = NANO_FOLDER if model == NANO else Path(model).expanduser()
        file = folder / "generation.json"
        return _known(folder, file.stat().st_mtime_ns) if file.is_file() else PUBLISHED
    except (VibeVoiceError, OSError, ValueError, RuntimeError):  # loading the model reports the error
        return PUBLISHED


@functools.lru_cache(maxsize=16)
def _known(folder: Path, changed: int) -> ModelSettings:
    return model_settings(folder)


def _limits(settings: dict[str, Any], file: Path) -> dict[str, Any]:
    """Take the limits out of the settings."""
    languages = settings.pop("languages", [])
    follows = settings.pop("follows_voices", True)
    ratio = settings.pop("length_ratio", list(ModelLimits.length_ratio))
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
