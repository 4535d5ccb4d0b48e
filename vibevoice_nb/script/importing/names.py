"""Labels for speakers whose names come from elsewhere: nicknames, phone numbers, names of many words."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vibevoice_nb.script.importing.entries import Reading
from vibevoice_nb.script.labels import NOT_NAMES, find_label
from vibevoice_nb.script.lines import (
    EMOJI,
    folded,
    is_name,
    looks_like_a_name,
    name_key,
    quoted,
    speaker_number,
)

_BRACKETED = re.compile(r"[(\[{<][^()\[\]{}<>]{0,60}[)\]}>]")
_NO_NAME = re.compile(r"[^\w .'’&/-]|_(?=\s|\Z)")


def labels_for(speakers: Iterable[int | str], reading: Reading) -> dict[int | str, int | str]:
    """Return a label for each speaker, one that the script language reads as a name.

    >>> labels_for(["anna_92", "María de la Cruz", "+49 170 1", "Ben (Host)"], Reading())
    {'anna_92': 'Anna_92', 'María de la Cruz': 'María Cruz', '+49 170 1': 'Person 1', 'Ben (Host)': 'Ben'}
    """
    distinct = list(dict.fromkeys(speakers))
    counted = {speaker: number for speaker in distinct if (number := _number_of(speaker)) is not None}
    if len(counted) == len(set(counted.values())) == len(distinct):
        return dict(counted)
    numbers = [speaker for speaker in distinct if isinstance(speaker, int)]
    if numbers and len(numbers) < len(distinct):
        return _numbered(distinct, max(numbers), reading)
    labels: dict[int | str, int | str] = {number: number for number in numbers}
    taken: dict[str, str] = {}
    for speaker in distinct:
        if isinstance(speaker, int):
            continue
        label = next(
            (name for name in _candidates(speaker) if taken.get(name_key(name), speaker) == speaker), ""
        )
        number = 1
        while not label or taken.get(name_key(label), speaker) != speaker:
            label, number = f"Person {number}", number + 1
        taken[name_key(label)] = speaker
        labels[speaker] = label
        if label != folded(speaker):
            reading.note(f"{quoted(speaker)} is written {label!r}")
    return labels


def _number_of(speaker: int | str) -> int | None:
    """Return the number of a speaker, also of one that is written as "Speaker A" or "Speaker two"."""
    if isinstance(speaker, int):
        return speaker
    label = find_label(f"{folded(speaker)}: x", {})
    return speaker_number(label.plain.rstrip(":")) if label and label.kind == "misspelt" else None


def numbered(speakers: Iterable[int | str], reading: Reading) -> dict[int | str, int | str]:
    """Return a number for each speaker, for names that the script language reads differently."""
    return _numbered(list(dict.fromkeys(speakers)), 0, reading)


def _numbered(speakers: list[int | str], last: int, reading: Reading) -> dict[int | str, int | str]:
    labels: dict[int | str, int | str] = {}
    for speaker in speakers:
        if isinstance(speaker, int) and last:
            labels[speaker] = speaker
        else:
            labels[speaker] = last = last + 1
            reading.note(f"{quoted(str(speaker))} is written 'Speaker {last}'")
    return labels


def _candidates(speaker: str) -> list[str]:
    """Return spellings that are labels, the most faithful first."""
    plain = folded(_NO_NAME.sub(" ", EMOJI.sub(" ", _BRACKETED.sub(" ", speaker))))
    words = [word[:1].upper() + word[1:] for word in plain.split()]
    while words and not words[0][0].isalpha():
        words.pop(0)
    names = [folded(speaker), " ".join(words)]
    if len(words) > 2:
        names += [f"{words[0]} {words[-1]}", words[0]]
    names = [f"{name} 1" if name_key(name) in NOT_NAMES else name for name in names]
    return [
        name for name in names if is_name(name) and looks_like_a_name(name) and speaker_number(name) is None
    ]
