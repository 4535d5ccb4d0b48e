"""Phones written between slashes in a text, such as ``/N IY S/``: names of the ARPAbet, without stress."""

from __future__ import annotations

import re

from vibevoice_nb.nano.english_tables import PHONES

_FIRST = 0xE000
_NAMES = [*PHONES]
# While the words around them are normalized, phones are characters for private use, which `fold` removes from
# any text: none of the rules for words matches them.
MARKS = f"{chr(_FIRST)}-{chr(_FIRST + len(_NAMES) - 1)}"
"""Range of the marks, for a class of characters."""

_WRITTEN = re.compile(r"(?<![\w/])/([A-Z]{1,2}(?:[ -][A-Z]{1,2})*)/(?![\w/])('[sS]\b)?")
_MARKED = re.compile(f"[{MARKS}]+")


def mark_phones(text: str) -> str:
    """Replace phones between slashes by marks; an ending "'s" after them becomes a phone."""

    def marked(match: re.Match[str]) -> str:
        names = re.split("[ -]", match[1].lower())
        if any(name not in PHONES for name in names):
            return match[0]
        spoken = "".join(PHONES[name] for name in names)
        if match[2]:
            names += [_name(char) for char in with_s(spoken)[len(spoken) :]]
        return "".join(chr(_FIRST + _NAMES.index(name)) for name in names)

    return _WRITTEN.sub(marked, text)


def marked_phones(text: str) -> str:
    """Return marks as nano's characters; empty for any other text."""
    return "".join(PHONES[name] for name in marked_names(text)) if _MARKED.fullmatch(text) else ""


def written_phones(text: str) -> str:
    """Replace marks by phones between slashes."""
    return _MARKED.sub(lambda match: f"/{' '.join(marked_names(match[0])).upper()}/", text)


def with_s(phones: str) -> str:
    """Return phones with the ending of a plural or a genitive.

    >>> with_s("dɔg"), with_s("kæt"), with_s("hɔrs")
    ('dɔgz', 'kæts', 'hɔrsəz')
    """
    return phones + ("əz" if phones[-1] in "szʃʒʧʤ" else "s" if phones[-1] in "ptkfθ" else "z")


def marked_names(marks: str) -> list[str]:
    """Return the ARPAbet's names of marks, in lower case."""
    return [_NAMES[ord(mark) - _FIRST] for mark in marks]


def _name(char: str) -> str:
    return next(name for name, phone in PHONES.items() if phone == char)
