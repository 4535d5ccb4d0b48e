"""Letter-to-sound: phones with stress of words that the lexicon does not have.

A small convolutional network reads the letters of a word; each letter gives two slots, each a unit (a phone,
with the stress mark if it has one) or none. ``vibevoice_nb.training.nano2.letters`` trains it.

Shapes: T letters, C channels, K kernel size, U units; unit 0 is "none".
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from .symbols import PRIMARY, SECONDARY, STRESS, stressed

FILE = "letters.npz"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
SLOTS = 2
MAX_LETTERS = 40
"""Longer words are read in parts."""
Linear = tuple[np.ndarray, np.ndarray]


def units_of(phones: str) -> list[str]:
    """Return phones one by one, each with its stress mark.

    >>> units_of("bəlˈun")
    ['b', 'ə', 'l', 'ˈu', 'n']
    """
    return re.findall(f"[{STRESS}]?[^{STRESS}]", phones)


class LetterToSound:
    """Network in numpy.

    Parameters
    ----------
    units : tuple of str
        U names; the first is empty.
    embedding : ndarray [26, C]
    norms : list of ndarray [C]
        Gains before each convolution and the output.
    convolutions : list of (ndarray [K, C, C], ndarray [C])
    head : (ndarray [C, 2 * U], ndarray [2 * U])
    """

    def __init__(
        self,
        units: tuple[str, ...],
        embedding: np.ndarray,
        norms: Sequence[np.ndarray],
        convolutions: Sequence[Linear],
        head: Linear,
    ) -> None:
        self.units, self.embedding, self.norms = units, embedding, norms
        self.convolutions, self.head = convolutions, head

    def __call__(self, word: str) -> str:
        """Return the phones of a word of the letters a to z, with one primary stress."""
        parts = [word[i : i + MAX_LETTERS] for i in range(0, len(word), MAX_LETTERS)]
        return one_primary("".join(self._part(part) for part in parts))

    def _part(self, word: str) -> str:
        scores = self.scores(word)
        best = scores.argmax(1)
        # A unit that goes on from slot to slot is one.
        kept = best[np.flatnonzero(np.diff(best, prepend=0))]
        return "".join(self.units[i] for i in kept)

    def scores(self, word: str) -> np.ndarray:
        """Return the scores [2 * T, U] of a word."""
        x = self.embedding[[LETTERS.index(char) for char in word]]
        for norm, (weight, bias) in zip(self.norms, self.convolutions, strict=False):
            size = len(weight)
            y = np.pad(np.maximum(_normal(x) * norm, 0), ((size // 2, size // 2), (0, 0)))
            x = x + bias + sum(y[k : k + len(x)] @ weight[k] for k in range(size))
        weight, bias = self.head
        return ((_normal(x) * self.norms[-1]) @ weight + bias).reshape(len(word) * SLOTS, -1)

    def save(self, path: Path) -> None:
        """Write the weights, those of the convolutions and the output in eight bits."""
        arrays: dict[str, np.ndarray] = {
            "units": np.array(self.units),
            "embedding": self.embedding.astype(np.float16),
            "norms": np.stack(self.norms).astype(np.float16),
        }
        for i, (weight, bias) in enumerate([*self.convolutions, self.head]):
            scale = np.abs(weight).max(tuple(range(weight.ndim - 1))) / 127
            arrays[f"weight{i}"] = np.round(weight / scale).astype(np.int8)
            arrays[f"scale{i}"] = scale.astype(np.float32)
            arrays[f"bias{i}"] = bias.astype(np.float16)
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, data: bytes) -> LetterToSound:
        """Read what `save` wrote."""
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        linears: list[Linear] = []
        while f"weight{len(linears)}" in arrays:
            i = len(linears)
            weight = arrays[f"weight{i}"].astype(np.float32) * arrays[f"scale{i}"]
            linears.append((weight, arrays[f"bias{i}"].astype(np.float32)))
        return cls(
            tuple(arrays["units"].tolist()),
            arrays["embedding"].astype(np.float32),
            [*arrays["norms"].astype(np.float32)],
            linears[:-1],
            linears[-1],
        )


def _normal(x: np.ndarray) -> np.ndarray:
    normal: np.ndarray = x / np.sqrt(np.square(x).mean(-1, keepdims=True) + 1e-5)
    return normal


def one_primary(phones: str) -> str:
    """Return phones with one primary stress: the first of several, or else the first stressed or first vowel.

    Examples
    --------
    >>> one_primary("bˈælˈun"), one_primary("bəlˌun"), one_primary("bəlun"), one_primary("ɪntɹədˌusˈɪŋ")
    ('bˈælˌun', 'bəlˈun', 'bˈəlun', 'ɪntɹədˌusˈɪŋ')
    """
    if PRIMARY in phones:
        head, _, tail = phones.partition(PRIMARY)
        return head + PRIMARY + tail.replace(PRIMARY, SECONDARY)
    return phones.replace(SECONDARY, PRIMARY, 1) if SECONDARY in phones else stressed(phones)


@functools.cache
def letter_to_sound() -> LetterToSound:
    """Return the network of the package; cached after the first call."""
    return LetterToSound.load(resources.files("vibevoice_nb.nano.stress").joinpath(FILE).read_bytes())
