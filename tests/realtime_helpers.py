"""A small VibeVoice-Realtime: that of the recorded runs, with a tokenizer and a stop bias of one's choice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from checkpoints import SPECIAL
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

REALTIME = Path(__file__).parent / "data" / "realtime"

# The pattern by which Qwen2.5's tokenizer cuts text before it merges bytes.
_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
_SENTENCES = ("the quick brown fox jumps over the lazy dog. ", "it's what we're told, isn't it? in 1999...\n")


def qwen_like_tokenizer() -> Tokenizer:
    """A small tokenizer that cuts, normalizes and merges as Qwen2.5's does."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_QWEN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(_SENTENCES * 20, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    return tokenizer


def write_realtime(folder: Path, *, stop_bias: float | None = None, **config: Any) -> Path:
    """Write a checkpoint; a higher `stop_bias` ends speech earlier, -30 (the file's own) never.

    `config` replaces entries of the language model's section.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = json.loads((REALTIME / "config.json").read_text())
    described["decoder_config"] |= config
    (folder / "config.json").write_text(json.dumps(described))
    if stop_bias is None:
        shutil.copyfile(REALTIME / "model.safetensors", folder / "model.safetensors")
    else:
        weights = load_file(REALTIME / "model.safetensors")
        weights["tts_eos_classifier.fc2.bias"] = torch.tensor([stop_bias], dtype=torch.bfloat16)
        save_file(weights, folder / "model.safetensors")
    qwen_like_tokenizer().save(str(folder / "tokenizer.json"))
    return folder
