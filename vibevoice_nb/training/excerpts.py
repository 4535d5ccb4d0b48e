"""Random excerpts of a corpus, for training on audio.

Shapes: B rows, F frames, N = 3200 F samples.
"""

from __future__ import annotations

import dataclasses
import random
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from .examples import SpokenCorpus
from .frames import HOP_LENGTH, PHONE_SLOTS


@dataclasses.dataclass(frozen=True)
class Drawn:
    """Excerpts of the corpus: latents [B, F, 64], audio [B, N] and phones [B, F, 4]."""

    latents: Tensor
    audio: Tensor
    phones: Tensor


class LatentCorpus(SpokenCorpus, Protocol):
    """Utterances with their audio."""

    def audio(self, i: int) -> np.ndarray:
        """Return audio [T * 3200] float32."""


class Crops:
    """Random excerpts of the corpus, padded with silence."""

    def __init__(self, corpus: LatentCorpus, batch: int, frames: int) -> None:
        self.corpus, self.batch, self.frames = corpus, batch, frames
        self.ends = np.cumsum([corpus.meta[i]["frames"] for i in corpus.train])

    def draw(self, rng: random.Random) -> Drawn:
        """Return a batch; long utterances are drawn more often."""
        places = [rng.randrange(int(self.ends[-1])) for _ in range(self.batch)]
        picks = np.searchsorted(self.ends, places, side="right")
        cut = [self.crop(self.corpus.train[pick], rng) for pick in picks]
        latents, audio, phones = (torch.from_numpy(np.stack(parts)) for parts in zip(*cut, strict=True))
        return Drawn(latents, audio, phones)

    def crop(self, index: int, rng: random.Random) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return latents, audio and phones of F frames of an utterance, starting at a random frame."""
        total = self.corpus.meta[index]["frames"]
        first = max(0, rng.randint(-2, max(0, total - self.frames)))
        last = min(total, first + self.frames)
        latents = np.tile(self.corpus.silence, (self.frames, 1))
        latents[: last - first] = self.corpus.latents(index)[first:last]
        audio = np.zeros(self.frames * HOP_LENGTH, np.float32)
        stretch = slice(first * HOP_LENGTH, last * HOP_LENGTH)
        audio[: (last - first) * HOP_LENGTH] = self.corpus.audio(index)[stretch]
        phones = np.zeros((self.frames, PHONE_SLOTS), np.int8)
        phones[: last - first] = self.corpus.phones(index)[first:last]
        return latents, audio, phones
