"""Files of voice prompts: read as published (`.pt`), and as safetensors, which the library keeps."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import VoiceError
from .prompt_pickle import MAX_FILE_BYTES, read_pickled_prompt

if TYPE_CHECKING:
    from ..model.voice_prompt import VoicePrompt

SUFFIXES = (".pt", ".safetensors")
"""Suffixes of files that hold a voice prompt."""


def is_prompt_file(path: object) -> bool:
    """Return true for the path of a file whose name is that of a voice prompt.

    Examples
    --------
    >>> is_prompt_file("en-Mike_man.pt"), is_prompt_file("mike.wav"), is_prompt_file(None)
    (True, False, False)
    """
    name = os.fspath(path) if isinstance(path, (str, os.PathLike)) else b""
    return isinstance(name, str) and Path(name).suffix.lower() in SUFFIXES


def prompt_name(path: str | os.PathLike[str]) -> str:
    """Return the name of a voice from the name of its published file.

    Examples
    --------
    >>> prompt_name("voices/en-Mike_man.pt"), prompt_name("mine.safetensors")
    ('Mike', 'mine')
    """
    stem = Path(path).stem
    published = re.fullmatch(r"[a-z]{2,3}-(\w+?)_(?:wo)?man", stem)
    return published[1] if published else stem


def read_voice_prompt(path: str | os.PathLike[str]) -> VoicePrompt:
    """Read a voice prompt.

    Parameters
    ----------
    path : path
        A published `.pt` file, of which no code runs, or safetensors with the names of mlx-audio.

    Returns
    -------
    VoicePrompt

    Raises
    ------
    VoiceError
        If it is not a voice prompt; the error says what is wrong.
    """
    from ..model.voice_prompt import VoicePrompt

    path = Path(path).expanduser()
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            # Opening a pipe would wait for its writer.
            raise VoiceError(
                f"the voice prompt {path.name[:200]} is a folder, a pipe or a device",
                "a file",
                "check the path",
            )
        size = status.st_size
        with path.open("rb") as file:
            start = file.read(4)
    except OSError as error:
        raise VoiceError(
            f"the voice prompt {path.name[:200]}: {error.strerror or error}", "a file", "check the path"
        ) from error
    if not 8 <= size <= MAX_FILE_BYTES:
        raise VoiceError(
            f"the voice prompt {path.name[:200]} of {size} bytes",
            f"a file of at most {MAX_FILE_BYTES >> 20} MB",
            "download it again",
        )
    if start[:2] == b"PK":
        tensors = read_pickled_prompt(path)
    elif start[:1] == b"\x80":
        raise VoiceError(
            f"{path.name[:200]} is a bare pickle",
            "a zip archive, as torch saves it",
            "use the published file",
        )
    else:
        tensors = _read_safetensors(path)
    return VoicePrompt.of(tensors)


def write_voice_prompt(path: Path, prompt: VoicePrompt) -> None:
    """Write a voice prompt as safetensors."""
    path.write_bytes(prompt_bytes(prompt))


def prompt_bytes(prompt: VoicePrompt) -> bytes:
    """Return the content of a voice prompt's safetensors file."""
    from safetensors.torch import save

    return save(dict(prompt.tensors), metadata={"format": "vibevoice-nb voice prompt"})


def _read_safetensors(path: Path) -> dict:  # type: ignore[type-arg]
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            # Copies: a tensor as read keeps the file mapped.
            return {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise VoiceError(
            f"{path.name[:200]} can't be read as safetensors ({str(error)[:200]})",
            "a voice prompt: .pt as published, or .safetensors",
            "download it again",
        ) from error
