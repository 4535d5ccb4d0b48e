"""config.json of VibeVoice-Realtime, read into a `RealtimeConfig`.

Only the original layout is published; transformers has none up to 5.24.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...errors import ConfigError
from ..config import ModelConfig, RealtimeConfig
from .config_file import (
    _BOOKKEEPING,
    _language,
    _original_codec_rest,
    _original_head,
    _original_stack,
    _Section,
    parse_config,
)
from .model_kind import check_config, is_realtime


def parse_any_config(data: Mapping[str, Any]) -> ModelConfig | RealtimeConfig:
    """Read a config.json of either kind of VibeVoice; see `parse_config` and `parse_realtime_config`."""
    return parse_realtime_config(data) if is_realtime(data) else parse_config(data)


def parse_realtime_config(data: Mapping[str, Any]) -> RealtimeConfig:
    """Read a config.json of VibeVoice-Realtime.

    Parameters
    ----------
    data : mapping
        The parsed JSON.

    Returns
    -------
    RealtimeConfig

    Raises
    ------
    ConfigError
        If a key is missing, has a value that this code does not implement, or contradicts another key.
    CheckpointError
        If the file describes a model of another kind, or quantized weights.

    Examples
    --------
    >>> parse_realtime_config({"model_type": "vibevoice_streaming"})
    Traceback (most recent call last):
    vibevoice_nb.errors.ConfigError: config.json: acoustic_tokenizer_config is missing. Expected ...
    """
    check_config(data)
    top = _Section(data, "")
    section = top.section("acoustic_tokenizer_config")
    decoder = _original_stack(section, "decoder")
    section.unused("encoder_ratios", "encoder_n_filters")
    _original_codec_rest(section, std_dist_type="gaussian")
    if "acoustic_vae_dim" in top.data and top.number("acoustic_vae_dim") != decoder.size:
        raise top._error(
            "acoustic_vae_dim",
            f"is {top.data['acoustic_vae_dim']}",
            f"{decoder.size}, the vae_dim of the tokenizer's own section",
        )
    language = _language(top.section("decoder_config"))
    head = _original_head(top.section("diffusion_head_config"))
    layers = top.number("tts_backbone_num_hidden_layers")
    top.unused(*_BOOKKEEPING)
    top.finish()
    clashes = []
    if not 0 < layers < language.num_layers:
        got = f"tts_backbone_num_hidden_layers is {layers}"
        clashes.append((got, f"from 1 to {language.num_layers - 1}, as decoder_config has all layers"))
    if len(decoder.depths) != len(decoder.ratios) + 1:
        got = f"the decoder has {len(decoder.depths)} depths for {len(decoder.ratios)} ratios"
        clashes.append((got, "one depth more than ratios"))
    sizes = {"hidden_size": (head.hidden_size, language.hidden_size, "language model")}
    sizes["latent_size"] = (head.latent_size, decoder.size, "codec")
    for key, (ours, theirs, part) in sizes.items():
        if ours != theirs:
            clashes.append((f"diffusion head {key} {ours}, {part} {theirs}", "equal sizes"))
    if language.num_heads % language.num_kv_heads or language.head_dim % 2:
        got = f"{language.num_heads} heads of size {language.head_dim} over {language.num_kv_heads}"
        clashes.append((got, "a whole multiple of key-value heads, of an even size"))
    if clashes:
        raise ConfigError(
            f"config.json contradicts itself: {'; '.join(got for got, _ in clashes)}",
            "; ".join(dict.fromkeys(expected for _, expected in clashes)),
            "take config.json from the repository the weights came from, unchanged",
        )
    return RealtimeConfig(
        decoder=decoder,
        text=replace(language, num_layers=language.num_layers - layers),
        language=replace(language, num_layers=layers),
        head=head,
    )
