"""Training of the semantic encoder to recognize the teacher's phones.

``python -m vibevoice_nb.training.nano2 semantic --work-dir nano-work [--resume]`` trains it on clean and on
codec-decoded speech, then writes its features to ``semantic.npy`` (float16 [frames, C]) beside the latents.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vibevoice_nb.model.codec import Decoder, Encoder
from vibevoice_nb.model.config import ModelConfig
from vibevoice_nb.training.common import Trainer, load_part
from vibevoice_nb.training.semantic import SemanticConfig, train_semantic

from . import phones
from .copy_synthesis import load_codec
from .corpus import PersonCorpus


class NormalDecoder(nn.Module):
    """Decode normalized latents [B, F, 64] to audio [B, 1, N]."""

    def __init__(self, decoder: Decoder, bias: float, scale: float) -> None:
        super().__init__()
        self.decoder, self.bias, self.scale = decoder, bias, scale

    def forward(self, latents: Tensor) -> Tensor:
        audio: Tensor = self.decoder(latents / self.scale - self.bias)
        return audio


def train(
    corpus: PersonCorpus, work_dir: Path, shape: ModelConfig, config: SemanticConfig, *, resume: bool = False
) -> Trainer:
    """Train; write the weights to ``{work_dir}/semantic.safetensors``."""
    decoder = load_codec(work_dir / "codec.safetensors", shape).decoder
    normal = NormalDecoder(decoder, corpus.bias, corpus.scale)
    return train_semantic(
        corpus, work_dir, config, shape, decoder=normal, phones=len(phones.NAMES), resume=resume
    )


@torch.inference_mode()
def apply(corpus: PersonCorpus, work_dir: Path, shape: ModelConfig) -> int:
    """Write the features of all utterances.

    Returns
    -------
    int
        Number of frames.
    """
    encoder = Encoder(shape.semantic)
    load_part(encoder, work_dir / "semantic.safetensors", "encoder.")
    parts = [
        encoder(torch.from_numpy(corpus.audio(i))[None, None])[0].half().numpy()
        for i in range(len(corpus.meta))
    ]
    temporary = work_dir / "semantic.tmp.npy"
    np.save(temporary, np.concatenate(parts))
    temporary.replace(work_dir / "semantic.npy")
    return sum(map(len, parts))
