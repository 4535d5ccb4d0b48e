"""Random checkpoint for `bench`: the published architecture in several sizes.

It is written in the layout of transformers' native model, so that both backends load the same weights in the
usual way.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.loading.weights import SINGLE, weights_of
from vibevoice_nb.model.tokenizer import SpecialTokens
from vibevoice_nb.model.vibevoice import VibeVoiceModel


@dataclass(frozen=True)
class Size:
    """Dimensions that differ between models of this architecture."""

    hidden: int
    layers: int
    heads: int
    kv_heads: int
    ffn: int
    vocab: int
    filters: int
    depths: tuple[int, ...] = (3, 3, 3, 3, 3, 3, 8)
    tied: bool = True
    positions: int = 65_536


SIZES = {
    "tiny": Size(64, 2, 4, 2, 160, 320, 2, depths=(1, 1, 1, 1, 1, 1, 2)),
    "mid": Size(896, 12, 14, 2, 4864, 151_936, 16),
    "1.5b": Size(1536, 28, 12, 2, 8960, 151_936, 32),
    "7b": Size(3584, 28, 28, 4, 18_944, 152_064, 32, tied=False, positions=32_768),
}
RATIOS = (2, 2, 4, 5, 5, 8)
LATENT, SEMANTIC = 64, 128


def bench_config(name: str) -> dict[str, Any]:
    """Return config.json for one of the `SIZES`.

    Examples
    --------
    >>> bench_config("mid")["text_config"]["vocab_size"]
    151936
    """
    size = SIZES[name]
    codec = {
        "channels": 1,
        "depths": list(size.depths),
        "downsampling_ratios": list(RATIOS),
        "ffn_expansion": 4,
        "hidden_act": "gelu",
        "kernel_size": 7,
        "num_filters": size.filters,
        "rms_norm_eps": 1e-5,
    }
    last = size.vocab - 1
    return {
        "architectures": ["VibeVoiceForConditionalGeneration"],
        "model_type": "vibevoice",
        "audio_config": {
            "model_type": "vibevoice_acoustic_tokenizer",
            "hidden_size": LATENT,
            "vae_std": 0.625,
            **codec,
        },
        "semantic_model_config": {
            "model_type": "vibevoice_acoustic_tokenizer_encoder",
            "hidden_size": SEMANTIC,
            **codec,
        },
        "text_config": {
            "model_type": "qwen2",
            "hidden_act": "silu",
            "hidden_size": size.hidden,
            "intermediate_size": size.ffn,
            "max_position_embeddings": size.positions,
            "num_attention_heads": size.heads,
            "num_hidden_layers": size.layers,
            "num_key_value_heads": size.kv_heads,
            "rms_norm_eps": 1e-6,
            "rope_parameters": {"rope_theta": 1_000_000.0, "rope_type": "default"},
            "tie_word_embeddings": size.tied,
            "vocab_size": size.vocab,
        },
        "diffusion_head_config": {
            "hidden_size": size.hidden,
            "intermediate_size": 3 * size.hidden,
            "latent_size": LATENT,
            "num_hidden_layers": 4,
            "rms_norm_eps": 1e-5,
        },
        "eos_token_id": last,
        "pad_token_id": last,
        "audio_bos_token_id": last - 1,
        "audio_eos_token_id": last - 2,
        "audio_token_id": last - 3,
    }


def special_tokens(config: dict[str, Any]) -> SpecialTokens:
    """Read the four tokens' ids from such a config."""
    return SpecialTokens(
        start=config["audio_bos_token_id"],
        end=config["audio_eos_token_id"],
        frame=config["audio_token_id"],
        eos=config["eos_token_id"],
    )


def write_random_checkpoint(folder: Path, config: dict[str, Any], dtype: torch.dtype) -> int:
    """Write config.json and random weights.

    Parameters
    ----------
    folder : Path
    config : dict
    dtype : torch.dtype
        Dtype of the stored weights; published checkpoints have bfloat16.

    Returns
    -------
    int
        Number of parameters.
    """
    with torch.device("meta"):
        model = VibeVoiceModel(parse_config(config), tied=config["text_config"]["tie_word_embeddings"])
    generator = torch.Generator().manual_seed(0)
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            value = random_values(name, parameter.shape, generator).to(dtype)
            setattr(module, name, torch.nn.Parameter(value, requires_grad=False))
    save_file(weights_of(model, "native"), folder / SINGLE, metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    return sum(parameter.numel() for parameter in model.parameters())


def random_values(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Draw values that keep activations near 1, with layer scales large enough to matter."""
    if shape == ():
        return torch.tensor({"latent_scale": 0.2, "latent_bias": -0.05}[name])
    noise = torch.randn(shape, generator=generator)
    if len(shape) == 1:
        return 0.1 * noise if name == "bias" else 0.5 + 0.1 * noise
    return noise / noise[0].numel() ** 0.5
