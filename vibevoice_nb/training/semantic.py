"""Training of nano's semantic encoder to recognize phones, and export of its features.

``python -m vibevoice_nb.training.semantic train --work-dir nano-work [--resume]``
``python -m vibevoice_nb.training.semantic apply --work-dir nano-work [--shards 20]``

Its features inform the language model about the speech so far. In training, a linear layer on top of them
predicts the four phones of the latest frame.

Shapes: B rows, F frames, N = 3200 F samples, S = 4 slots a frame.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vibevoice_nb.model.codec import Decoder, Encoder
from vibevoice_nb.model.config import ModelConfig, StackConfig

from .codec import Crops, LatentCorpus
from .common import (
    CONFIGS,
    LoopConfig,
    Trainer,
    initialize,
    load_part,
    load_weights,
    nano_config,
    read_config,
    step_rng,
)
from .features import PHONE_NAMES, PHONE_SLOTS, Corpus


@dataclasses.dataclass(frozen=True)
class SemanticConfig:
    """Contents of ``configs/semantic.json``. `noise` is the largest deviation of the noise added to audio;
    `feature_weight` keeps features small.
    """

    batch: int
    frames: int
    noise: float
    feature_weight: float
    loop: LoopConfig


class Listener(nn.Module):
    """Encoder and the linear layer that predicts phones."""

    def __init__(self, config: StackConfig, phones: int = len(PHONE_NAMES)) -> None:
        super().__init__()
        self.encoder = Encoder(config)
        self.phones = nn.Linear(config.size, PHONE_SLOTS * phones)
        initialize(self)

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [B, F, C] and phone scores [B, F, S, phones] of audio [B, N]."""
        features = self.encoder(audio.unsqueeze(1))
        return features, self.phones(features).unflatten(-1, (PHONE_SLOTS, -1))


def train_semantic(
    corpus: LatentCorpus, work_dir: Path, config: SemanticConfig, shape: ModelConfig, *,
    decoder: nn.Module | None = None, phones: int = len(PHONE_NAMES), resume: bool = False,
) -> Trainer:  # fmt: skip
    """Train; write the weights to ``{work_dir}/semantic.safetensors``.

    Parameters
    ----------
    corpus : LatentCorpus
    work_dir : Path
    config : SemanticConfig
    shape : ModelConfig
    decoder : nn.Module, optional
        Decodes the corpus's latents to audio [B, 1, N]: half of the training audio is decoded, as
        all audio is in use.
    phones : int
        Number of labels.
    resume : bool
        Resume from the checkpoint in `work_dir`.
    """
    torch.manual_seed(config.loop.seed)
    trainer = Trainer(Listener(shape.semantic, phones), "semantic", work_dir, config.loop)
    if resume:
        trainer.resume()
    if decoder is not None:
        decoder.to(trainer.device).eval().requires_grad_(False)
    crops = Crops(corpus, config.batch, config.frames)

    def losses(step: int) -> dict[str, Tensor]:
        rng, generator = step_rng(config.loop.seed, step)
        drawn = crops.draw(rng)
        audio, phones = drawn.audio.to(trainer.device), drawn.phones.long().to(trainer.device)
        if decoder is not None and step % 2:
            with torch.no_grad():
                audio = decoder(drawn.latents.to(trainer.device)).squeeze(1)
        spread = config.noise * torch.rand(len(audio), 1, generator=generator).square()
        audio = audio + (spread * torch.randn(audio.shape, generator=generator)).to(trainer.device)
        features, scores = trainer.model(audio)
        phone = F.cross_entropy(scores.flatten(0, -2), phones.flatten())
        right = (scores.argmax(-1) == phones).float().mean()
        return {
            "loss": phone + config.feature_weight * features.square().mean(),
            "phone_right": right,
            "size": features.detach().square().mean().sqrt(),
        }

    trainer.fit(losses)
    return trainer


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
    train_semantic(corpus, options.work_dir, config, shape, decoder=decoder, resume=options.resume)


if __name__ == "__main__":
    main()
