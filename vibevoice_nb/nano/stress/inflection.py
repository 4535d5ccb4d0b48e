"""Phones of words with endings (-s, -ed, -ing) and of contractions, from their stems, as in misaki."""

from __future__ import annotations

from collections.abc import Callable

from .symbols import SECONDARY, stressed, with_s

Stem = Callable[[str], str]
"""Returns the phones of a known word, or nothing."""
# After these, "t" is a flap before a vowel.
_FLAPPED = "AIOWYiuæɑəɛɪɹʊʌ"
_CONTRACTIONS = (("n't", "ᵊnt"), ("'ll", "ᵊl"), ("'ve", "əv"), ("'d", "d"), ("'re", "əɹ"), ("'m", "m"))
_SUFFIXES = (("ly", "li"), ("ness", "nəs"), ("less", "ləs"), ("like", "lˌIk"))
_DOUBLED = "bcdgklmnprstvxz"


def inflected(word: str, known: Stem) -> str:
    """Return the phones of a known word with an ending; nothing for any other word.

    Examples
    --------
    >>> table = {"zip": "zˈɪp", "note": "nˈOt", "party": "pˈɑɹTi"}
    >>> [inflected(word, lambda stem: table.get(stem, "")) for word in ("zipping", "noted", "parties")]
    ['zˈɪpɪŋ', 'nˈOTᵻd', 'pˈɑɹTiz']
    """
    return (
        _with_s(word, known) or _with_ed(word, known) or _with_ing(word, known) or _with_suffix(word, known)
    )


def _with_s(word: str, known: Stem) -> str:
    if len(word) < 3:
        return ""
    stems: list[str] = []
    if word.endswith("s'"):
        stems.append(word[:-1])
    if word.endswith("'s"):
        stems.append(word[:-2])
    elif word.endswith("s") and not word.endswith("ss"):
        stems.append(word[:-1])
        if len(word) > 4 and word.endswith("ies"):
            stems.append(word[:-3] + "y")
        elif len(word) > 4 and word.endswith("es"):
            stems.append(word[:-2])
    for stem in stems:
        if phones := known(stem):
            return phones if word.endswith("s'") else with_s(phones)
    return ""


def _with_ed(word: str, known: Stem) -> str:
    if len(word) < 5 or not word.endswith("ed"):
        return ""
    stems = [word[:-1], word[:-2]]
    if word.endswith("ied"):
        stems.append(word[:-3] + "y")
    if _doubled(word[:-2]):
        stems.append(word[:-3])
    for stem in stems:
        if phones := known(stem):
            return _ed(phones)
    return ""


def _ed(phones: str) -> str:
    last = phones[-1]
    if last in "pkfθʃsʧ":
        return phones + "t"
    if last == "t" and phones[-2:-1] and phones[-2] in _FLAPPED:
        return phones[:-1] + "Tᵻd"
    return phones + ("ᵻd" if last in "td" else "d")


def _with_ing(word: str, known: Stem) -> str:
    if len(word) < 5 or not word.endswith("ing"):
        return ""
    stems = [word[:-3], word[:-3] + "e"]
    if _doubled(word[:-3]):
        stems.append(word[:-4])
    for stem in stems:
        if len(stem) > 1 and (phones := known(stem)):
            phones = stressed(phones, SECONDARY)
            flap = phones[-1] == "t" and phones[-2] in _FLAPPED
            return (phones[:-1] + "T" if flap else phones) + "ɪŋ"
    return ""


def _doubled(stem: str) -> bool:
    return len(stem) > 3 and stem[-1] == stem[-2] and stem[-1] in _DOUBLED


def _with_suffix(word: str, known: Stem) -> str:
    for ending, spoken in (*_CONTRACTIONS, *_SUFFIXES):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 1 and (phones := known(stem)):
            return phones + spoken
    return ""
