"""float16 as on a T4, part by part, under activations as large as Qwen2.5's: near float32, and finite.

What is injected is what such models are known for: a few channels of the residual thousands of times the
others (Sun et al., 2024, arXiv 2402.17762), products inside feed-forward layers and scores of queries and
keys beyond 65,504.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import pytest
import torch
from model_helpers import HOP, LATENT, SEMANTIC, SPECIAL, begun, sampler_of, small_model, small_prompt
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from vibevoice_nb.model.codec import Block
from vibevoice_nb.model.generation.static_frame import StaticFrame
from vibevoice_nb.model.loading.prepare import prepare
from vibevoice_nb.model.modules.layers import SwiGLU
from vibevoice_nb.model.modules.linear import Dense
from vibevoice_nb.model.vibevoice import VibeVoiceModel

LARGEST = torch.finfo(torch.float16).max
NEAR = 0.999
Change = Callable[[VibeVoiceModel], None]


def _noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _pair(change: Change, *, prepared: bool) -> tuple[VibeVoiceModel, VibeVoiceModel]:
    """The changed model in float32 and in float16, both of values that float16 has."""
    model = small_model()
    with torch.no_grad():
        change(model)
    model = model.half().float()
    half = copy.deepcopy(model).half()
    for each in (model, half) if prepared else ():
        prepare(each)
    return model, half


def _same(got: Tensor, wanted: Tensor, what: str) -> None:
    """Near for every position and row by itself, so that loud ones hide nothing."""
    assert got.dtype == torch.float16, what
    assert torch.isfinite(got).all(), f"{what} is not finite"
    cosine = torch.cosine_similarity(got.double().flatten(0, -2), wanted.double().flatten(0, -2), dim=-1)
    assert float(cosine.min()) > NEAR, f"{what}: {float(cosine.min())}"
    size = got.double().norm() / wanted.double().norm()
    assert 0.98 < float(size) < 1.02, f"{what}: {float(size)} times as loud"


# The language model.


def _massive_residual(model: VibeVoiceModel) -> None:
    """Two channels of the first layer's output leave the range, the rest stays what it was."""
    for channel, size in ((5, 30_000.0), (11, 300_000.0)):
        model.language_model.layers[0].mlp.down_proj.weight[channel] *= size


def _massive_product(model: VibeVoiceModel) -> None:
    """One hidden unit's gate and up are thousands, their product millions; what comes out is thousands."""
    mlp = model.language_model.layers[0].mlp
    mlp.gate_proj.weight[7] *= 1500.0
    mlp.up_proj.weight[7] *= 1500.0
    mlp.down_proj.weight[:, 7] /= 2000.0


