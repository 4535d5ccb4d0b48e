"""Lexicons of American English with stress.

``lexicon.txt.gz`` is misaki's us_gold and us_silver (Apache-2.0, see LICENSE.misaki.txt); ``names.txt.gz``
holds words that it lacks, most of them names, from the CMU Pronouncing Dictionary (see LICENSE.cmudict.txt).

A file holds two blocks of lines: the sorted words, each as the number of letters it shares with the one
before (one digit) and the rest; and their phones. Words that are pronounced in several ways have the default
first, then ``TAG:phones``.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Iterable, Mapping
from importlib import resources

FILE, NAMES = "lexicon.txt.gz", "names.txt.gz"


def encode(entries: Mapping[str, str]) -> bytes:
    r"""Return the contents of a lexicon's file.

    Examples
    --------
    >>> gzip.decompress(encode({"cat": "kˈæt", "car": "kˈɑɹ"})).decode()
    '0car\n2t\n\nkˈɑɹ\nkˈæt'
    """
    words = sorted(entries)
    lines, previous = [], ""
    for word in words:
        shared = _shared(previous, word)
        lines.append(f"{shared}{word[shared:]}")
        previous = word
    text = "\n".join(lines) + "\n\n" + "\n".join(entries[word] for word in words)
    return gzip.compress(text.encode(), 9, mtime=0)


def _shared(first: str, second: str) -> int:
    pairs = zip(first[:9], second, strict=False)
    return next((i for i, (one, two) in enumerate(pairs) if one != two), min(9, len(first), len(second)))


def decode(data: bytes) -> dict[str, str]:
    """Return the entries of a lexicon's file; the inverse of `encode`.

    Examples
    --------
    >>> decode(encode({"cat": "kˈæt", "car": "kˈɑɹ"}))
    {'car': 'kˈɑɹ', 'cat': 'kˈæt'}
    """
    words, phones = gzip.decompress(data).decode("utf-8").split("\n\n")
    return dict(zip(_words(words.split("\n")), phones.split("\n"), strict=True))


def _words(lines: Iterable[str]) -> Iterable[str]:
    word = ""
    for line in lines:
        word = word[: int(line[0])] + line[1:]
        yield word


@functools.cache
def lexicon() -> dict[str, str]:
    """Return the entry of each word of misaki in lower case; cached after the first call."""
    return decode(resources.files("vibevoice_nb.nano.stress").joinpath(FILE).read_bytes())


@functools.cache
def names() -> dict[str, str]:
    """Return the phones of each other word; cached after the first call."""
    return decode(resources.files("vibevoice_nb.nano.stress").joinpath(NAMES).read_bytes())


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
