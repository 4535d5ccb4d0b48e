"""Export of a trained nano as a checkpoint folder in the original layout: the parts that all nanos share."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from vibevoice_nb.model.config import SAMPLE_RATE
from vibevoice_nb.model.loading.weights import weights_of
from vibevoice_nb.model.vibevoice import VibeVoiceModel

from .common import load_part, save_weights
from .student import UNUSED_PARTS
from .tokens import build_tokenizer

LOG_LINES = 60


@dataclass(frozen=True)
class NamedVoice:
    """Voice of a checkpoint: two words and a sentence about it, and its prompt [N] at 24 kHz."""

    name: str
    words: str
    description: str
    audio: np.ndarray


def load_language(model: VibeVoiceModel, path: Path) -> None:
    """Load the weights of a `Student` without its auxiliary layers: all parts but the two encoders."""
    parts = {name: getattr(model, name) for name in UNUSED_PARTS}
    for name in UNUSED_PARTS:
        delattr(model, name)
    load_part(model, path, "model.")
    for name, part in parts.items():
        setattr(model, name, part)


def half_weights(
    model: VibeVoiceModel, *, in_eight_bits: Callable[[str], bool] = lambda _: False
) -> dict[str, Tensor]:
    """Return the weights in fp16 under their original names; those with chosen names as eight-bit floats."""
    return {
        name: tensor.to(torch.float8_e4m3fn if in_eight_bits(name) else torch.float16)
        for name, tensor in weights_of(model, "original").items()
    }


def write_voices(voices: Iterable[NamedVoice], folder: Path) -> None:
    """Write a clip of each voice and the list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for voice in voices:
        file = f"{voice.name.lower()}.flac"
        soundfile.write(folder / file, voice.audio, SAMPLE_RATE, subtype="PCM_16")
        entry = {"name": voice.name, "words": voice.words, "description": voice.description, "file": file}
        entries.append(entry)
    (folder / "voices.json").write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def write_log(work_dir: Path, parts: Sequence[str], path: Path) -> None:
    """Collect the trainers' logs, thinned out."""
    lines = []
    for part in parts:
        log = work_dir / f"{part}.log.jsonl"
        if log.exists():
            rows = log.read_text(encoding="utf-8").splitlines()
            kept = rows[:: max(1, len(rows) // LOG_LINES)] + rows[-1:]
            lines += [json.dumps({"part": part} | json.loads(row)) for row in dict.fromkeys(kept)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_checkpoint(weights: dict[str, Tensor], config: Path, alphabet: str, out: Path) -> int:
    """Write config.json, model.safetensors and tokenizer.json.

    Returns
    -------
    int
        Size of model.safetensors in bytes.
    """
    out.mkdir(parents=True, exist_ok=True)
    save_weights(weights, out / "model.safetensors")
    shutil.copyfile(config, out / "config.json")
    build_tokenizer(alphabet).save(str(out / "tokenizer.json"))
    return (out / "model.safetensors").stat().st_size
