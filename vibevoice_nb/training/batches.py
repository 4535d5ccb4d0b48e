"""Batches of training examples of similar length.

Shapes: B rows, T positions, F target frames in the whole batch, C semantic features.
"""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import torch
from torch import Tensor

from .examples import Example, ExampleMaker
from .student import LanguageTrainingConfig


@dataclasses.dataclass
class Batch:
    """Rows of examples, padded on the right, as tensors."""

    ids: Tensor  # [B, T]
    latents: Tensor  # [B, T, 64], zero at other positions
    is_frame: Tensor  # [B, T]
    generated: Tensor  # [B, T], target frames
    rows: Tensor  # [F], position that predicts each frame
    columns: Tensor  # [F]
    target: Tensor  # [F, 64]
    phones: Tensor  # [F, 4]
    pointers: Tensor  # [F, 4]
    semantic: Tensor  # [F, C]
    heard: Tensor  # [F], true where there are semantic features
    voices: Tensor  # [F], index of the voice

    def to(self, device: torch.device) -> Batch:
        """Copy to a device."""
        return Batch(*(getattr(self, field.name).to(device) for field in dataclasses.fields(self)))


def collate(examples: list[Example], maker: ExampleMaker) -> Batch:
    """Collate examples."""
    longest = max(len(e.ids) for e in examples)
    size = (len(examples), longest)
    ids, latents = np.full(size, maker.eos), np.zeros((*size, examples[0].latents.shape[1]), np.float32)
    is_frame, generated = np.zeros(size, bool), np.zeros(size, bool)
    rows, columns = [], []
    for row, example in enumerate(examples):
        ids[row, : len(example.ids)] = example.ids
        where = np.flatnonzero(example.ids == maker.frame)
        is_frame[row, where] = True
        latents[row, where] = example.latents
        generated[row, where[-example.said :]] = True
        rows.append(np.full(example.said, row))
        columns.append(where[-example.said :] - 1)
    of_frames = [
        rows,
        columns,
        [e.latents[-e.said :] for e in examples],
        [e.phones.astype(np.int64) for e in examples],
        [e.pointers for e in examples],
        [e.semantic for e in examples],
        [e.heard for e in examples],
        [e.voices for e in examples],
    ]
    arrays = [ids, latents, is_frame, generated, *map(np.concatenate, of_frames)]
    return Batch(*map(torch.from_numpy, arrays))


class Batches:
    """Batches of examples of similar length, drawn by step number."""

    def __init__(self, maker: ExampleMaker, config: LanguageTrainingConfig) -> None:
        self.maker, self.config = maker, config
        self.indices = maker.corpus.train
        # An estimate of the length that needs no text processing.
        self.sizes = np.array([maker.corpus.meta[i]["frames"] for i in self.indices])
        self.order = np.argsort(self.sizes, kind="stable")

    def draw(self, step: int, rng: random.Random) -> Batch:
        """Return the batch of one step."""
        config = self.config
        multi = step >= config.single_until * config.loop.steps and rng.random() < config.multi_turn
        # Neighbors by length, around a random place.
        center, turns = rng.randrange(len(self.order)), rng.randint(*config.turns) if multi else 1
        reach = max(40, len(self.order) // 25)
        groups: list[list[int]] = []
        longest = 0
        while True:
            group = self.group(center, reach, turns, rng)
            longest = max(longest, self.maker.length(group))
            if groups and (len(groups) + 1) * longest > config.batch_tokens:
                break
            groups.append(group)
        return collate([self.maker.make(group, rng) for group in groups], self.maker)

    def group(self, center: int, reach: int, turns: int, rng: random.Random) -> list[int]:
        """Return the utterances of one example, in order."""
        return [self._near(center, reach, rng) for _ in range(turns)]

    def _near(self, center: int, reach: int, rng: random.Random) -> int:
        place = min(max(0, center + rng.randint(-reach, reach)), len(self.order) - 1)
        return self.indices[self.order[place]]
