"""Pronunciations of the CMU Pronouncing Dictionary in misaki's symbols."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from vibevoice_nb.nano.stress.symbols import PRIMARY, SECONDARY, STRESS, VOWELS

_PHONES = dict(
    zip(
        """AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z
        ZH""".split(),
        "ɑ æ ʌ ɔ W I ɛ ɜɹ A ɪ i O Y ʊ u b ʧ d ð f ɡ h ʤ k l m n ŋ p ɹ s ʃ t θ v w j z ʒ".split(),
        strict=True,
    )
)
_MARKS = {"1": PRIMARY, "2": SECONDARY}
_FULL = "".join(vowel for vowel in VOWELS if vowel not in "ᵊɐ")
_RULES = (
    (f"(?<=[tdsz])ə(?=n(?![{VOWELS}{STRESS}]))", "ᵊ"),
    (f"(?<=[^{VOWELS}{STRESS}])ə(?=l(?![{VOWELS}{STRESS}]))", "ᵊ"),
    (f"(?<=[{_FULL}ɹ])t(?=[{VOWELS}])(?!ᵊn)", "T"),
)


def phones_of(names: Sequence[str]) -> str:
    """Return misaki's symbols for names with the digit of their stress.

    Examples
    --------
    >>> phones_of("L EH1 T ER0".split()), phones_of("IH2 N F ER0 M EY1 SH AH0 N".split())
    ('lˈɛTəɹ', 'ˌɪnfəɹmˈAʃən')
    """
    said = "".join(map(_phone, names))
    for pattern, replacement in _RULES:
        said = re.sub(pattern, replacement, said)
    return said


def _phone(name: str) -> str:
    if name in ("AH0", "ER0"):
        return "ə" if name == "AH0" else "əɹ"
    return _MARKS.get(name[-1], "") + _PHONES[name.rstrip("012")]


def read(lines: Iterable[str]) -> dict[str, str]:
    """Return the first pronunciation of each word of letters and apostrophes, from ``cmudict.dict``.

    Examples
    --------
    >>> read(["paul P AO1 L # name", "paul(2) P AA1 L", "a.d. EY2 D IY1"])
    {'paul': 'pˈɔl'}
    """
    found: dict[str, str] = {}
    for line in lines:
        word, *names = line.partition("#")[0].split()
        if re.fullmatch("[a-z][a-z']*", word):
            found.setdefault(word, phones_of(names))
    return found
