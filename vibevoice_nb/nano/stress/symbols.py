"""Phones with stress: misaki's American symbols, one character each; a stress mark precedes its vowel."""

from __future__ import annotations

VOWELS = "əɪiɛæʌIɔAuɑOᵊɐɜʊWᵻY"
CONSONANTS = "ɹntsdlkmðzwhpvfbjŋʃɡTθʧʤʒ"
PRIMARY, SECONDARY = "ˈ", "ˌ"
STRESS = PRIMARY + SECONDARY
PUNCTUATION = ".,?!;:-"
ALPHABET = VOWELS + CONSONANTS + STRESS + " " + PUNCTUATION
"""All characters that the front end returns."""


def stressed(phones: str, mark: str = PRIMARY) -> str:
    """Return phones with a stress mark before the first vowel, if they have neither mark.

    Examples
    --------
    >>> stressed("nis"), stressed("bəlˈun"), stressed("ju", SECONDARY), stressed("s")
    ('nˈis', 'bəlˈun', 'jˌu', 's')
    """
    if any(char in STRESS for char in phones):
        return phones
    first = next((i for i, char in enumerate(phones) if char in VOWELS), None)
    return phones if first is None else phones[:first] + mark + phones[first:]


def weakened(phones: str) -> str:
    """Return phones with secondary in place of primary stress; a secondary stress beside it is dropped.

    Examples
    --------
    >>> weakened("bˌækɡɹˈWnd")
    'bækɡɹˌWnd'
    """
    return phones.replace(SECONDARY, "").replace(PRIMARY, SECONDARY) if PRIMARY in phones else phones


def with_s(phones: str) -> str:
    """Return phones with the ending of a plural or a genitive.

    Examples
    --------
    >>> with_s("dˈɔɡ"), with_s("kˈæt"), with_s("hˈɔɹs")
    ('dˈɔɡz', 'kˈæts', 'hˈɔɹsᵻz')
    """
    return phones + ("ᵻz" if phones[-1] in "szʃʒʧʤ" else "s" if phones[-1] in "ptkfθ" else "z")
