"""config.json, read into a `ModelConfig` without hidden defaults.

Two published layouts are read: the original one (``acoustic_tokenizer_config``, ``decoder_config``, ...) and
the one inside transformers 5.17 and later (``audio_config``, ``text_config``, ...). Unknown keys warn by
name; a missing key, a value this code does not implement and a contradiction are errors that name the key.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Literal

from ...errors import ConfigError
from ...ranges import shown
from ..config import AcousticConfig, HeadConfig, LanguageConfig, ModelConfig, StackConfig
from .model_kind import check_config, check_conversation

_LARGEST = 2**31
_NAMED = 12
_LONGEST = 64
"""Entries of a list of stages; published models have 7."""


class _Section:
    """One object of config.json, read key by key; unread keys are reported at the end."""

    def __init__(self, data: Any, where: str) -> None:
        if not isinstance(data, Mapping):
            raise ConfigError(
                f"config.json: {where} is {type(data).__name__}",
                "an object with the model's settings",
                "download config.json again from the model's repository",
            )
        self.data, self.where, self.seen = data, where, set[str]()

    def _error(self, key: str, got: str, expected: str) -> ConfigError:
        return ConfigError(
            f"config.json: {self.where}{key} {got}",
            expected,
            "take config.json from the repository the weights came from, unchanged",
        )

    def section(self, key: str) -> _Section:
        self.seen.add(key)
        if key not in self.data:
            raise self._error(key, "is missing", "this section, which describes a part of the model")
        return _Section(self.data[key], f"{self.where}{key}.")

    def number(self, key: str, *, integer: bool = True, default: float | None = None) -> Any:
        self.seen.add(key)
        value = self.data.get(key, default)
        if value is None:
            raise self._error(key, "is missing", "a number")
        ok = isinstance(value, int) if integer else isinstance(value, (int, float))
        if isinstance(value, bool) or not ok or not 0 <= value <= _LARGEST:
            expected = "a whole number" if integer else "a number, not negative"
            raise self._error(key, f"is {shown(value)}", expected)
        if integer and value == 0:
            raise self._error(key, "is 0", "a whole number from 1")
        return value

    def numbers(self, key: str, *, minimum: int) -> tuple[int, ...]:
        """Read a list of whole numbers, or its published spelling ``"3-3-8"``."""
        self.seen.add(key)
        value = self.data.get(key)
        if value is None:
            raise self._error(key, "is missing", "a list of whole numbers")
        parts = value[: 16 * _LONGEST].split("-") if isinstance(value, str) else value
        whole = isinstance(parts, (list, tuple)) and all(type(part) in (int, str) for part in parts)
        try:
            numbers = tuple(int(part) for part in parts) if whole else ()
        except ValueError:
            numbers = ()
        if not 0 < len(numbers) <= _LONGEST or min(numbers) < minimum or max(numbers) > _LARGEST:
            expected = f"a list of 1 to {_LONGEST} whole numbers from {minimum}"
            raise self._error(key, f"is {shown(value)}", expected)
        return numbers

    def fixed(self, **wanted: Any) -> None:
        """Reject a setting that this code does not implement. An absent key has the published value."""
        for key, value in wanted.items():
            self.seen.add(key)
            got = self.data.get(key, value)
            if got != value:
                raise self._error(key, f"is {shown(got)}", f"{value!r}, the only published value")

    def unused(self, *keys: str) -> None:
        """Mark keys of published files that inference does not need."""
        self.seen.update(keys)

    def finish(self) -> None:
        unknown = sorted(set(self.data) - self.seen)
        for key in unknown[:_NAMED]:
            warnings.warn(
                f"config.json: {self.where}{key[:80]} is unknown and was not used", UserWarning, stacklevel=2
            )
        if len(unknown) > _NAMED:
            message = f"config.json: {len(unknown) - _NAMED} more unknown keys were not used"
            warnings.warn(message, UserWarning, stacklevel=2)


_BOOKKEEPING = (
    "_attn_implementation_autoset",
    "_name_or_path",
    "architectures",
    "bos_token_id",
    "dtype",
    "initializer_range",
    "layer_scale_init_value",
    "model_type",
    "pad_token_id",
    "tie_word_embeddings",
    "torch_dtype",
    "transformers_version",
    "use_cache",
    "weight_init_value",
)


def parse_config(data: Mapping[str, Any]) -> ModelConfig:
    """Read a config.json of either published layout.

    Parameters
    ----------
    data : mapping
        The parsed JSON.

    Returns
    -------
    ModelConfig

    Raises
    ------
    ConfigError
        If a key is missing, has a value that this code does not implement, or contradicts another key.
    CheckpointError
        If the file describes a model of another kind.

    Examples
    --------
    >>> parse_config({"model_type": "vibevoice"})
    Traceback (most recent call last):
    vibevoice_nb.errors.ConfigError: config.json: acoustic_tokenizer_config is missing. Expected ...
    """
    check_conversation(data)
    check_config(data)
    top = _Section(data, "")
    native = "audio_config" in data or "text_config" in data
    config = _parse_native(top) if native else _parse_original(top)
    top.unused(*_BOOKKEEPING)
    top.finish()
    _check(config)
    return config


def _parse_original(top: _Section) -> ModelConfig:
    acoustic = _original_acoustic(top.section("acoustic_tokenizer_config"))
    semantic_section = top.section("semantic_tokenizer_config")
    semantic = _original_stack(semantic_section, "encoder")
    _original_codec_rest(semantic_section, std_dist_type="none")
    for key, size in (
        ("acoustic_vae_dim", acoustic.decoder.size),
        ("acostic_vae_dim", acoustic.decoder.size),  # the spelling of the published 7B
        ("semantic_vae_dim", semantic.size),
    ):
        if key in top.data and top.number(key) != size:
            raise top._error(
                key, f"is {top.data[key]}", f"{size}, the vae_dim of the tokenizer's own section"
            )
    language = _language(top.section("decoder_config"))
    head = _original_head(top.section("diffusion_head_config"))
    return ModelConfig(acoustic, semantic, language, head, "original")


def _original_head(section: _Section) -> HeadConfig:
    hidden_size = section.number("hidden_size")
    head = HeadConfig(
        hidden_size=hidden_size,
        latent_size=section.number("latent_size"),
        ffn_size=int(hidden_size * section.number("head_ffn_ratio", integer=False)),
        num_layers=section.number("head_layers"),
        norm_eps=section.number("rms_norm_eps", integer=False),
        train_steps=section.number("ddpm_num_steps"),
    )
    section.fixed(ddpm_beta_schedule="cosine", prediction_type="v_prediction", diffusion_type="ddpm")
    section.fixed(speech_vae_dim=head.latent_size)
    section.unused("ddpm_batch_mul", "ddpm_num_inference_steps", *_BOOKKEEPING)
    section.finish()
    return head


def _original_stack(section: _Section, side: Literal["encoder", "decoder"]) -> StackConfig:
    ratios = section.numbers(f"{side}_ratios", minimum=1)
    encoder_depths = section.numbers("encoder_depths", minimum=0)
    if side == "encoder":
        # The file lists ratios in the decoder's order.
        ratios, depths = ratios[::-1], encoder_depths
    elif section.data.get("decoder_depths") is None:
        depths = encoder_depths[::-1]
    else:
        depths = section.numbers("decoder_depths", minimum=0)
    return StackConfig(
        size=section.number("vae_dim"),
        filters=section.number(f"{side}_n_filters"),
        ratios=ratios,
        depths=depths,
        norm_eps=section.number("layernorm_eps", integer=False),
    )


def _original_acoustic(section: _Section) -> AcousticConfig:
    config = AcousticConfig(
        encoder=_original_stack(section, "encoder"),
        decoder=_original_stack(section, "decoder"),
        noise_scale=section.number("fix_std", integer=False) / 0.8,
    )
    _original_codec_rest(section, std_dist_type="gaussian")
    return config


def _original_codec_rest(section: _Section, std_dist_type: str) -> None:
    section.fixed(
        causal=True,
        channels=1,
        conv_bias=True,
        conv_norm="none",
        disable_last_norm=True,
        layernorm="RMSNorm",
        layernorm_elementwise_affine=True,
        mixer_layer="depthwise_conv",
        pad_mode="constant",
        std_dist_type=std_dist_type,
    )
    section.unused("corpus_normalize", "decoder_depths", "fix_std", *_BOOKKEEPING)
    section.finish()


def _language(section: _Section) -> LanguageConfig:
    hidden_size, num_heads = section.number("hidden_size"), section.number("num_attention_heads")
    rope = section.data.get("rope_parameters") or section.data
    config = LanguageConfig(
        vocab_size=section.number("vocab_size"),
        hidden_size=hidden_size,
        intermediate_size=section.number("intermediate_size"),
        num_layers=section.number("num_hidden_layers"),
        num_heads=num_heads,
        num_kv_heads=section.number("num_key_value_heads"),
        head_dim=section.number("head_dim", default=hidden_size // num_heads or None),
        max_positions=section.number("max_position_embeddings"),
        rope_theta=_Section(rope, section.where).number("rope_theta", integer=False),
        norm_eps=section.number("rms_norm_eps", integer=False),
    )
    section.fixed(hidden_act="silu", rope_scaling=None, use_sliding_window=False)
    if isinstance(section.data.get("rope_parameters"), Mapping):
        _Section(rope, f"{section.where}rope_parameters.").fixed(rope_type="default")
    section.unused("rope_parameters", "rope_theta", "sliding_window", "max_window_layers", "layer_types")
    section.unused("attention_dropout", "eos_token_id", *_BOOKKEEPING)
    section.finish()
    return config


def _parse_native(top: _Section) -> ModelConfig:
    section = top.section("audio_config")
    acoustic = AcousticConfig(
        encoder=_native_stack(section, "encoder"),
        decoder=_native_stack(section, "decoder"),
        noise_scale=section.number("vae_std", integer=False),
    )
    _native_codec_rest(section)
    section = top.section("semantic_model_config")
    semantic = _native_stack(section, "encoder")
    _native_codec_rest(section)
    language = _language(top.section("text_config"))
    section = top.section("diffusion_head_config")
    head = HeadConfig(
        hidden_size=section.number("hidden_size"),
        latent_size=section.number("latent_size"),
        ffn_size=section.number("intermediate_size"),
        num_layers=section.number("num_hidden_layers"),
        norm_eps=section.number("rms_norm_eps", integer=False),
        train_steps=1000,
    )
    section.fixed(hidden_act="silu", frequency_embedding_size=256, diffusion_max_period=10000, mlp_bias=False)
    section.unused(*_BOOKKEEPING)
    section.finish()
    top.unused("audio_bos_token_id", "audio_eos_token_id", "audio_token_id", "eos_token_id", "vocab_size")
    top.unused("diffusion_loss_weight")
    return ModelConfig(acoustic, semantic, language, head, "native")


def _native_stack(section: _Section, side: Literal["encoder", "decoder"]) -> StackConfig:
    order = 1 if side == "encoder" else -1
    return StackConfig(
        size=section.number("hidden_size"),
        filters=section.number("num_filters"),
        ratios=section.numbers("downsampling_ratios", minimum=1)[::order],
        depths=section.numbers("depths", minimum=0)[::order],
        norm_eps=section.number("rms_norm_eps", integer=False),
    )


def _native_codec_rest(section: _Section) -> None:
    section.fixed(channels=1, kernel_size=7, hidden_act="gelu", ffn_expansion=4)
    section.unused("vae_std", *_BOOKKEEPING)
    section.finish()


def _check(config: ModelConfig) -> None:
    """Reject settings that contradict each other."""
    acoustic, semantic, language, head = config.acoustic, config.semantic, config.language, config.head
    stacks = {
        "acoustic encoder": acoustic.encoder,
        "acoustic decoder": acoustic.decoder,
        "semantic encoder": semantic,
    }
    clashes = [
        (f"{name}: {len(stack.depths)} depths for {len(stack.ratios)} ratios", "one depth more than ratios")
        for name, stack in stacks.items()
        if len(stack.depths) != len(stack.ratios) + 1
    ]
    hops = {name: stack.hop_length for name, stack in stacks.items()}
    if len(set(hops.values())) > 1:
        clashes.append((f"samples per frame {hops}", "the same number in all three"))
    if head.hidden_size != language.hidden_size:
        clashes.append(
            (
                f"diffusion head hidden_size {head.hidden_size}, language model {language.hidden_size}",
                "equal sizes",
            )
        )
    if head.latent_size != acoustic.decoder.size:
        clashes.append(
            (f"diffusion head latent_size {head.latent_size}, codec {acoustic.decoder.size}", "equal")
        )
    if language.num_heads % language.num_kv_heads:
        clashes.append(
            (f"{language.num_heads} heads over {language.num_kv_heads} key-value heads", "a whole multiple")
        )
    if language.head_dim % 2:
        clashes.append((f"head_dim {language.head_dim}", "an even number, for rotary positions"))
    if clashes:
        got, expected = zip(*clashes, strict=True)
        raise ConfigError(
            f"config.json contradicts itself: {'; '.join(got)}",
            "; ".join(dict.fromkeys(expected)),
            "take config.json from the repository the weights came from, unchanged",
        )
