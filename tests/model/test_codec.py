"""Codec and semantic encoder: streaming, causality, gradients, and a naive implementation as the oracle."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from model_helpers import HOP, LATENT, SEMANTIC, prepared_model, small_model
from torch import Tensor

from vibevoice_nb.model.codec import Block, Decoder, Encoder
from vibevoice_nb.model.loading.prepare import prepare
from vibevoice_nb.model.modules.conv import CausalConv, Downsample, Upsample
from vibevoice_nb.model.vibevoice import VibeVoiceModel

CHUNKS = st.lists(st.integers(1, 4), min_size=1, max_size=5)
"""Frames per call."""


def _rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _audio(rows: int, samples: int) -> Tensor:
    return 0.3 * _rand(rows, 1, samples)


def _encoders(model: VibeVoiceModel) -> dict[str, Encoder]:
    return {"acoustic": model.acoustic.encoder, "semantic": model.semantic}


# A plain reading: torch's convolutions on channel-major activations, no state, no tricks.


def _plain_norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5) * weight[:, None]


def _plain_block(block: Block, x: Tensor) -> Tensor:
    h = F.pad(_plain_norm(x, block.norm.weight), (6, 0))
    x = x + block.gamma[:, None] * F.conv1d(h, block.mixer.weight, block.mixer.bias, groups=x.shape[1])
    h = _plain_norm(x, block.ffn_norm.weight)
    one, two = block.ffn.linear1, block.ffn.linear2
    h = F.conv1d(F.gelu(F.conv1d(h, one.weight[..., None], one.bias)), two.weight[..., None], two.bias)
    return x + block.ffn_gamma[:, None] * h


def _plain_entry(entry: CausalConv | Downsample | Upsample, x: Tensor) -> Tensor:
    if isinstance(entry, CausalConv):
        return F.conv1d(F.pad(x, (6, 0)), entry.weight, entry.bias)
    if isinstance(entry, Downsample):
        x = F.pad(x, (entry.ratio, -x.shape[2] % entry.ratio))
        return F.conv1d(x, entry.weight, entry.bias, stride=entry.ratio)
    whole = F.conv_transpose1d(x, entry.weight, entry.bias, stride=entry.ratio)
    return whole[..., : -entry.ratio]


def _plain(stack: Encoder | Decoder, x: Tensor) -> Tensor:
    for stage in stack.stages:
        x = _plain_entry(stage.entry, x)
        for block in stage.blocks:
            x = _plain_block(block, x)
    return _plain_entry(stack.head, x)


@torch.no_grad()
@pytest.mark.parametrize("name", ["acoustic", "semantic"])
@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, HOP + 1, 3 * HOP, 4 * HOP - 7])
def test_encoder_is_the_plain_reading_of_its_weights(name: str, samples: int) -> None:
    encoder, audio = _encoders(small_model())[name], _audio(2, samples)
    got = encoder(audio)
    assert got.shape == (2, -(-samples // HOP), LATENT if name == "acoustic" else SEMANTIC)
    torch.testing.assert_close(got, _plain(encoder, audio).transpose(1, 2), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_decoder_is_the_plain_reading_of_its_weights() -> None:
    codec, latents = small_model().acoustic, _rand(2, 5, LATENT)
    got = codec.decode(latents)
    assert got.shape == (2, 1, 5 * HOP)
    torch.testing.assert_close(got, _plain(codec.decoder, latents.transpose(1, 2)), rtol=1e-4, atol=1e-5)


@settings(max_examples=15)
@given(chunks=CHUNKS, rows=st.integers(1, 3))
@torch.inference_mode()
def test_streaming_decode_equals_offline(chunks: list[int], rows: int) -> None:
    codec = prepared_model().acoustic
    latents, state = _rand(rows, sum(chunks), LATENT), codec.decoder.new_state(rows)
    parts = [codec.decode(part, state) for part in latents.split(chunks, dim=1)]
    assert [part.shape[-1] for part in parts] == [HOP * chunk for chunk in chunks]
    torch.testing.assert_close(torch.cat(parts, -1), codec.decode(latents), rtol=1e-4, atol=1e-5)


@settings(max_examples=15)
@given(chunks=CHUNKS, rows=st.integers(1, 3), name=st.sampled_from(["acoustic", "semantic"]))
@torch.inference_mode()
def test_streaming_encode_equals_offline(chunks: list[int], rows: int, name: str) -> None:
    encoder = _encoders(prepared_model())[name]
    audio, state = _audio(rows, HOP * sum(chunks)), encoder.new_state(rows)
    parts = [encoder(part, state) for part in audio.split([HOP * chunk for chunk in chunks], dim=-1)]
    torch.testing.assert_close(torch.cat(parts, 1), encoder(audio), rtol=1e-4, atol=1e-5)


@settings(max_examples=10)
@given(at=st.integers(0, 5))
@torch.inference_mode()
def test_the_decoder_is_causal(at: int) -> None:
    codec, latents = prepared_model().acoustic, _rand(1, 6, LATENT)
    changed = latents.clone()
    changed[:, at] += 1
    before, after = codec.decode(latents), codec.decode(changed)
    assert torch.equal(before[..., : at * HOP], after[..., : at * HOP])
    assert not torch.equal(before[..., at * HOP :][..., :HOP], after[..., at * HOP :][..., :HOP])


@settings(max_examples=10)
@given(at=st.integers(0, 6 * HOP - 1), name=st.sampled_from(["acoustic", "semantic"]))
@torch.inference_mode()
def test_no_sample_is_encoded_before_its_time(at: int, name: str) -> None:
    encoder, audio = _encoders(prepared_model())[name], _audio(1, 6 * HOP)
    changed = audio.clone()
    changed[..., at] += 1
    before, after = encoder(audio), encoder(changed)
    frame = at // HOP
    assert torch.equal(before[:, :frame], after[:, :frame])
    assert not torch.equal(before[:, frame], after[:, frame])


@torch.inference_mode()
def test_a_new_state_is_silence() -> None:
    model = prepared_model()
    for stack in (model.acoustic.decoder, model.acoustic.encoder, model.semantic):
        state = stack.new_state(2)
        assert all(len(buffer) == 2 and not buffer.any() for buffer in state)
    latents = _rand(1, 1, LATENT)
    state = model.acoustic.decoder.new_state(1)
    torch.testing.assert_close(model.acoustic.decode(latents, state), model.acoustic.decode(latents))
    assert any(buffer.any() for buffer in state), "the state remembers what it heard"


@torch.inference_mode()
def test_decoder_keeps_one_overlap_block_and_replays_nothing() -> None:
    decoder = prepared_model().acoustic.decoder
    state = decoder.new_state(1)
    for stage in decoder.stages[1:]:
        entry = stage.entry
        assert state[entry.slot].shape == (1, entry.ratio, entry.channels)


def test_gradients_reach_every_parameter_of_codec_and_semantic_encoder() -> None:
    model = small_model().requires_grad_(True)
    audio, latents = _audio(2, 3 * HOP), _rand(2, 3, LATENT)
    (model.acoustic.encode(audio).square().sum() + model.semantic(audio).square().sum()).backward()
    model.acoustic.decode(latents).square().sum().backward()
    for stack in (model.acoustic, model.semantic):
        for name, parameter in stack.named_parameters():
            assert parameter.grad is not None and parameter.grad.any(), name


@torch.inference_mode()
def test_prepared_equals_unprepared() -> None:
    plain, ready = small_model(), prepared_model()
    audio, latents = _audio(2, 3 * HOP), _rand(2, 3, LATENT)
    pairs = [
        (plain.acoustic.encode(audio), ready.acoustic.encode(audio)),
        (plain.semantic(audio), ready.semantic(audio)),
        (plain.acoustic.decode(latents), ready.acoustic.decode(latents)),
        (plain.acoustic_connector(latents), ready.acoustic_connector(latents)),
        (plain.language_model(_rand(1, 5, 48)), ready.language_model(_rand(1, 5, 48))),
    ]
    for one, other in pairs:
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_prepared_model_keeps_names_and_shapes_and_lets_the_originals_go() -> None:
    plain, ready = small_model(), prepared_model()
    shapes = {name: tensor.shape for name, tensor in plain.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in ready.state_dict().items()}
    assert ready.language_model.layers[0].self_attn.q_proj.weight.is_meta, "its memory is given back"


def test_a_prepared_model_gives_the_same_numbers_wherever_it_is_called() -> None:
    """Gradients are on by default, as in a notebook: no number comes from the emptied originals."""
    ready, latents = prepared_model(), _rand(1, 2, LATENT)
    with torch.inference_mode():
        wanted = ready.acoustic.decode(latents), ready.acoustic_connector(latents)
    assert torch.is_grad_enabled()
    assert torch.equal(ready.acoustic.decode(latents), wanted[0])
    assert torch.equal(ready.acoustic_connector(latents), wanted[1])


def test_a_copy_has_its_own_weights() -> None:
    """As for the average of a model's weights that is kept during training."""
    model = small_model()
    twin = copy.deepcopy(model)
    latents = _rand(1, 2, LATENT)
    before = (
        model.acoustic_connector(latents),
        model.acoustic.decode(latents),
        model.language_model(_rand(1, 2, 48)),
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    after = (
        twin.acoustic_connector(latents),
        twin.acoustic.decode(latents),
        twin.language_model(_rand(1, 2, 48)),
    )
    assert all(map(torch.equal, before, after))


@torch.inference_mode()
def test_half_precision_stays_close_to_single() -> None:
    model = small_model().to(torch.bfloat16)
    prepare(model)
    latents = _rand(1, 4, LATENT)
    single, half = prepared_model().acoustic.decode(latents), model.acoustic.decode(latents.bfloat16())
    assert half.dtype == torch.bfloat16
    assert (half.float() - single).norm() < 0.05 * single.norm()
