"""Lexicons of American English with stress.

``lexicon.txt.gz`` is misaki's us_gold and us_silver (Apache-2.0, see LICENSE.misaki.txt); ``names.txt.gz``
holds words that it lacks, most of them names, from the CMU Pronouncing Dictionary (see LICENSE.cmudict.txt).

A file holds two blocks of lines: the sorted words, each as the number of bytes it shares with the one
before (one digit) and the rest; and their phones. Words that are pronounced in several ways have the default
first, then ``TAG:phones``.
"""

from __future__ import annotations

import bisect
import functools
import gzip
import io
from array import array
from collections.abc import Iterator, Mapping
from importlib import resources

import numpy as np

FILE, NAMES = "lexicon.txt.gz", "names.txt.gz"


def encode(entries: Mapping[str, str]) -> bytes:
    r"""Return the contents of a lexicon's file. Words and phones are without line breaks.

    Examples
    --------
    >>> gzip.decompress(encode({"cat": "kˈæt", "car": "kˈɑɹ"})).decode()
    '0car\n2t\n\nkˈɑɹ\nkˈæt'
    """
    ordered = sorted((word.encode(), phones.encode()) for word, phones in entries.items())
    lines, previous = [], b""
    for word, _ in ordered:
        shared = _shared(previous[:9], word)
        lines.append(b"%d%b" % (shared, word[shared:]))
        previous = word
    text = b"\n".join(lines) + b"\n\n" + b"\n".join(phones for _, phones in ordered)
    return gzip.compress(text, 9, mtime=0)


def _shared(first: bytes, second: bytes) -> int:
    pairs = zip(first, second, strict=False)
    return next((i for i, (one, two) in enumerate(pairs) if one != two), min(len(first), len(second)))


class Entries(Mapping[str, str]):
    """Entries of a lexicon's file, in the order of their words.

    All words are one block of memory and all phones another: a dict of strings takes eight times as much.

    Parameters
    ----------
    data : bytes
        Contents of the file, from `encode`.

    Examples
    --------
    >>> dict(Entries(encode({"cat": "kˈæt", "car": "kˈɑɹ"})))
    {'car': 'kˈɑɹ', 'cat': 'kˈæt'}
    """

    def __init__(self, data: bytes) -> None:
        words, self._phones = gzip.decompress(data).split(b"\n\n", 1)
        whole, begins, word = bytearray(), array("I", [0]), b""
        for line in io.BytesIO(words):
            word = word[: line[0] - ord("0")] + line[1:].removesuffix(b"\n")
            whole += word
            begins.append(len(whole))
        self._words, self._begins = bytes(whole), begins
        block = self._phones + b"\n" if words else b""
        lines = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
        self._lines = array("I", [0])
        self._lines.frombytes((lines + 1).astype(np.uint32).tobytes())
        if len(self._lines) != len(begins):
            raise ValueError(f"{len(begins) - 1} words have {len(lines)} entries")

    def _word(self, at: int) -> bytes:
        return self._words[self._begins[at] : self._begins[at + 1]]

    def __getitem__(self, word: str) -> str:
        wanted = word.encode("utf-8", "surrogatepass")
        at = bisect.bisect_left(range(len(self)), wanted, key=self._word)
        if at == len(self) or self._word(at) != wanted:
            raise KeyError(word)
        return self._phones[self._lines[at] : self._lines[at + 1] - 1].decode()

    def __iter__(self) -> Iterator[str]:
        return (self._word(at).decode() for at in range(len(self)))

    def __len__(self) -> int:
        return len(self._begins) - 1


@functools.cache
def lexicon() -> Entries:
    """Return the entry of each word of misaki in lower case; cached after the first call."""
    return Entries(resources.files("vibevoice_nb.nano.stress").joinpath(FILE).read_bytes())


@functools.cache
def names() -> Entries:
    """Return the phones of each other word; cached after the first call."""
    return Entries(resources.files("vibevoice_nb.nano.stress").joinpath(NAMES).read_bytes())


def entry_of(word: str) -> str:
    """Return the entry of a word in lower case; nothing for an unknown word.

    Examples
    --------
    >>> entry_of("water"), entry_of("emily"), entry_of("zorblax")
    ('wˈɔTəɹ', 'ˈɛmɪli', '')
    """
    return lexicon().get(word) or names().get(word, "")


def reading(entry: str, tag: str) -> str:
    """Return the phones of an entry for a part of speech.

    Examples
    --------
    >>> entry = "ɹˈɛkəɹd VERB:ɹəkˈɔɹd"
    >>> reading(entry, "VERB"), reading(entry, "NOUN")
    ('ɹəkˈɔɹd', 'ɹˈɛkəɹd')
    """
    default, *others = entry.split(" ")
    return next((one.removeprefix(f"{tag}:") for one in others if one.startswith(f"{tag}:")), default)
