"""Conversion of a name, a file or samples to a `Voice`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..errors import VoiceError
from .builtin import builtin_voices
from .library import VoiceLibrary
from .names import fold_name, unknown_voice
from .voice import Voice, load_voice


def resolve_voice(
    spec: str | os.PathLike[str] | np.ndarray | Voice, library: VoiceLibrary | None = None
) -> Voice:
    """Return the voice given by a name, a file or samples.

    Parameters
    ----------
    spec : str, path, float32 [N] or Voice
        A string is looked up as a built-in voice, a name in the library, and a file, in this order.
    library : VoiceLibrary, optional
        The user's library by default.

    Returns
    -------
    Voice

    Raises
    ------
    VoiceError
        If nothing matches (similar names are listed), or `load_voice` fails.

    Examples
    --------
    >>> resolve_voice(0.1 * np.sin(np.arange(96000) / 20)).name
    'voice'
    """
    if isinstance(spec, Voice):
        return spec
    if isinstance(spec, (np.ndarray, os.PathLike)):
        return load_voice(spec)
    if not isinstance(spec, str):
        raise VoiceError(
            f"a voice of type {type(spec).__name__}",
            "a built-in voice's name, a name in the library, a file, samples at 24 kHz, or a Voice",
            f"use one of these: {', '.join(builtin_voices())}",
        )
    for name, path in builtin_voices().items():
        if fold_name(name) == fold_name(spec):
            shipped = load_voice(path, name=name, trim=False)
            return Voice(name, shipped.audio, "built-in", shipped.checks, shipped.info)
    library = library if library is not None else VoiceLibrary()
    if spec in library:
        return library.get(spec)
    path = Path(os.path.expanduser(spec))
    if os.path.exists(path) or len(path.parts) > 1 or path.suffix[1:].isalnum():
        return load_voice(path)
    raise unknown_voice(spec, [*builtin_voices(), *(entry.name for entry in library.list())])
