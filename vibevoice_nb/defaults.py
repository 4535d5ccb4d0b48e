"""What a checkpoint says of itself: how it likes to speak. Importing this brings no torch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .engine.checkpoint import read_json
from .errors import CheckpointError, OptionError
from .nano.english import to_phonemes
from .ranges import shown
from .speech import GenerationOptions

_FRONTENDS: dict[str, Callable[[str], str]] = {"none": str, "english_phonemes": to_phonemes}


def generation_settings(folder: Path) -> tuple[GenerationOptions, Callable[[str], str]]:
    """Read how a checkpoint likes to speak (`generation.json`), and what its text goes through before.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    options : GenerationOptions
        The package's own defaults where the checkpoint says nothing.
    frontend : callable
        From text to what the tokenizer reads.

    Raises
    ------
    CheckpointError
        It names something this package doesn't know.

    Examples
    --------
    >>> from vibevoice_nb.engine.checkpoint import find_checkpoint
    >>> generation_settings(find_checkpoint("nano"))[0].cfg_scale
    3.0
    """
    file = folder / "generation.json"
    if not file.exists():
        return GenerationOptions(), str
    settings = read_json(file)
    frontend = settings.pop("text_frontend", "none")
    if not isinstance(frontend, str) or frontend not in _FRONTENDS:
        raise CheckpointError(
            f"{file} names the text frontend {shown(frontend)}",
            f"one of {', '.join(_FRONTENDS)}",
            "update vibevoice-nb",
        )
    try:
        return GenerationOptions().updated(settings), _FRONTENDS[frontend]
    except OptionError as error:
        raise CheckpointError(
            f"{file}: {error.got}", error.expected, "correct or delete that file"
        ) from error
