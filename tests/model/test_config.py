"""config.json in both published layouts, and errors in it."""

from __future__ import annotations

import copy
import dataclasses
import gzip
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import native_config, original_config
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb.errors import ConfigError
from vibevoice_nb.model.config import SOLVERS, ModelConfig
from vibevoice_nb.model.loading.config_file import parse_config
from vibevoice_nb.model.loading.parameter_names import published_name
from vibevoice_nb.model.loading.weights import TensorInfo, build_model
from vibevoice_nb.model.vibevoice import VibeVoiceModel

KEYS = Path(__file__).parent.parent / "data" / "keys"
MAKERS = {"original": original_config, "native": native_config}


def _set(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Change (or, with ..., delete) the key at a dotted path."""
    *sections, key = path.split(".")
    for section in sections:
        config = config[section]
    if value is ...:
        del config[key]
    else:
        config[key] = value
    return config


def _changed(layout: str, path: str, value: Any) -> dict[str, Any]:
    config = copy.deepcopy(MAKERS[layout]())
    _set(config, path, value)
    return config


def test_both_layouts_are_equivalent() -> None:
    original, native = parse_config(original_config()), parse_config(native_config())
    assert original.layout == "original" and native.layout == "native"
    assert dataclasses.replace(native, layout="original") == original


def test_parsed_values() -> None:
    config = parse_config(original_config())
    assert config.hop_length == 3200 and config.frame_rate == 7.5
    assert config.acoustic.noise_scale == 0.625
    assert config.acoustic.encoder.ratios == (2, 2, 4, 5, 5, 8)
    assert config.acoustic.decoder.ratios == (8, 5, 5, 4, 2, 2)
    assert config.acoustic.encoder.depths == (1, 1, 1, 1, 1, 1, 2)
    assert config.acoustic.decoder.depths == (2, 1, 1, 1, 1, 1, 1), "the decoder mirrors"
    assert (config.head.ffn_size, config.head.train_steps) == (128, 1000)
    assert (config.language.head_dim, config.language.rope_theta) == (16, 1e6)
    assert SOLVERS == ("dpmsolver++", "sde-dpmsolver++")


def test_a_decoder_may_have_depths_of_its_own() -> None:
    config = parse_config(_changed("original", "acoustic_tokenizer_config.decoder_depths", "3-1-1-2-1-1-1"))
    assert config.acoustic.decoder.depths == (3, 1, 1, 2, 1, 1, 1)
    assert config.acoustic.encoder.depths == (1, 1, 1, 1, 1, 1, 2)


def test_configs_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        parse_config(original_config()).layout = "native"  # type: ignore[misc]


@pytest.mark.parametrize("layout", MAKERS)
def test_published_files_raise_no_warning(layout: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parse_config(MAKERS[layout]())


SECTIONS = {
    "original": ("acoustic_tokenizer_config", "semantic_tokenizer_config", "decoder_config"),
    "native": ("audio_config", "semantic_model_config", "text_config"),
}


@pytest.mark.parametrize(
    "layout, where",
    [
        (layout, where)
        for layout, names in SECTIONS.items()
        for where in ("", *(f"{name}." for name in (*names, "diffusion_head_config")))
    ],
)
def test_an_unknown_key_warns_by_name(layout: str, where: str) -> None:
    wanted = parse_config(MAKERS[layout]())
    with pytest.warns(
        UserWarning, match=rf"config\.json: {where}brand_new is unknown and was not used"
    ) as seen:
        config = parse_config(_changed(layout, f"{where}brand_new", 1))
    assert config == wanted and len(seen) == 1


MISSING = {
    "original": [
        "acoustic_tokenizer_config",
        "semantic_tokenizer_config",
        "decoder_config",
        "diffusion_head_config",
        "acoustic_tokenizer_config.vae_dim",
        "acoustic_tokenizer_config.encoder_ratios",
        "acoustic_tokenizer_config.decoder_ratios",
        "acoustic_tokenizer_config.decoder_n_filters",
        "acoustic_tokenizer_config.fix_std",
        "semantic_tokenizer_config.encoder_depths",
        "semantic_tokenizer_config.layernorm_eps",
        "decoder_config.vocab_size",
        "decoder_config.rope_theta",
        "decoder_config.num_key_value_heads",
        "diffusion_head_config.ddpm_num_steps",
        "diffusion_head_config.head_ffn_ratio",
    ],
    "native": [
        "semantic_model_config",
        "text_config",
        "diffusion_head_config",
        "audio_config.vae_std",
        "audio_config.depths",
        "semantic_model_config.num_filters",
        "text_config.rope_theta",
        "diffusion_head_config.intermediate_size",
    ],
}


@pytest.mark.parametrize("layout, path", [(layout, path) for layout in MISSING for path in MISSING[layout]])
def test_a_missing_key_is_named(layout: str, path: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(_changed(layout, path, ...))
    assert f"{path} is missing" in caught.value.got
    assert "repository" in caught.value.remedy


@pytest.mark.parametrize(
    "path, value",
    [
        ("acoustic_tokenizer_config.causal", False),
        ("acoustic_tokenizer_config.pad_mode", "reflect"),
        ("acoustic_tokenizer_config.mixer_layer", "conv"),
        ("acoustic_tokenizer_config.std_dist_type", "none"),
        ("semantic_tokenizer_config.layernorm", "LayerNorm"),
        ("semantic_tokenizer_config.channels", 2),
        ("decoder_config.hidden_act", "gelu"),
        ("decoder_config.use_sliding_window", True),
        ("decoder_config.rope_scaling", {"rope_type": "yarn", "factor": 4}),
        ("decoder_config.rope_parameters", {"rope_type": "yarn", "rope_theta": 1e6}),
        ("diffusion_head_config.prediction_type", "epsilon"),
        ("diffusion_head_config.ddpm_beta_schedule", "linear"),
    ],
)
def test_unimplemented_settings_are_refused_not_ignored(path: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(_changed("original", path, value))
    assert path.split(".")[-1].removeprefix("rope_parameters") in caught.value.got


@pytest.mark.parametrize(
    "path, value",
    [
        ("acoustic_tokenizer_config.vae_dim", 0),
        ("acoustic_tokenizer_config.vae_dim", "16"),
        ("acoustic_tokenizer_config.vae_dim", True),
        ("acoustic_tokenizer_config.vae_dim", 16.5),
        ("acoustic_tokenizer_config.encoder_depths", "3-x-3"),
        ("acoustic_tokenizer_config.encoder_depths", []),
        ("acoustic_tokenizer_config.encoder_depths", 3),
        ("acoustic_tokenizer_config.encoder_depths", [1, 1, 1, 1, 1, 1, 2.5]),
        ("acoustic_tokenizer_config.encoder_ratios", [8, 5, 5, 4, 2, 0]),
        ("acoustic_tokenizer_config.encoder_ratios", [8, 5, 5, 4, 2, -2]),
        ("acoustic_tokenizer_config.encoder_ratios", [8, 5, 5, 4, 2, float("inf")]),
        ("acoustic_tokenizer_config.fix_std", -1),
        ("acoustic_tokenizer_config.fix_std", float("nan")),
        ("semantic_tokenizer_config.layernorm_eps", "small"),
        ("decoder_config.hidden_size", -64),
        ("decoder_config.hidden_size", 10**400),
        ("decoder_config.rope_theta", float("inf")),
        ("decoder_config", "qwen2"),
        ("decoder_config", None),
        ("diffusion_head_config", [1]),
    ],
)
def test_a_value_that_makes_no_sense_is_named(path: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(_changed("original", path, value))
    assert path in caught.value.got


@pytest.mark.parametrize(
    "layout, changes, told",
    [
        ("original", {"acoustic_vae_dim": 64}, "acoustic_vae_dim is 64"),
        ("original", {"semantic_vae_dim": 3}, "semantic_vae_dim is 3"),
        ("original", {"diffusion_head_config.speech_vae_dim": 8}, "speech_vae_dim is 8"),
        ("original", {"semantic_tokenizer_config.encoder_ratios": [8, 5, 5, 4, 2, 1]}, "samples per frame"),
        ("original", {"semantic_tokenizer_config.encoder_depths": "1-1"}, "2 depths for 6 ratios"),
        ("original", {"decoder_config.num_key_value_heads": 3}, "4 heads over 3 key-value heads"),
        ("original", {"diffusion_head_config.hidden_size": 32}, "diffusion head hidden_size 32"),
        ("original", {"decoder_config.head_dim": 15}, "head_dim 15"),
        (
            "original",
            {"diffusion_head_config.latent_size": 8, "diffusion_head_config.speech_vae_dim": 8},
            "latent_size 8",
        ),
        ("native", {"diffusion_head_config.latent_size": 8}, "latent_size 8"),
        ("native", {"audio_config.downsampling_ratios": [2, 2, 4, 5, 5, 4]}, "samples per frame"),
    ],
)
def test_contradictions_are_named(layout: str, changes: dict[str, Any], told: str) -> None:
    config = copy.deepcopy(MAKERS[layout]())
    for path, value in changes.items():
        _set(config, path, value)
    with pytest.raises(ConfigError) as caught:
        parse_config(config)
    assert told in caught.value.got


def test_every_contradiction_is_reported_at_once() -> None:
    config = copy.deepcopy(original_config())
    _set(config, "decoder_config.num_key_value_heads", 3)
    _set(config, "diffusion_head_config.hidden_size", 32)
    with pytest.raises(ConfigError, match=r"hidden_size 32.*key-value heads"):
        parse_config(config)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = {
    layout: [
        *(f"{section}.{key}" for section, part in make().items() if isinstance(part, dict) for key in part),
        *make(),
    ]
    for layout, make in MAKERS.items()
}


@settings(max_examples=150)
@given(data=st.data(), layout=st.sampled_from(list(MAKERS)))
def test_any_file_is_read_or_refused(data: st.DataObject, layout: str) -> None:
    path = data.draw(st.sampled_from(PATHS[layout]))
    config = _changed(layout, path, data.draw(JSON))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            assert isinstance(parse_config(config), ModelConfig)
        except ConfigError as error:
            assert "config.json" in error.got


# The published sizes, on the meta device.


def _published_keys(name: str) -> dict[str, tuple[int, ...]]:
    with gzip.open(KEYS / f"{name}.json.gz", "rt") as file:
        return {key: tuple(shape) for key, shape in json.load(file).items()}


def _published_config(layout: str, size: str) -> dict[str, Any]:
    """The published config.json, from the small one and the published sizes."""
    hidden, ffn, layers, heads, kv_heads, vocabulary, positions = {
        "1.5b": (1536, 8960, 28, 12, 2, 151936, 65536),
        "7b": (3584, 18944, 28, 28, 4, 152064, 32768),
    }[size]
    language = {
        "hidden_size": hidden,
        "intermediate_size": ffn,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary,
        "max_position_embeddings": positions,
    }
    config = copy.deepcopy(MAKERS[layout]())
    if layout == "original":
        config |= {"acoustic_vae_dim": 64, "semantic_vae_dim": 128}
        for part, width in (("acoustic", 64), ("semantic", 128)):
            depths = {"encoder_depths": "3-3-3-3-3-3-8", "encoder_n_filters": 32, "vae_dim": width}
            config[f"{part}_tokenizer_config"] |= depths
        config["acoustic_tokenizer_config"] |= {"decoder_n_filters": 32}
        config["decoder_config"] |= language
        head = {"head_layers": 4, "head_ffn_ratio": 3.0, "speech_vae_dim": 64}
    else:
        for part, width in (("audio_config", 64), ("semantic_model_config", 128)):
            config[part] |= {"depths": [3, 3, 3, 3, 3, 3, 8], "num_filters": 32, "hidden_size": width}
        config["text_config"] |= language
        head = {"num_hidden_layers": 4, "intermediate_size": 3 * hidden}
    config["diffusion_head_config"] |= {"hidden_size": hidden, "latent_size": 64, **head}
    return config


@pytest.mark.parametrize("layout, size", [("original", "1.5b"), ("original", "7b"), ("native", "1.5b")])
def test_published_sizes_have_all_1205_keys_and_shapes(layout: str, size: str) -> None:
    published = _published_keys(f"{layout}_{size}")
    assert len(published) == 1205
    config = parse_config(_published_config(layout, size))
    tensors = {key: TensorInfo(Path("weights"), shape, "BF16") for key, shape in published.items()}
    model = build_model(config, tensors)
    ours = {published_name(name, config.layout): tuple(t.shape) for name, t in model.state_dict().items()}
    assert ours == published
    assert all(parameter.is_meta for parameter in model.parameters()), "no memory is taken"


def test_published_tied_file_lacks_only_the_head() -> None:
    published = _published_keys("original_1.5b")
    config = parse_config(_published_config("original", "1.5b"))
    with torch.device("meta"):
        tied = VibeVoiceModel(config, tied=True)
    assert {published_name(name, "original") for name in tied.state_dict()} == set(published) - {
        "lm_head.weight"
    }


def test_original_and_native_names_are_one_to_one() -> None:
    names = build_model(
        parse_config(_published_config("original", "1.5b")),
        {k: TensorInfo(Path("w"), s, "F32") for k, s in _published_keys("original_1.5b").items()},
    ).state_dict()
    assert len({published_name(name, "native") for name in names}) == len(names) == 1205
    with pytest.raises(AssertionError, match="no published name"):
        published_name("model.something_else", "original")


@pytest.mark.oracle
def test_transformers_own_default_config_is_read() -> None:
    from transformers import VibeVoiceConfig

    # As save_pretrained writes it; its sizes don't agree with each other by default.
    ours = VibeVoiceConfig()
    ours.diffusion_head_config.hidden_size = ours.text_config.hidden_size
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = parse_config(json.loads(ours.to_json_string()))
    assert config.hop_length == 3200
    assert config.layout == "native" and config.acoustic.noise_scale == 0.625
