"""Training of nano's acoustic codec against fixed latents: decoder to audio, encoder from audio.

Each is trained separately:
``python -m vibevoice_nb.training.nano1.codec decoder --work-dir nano-work [--resume]``

Shapes: B rows, F frames, N = 3200 F samples. Latents [B, F, 64], audio [B, N].
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch
from torch import Tensor

from vibevoice_nb.model.codec import Decoder, Encoder
from vibevoice_nb.training.common import LoopConfig, Trainer, initialize, read_config, step_rng
from vibevoice_nb.training.excerpts import Crops
from vibevoice_nb.training.spectral_loss import SpectralLoss

from .features import Corpus
from .shape import CONFIGS, nano_config


@dataclasses.dataclass(frozen=True)
class CodecConfig:
    """Contents of ``configs/decoder.json`` and ``configs/encoder.json``.

    `noise` is the largest standard deviation of the noise added to the decoder's input, since the language
    model's latents are not exact.
    """

    batch: int
    frames: int
    noise: float
    loop: LoopConfig


def train_decoder(
    corpus: Corpus, work_dir: Path, config: CodecConfig, *, resume: bool = False, until: int | None = None
) -> Trainer:
    """Train the decoder; write the weights to ``{work_dir}/decoder.safetensors``."""
    torch.manual_seed(config.loop.seed)
    decoder = Decoder(nano_config().acoustic.decoder)
    initialize(decoder)
    trainer = Trainer(decoder, "decoder", work_dir, config.loop)
    if resume:
        trainer.resume()
    crops = Crops(corpus, config.batch, config.frames)
    distance = SpectralLoss().to(trainer.device)

    def losses(step: int) -> dict[str, Tensor]:
        rng, generator = step_rng(config.loop.seed, step)
        drawn = crops.draw(rng)
        latents, audio = drawn.latents, drawn.audio
        spread = config.noise * torch.rand(len(latents), 1, 1, generator=generator)
        latents = latents + spread * torch.randn(latents.shape, generator=generator)
        spoken = trainer.model(latents.to(trainer.device)).squeeze(1)
        return {"loss": distance(spoken, audio.to(trainer.device))}

    trainer.fit(losses, until)
    return trainer


def train_encoder(
    corpus: Corpus, work_dir: Path, config: CodecConfig, *, resume: bool = False, until: int | None = None
) -> Trainer:
    """Train the acoustic encoder; write the weights to ``{work_dir}/encoder.safetensors``."""
    torch.manual_seed(config.loop.seed)
    encoder = Encoder(nano_config().acoustic.encoder)
    initialize(encoder)
    trainer = Trainer(encoder, "encoder", work_dir, config.loop)
    if resume:
        trainer.resume()
    crops = Crops(corpus, config.batch, config.frames)

    def losses(step: int) -> dict[str, Tensor]:
        rng, generator = step_rng(config.loop.seed, step)
        drawn = crops.draw(rng)
        latents, audio = drawn.latents, drawn.audio
        noise = config.noise * torch.randn(audio.shape, generator=generator)
        heard = trainer.model((audio + noise).unsqueeze(1).to(trainer.device))
        return {"loss": (heard - latents.to(trainer.device)).square().mean()}

    trainer.fit(losses, until)
    return trainer


def main() -> None:
    """Train the decoder or the encoder from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("decoder", "encoder"))
    parser.add_argument("--work-dir", type=Path, required=True)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    config = read_config(CodecConfig, options.config or CONFIGS / f"{options.part}.json")
    train = train_decoder if options.part == "decoder" else train_encoder
    train(Corpus(options.work_dir), options.work_dir, config, resume=options.resume)


if __name__ == "__main__":
    main()
