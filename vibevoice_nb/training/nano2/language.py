"""Training of nano 2's language model and diffusion head to follow an unseen voice.

``python -m vibevoice_nb.training.nano2 voices --work-dir nano-work`` writes ``voices.npy``: speaker embedding
and pitch of each voice (needs the extra ``evaluate``).
``python -m vibevoice_nb.training.nano2 language --work-dir nano-work [--resume]`` trains.

The prompt is always another utterance of the same person at the same pace. To the auxiliary losses of
`vibevoice_nb.training.language` one is added if ``voices.npy`` exists: a linear layer predicts the features
of the current speaker from the hidden states.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from vibevoice_nb.bench.judges import SpeakerEmbedding
from vibevoice_nb.bench.references import mean_pitch
from vibevoice_nb.training.batches import Batches
from vibevoice_nb.training.examples import ExampleMaker
from vibevoice_nb.training.language import Task
from vibevoice_nb.training.student import LanguageTrainingConfig
from vibevoice_nb.training.tokens import SPEAKERS, build_tokenizer

from . import phones
from .corpus import PersonCorpus

PITCH_WEIGHT = 0.5
"""Weight of an octave of pitch relative to an embedding of length 1."""
MIDDLE_PITCH = 160.0


def voice_features(corpus: PersonCorpus) -> np.ndarray:
    """Return features [V, 257] of all voices, by their longest utterances: embedding, pitch in octaves."""
    embed = SpeakerEmbedding()
    longest: dict[int, int] = {}
    for index, meta in enumerate(corpus.meta):
        best = longest.get(meta["voice"])
        if best is None or meta["frames"] > corpus.meta[best]["frames"]:
            longest[meta["voice"]] = index
    rows = []
    for voice in range(len(corpus.voices)):
        audio = corpus.audio(longest[voice])
        octave = np.log2(max(mean_pitch([audio]), 50.0) / MIDDLE_PITCH)
        rows.append(np.append(embed(audio), PITCH_WEIGHT * octave))
    return np.stack(rows).astype(np.float32)


class Conversations(Batches):
    """Batches with scripts of several turns by one to four recurring people."""

    def group(self, center: int, reach: int, turns: int, rng: random.Random) -> list[int]:
        """Return the utterances of one example: people with utterances near a length, none twice."""
        if turns == 1:
            return super().group(center, reach, 1, rng)
        found = super().group(center, reach, rng.randint(1, min(SPEAKERS, turns)), rng)
        people = sorted({self.maker.corpus.meta[index]["voice"] for index in found})
        said: list[int] = []
        for _ in range(turns):
            pool = [i for i in self.maker.by_voice[rng.choice(people)] if i not in said]
            if pool:
                said.append(rng.choice(pool))
        return said or found


def make_task(corpus: PersonCorpus, work_dir: Path, config: LanguageTrainingConfig) -> Task:
    """Data set of nano 2's language model."""
    own = np.load(work_dir / "semantic.npy", mmap_mode="r") if config.semantic else None
    semantic = None if own is None else [own, *corpus.semantic]
    features = work_dir / "voices.npy"
    maker = ExampleMaker(
        corpus,
        config.examples,
        semantic,
        tokenizer=build_tokenizer(phones.ALPHABET),
        readings=corpus.readings,
    )
    return Task(
        maker,
        Conversations(maker, config),
        phones=len(phones.NAMES),
        voice_features=torch.from_numpy(np.load(features)) if features.exists() else None,
    )
