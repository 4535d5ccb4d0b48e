"""Independent recognizer, and word error rates of recordings with their standard errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.nano.english import words
from vibevoice_nb.review.recognizers import PocketSphinx, levelled


def word_errors(said: Sequence[str], heard: Sequence[str]) -> int:
    """Return the minimum number of substitutions, insertions and deletions between two lists of words.

    Examples
    --------
    >>> word_errors("the cat sat".split(), "a cat sat down".split())
    2
    """
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        above_left, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            above = row[j]
            row[j] = min(above + 1, row[j - 1] + 1, above_left + (word != other))
            above_left = above
    return row[-1]


class Listener(Protocol):
    """Interface of a recognizer."""

    def transcribe(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> str:
        """Transcribe `audio` [N] float32."""


class Recognizer:
    """pocketsphinx with its US English models; utterances are independent of their order.

    Raises
    ------
    OptionError
        If pocketsphinx isn't installed.
    """

    def __init__(self) -> None:
        self._sphinx = PocketSphinx()

    def transcribe(self, audio: np.ndarray, sample_rate: int = SAMPLE_RATE) -> str:
        """Return the lower-case words of `audio` [N] float32 at any loudness."""
        return " ".join(word.text for word in self._sphinx.decode(levelled(audio, sample_rate)))


@dataclasses.dataclass(frozen=True)
class Score:
    """Word errors over some utterances, each (errors, words); `heard` holds the transcripts."""

    counts: tuple[tuple[int, int], ...] = ()
    heard: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """Number of reference words."""
        return sum(words for _, words in self.counts)

    @property
    def wer(self) -> float:
        """Word error rate in percent."""
        return 100.0 * sum(errors for errors, _ in self.counts) / max(1, self.words)

    @property
    def standard_error(self) -> float:
        """Standard error of `wer` in percent, for independent utterances."""
        return self._spread([errors - self.wer / 100 * words for errors, words in self.counts])

    def standard_error_of_change(self, other: Score) -> float:
        """Return the standard error in percent of the difference from `other`, on the same utterances."""
        shared = (self.wer - other.wer) / 100
        pairs = zip(self.counts, other.counts, strict=True)
        return self._spread([mine - theirs - shared * words for (mine, words), (theirs, _) in pairs])

    def _spread(self, residuals: Sequence[float]) -> float:
        """Return the linearized standard error of a ratio to all words.

        Source: Cochran, Sampling Techniques, 1977, chapter 6.
        """
        count = len(residuals)
        return 100.0 * (sum(r * r for r in residuals) * count / max(1, count - 1)) ** 0.5 / max(1, self.words)

    def __add__(self, other: Score) -> Score:
        return Score(self.counts + other.counts, self.heard + other.heard)


def score(
    audio: Iterable[np.ndarray],
    texts: Sequence[str],
    sample_rate: int = SAMPLE_RATE,
    recognizer: Listener | None = None,
) -> Score:
    """Measure the word error rate of recordings of `texts`.

    Parameters
    ----------
    audio : iterable of ndarray [N] float32
        One for each text.
    texts : sequence of str
        Reference texts.
    sample_rate : int
        In hertz.
    recognizer : Listener, optional
        Recognizer to reuse, since loading takes a second.

    Returns
    -------
    Score
        ``.wer`` in percent.

    Examples
    --------
    >>> score([np.zeros(24000, np.float32)], ["Two words."]).wer  # doctest: +SKIP
    100.0
    """
    recognizer = recognizer or Recognizer()
    total = Score()
    for sound, text in zip(audio, texts, strict=True):
        said, heard = words(text), recognizer.transcribe(sound, sample_rate)
        total += Score(((word_errors(said, words(heard)), len(said)),), (heard,))
    return total
