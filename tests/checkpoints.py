"""Small checkpoints of random weights, laid out as the published ones are: they load and speak noise."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from vibevoice_nb.model.loading.checkpoint import NANO_FOLDER
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.loading.weights import weights_of
from vibevoice_nb.model.vibevoice import VibeVoiceModel

# 256 bytes, then these; FRAME is what the model emits for one frame of audio.
SPECIAL = ("<|endoftext|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>")
EOS, START, END, FRAME, PAD = range(256, 256 + len(SPECIAL))
VOCABULARY = 320
_LOUD = 8.0
_SCALES = {"o_proj.weight": 0.2, "down_proj.weight": 0.2, "decoder.head.weight": 0.05}

_RATIOS = [8, 5, 5, 4, 2, 2]
_DEPTHS = [1, 1, 1, 1, 1, 1, 2]
_LANGUAGE = {
    "model_type": "qwen2",
    "attention_dropout": 0.0,
    "hidden_act": "silu",
    "hidden_size": 64,
    "initializer_range": 0.02,
    "intermediate_size": 96,
    "max_position_embeddings": 4096,
    "max_window_layers": 2,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e6,
    "sliding_window": None,
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": VOCABULARY,
}


def nano_with(folder: Path, **generation: Any) -> Path:
    """Write a copy of nano with other values in generation.json; return its folder."""
    folder.mkdir()
    for file in NANO_FOLDER.glob("*.*"):
        if file.suffix in (".json", ".safetensors"):
            shutil.copy(file, folder)
    settings = json.loads((folder / "generation.json").read_text("utf-8"))
    (folder / "generation.json").write_text(json.dumps({**settings, **generation}), "utf-8")
    return folder


def original_config() -> dict[str, Any]:
    """A config.json as microsoft/VibeVoice-1.5B has it, sizes aside."""
    tokenizer = {
        "causal": True,
        "channels": 1,
        "conv_bias": True,
        "conv_norm": "none",
        "corpus_normalize": 0.0,
        "disable_last_norm": True,
        "encoder_depths": "-".join(map(str, _DEPTHS)),
        "encoder_n_filters": 2,
        "encoder_ratios": _RATIOS,
        "layer_scale_init_value": 1e-6,
        "layernorm": "RMSNorm",
        "layernorm_elementwise_affine": True,
        "layernorm_eps": 1e-5,
        "mixer_layer": "depthwise_conv",
        "pad_mode": "constant",
        "vae_dim": 16,
        "weight_init_value": 0.01,
    }
    return {
        "architectures": ["VibeVoiceForConditionalGeneration"],
        "model_type": "vibevoice",
        "acoustic_vae_dim": 16,
        "semantic_vae_dim": 16,
        "acoustic_tokenizer_config": {
            **tokenizer,
            "model_type": "vibevoice_acoustic_tokenizer",
            "decoder_depths": None,
            "decoder_n_filters": 2,
            "decoder_ratios": _RATIOS,
            "fix_std": 0.5,
            "std_dist_type": "gaussian",
        },
        "semantic_tokenizer_config": {
            **tokenizer,
            "model_type": "vibevoice_semantic_tokenizer",
            "fix_std": 0,
            "std_dist_type": "none",
        },
        "decoder_config": {**_LANGUAGE, "rope_scaling": None, "tie_word_embeddings": True},
        "diffusion_head_config": {
            "ddpm_batch_mul": 4,
            "ddpm_beta_schedule": "cosine",
            "ddpm_num_inference_steps": 20,
            "ddpm_num_steps": 1000,
            "diffusion_type": "ddpm",
            "head_ffn_ratio": 2.0,
            "head_layers": 2,
            "hidden_size": 64,
            "latent_size": 16,
            "model_type": "vibevoice_diffusion_head",
            "prediction_type": "v_prediction",
            "rms_norm_eps": 1e-5,
            "speech_vae_dim": 16,
        },
        "torch_dtype": "float32",
    }


def native_config() -> dict[str, Any]:
    """The same model as transformers 5.17 and later describe it."""
    codec = {
        "channels": 1,
        "hidden_size": 16,
        "kernel_size": 7,
        "num_filters": 2,
        "downsampling_ratios": _RATIOS[::-1],
        "depths": _DEPTHS,
        "hidden_act": "gelu",
        "ffn_expansion": 4,
        "rms_norm_eps": 1e-5,
    }
    return {
        "architectures": ["VibeVoiceForConditionalGeneration"],
        "model_type": "vibevoice",
        "audio_config": {**codec, "model_type": "vibevoice_acoustic_tokenizer", "vae_std": 0.625},
        "semantic_model_config": {**codec, "model_type": "vibevoice_acoustic_tokenizer_encoder"},
        "text_config": {**_LANGUAGE, "tie_word_embeddings": True},
        "diffusion_head_config": {
            "model_type": "vibevoice_diffusion",
            "hidden_size": 64,
            "latent_size": 16,
            "num_hidden_layers": 2,
            "intermediate_size": 128,
            "rms_norm_eps": 1e-5,
            "hidden_act": "silu",
            "frequency_embedding_size": 256,
            "diffusion_max_period": 10000,
            "mlp_bias": False,
        },
        "pad_token_id": EOS,
        "eos_token_id": EOS,
        "audio_bos_token_id": START,
        "audio_eos_token_id": END,
        "audio_token_id": FRAME,
        "dtype": "float32",
    }


def write_checkpoint(
    folder: Path,
    *,
    layout: str = "original",
    tied: bool = True,
    shards: int = 1,
    seed: int = 0,
    ends: bool = False,
    **config_changes: Any,
) -> Path:
    """Write config.json, the weights and a tokenizer of bytes; the folder is made.

    Parameters
    ----------
    layout : {"original", "native"}
    tied : bool
        Without, the file has an `lm_head.weight` of its own.
    shards : int
        More than one are listed in an index.
    ends : bool
        It ends every passage after one frame; otherwise it speaks until the length limit.
    **config_changes
        Merged into config.json: a mapping changes keys of the section of that name, anything else
        replaces it, as in `decoder_config={"num_hidden_layers": 3}`.

    Returns
    -------
    Path
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = original_config() if layout == "original" else native_config()
    for key, value in config_changes.items():
        old = config.get(key)
        config[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, Mapping) else value
    language = config["decoder_config" if layout == "original" else "text_config"]
    language["tie_word_embeddings"] = tied
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    save_weights(random_model(config, tied=tied, seed=seed, ends=ends), folder, layout=layout, shards=shards)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


