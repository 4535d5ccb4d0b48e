"""Training of nano's semantic encoder on flite's phones, and export of its features.

``python -m vibevoice_nb.training.nano1.semantic train --work-dir nano-work [--resume]``
``python -m vibevoice_nb.training.nano1.semantic apply --work-dir nano-work [--shards 20]``

Shapes: C features of a frame.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from vibevoice_nb.model.codec import Decoder, Encoder
from vibevoice_nb.training.common import load_part, load_weights, read_config
from vibevoice_nb.training.semantic import SemanticConfig, train_semantic

from .features import PHONE_NAMES, Corpus
from .shape import CONFIGS, nano_config


def semantic_path(latents: Path) -> Path:
    """Return the path of a shard's features, given that of its latents."""
    return latents.with_name(latents.name.replace(".latents.", ".semantic."))


@torch.inference_mode()
def apply(work_dir: Path, shards: int) -> int:
    """Write ``*.semantic.npy`` (float16 [frames, C]) beside the latents of the first `shards` shards.

    Returns
    -------
    int
        Number of shards with features.
    """
    shape = nano_config().semantic
    encoder = Encoder(shape)
    load_part(encoder, work_dir / "semantic.safetensors", "encoder.")
    done = 0
    for path in sorted((work_dir / "shards").glob("*.latents.npy"))[:shards]:
        target = semantic_path(path)
        if not target.exists():
            stem = path.with_suffix("").with_suffix("")
            pcm = np.memmap(stem.with_suffix(".pcm"), np.int16, "r")
            metas = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))["utterances"]
            parts = []
            for meta in metas:
                audio = pcm[meta["offset"] : meta["offset"] + meta["samples"]] / np.float32(32767)
                parts.append(encoder(torch.from_numpy(audio)[None, None])[0].numpy())
            temporary = target.with_suffix(".tmp.npy")
            np.save(temporary, np.concatenate(parts).astype(np.float16))
            temporary.replace(target)
        done += 1
    return done


def load_semantic(work_dir: Path) -> list[np.ndarray]:
    """Load the semantic features of the first shards, as far as they exist."""
    found = []
    for path in sorted((work_dir / "shards").glob("*.latents.npy")):
        target = semantic_path(path)
        if not target.exists():
            break
        found.append(np.load(target))
    return found


def main() -> None:
    """Train the encoder, or write its features."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("train", "apply"))
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=CONFIGS / "semantic.json")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--shards", type=int, default=10_000)
    options = parser.parse_args()
    if options.what == "apply":
        print(json.dumps({"shards": apply(options.work_dir, options.shards)}))
        return
    config, shape = read_config(SemanticConfig, options.config), nano_config()
    decoder: Decoder | None = None
    if (options.work_dir / "decoder.safetensors").exists():
        decoder = Decoder(shape.acoustic.decoder)
        load_weights(decoder, options.work_dir / "decoder.safetensors")
    corpus = Corpus(options.work_dir)
    train_semantic(
        corpus, options.work_dir, config, shape,
        decoder=decoder, phones=len(PHONE_NAMES), resume=options.resume,
    )  # fmt: skip


if __name__ == "__main__":
    main()
