r"""Lexicon: words and phrases with the way they are said, as a respelling or as phones.

A plain file holds one entry a line, ``word = respelling`` or ``word = /P H OW N Z/``; a line that begins with
``#`` is a comment. Tables of two columns, separated by tabs or commas, are read too.

    # names
    Nguyen = win
    Nice = /N IY S/
    SQL server = sequel server

An entry with a capital letter matches only as it is written, any other entry in every case. Only whole words
match, and the longest phrase comes first.
"""

from __future__ import annotations

import csv
import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import LexiconError
from ..files import write_atomically
from ..nano.english_tables import PHONES
from ..texts import whole_text
from .word_parts import GLUE, folded, key_of, parts_of, spaced

MAX_ENTRIES = 2_000
MAX_WORD, MAX_READING = 100, 200
"""Most characters of a word or phrase, and of its reading."""
MAX_PARTS = 16
"""Most words and signs of a phrase."""
MAX_BYTES = 1_000_000
"""Largest file."""

_HEADINGS = frozenset(("reading", "respelling", "pronunciation", "phones", "alias"))


@dataclass(frozen=True)
class Use:
    """Place of an entry in a text: characters ``[start, stop)``, the word there, and its reading."""

    start: int
    stop: int
    word: str
    reading: str


@dataclass(frozen=True)
class _Entry:
    word: str
    reading: str
    parts: tuple[str, ...]
    exact: bool


