"""Names of voices: what a person may choose, and what is safe as a folder's name on every system."""

from __future__ import annotations

import unicodedata

from vibevoice_nb.errors import VoiceError

_PUNCTUATION = frozenset(" -_.'()")
_RESERVED = frozenset(
    ["CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))]
)


def is_reserved(name: str) -> bool:
    """Return whether Windows keeps a file name for a device, with any suffix.

    Examples
    --------
    >>> is_reserved("con.wav"), is_reserved("console")
    (True, False)
    """
    return name.partition(".")[0].strip().upper() in _RESERVED


def clean_name(name: str) -> str:
    """Return a voice's name as it is stored, or say why it can't be one.

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
    letters = all(c in _PUNCTUATION or unicodedata.category(c)[0] in "LMN" for c in cleaned)
    fits = cleaned and len(cleaned.encode(errors="replace")) <= 120  # a file name ends at 255 bytes
    edges = cleaned[:1] not in (".", " ") and not cleaned.endswith(".")
    if not (letters and fits and edges) or is_reserved(cleaned):
        raise VoiceError(
            f"the voice name {name[:200]!r}",
            "letters, digits, spaces and - _ . ' ( ), up to 120 bytes, not beginning or ending in a dot",
            "choose another name",
        )
    return cleaned


def fold_name(name: str) -> str:
    """Names that fold to the same are the same: Windows and macOS don't tell them apart on disk."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
