"""Training of nano's language model on flite's speech.

``python -m vibevoice_nb.training.nano1.language --work-dir nano-work [--resume]``
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

import numpy as np

from vibevoice_nb.nano.english import ALPHABET, to_phonemes
from vibevoice_nb.training.batches import Batches
from vibevoice_nb.training.common import read_config
from vibevoice_nb.training.examples import ExampleConfig, ExampleMaker, Reading
from vibevoice_nb.training.language import Task, train_language
from vibevoice_nb.training.student import LanguageTrainingConfig
from vibevoice_nb.training.tokens import build_tokenizer

from .alignment import spoken_characters
from .features import PHONE_NAMES, Corpus
from .semantic import load_semantic
from .shape import CONFIGS, nano_config


def readings(meta: dict[str, Any], index: int, spelled: float) -> tuple[Reading, Reading]:
    """Return the text of an utterance in flite's phones, and the same with some words spelled out."""
    # One of the two is used at a time, so the second spells twice as many words.
    plain = to_phonemes(meta["text"])
    mixed = to_phonemes(meta["text"], spell_probability=2 * spelled, rng=random.Random(index))
    first, second = (spoken_characters(t, meta["phones"], meta["frames"]) for t in (plain, mixed))
    return (plain, first), (mixed, second)


def make_examples(
    corpus: Corpus, config: ExampleConfig, semantic: list[np.ndarray] | None = None
) -> ExampleMaker:
    """Return the factory of examples of flite's speech."""
    return ExampleMaker(
        corpus,
        config,
        semantic,
        tokenizer=build_tokenizer(ALPHABET),
        readings=lambda index: readings(corpus.meta[index], index, config.spelled),
    )


def make_task(corpus: Corpus, work_dir: Path, config: LanguageTrainingConfig) -> Task:
    """Data set of nano's language model."""
    maker = make_examples(corpus, config.examples, load_semantic(work_dir) if config.semantic else None)
    return Task(maker, Batches(maker, config), phones=len(PHONE_NAMES))


def main() -> None:
    """Train from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=CONFIGS / "language.json")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start-from", type=Path, help="initial weights")
    parser.add_argument("--name", default="language", help="name of checkpoint, weights and log")
    options: Any = parser.parse_args()
    config = read_config(LanguageTrainingConfig, options.config)
    train_language(
        make_task(Corpus(options.work_dir), options.work_dir, config),
        options.work_dir, config, nano_config(),
        resume=options.resume, start_from=options.start_from, name=options.name,
    )  # fmt: skip


if __name__ == "__main__":
    main()
