"""Export of nano as a checkpoint folder in the original layout.

``python -m vibevoice_nb.training.nano1.export --work-dir nano-work --out vibevoice_nb/nano``

Writes config.json, model.safetensors (fp16), tokenizer.json, generation.json, voices/ and TRAINING_LOG.jsonl.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import torch

from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.model.vibevoice import VibeVoiceModel
from vibevoice_nb.nano.english import ALPHABET
from vibevoice_nb.training.common import initialize, load_part, load_weights, read_config
from vibevoice_nb.training.examples import voice_pools
from vibevoice_nb.training.export import (
    NamedVoice,
    half_weights,
    load_language,
    write_checkpoint,
    write_log,
    write_voices,
)
from vibevoice_nb.training.frames import HOP_LENGTH
from vibevoice_nb.training.student import LanguageTrainingConfig

from .features import Corpus
from .shape import CONFIGS, nano_config

DESCRIPTIONS = {
    "Ada": ("woman, clear", "a woman's voice, clear and even (American English)"),
    "Ruben": ("man, deep", "a man's voice, deep and calm (American English)"),
    "Alasdair": ("man, Scottish", "a man's voice with a Scottish accent"),
    "Kai": ("man, light", "a man's voice, light and quick (American English)"),  # vocabulary: ok
}
MODEL_CONFIG = CONFIGS / "nano.json"
CLIP_FRAMES = 8
PARTS = ("decoder", "encoder", "semantic", "language", "connector")


def assemble(work_dir: Path, config: ModelConfig) -> VibeVoiceModel:
    """Build the model from the weights that the trainers wrote to `work_dir`.

    An encoder that is not trained yet keeps its initial values. Untrained semantic features have no effect,
    since their connector's output is zero; without the acoustic encoder, voices must be given as latents.
    """
    torch.manual_seed(0)
    model = VibeVoiceModel(config, tied=True)
    initialize(model)
    load_weights(model.acoustic.decoder, work_dir / "decoder.safetensors")
    if (work_dir / "encoder.safetensors").exists():
        load_weights(model.acoustic.encoder, work_dir / "encoder.safetensors")
    if (work_dir / "semantic.safetensors").exists():
        load_part(model.semantic, work_dir / "semantic.safetensors", "encoder.")
    load_language(model, work_dir / "language.safetensors")
    if (work_dir / "connector.safetensors").exists():
        load_part(model.semantic_connector, work_dir / "connector.safetensors", "model.semantic_connector.")
    return model


def pick_clip(corpus: Corpus, voice: int) -> np.ndarray:
    """Return about a second of a voice [N] without a pause, from its training prompts."""
    config = read_config(LanguageTrainingConfig, CONFIGS / "language.json")
    canned = voice_pools(corpus, config.voice_frames[2])[voice][: config.canned_prompts]

    def richness(index: int) -> tuple[float, int]:
        phones = corpus.phones(index)[:CLIP_FRAMES]
        return float((phones != 0).mean()), len(np.unique(phones))

    return corpus.audio(max(canned, key=richness))[: CLIP_FRAMES * HOP_LENGTH]


def export(work_dir: Path, out: Path) -> int:
    """Write the checkpoint.

    Returns
    -------
    int
        Size of model.safetensors in bytes.
    """
    weights = half_weights(assemble(work_dir, nano_config()))
    size = write_checkpoint(weights, MODEL_CONFIG, ALPHABET, out)
    shutil.copyfile(CONFIGS / "generation.json", out / "generation.json")
    corpus = Corpus(work_dir)
    voices = [
        NamedVoice(name, *DESCRIPTIONS[name], pick_clip(corpus, i)) for i, name in enumerate(corpus.voices)
    ]
    write_voices(voices, out / "voices")
    write_log(work_dir, PARTS, out / "TRAINING_LOG.jsonl")
    return size


def main() -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    print(json.dumps({"bytes": export(options.work_dir, options.out)}))


if __name__ == "__main__":
    main()
