"""Training of nano's acoustic codec against fixed latents: decoder to audio, encoder from audio.

Each is trained separately. ``python -m vibevoice_nb.training.codec decoder --work-dir nano-work [--resume]``

Shapes: B rows, F frames, N = 3200 F samples. Latents [B, F, 64], audio [B, N].
"""

from __future__ import annotations

import argparse
import dataclasses
import random
from pathlib import Path
from typing import Protocol

import librosa
import numpy as np
import torch
from torch import Tensor, nn

from vibevoice_nb.model.codec import Decoder, Encoder
from vibevoice_nb.model.config import SAMPLE_RATE

from .common import CONFIGS, LoopConfig, Trainer, initialize, nano_config, read_config, step_rng
from .corpus import HOP_LENGTH
from .features import PHONE_SLOTS, Corpus
from .scripts import SpokenCorpus

# (n_fft, mel bands) of the five scales of the decoder's loss; the hop is a quarter of n_fft.
SCALES = ((2048, 96), (1024, 80), (512, 64), (256, 32), (128, 16))
FLOOR = 1e-4


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


class SpectralLoss(nn.Module):
    """Distance between two signals: log-mel and magnitude, L1, on five scales."""

    def __init__(self) -> None:
        super().__init__()
        for n_fft, bands in SCALES:
            filters = torch.from_numpy(mel_filters(n_fft, bands))
            self.register_buffer(f"filters_{n_fft}", filters, persistent=False)
            self.register_buffer(f"window_{n_fft}", torch.hann_window(n_fft), persistent=False)

    def magnitude(self, audio: Tensor, n_fft: int) -> Tensor:
        """Compute magnitudes [B, bins, columns] of audio [B, N]; a full-scale sine has about 1."""
        window = getattr(self, f"window_{n_fft}")
        spectrum = torch.stft(audio, n_fft, n_fft // 4, window=window, return_complex=True)
        power = torch.view_as_real(spectrum).square().sum(-1)
        return (power + 1e-10).sqrt() / (n_fft / 4)

    def forward(self, audio: Tensor, target: Tensor) -> Tensor:
        total = audio.new_zeros(())
        for n_fft, _ in SCALES:
            filters = getattr(self, f"filters_{n_fft}")
            ours, wanted = self.magnitude(audio, n_fft), self.magnitude(target, n_fft)
            mel = [(filters @ m).clamp(min=FLOOR).log() for m in (ours, wanted)]
            total = total + (mel[0] - mel[1]).abs().mean()
            total = total + (ours - wanted).abs().mean() / (wanted.mean() + 1e-3)
        return total / len(SCALES)


def mel_filters(n_fft: int, bands: int) -> np.ndarray:
    """Return mel filters [bands, bins] float32, each with sum 1 and none empty."""
    centers = librosa.mel_frequencies(bands + 2, fmin=40.0, fmax=11_000.0, htk=True)
    edges = np.linspace(0, SAMPLE_RATE / 2, n_fft // 2 + 1)
    rising = (edges - centers[:-2, None]) / np.diff(centers)[:-1, None]
    falling = (centers[2:, None] - edges) / np.diff(centers)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    # Low filters of small transforms can fall between two bins; use the nearest one.
    for row, center in zip(filters, centers[1:-1], strict=True):
        if row.sum() < 1e-3:
            row[np.abs(edges - center).argmin()] = 1.0
    return (filters / filters.sum(1, keepdims=True)).astype(np.float32)


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
