"""Export of nano as a checkpoint folder in the original layout.

``python -m vibevoice_nb.training.export --work-dir nano-work --out vibevoice_nb/nano``

Writes config.json, model.safetensors (fp16), tokenizer.json, generation.json, voices/ and TRAINING_LOG.jsonl.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from vibevoice_nb.model.config import SAMPLE_RATE, ModelConfig
from vibevoice_nb.model.loading.weights import weights_of
from vibevoice_nb.model.vibevoice import VibeVoiceModel

from .common import CONFIGS, initialize, load_part, load_weights, nano_config, read_config, save_weights
from .corpus import HOP_LENGTH
from .features import Corpus
from .language import UNUSED_PARTS, LanguageTrainingConfig
from .scripts import voice_pools
from .tokens import build_tokenizer

DESCRIPTIONS = {
    "Ada": "a woman's voice, clear and even (American English)",
    "Ruben": "a man's voice, deep and calm (American English)",
    "Alasdair": "a man's voice with a Scottish accent",
    "Kai": "a man's voice, light and quick (American English)",  # vocabulary: ok
}
MODEL_CONFIG = CONFIGS / "nano.json"
CLIP_FRAMES = 8
LOG_LINES = 60


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
    parts = {name: getattr(model, name) for name in UNUSED_PARTS}
    for name in UNUSED_PARTS:
        delattr(model, name)
    load_part(model, work_dir / "language.safetensors", "model.")
    if (work_dir / "connector.safetensors").exists():
        load_part(model.semantic_connector, work_dir / "connector.safetensors", "model.semantic_connector.")
    for name, part in parts.items():
        setattr(model, name, part)
    return model


def half_weights(model: VibeVoiceModel) -> dict[str, Tensor]:
    """Return the weights in fp16 under their original names."""
    return {name: tensor.half() for name, tensor in weights_of(model, "original").items()}


def pick_clip(corpus: Corpus, voice: int) -> np.ndarray:
    """Return about a second of a voice [N] without a pause, from its training prompts."""
    config = read_config(LanguageTrainingConfig, CONFIGS / "language.json")
    canned = voice_pools(corpus, config.voice_frames[2])[voice][: config.canned_prompts]

    def richness(index: int) -> tuple[float, int]:
        phones = corpus.phones(index)[:CLIP_FRAMES]
        return float((phones != 0).mean()), len(np.unique(phones))

    return corpus.audio(max(canned, key=richness))[: CLIP_FRAMES * HOP_LENGTH]


def write_voices(corpus: Corpus, folder: Path) -> None:
    """Write a clip of each voice and the list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for voice, name in enumerate(corpus.voices):
        file = f"{name.lower()}.flac"
        soundfile.write(folder / file, pick_clip(corpus, voice), SAMPLE_RATE, subtype="PCM_16")
        entries.append({"name": name, "description": DESCRIPTIONS[name], "file": file})
    (folder / "voices.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def write_log(work_dir: Path, path: Path) -> None:
    """Collect the trainers' logs, thinned out."""
    lines = []
    for part in ("decoder", "encoder", "semantic", "language", "connector"):
        log = work_dir / f"{part}.log.jsonl"
        if log.exists():
            rows = log.read_text(encoding="utf-8").splitlines()
            kept = rows[:: max(1, len(rows) // LOG_LINES)] + rows[-1:]
            lines += [json.dumps({"part": part} | json.loads(row)) for row in dict.fromkeys(kept)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def export(work_dir: Path, out: Path) -> int:
    """Write the checkpoint.

    Returns
    -------
    int
        Size of model.safetensors in bytes.
    """
    out.mkdir(parents=True, exist_ok=True)
    save_weights(half_weights(assemble(work_dir, nano_config())), out / "model.safetensors")
    shutil.copyfile(MODEL_CONFIG, out / "config.json")
    shutil.copyfile(CONFIGS / "generation.json", out / "generation.json")
    build_tokenizer().save(str(out / "tokenizer.json"))
    write_voices(Corpus(work_dir), out / "voices")
    write_log(work_dir, out / "TRAINING_LOG.jsonl")
    return (out / "model.safetensors").stat().st_size


def main() -> None:
    """Export from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    print(json.dumps({"bytes": export(options.work_dir, options.out)}))


if __name__ == "__main__":
    main()
