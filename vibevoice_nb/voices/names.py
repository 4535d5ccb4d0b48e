"""Voice names: allowed characters, which are also safe as folder names on every system."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable

from vibevoice_nb.errors import VoiceError

_PUNCTUATION = frozenset(" -_.'()")
_LONGEST = 120
"""Maximum length of a name in bytes; the limit of file systems is 255."""
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))]
)


def is_reserved(name: str) -> bool:
    """Return true if Windows reserves a file name for a device, with any suffix.

    Examples
    --------
    >>> is_reserved("con.wav"), is_reserved("console")
    (True, False)
    """
    return name.partition(".")[0].strip().upper() in _RESERVED


def clean_name(name: str) -> str:
    """Return a voice's name in its stored form; raise an error if it is not allowed.

    Letters and digits of any script, spaces and `- _ . ' ( )`; so a name is also a safe folder name on
    every system.

    Raises
    ------
    VoiceError

    Examples
    --------
    >>> clean_name(" Anna-Lena ")
    'Anna-Lena'
    >>> clean_name("../anna")
    Traceback (most recent call last):
    vibevoice_nb.errors.VoiceError: the voice name '../anna'. Expected letters, digits, ...
    """
    cleaned = unicodedata.normalize("NFC", name).strip()
    letters = all(map(_is_allowed, cleaned))
    fits = cleaned and len(cleaned.encode(errors="replace")) <= _LONGEST
    edges = cleaned[:1] not in (".", " ") and not cleaned.endswith(".")
    if not (letters and fits and edges) or is_reserved(cleaned):
        raise VoiceError(
            f"the voice name {name[:200]!r}",
            f"letters, digits, spaces and - _ . ' ( ), up to {_LONGEST} bytes, not beginning or ending in a "
            "dot",
            "choose another name",
        )
    return cleaned


def derive_name(text: str, is_taken: Callable[[str], bool] = lambda name: False) -> str:
    """Return an allowed voice name that resembles a text, such as a file's name.

    Parameters
    ----------
    text : str
        Any text; characters not allowed in a name become spaces.
    is_taken : callable
        Returns true if a name is in use; a number is then added.

    Examples
    --------
    >>> derive_name("#1 Anna & Ben+Cleo"), derive_name("???"), derive_name("CON")
    ('1 Anna Ben Cleo', 'voice', 'CON voice')
    >>> derive_name("Ada", {"Ada", "Ada 2"}.__contains__)
    'Ada 3'
    """
    normal = unicodedata.normalize("NFC", text)
    words = "".join(letter if _is_allowed(letter) else " " for letter in normal).split()
    base = _shortened(" ".join(words), _LONGEST)
    if not any(letter.isalnum() for letter in base):
        base = "voice"
    if is_reserved(base):
        base = f"{base.replace('.', ' ')} voice"
    name, number = base, 1
    while is_taken(name):
        number += 1
        name = f"{_shortened(base, _LONGEST - 8)} {number}"
    return clean_name(name)


def _is_allowed(letter: str) -> bool:
    return letter in _PUNCTUATION or unicodedata.category(letter)[0] in "LMN"


def _shortened(name: str, size: int) -> str:
    return name.strip(" .").encode()[:size].decode(errors="ignore").strip(" .")


def fold_name(name: str) -> str:
    """Return a name's key for comparison: Windows and macOS treat names with equal keys as one on disk."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def unknown_voice(name: str, known: list[str]) -> VoiceError:
    """Return the error for an unknown voice name, with close matches among the known ones."""
    folded = {fold_name(candidate): candidate for candidate in known}
    close = [folded[match] for match in difflib.get_close_matches(fold_name(name), folded, n=3, cutoff=0.5)]
    if close:
        remedy = f"did you mean {', '.join(close)}?"
    elif known:
        remedy = f"use one of these: {', '.join(sorted(known)[:12])}"
    else:
        remedy = "pass an audio file, or add a voice to the library first"
    return VoiceError(
        f"unknown voice {name[:200]!r}",
        "a built-in voice, a voice of the library, or an audio file",
        remedy,
    )
