"""Availability of recognizers: on this machine, to be downloaded, or without their package."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Place = Literal["here", "download", "missing"]

EXTRA = 'pip install "vibevoice-nb[review]"'
WHISPER_MB = {"tiny": 75, "base": 145, "small": 480, "medium": 1530, "large-v3": 3090}
"""Multilingual sizes of Whisper and their downloads in MB; `.en` is added for those of English only."""


@dataclass(frozen=True)
class Availability:
    """Availability of a recognizer.

    Attributes
    ----------
    place : {"here", "download", "missing"}
        It can be loaded without a download; it has to be downloaded; a package is missing.
    nbytes : int
        Size of the download; 0 if it is not known.
    license : str
        Empty if it is not known.
    remedy : str
        Command that installs the missing package.
    """

    place: Place
    nbytes: int = 0
    license: str = ""
    remedy: str = ""


def availability(name: str) -> Availability:
    """Return the availability of a recognizer, without loading or downloading it.

    Parameters
    ----------
    name : str
        See `recognizers`.

    Examples
    --------
    >>> availability("pocketsphinx").place, availability("small").license
    ('here', 'MIT')
    """
    if name == "pocketsphinx":
        return _needing(name, Availability("here", 0, "BSD-2-Clause"), f"pip install {name}")
    if name == "vibevoice-asr":
        place: Place = "here" if _cached("microsoft/VibeVoice-ASR-HF", "config.json") else "download"
        found = Availability(place, 17_000_000_000, "MIT")
        return _needing("transformers", found, 'pip install "transformers>=5.3"')
    if name.startswith("transformers:"):
        place = "here" if Path(name.partition(":")[2]).is_dir() else "download"
        return _needing("transformers", Availability(place), "pip install transformers")
    known = WHISPER_MB.get(name.removesuffix(".en"), 0)
    place = "download" if _whisper_folder(name) is None else "here"
    found = Availability(place, known * 1_000_000, "MIT" if known else "")
    return _needing("faster_whisper", found, EXTRA)


def has_embedding() -> bool:
    """Return true if the weights of the speaker embedding are installed; see `speakers`."""
    return importlib.util.find_spec("resemblyzer") is not None


def weights_bytes(model: str) -> int:
    """Return the size of a Whisper model's weights on this machine; 0 if it is not known."""
    path = (_whisper_folder(model) or Path(model)) / "model.bin"
    return path.stat().st_size if path.is_file() else 0


def _whisper_folder(model: str) -> Path | None:
    """Return the folder of a Whisper model on this machine; None if it is not there."""
    if Path(model).is_dir():
        return Path(model)
    if "/" in model or model.removesuffix(".en") in WHISPER_MB:
        file = _cached(model if "/" in model else f"Systran/faster-whisper-{model}", "model.bin")
        return None if file is None else file.parent
    try:  # names of other sizes are known to the package only, which takes a second to import
        from faster_whisper.utils import download_model

        return Path(download_model(model, local_files_only=True))
    except Exception:  # the hub's library raises errors of many kinds for "not here"
        return None


def _needing(package: str, found: Availability, remedy: str) -> Availability:
    if package in sys.modules or importlib.util.find_spec(package) is not None:
        return found
    return Availability("missing", found.nbytes, found.license, remedy)


def _cached(repository: str, file: str) -> Path | None:
    """Return the path of a file in the cache of the hub; None if it is not there."""
    home = os.environ.get("HF_HOME") or os.path.expanduser("~/.cache/huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or os.path.join(home, "hub"))
    if not (cache / f"models--{repository.replace('/', '--')}").is_dir():
        return None  # without the hub's library, which takes long to import

    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(repository, file)
    except HFValidationError:  # no such name can exist
        return None
    return Path(found) if isinstance(found, str) else None
