"""Playout: speech from a generator, taken in steps of 20 ms at 48 kHz, with silence where there is none.

Shapes: N samples at 24 kHz in, 960 samples at 48 kHz out.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

import numpy as np
import soxr
from numpy.typing import NDArray

from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.engine.live_text.spoken_words import SpokenWord

RATE = 48_000
STEP = 960
"""Samples of 20 ms, the usual frame of Opus."""
_FADE = 240  # 5 ms
_BEGIN = 3 * STEP
"""Audio that is there before playback begins, against gaps: 60 ms."""
_PATIENCE = 5
"""Steps after which less than that is played: the clause was so short."""


class Playout:
    """Buffer between a thread that generates audio and a clock that takes it.

    Speech that begins or ends within a buffer is faded over 5 ms, so no gap clicks.

    Parameters
    ----------
    ahead : float
        Seconds of audio that may wait; `write` blocks while there are more.

    Examples
    --------
    >>> playout = Playout()
    >>> playout.write(np.full(4800, 0.5, np.float32), [SpokenWord("Hi.", "Anna", 0.0)], 0.0)
    True
    >>> step, words = playout.take()
    >>> step.shape, float(step[0]), [word.text for word in words], playout.waiting > 0.1
    ((960,), 0.0, ['Hi.'], True)
    """

    def __init__(self, ahead: float = 1.0) -> None:
        self._ahead = int(ahead * RATE)
        self._changed = threading.Condition()
        self._blocks: deque[NDArray[np.float32]] = deque()
        self._waiting = self._written = self._played = 0
        self._words: deque[tuple[int, SpokenWord]] = deque()
        self._resampler = self._new_resampler()
        self._playing = self._closed = self._held = False
        self._waited = self._silent = 0
        self.generation = 0
        """Number of `clear`s: audio that was generated before the last one is not taken."""
        self.gaps = 0
        """Times that speech stopped because the next audio was late; also between sentences."""

    @staticmethod
    def _new_resampler() -> soxr.ResampleStream:
        return soxr.ResampleStream(SAMPLE_RATE, RATE, 1, dtype="float32", quality="MQ")

    @property
    def waiting(self) -> float:
        """Seconds of audio that wait."""
        return self._waiting / RATE

    @property
    def playing(self) -> bool:
        """True if there is speech now."""
        return self._playing or self._waiting > 0

    def write(
        self, audio: NDArray[np.float32], words: Iterable[SpokenWord], start: float, generation: int = 0
    ) -> bool:
        """Add audio [N] that begins at second `start` of its stream; return false once it is not wanted."""
        with self._changed:
            if generation != self.generation:
                return False
            at = self._written
            if audio.size:
                block = np.asarray(self._resampler.resample_chunk(np.ascontiguousarray(audio)), np.float32)
                self._add(block)
                self._held = True
            self._words.extend((at + max(0, round((word.start - start) * RATE)), word) for word in words)
            self._changed.wait_for(lambda: self._closed or self._waiting <= self._ahead)
            return not self._closed

    def take(self) -> tuple[NDArray[np.float32], list[SpokenWord]]:
        """Return the next 20 ms, float32 [960], and the words that begin in it."""
        with self._changed:
            if not self._may_play():
                self._flush()
                return np.zeros(STEP, np.float32), self._due() if not self._waiting else []
            step = np.zeros(STEP, np.float32)
            count = self._copy_into(step)
            if not self._playing:
                _fade(step[: min(_FADE, count)], into=True)
            self._playing = self._waiting > 0
            if not self._playing:
                _fade(step[max(0, count - _FADE) : count], into=False)
                self.gaps += 1
            self._played += count
            self._changed.notify_all()
            return step, self._due()

    def clear(self) -> list[SpokenWord]:
        """Drop all audio that waits; return the words that were not played."""
        with self._changed:
            left = [word for _, word in self._words]
            self._words.clear()
            self._blocks.clear()
            self._played += self._waiting
            self._waiting, self._playing = 0, False
            self._resampler, self._held = self._new_resampler(), False
            self.generation += 1
            self._changed.notify_all()
            return left

    def close(self) -> None:
        """End all waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _may_play(self) -> bool:
        if self._playing or self._waiting >= _BEGIN:
            self._waited = 0
            return self._waiting > 0
        self._waited = self._waited + 1 if self._waiting else 0
        return self._waited > _PATIENCE

    def _flush(self) -> None:
        """Add what the resampler holds back, once nothing has followed for a while."""
        self._silent = self._silent + 1 if self._held and not self._waiting else 0
        if self._silent > _PATIENCE:
            self._add(
                np.asarray(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True), np.float32)
            )
            self._resampler, self._held, self._silent = self._new_resampler(), False, 0

    def _add(self, block: NDArray[np.float32]) -> None:
        if block.size:
            self._blocks.append(block)
            self._waiting += len(block)
            self._written += len(block)

    def _copy_into(self, step: NDArray[np.float32]) -> int:
        count = 0
        while self._blocks and count < STEP:
            block = self._blocks.popleft()
            part = block[: STEP - count]
            step[count : count + len(part)] = part
            count += len(part)
            if len(part) < len(block):
                self._blocks.appendleft(block[len(part) :])
        self._waiting -= count
        return count

    def _due(self) -> list[SpokenWord]:
        """Return the words that have begun; all of them if no audio is left."""
        due = []
        while self._words and (self._words[0][0] < self._played or not self._waiting):
            due.append(self._words.popleft()[1])
        return due


def _fade(audio: NDArray[np.float32], *, into: bool) -> None:
    if len(audio):
        ramp = np.linspace(0.0, 1.0, len(audio), endpoint=False, dtype=np.float32)
        audio *= ramp if into else ramp[::-1]