class Lexicon(Mapping[str, str]):
    r"""Readings of words and phrases; immutable and sorted.

    Parameters
    ----------
    entries : mapping from word to reading, optional
        A reading is a respelling, ``"win"``, or phones between slashes, ``"/W IH N/"``: the ARPAbet without
        stress. Phones are for nano only; the published models need a respelling.

    Raises
    ------
    LexiconError
        If an entry is not valid, or there are more than 2,000.

    Examples
    --------
    >>> lexicon = Lexicon({"Nguyen": "win", "Nice": "/n iy1 s/"})
    >>> dict(lexicon)
    {'Nguyen': 'win', 'Nice': '/N IY S/'}
    >>> [(use.start, use.stop, use.reading) for use in lexicon.find("A nice Nguyen's")]
    [(7, 13, 'win')]
    >>> print(lexicon.to_text(), end="")
    Nguyen = win
    Nice = /N IY S/
    """

    def __init__(self, entries: Mapping[str, str] | None = None) -> None:
        given = {} if entries is None else entries
        if not isinstance(given, Mapping):
            raise LexiconError(
                f"a lexicon of type {type(given).__name__}",
                "a mapping from words to readings",
                "see Lexicon.load for files",
            )
        if len(given) > MAX_ENTRIES:
            raise _too_many(len(given))
        checked = dict(_checked(word, reading) for word, reading in given.items())
        self._entries = dict(sorted(checked.items(), key=lambda entry: (entry[0].casefold(), entry[0])))
        self._hash = hash(tuple(self._entries.items()))

    @classmethod
    def parse(cls, text: str) -> Lexicon:
        r"""Read the text of a lexicon file.

        Raises
        ------
        LexiconError
            With the number of the first line that is not valid, and how many others there are.

        Examples
        --------
        >>> dict(Lexicon.parse("# names\nNguyen = win\nNice,/N IY S/\n"))
        {'Nguyen': 'win', 'Nice': '/N IY S/'}
        >>> Lexicon.parse("Nguyen = win\nNice = /N II S/")
        Traceback (most recent call last):
        vibevoice_nb.errors.LexiconError: line 2: 'II' is not a phone. Expected AA, AE, ...
        """
        entries: dict[str, str] = {}
        lines: dict[str, int] = {}
        errors: list[LexiconError] = []
        numbered = enumerate(whole_text(text).removeprefix("\ufeff").splitlines(), start=1)
        content = [(number, line) for number, line in numbered if line.strip() and line.strip()[0] != "#"]
        for number, line in content:
            try:
                pair = _entry_of(line)
                if number == content[0][0] and _is_heading(line, pair):
                    continue
                word, reading = _checked(*pair)
                if entries.setdefault(word, reading) != reading:
                    got = f"{word!r} already has the reading {entries[word]!r} in line {lines[word]}"
                    raise LexiconError(got, "one reading for each word", "remove one of the two lines")
                if len(entries) > MAX_ENTRIES:
                    raise _too_many(len(entries))
                lines.setdefault(word, number)
            except LexiconError as error:
                errors.append(LexiconError(f"line {number}: {error.got}", error.expected, error.remedy))
        if errors:
            first, more = errors[0], len(errors) - 1
            others = f" (and {more} more {'line' if more == 1 else 'lines'})" if more else ""
            raise LexiconError(first.got + others, first.expected, first.remedy)
        return cls(entries)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Lexicon:
        """Read a lexicon file.

        Raises
        ------
        LexiconError
            If it can't be read, is not UTF-8 text, is larger than a megabyte, or has a line that is not
            valid.
        """
        file = Path(path)
        try:
            with open(file, "rb") as opened:
                data = opened.read(MAX_BYTES + 1)
        except OSError as error:
            raise LexiconError(
                f"{file}: {error.strerror or error}", "a lexicon file", "check its name and permissions"
            ) from error
        if len(data) > MAX_BYTES:
            raise LexiconError(
                f"{file} is larger than {MAX_BYTES:,} bytes", "a smaller file", "keep the words of this work"
            )
        try:
            return cls.parse(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise LexiconError(f"{file}: {error}", "text in UTF-8", "save it as UTF-8 text") from error
        except LexiconError as error:
            raise LexiconError(f"{file}, {error.got}", error.expected, error.remedy) from error

    @classmethod
    def of(cls, value: Lexicon | Mapping[str, str] | None) -> Lexicon:
        """Return a lexicon as it is, and make one of a mapping; None is an empty one."""
        return value if isinstance(value, Lexicon) else cls(value)

    def to_text(self) -> str:
        """Return the text of its file."""
        return "".join(f"{word} = {reading}\n" for word, reading in self._entries.items())

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write its file; `force` replaces an existing one.

        Raises
        ------
        AudioError
            If the file exists, or can't be written.
        """
        target = Path(path)
        write_atomically(target, self.to_text().encode(), force=force)
        return target

    def with_entries(self, changes: Mapping[str, str | None]) -> Lexicon:
        """Return a copy with some readings added or replaced; None removes a word.

        Raises
        ------
        LexiconError
        """
        kept = dict(self._entries)
        for word, reading in changes.items():
            if reading is None:
                kept.pop(_name(word), None)
            else:
                name, value = _checked(word, reading)
                kept[name] = value
        return Lexicon(kept)

    def find(self, text: str) -> tuple[Use, ...]:
        """Return the places of its words in a text, from left to right, in one pass."""
        if not self._entries:
            return ()
        parts = list(parts_of(text))
        plain = [folded(text[start:stop], glued) for start, stop, glued in parts]
        found: list[Use] = []
        at = 0
        while at < len(parts):
            size, entry = self._longest(text, parts, plain, at)
            if entry is None:
                at += 1
                continue
            found.append(Use(parts[at][0], parts[at + size - 1][1], entry.word, entry.reading))
            at += size
        return tuple(found)

    def _longest(
        self, text: str, parts: list[tuple[int, int, bool]], plain: list[str], at: int
    ) -> tuple[int, _Entry | None]:
        """Return the longest entry at a part, and its number of parts."""
        sizes, table = self._table
        # A sign before the first word does not matter: it is not part of the phrase.
        first = plain[at].removeprefix(GLUE)
        for size in sizes.get(first, ()):
            key = (first, *plain[at + 1 : at + size])
            for entry in table.get(key, ()):
                written = text[parts[at][0] : parts[at + size - 1][1]]
                if not entry.exact or spaced(written) == entry.word:
                    return size, entry
        return 1, None

    @functools.cached_property
    def _table(self) -> tuple[dict[str, list[int]], dict[tuple[str, ...], list[_Entry]]]:
        """Entries by their folded parts, those with capitals first; and the lengths for each first part."""
        table: dict[tuple[str, ...], list[_Entry]] = {}
        sizes: dict[str, set[int]] = {}
        for word, reading in self._entries.items():
            key = key_of(word)
            exact = word != word.lower()
            entries = table.setdefault(key, [])
            entries.insert(0 if exact else len(entries), _Entry(word, reading, key, exact))
            sizes.setdefault(key[0], set()).add(len(key))
        return {first: sorted(lengths, reverse=True) for first, lengths in sizes.items()}, table

    def __getitem__(self, word: object) -> str:
        if not isinstance(word, str):
            raise KeyError(word)
        return self._entries[_name(word)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[type[Lexicon], tuple[dict[str, str]]]:
        return Lexicon, (self._entries,)  # hashes of texts differ between processes

    def __eq__(self, other: object) -> bool:
        return self._entries == dict(other) if isinstance(other, Mapping) else NotImplemented

    def __repr__(self) -> str:
        return f"Lexicon({self._entries!r})"


EMPTY = Lexicon()


def phones_of(reading: str) -> tuple[str, ...]:
    """Return the phones of a reading between slashes; empty for a respelling.

    Examples
    --------
    >>> phones_of("/N IY S/"), phones_of("niece")
    (('N', 'IY', 'S'), ())
    """
    is_phones = len(reading) > 2 and reading[0] == reading[-1] == "/"
    return tuple(reading[1:-1].replace("-", " ").split()) if is_phones else ()


def _entry_of(line: str) -> tuple[str, str]:
    """Return word and reading of a line of a file."""
    if "=" in line or not ("\t" in line or "," in line):
        word, equals, reading = line.partition("=")
        if not equals:
            raise LexiconError(
                f"{_short(line)} has no '='", "word = respelling", "write the reading after '='"
            )
        return word, reading
    row = next(csv.reader([line], delimiter="\t" if "\t" in line else ","), [])
    if len(row) < 2:
        raise LexiconError(
            f"{_short(line)} has one column", "a word and its reading", "add the second column"
        )
    return row[0], row[1]


def _is_heading(line: str, pair: tuple[str, str]) -> bool:
    """Return True for the names of a table's columns."""
    return "=" not in line and pair[1].strip().lower() in _HEADINGS


def _checked(word: object, reading: object) -> tuple[str, str]:
    """Return an entry in its canonical form."""
    if not isinstance(word, str) or not isinstance(reading, str):
        raise LexiconError(f"the entry {word!r}: {reading!r}", "two texts", "write 'Nguyen': 'win'")
    word, reading = _name(word), spaced(whole_text(reading))
    for what, text, most in (("word", word, MAX_WORD), ("reading", reading, MAX_READING)):
        if not any(map(str.isalnum, text)):
            raise LexiconError(f"the {what} {_short(text)} has no letters", "letters or digits", "write some")
        if len(text) > most:
            got = f"the {what} {_short(text)} has {len(text)} characters"
            raise LexiconError(got, f"at most {most}", "shorten it")
        if not text.isprintable():
            raise LexiconError(
                f"the {what} {_short(text)} has a control character", "plain text", "delete it"
            )
    if "=" in word or word.startswith("#") or word.startswith("\ufeff"):
        raise LexiconError(
            f"the word {_short(word)} contains '=' or begins with '#'", "a word or phrase", "leave it out"
        )
    if len(key_of(word)) > MAX_PARTS:
        raise LexiconError(f"{_short(word)} is too long", f"at most {MAX_PARTS} words", "shorten it")
    return word, _reading(reading)


def _name(word: str) -> str:
    """Return a word as it is stored and looked up."""
    return spaced(whole_text(word))


def _reading(reading: str) -> str:
    """Return a respelling as it is, and phones in capitals without stress."""
    if not (reading.startswith("/") or reading.endswith("/")):
        return reading
    if not phones_of(reading):
        raise LexiconError(
            f"the reading {_short(reading)} has one slash", "phones between two", "write /N IY S/, or niece"
        )
    return f"/{' '.join(map(_phone, phones_of(reading)))}/"


def _phone(written: str) -> str:
    name = written.lower()
    name = "ax" if name == "ah0" else name[:-1] if name[-1:] in ("0", "1", "2") else name
    if name not in PHONES:
        raise LexiconError(
            f"{_short(written)} is not a phone",
            ", ".join(sorted(PHONES)).upper(),
            "separate the phones by spaces, such as /N IY S/",
        )
    return name.upper()


def _too_many(count: int) -> LexiconError:
    return LexiconError(f"a lexicon of {count} entries", f"at most {MAX_ENTRIES:,}", "remove some entries")


def _short(text: str) -> str:
    text = text.strip()
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