def _massive_scores(model: VibeVoiceModel) -> None:
    """Biases of the slowest rotation, as large as Qwen2.5's, in queries and keys: scores beyond the range.

    Nothing else is in that channel: beside 500, bfloat16 (which such models are trained in) has steps of 2.
    """
    dim = model.config.language.head_dim
    for layer in model.language_model.layers:
        for proj in (layer.self_attn.q_proj, layer.self_attn.k_proj):
            assert proj.bias is not None
            proj.bias.view(-1, dim)[:, dim // 2 - 1] = 500.0
            proj.weight.view(-1, dim, proj.weight.shape[1])[:, dim // 2 - 1] = 0.0


def _massive_values(model: VibeVoiceModel) -> None:
    """Values of tens of thousands in one channel of every head, of alternating sign."""
    dim = model.config.language.head_dim
    for layer in model.language_model.layers:
        layer.self_attn.v_proj.weight.view(-1, dim, layer.self_attn.v_proj.weight.shape[1])[:, 0] *= 12_000.0
        layer.self_attn.o_proj.weight.view(-1, layer.self_attn.heads, dim)[:, :, 0] /= 4_000.0


def _everything(model: VibeVoiceModel) -> None:
    for change in (_massive_residual, _massive_product, _massive_scores, _massive_values):
        change(model)


LANGUAGE = {
    "residual": _massive_residual,
    "product": _massive_product,
    "scores": _massive_scores,
    "values": _massive_values,
    "everything": _everything,
}


@pytest.fixture(params=["any", "math"])
def backend(request: pytest.FixtureRequest) -> Iterator[None]:
    """Attention as torch likes, and by plain products, which is where scores would leave the range."""
    if request.param == "any":
        yield
        return
    with sdpa_kernel(SDPBackend.MATH):
        yield


def _ways(model: VibeVoiceModel) -> dict[str, Tensor]:
    """All ways through the language model."""
    lm, dtype = model.language_model, model.latent_scale.dtype
    embeds = _noise(1, 12, lm.config.hidden_size).to(dtype)
    cache, rows = lm.new_cache(), [lm.new_cache(), lm.new_cache()]
    for part in (embeds[:, :7], embeds[:, 7:11]):
        lm.prefill(part, cache)
    found = {
        "whole": lm(embeds),
        "prefill": lm.step(embeds[:, 11:], [cache]),
        "step": torch.cat([lm.step(embeds[:, i : i + 1].repeat(2, 1, 1), rows) for i in range(9)], 1),
    }
    return found | {"logits": model.token_logits(found["whole"], SPECIAL.valid_tokens).to(dtype)}


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("prepared", [False, True])
@pytest.mark.parametrize("where", list(LANGUAGE))
@torch.inference_mode()
def test_the_language_model(where: str, prepared: bool) -> None:
    wide, half = _pair(LANGUAGE[where], prepared=prepared)
    wanted = _ways(wide)
    for name, got in _ways(half).items():
        _same(got, wanted[name], name)


@torch.inference_mode()
def test_injected_activations_exceed_the_range() -> None:
    embeds = _noise(1, 12, 48)
    wide, _ = _pair(_massive_residual, prepared=False)
    residual = max(float(x.abs().max()) for x in list(wide.language_model.hidden_states(embeds))[:-1])
    assert residual > LARGEST
    wide, _ = _pair(_massive_product, prepared=False)
    layer = wide.language_model.layers[0]
    normed = layer.post_attention_layernorm(embeds)
    gate, up = layer.mlp.gate_and_up.product(normed).chunk(2, dim=-1)
    assert (
        float(gate.abs().max()) < LARGEST
        and float((torch.nn.functional.silu(gate) * up).abs().max()) > LARGEST
    )
    wide, _ = _pair(_massive_scores, prepared=False)
    layer, cos_sin = (
        wide.language_model.layers[0],
        wide.language_model.rotary(torch.arange(12), torch.float32),
    )
    attention = layer.self_attn
    q, k, _ = attention.rotated(
        attention.qkv.product(embeds).unflatten(2, (-1, attention.head_dim)), *cos_sin
    )
    scores = q @ k.repeat_interleave(attention.heads // attention.kv_heads, 1).transpose(-1, -2)
    assert float(scores.abs().max()) / attention.head_dim**0.5 > LARGEST
    wide, _ = _pair(_massive_values, prepared=False)
    attention = wide.language_model.layers[0].self_attn
    v = attention.qkv.product(embeds).unflatten(2, (-1, attention.head_dim))[:, :, -attention.kv_heads :]
    assert LARGEST / 4 < float(v.abs().max()) < LARGEST


@torch.inference_mode()
def test_a_whole_frame_as_a_card_replays_it() -> None:
    """Attention under a mask, over a cache with room to spare."""
    frames = []
    for model in _pair(_everything, prepared=True):
        state = begun(model, small_prompt())
        frame = StaticFrame(model, sampler_of(model), SPECIAL, 1)
        frame.attach([state])
        frame.noise.copy_(_noise(*frame.noise.shape))
        frame.frame()
        frames.append(frame)
    wide, half = frames
    assert torch.equal(wide.choice, half.choice)
    for name in ("hidden", "latent_norm", "features", "pending"):
        _same(getattr(half, name), getattr(wide, name), name)
    _same(half.audio.squeeze(1), wide.audio.squeeze(1), "audio")


# The diffusion head, the connectors, the codec.


def _ffns(model: VibeVoiceModel) -> list[SwiGLU]:
    return [module for module in model.head.modules() if isinstance(module, SwiGLU)]


def _head_residual(model: VibeVoiceModel) -> None:
    for ffn in _ffns(model):
        ffn.down_proj.weight[5] *= 10_000.0


def _head_product(model: VibeVoiceModel) -> None:
    for ffn in _ffns(model):
        ffn.gate_proj.weight[7] *= 60.0
        ffn.up_proj.weight[7] *= 60.0
        ffn.down_proj.weight[:, 7] /= 200.0


def _overhear(dense: Dense, seen: list[float]) -> None:
    """Note the largest of what is multiplied."""
    add_to = dense.add_to

    def noted(residual: Tensor, x: Tensor, gain: Tensor | None = None) -> Tensor:
        seen.append(float(x.abs().max()))
        return add_to(residual, x, gain)

    dense.add_to = noted  # type: ignore[method-assign]


@pytest.mark.parametrize("condition", [3.0, 200.0])
@pytest.mark.parametrize("change", [lambda model: None, _head_residual, _head_product])
@torch.inference_mode()
def test_the_diffusion_head(change: Change, condition: float) -> None:
    """Also when the language model's last norm lets a massive channel through to it.

    Unprepared, for prepared on a CPU a float16 model has a head of float32.
    """
    wide, half = _pair(change, prepared=False)
    seen: list[float] = []
    for layer in wide.head.layers:
        layer.register_forward_hook(lambda module, given, out: seen.append(float(out.abs().max())))
    for ffn in _ffns(wide):
        _overhear(ffn.down_proj.dense, seen)
    cond, uncond = (3.0 * _noise(1, 48, seed=seed) for seed in (1, 2))
    cond[0, 5], uncond[0, 5], noise = condition, condition, _noise(1, LATENT, seed=3)
    wanted = sampler_of(wide)(cond, uncond, noise)
    assert change.__name__ == "<lambda>" or max(seen) > LARGEST, "else nothing is tested"
    _same(sampler_of(half)(cond.half(), uncond.half(), noise), wanted, "latent")


def _connector_norm(model: VibeVoiceModel) -> None:
    for connector in (model.acoustic_connector, model.semantic_connector):
        connector.fc1.weight *= 5_000.0


def _codec_residual(model: VibeVoiceModel) -> None:
    """Every stage's stream is loud; the last convolution takes it back."""
    for stack in (model.acoustic.encoder, model.acoustic.decoder, model.semantic):
        stack.get_submodule("stages.0.entry").weight *= 5_000.0
        stack.head.weight /= 5_000.0


def _codec_feed_forward(model: VibeVoiceModel) -> None:
    """Layer scales are small, what they scale is large."""
    for block in (module for module in model.modules() if isinstance(module, Block)):
        block.ffn.linear1.weight *= 1_000.0
        block.ffn.linear2.weight *= 10.0
        block.ffn_gamma /= 10_000.0


@pytest.mark.parametrize("change", [_connector_norm, _codec_residual, _codec_feed_forward])
@torch.inference_mode()
def test_connectors_and_codec(change: Change) -> None:
    heard = []
    for model in _pair(change, prepared=True):
        like = model.latent_scale
        audio = (0.3 * _noise(1, 1, 4 * HOP)).to(like)
        latent, features = (_noise(1, 4, size, seed=size).to(like) for size in (LATENT, SEMANTIC))
        decoded = model.acoustic.decode(latent, model.acoustic.decoder.new_state(1))
        heard.append(
            {
                "voice": model.acoustic.encode(audio, model.acoustic.encoder.new_state(1)),
                "audio": decoded.unflatten(-1, (4, HOP)),
                "semantic": model.semantic(audio, model.semantic.new_state(1)),
                "frames": model.embed_frames(latent, features),
            }
        )
    wide, half = heard
    for name, got in half.items():
        _same(got, wide[name], name)