def random_model(
    config: dict[str, Any], *, tied: bool = True, seed: int = 0, ends: bool = False
) -> VibeVoiceModel:
    """A model with weights that keep its numbers in range, and steer which token comes next."""
    with torch.device("meta"):
        model = VibeVoiceModel(parse_config(config), tied=tied)
    model.to_empty(device="cpu").requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        if "norm" in name or "gamma" in name:
            weight.copy_(1 + 0.1 * noise)
        elif weight.ndim < 2:
            weight.copy_(0.02 * noise)
        else:
            scale = next((scale for end, scale in _SCALES.items() if name.endswith(end)), 1.0)
            weight.copy_(scale * noise / math.sqrt(weight[0].numel()))
    model.latent_scale.fill_(0.2)
    model.latent_bias.fill_(-0.05)
    _steer(model, ends=ends)
    return model.eval()


def _steer(model: VibeVoiceModel, *, ends: bool) -> None:
    # One channel says "a start token came last", another "a frame came last"; the rows of FRAME and EOS,
    # which are scores only and never embedded, listen to them.
    started, spoken = 0, 1
    embeddings = model.language_model.embed_tokens.weight
    embeddings[:, [started, spoken]] = 0.0
    embeddings[START, started] = _LOUD
    model.acoustic_connector.fc2.bias[spoken] = _LOUD
    tables = [embeddings] if model.lm_head is None else [embeddings, model.lm_head.weight]
    for scores in tables:
        scores[FRAME, started] = 2 * _LOUD
        scores[EOS if ends else FRAME, spoken] = 2 * _LOUD


def save_weights(model: VibeVoiceModel, folder: Path, *, layout: str = "original", shards: int = 1) -> None:
    """Write a model's weights under a layout's names, in one file or in shards with their index."""
    weights = weights_of(model, layout)
    if shards == 1:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, places = list(weights), {}
    for index in range(shards):
        file = f"model-{index + 1:05d}-of-{shards:05d}.safetensors"
        part = {name: weights[name] for name in names[index::shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
        places.update(dict.fromkeys(part, file))
    size = sum(tensor.nbytes for tensor in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def byte_tokenizer() -> Tokenizer:
    """A tokenizer with one token per byte and the special tokens of Qwen2.5 that VibeVoice uses."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({char: index for index, char in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    assert tokenizer.token_to_id(SPECIAL[0]) == EOS
    return tokenizer
