r"""Table of our parameter names and the published ones.

A row is (our name as a regular expression, original name, name inside transformers). Group references are
``\1``; ``{prev}`` is the first group less one, because transformers calls stage 0 the stem and counts on
from there. The first row that matches wins.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from ..config import Layout

_STACKS = (
    (r"acoustic\.encoder", "model.acoustic_tokenizer.encoder", "model.audio_tower.encoder", "downsample"),
    (r"acoustic\.decoder", "model.acoustic_tokenizer.decoder", "model.audio_tower.decoder", "upsample"),
    (r"semantic", "model.semantic_tokenizer.encoder", "model.semantic_tokenizer_encoder", "downsample"),
)
_HEAD_NATIVE = r"model.diffusion_head."
_HEAD_ORIGINAL = r"model.prediction_head."


def _rows() -> Iterable[tuple[str, str, str]]:
    yield r"lm_head\.weight", "lm_head.weight", "lm_head.weight"
    yield r"language_model\.(.+)", r"model.language_model.\1", r"model.language_model.\1"
    # VibeVoice-Realtime; transformers has not published a layout of its own for it.
    for ours, original in (
        (r"text_model\.(.+)", r"model.language_model.\1"),
        (r"speech_model\.(.+)", r"model.tts_language_model.\1"),
        (r"type_embeddings", r"model.tts_input_types.weight"),
        (r"stop\.(.+)", r"tts_eos_classifier.\1"),
    ):
        yield ours, original, original
    yield "latent_scale", "model.speech_scaling_factor", "model.latent_scaling_factor"
    yield "latent_bias", "model.speech_bias_factor", "model.latent_bias_factor"
    for kind, native in (("acoustic", "multi_modal_projector"), ("semantic", "semantic_connector")):
        original = f"model.{kind}_connector"
        yield rf"{kind}_connector\.fc(\d)\.(.+)", rf"{original}.fc\1.\2", rf"model.{native}.linear_\1.\2"
        yield rf"{kind}_connector\.norm\.(.+)", rf"{original}.norm.\1", rf"model.{native}.act.\1"
    for ours, original, native in (
        (r"x_proj", "noisy_images_proj", "noisy_images_proj"),
        (r"cond_proj", "cond_proj", "cond_proj"),
        (r"time\.fc1", "t_embedder.mlp.0", "timestep_proj.fc1"),
        (r"time\.fc2", "t_embedder.mlp.2", "timestep_proj.fc2"),
        (r"final_modulation", "final_layer.adaLN_modulation.1", "final_layer.linear_1"),
        (r"final", "final_layer.linear", "final_layer.linear_2"),
    ):
        yield rf"head\.{ours}\.weight", f"{_HEAD_ORIGINAL}{original}.weight", f"{_HEAD_NATIVE}{native}.weight"
    yield (
        r"head\.layers\.(\d+)\.modulation\.weight",
        _HEAD_ORIGINAL + r"layers.\1.adaLN_modulation.1.weight",
        _HEAD_NATIVE + r"layers.\1.linear.weight",
    )
    yield r"head\.layers\.(.+)", _HEAD_ORIGINAL + r"layers.\1", _HEAD_NATIVE + r"layers.\1"
    for ours, original, native, way in _STACKS:
        transposed = "convtr.convtr" if way == "upsample" else "conv.conv"
        yield rf"{ours}\.head\.(.+)", rf"{original}.head.conv.conv.\1", rf"{native}.head.conv.\1"
        yield (
            rf"{ours}\.stages\.0\.entry\.(.+)",
            rf"{original}.{way}_layers.0.0.conv.conv.\1",
            rf"{native}.stem.conv.conv.\1",
        )
        yield (
            rf"{ours}\.stages\.(\d+)\.entry\.(.+)",
            rf"{original}.{way}_layers.\1.0.{transposed}.\2",
            rf"{native}.conv_layers.{{prev}}.{transposed}.\2",
        )
        for part, original_part, native_part in (
            (r"mixer\.(.+)", r"mixer.conv.conv.conv.\3", r"mixer.conv.\3"),
            (r"(.+)", r"\3", r"\3"),
        ):
            place = rf"{original}.stages.\1.\2.{original_part}"
            yield (
                rf"{ours}\.stages\.(0)\.blocks\.(\d+)\.{part}",
                place,
                rf"{native}.stem.stage.\2.{native_part}",
            )
            yield (
                rf"{ours}\.stages\.(\d+)\.blocks\.(\d+)\.{part}",
                place,
                rf"{native}.conv_layers.{{prev}}.stage.\2.{native_part}",
            )


@functools.cache
def _table() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    return tuple((re.compile(ours), _format(original), _format(native)) for ours, original, native in _rows())


def _format(template: str) -> str:
    r"""Write `\1` as `{1}`: `str.format` is fast, `re.Match.expand` parses its template at every call."""
    return re.sub(r"\\(\d)", r"{\1}", template)


def published_name(name: str, layout: Layout) -> str:
    """Translate one of our parameter names to a published layout.

    Examples
    --------
    >>> published_name("acoustic.decoder.stages.2.blocks.0.mixer.bias", "original")
    'model.acoustic_tokenizer.decoder.stages.2.0.mixer.conv.conv.conv.bias'
    >>> published_name("acoustic.decoder.stages.2.blocks.0.mixer.bias", "native")
    'model.audio_tower.decoder.conv_layers.1.stage.0.mixer.conv.bias'
    """
    for pattern, original, native in _table():
        match = pattern.fullmatch(name)
        if match:
            template = original if layout == "original" else native
            prev = int(match[1]) - 1 if "{prev}" in template else None
            return template.format(match[0], *match.groups(), prev=prev)
    raise AssertionError(f"no published name for {name}")
