"""Language model: all entry points equal the uncached one, and transformers."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from checkpoints import write_checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from model_helpers import prepared_model, small_config, small_model
from torch import Tensor

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.model.language_model import LanguageModel
from vibevoice_nb.model.loading.footprint import VALID_TOKENS
from vibevoice_nb.model.loading.prepare import load_prepared
from vibevoice_nb.model.modules.attention import attend_causal, attend_step, attention_name
from vibevoice_nb.model.modules.kv_cache import BLOCK, KVCache

HIDDEN = 48


def _embeds(count: int, seed: int = 0, rows: int = 1) -> Tensor:
    return torch.randn(rows, count, HIDDEN, generator=torch.Generator().manual_seed(seed))


def _lm() -> LanguageModel:
    return prepared_model().language_model


def _feed(lm: LanguageModel, embeds: Tensor, pieces: list[int], cache: KVCache) -> Tensor:
    """Feed one row in pieces, each a prefill of so many positions and a step; returns the steps' output."""
    parts = []
    for piece in pieces:
        at = cache.length
        if piece:
            lm.prefill(embeds[:, at : at + piece], cache)
        parts.append(lm.step(embeds[:, at + piece : at + piece + 1], [cache]))
    return torch.cat(parts, 1)


def _stepped(pieces: list[int]) -> list[int]:
    """Return the positions of the steps of `_feed`."""
    return [end - 1 for end in itertools.accumulate(piece + 1 for piece in pieces)]


def test_uncached_equals_transformers() -> None:
    from transformers import Qwen2Config, Qwen2Model

    model = small_model()
    section = small_config()["decoder_config"]
    unused = ("model_type", "rope_scaling", "sliding_window", "use_sliding_window", "max_window_layers")
    config = Qwen2Config(**{key: value for key, value in section.items() if key not in unused})
    config._attn_implementation = "eager"
    theirs = Qwen2Model(config).eval()
    theirs.load_state_dict(model.language_model.state_dict(), strict=True)
    embeds = _embeds(90, rows=2)
    with torch.no_grad():
        wanted = theirs(inputs_embeds=embeds, output_hidden_states=True, use_cache=False)
        states = list(model.language_model.hidden_states(embeds))
    torch.testing.assert_close(states[-1], wanted.last_hidden_state, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(states[0], wanted.hidden_states[1], rtol=1e-4, atol=1e-5)
    assert len(states) == section["num_hidden_layers"]


@settings(max_examples=15)
@given(pieces=st.lists(st.integers(0, 40), min_size=1, max_size=12))
@torch.inference_mode()
def test_any_pieces_equal_the_uncached_pass(pieces: list[int]) -> None:
    lm = _lm()
    embeds = _embeds(sum(pieces) + len(pieces))
    cache = lm.new_cache()
    wanted = lm(embeds)[:, _stepped(pieces)]
    torch.testing.assert_close(_feed(lm, embeds, pieces, cache), wanted, rtol=1e-4, atol=1e-5)
    assert cache.length == embeds.shape[1]


@torch.inference_mode()
def test_pieces_equal_the_uncached_pass_while_the_cache_grows_and_grows() -> None:
    lm, cache = _lm(), _lm().new_cache()
    pieces = [BLOCK - 3, 0, 0, 0, BLOCK - 4, 0, 7, 2 * BLOCK, 0, 200]
    embeds = _embeds(sum(pieces) + len(pieces))
    capacities = []
    out = []
    for piece in pieces:
        out.append(_feed(lm, embeds, [piece], cache))
        capacities.append(cache.capacity)
    torch.testing.assert_close(torch.cat(out, 1), lm(embeds)[:, _stepped(pieces)], rtol=1e-4, atol=2e-5)
    assert len(set(capacities)) >= 4, "it had to grow several times"
    assert all(capacity % BLOCK == 0 for capacity in capacities)


@torch.inference_mode()
def test_rows_of_different_length_in_one_step_equal_each_alone() -> None:
    lm, lengths = _lm(), [1, 40, BLOCK - 1, BLOCK, 300]
    rows = [_embeds(length + 3, seed) for seed, length in enumerate(lengths)]
    together = [lm.new_cache() for _ in rows]
    for row, length, cache in zip(rows, lengths, together, strict=True):
        lm.prefill(row[:, :length], cache)
    for step in range(3):
        now = [row[:, length + step] for row, length in zip(rows, lengths, strict=True)]
        out = lm.step(torch.stack(now), together)
        for index, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            alone = lm(row[:, : length + step + 1])[0, -1]
            torch.testing.assert_close(out[index, 0], alone, rtol=1e-4, atol=1e-5)
    assert [cache.length for cache in together] == [length + 3 for length in lengths]


@torch.inference_mode()
def test_a_position_taken_back_leaves_no_trace() -> None:
    lm, embeds = _lm(), _embeds(20)
    cache = lm.new_cache()
    lm.prefill(embeds[:, :10], cache)
    lm.step(_embeds(1, seed=5), [cache])
    cache.length -= 1
    out = _feed(lm, embeds, [0] * 10, cache)
    torch.testing.assert_close(out, lm(embeds)[:, 10:], rtol=1e-4, atol=1e-5)
    cache.length = 0
    torch.testing.assert_close(
        _feed(lm, embeds, [0, 3], cache), lm(embeds[:, :5])[:, [0, 4]], rtol=1e-4, atol=1e-5
    )


@torch.inference_mode()
def test_the_future_does_not_change_the_past() -> None:
    lm, embeds = _lm(), _embeds(12)
    changed = embeds.clone()
    changed[:, 7] += 1
    before, after = lm(embeds), lm(changed)
    assert torch.equal(before[:, :7], after[:, :7])
    assert not torch.equal(before[:, 7], after[:, 7])


def test_only_the_requested_tokens_are_scored() -> None:
    for tied in (True, False):
        model = small_model(tied=tied)
        hidden = _embeds(3)[0]
        with torch.no_grad():
            every = model.token_logits(hidden, range(320))
            some = model.token_logits(hidden, [5, 319, 0])
        torch.testing.assert_close(some, every[:, [5, 319, 0]])
        assert some.dtype == torch.float32 and some.shape == (3, 3)


def test_gradients_reach_the_language_model() -> None:
    lm = small_model().language_model.requires_grad_(True)
    lm(_embeds(4)).square().sum().backward()
    for name, parameter in lm.named_parameters():
        if name.startswith("embed_tokens"):
            continue
        # A key's bias shifts all scores alike: softmax cancels it.
        assert parameter.grad is not None and (parameter.grad.any() or "k_proj.bias" in name), name


# Attention by itself.


def _qkv(rows: int, heads: int, kv_heads: int, queries: int, keys: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(keys)
    shapes = (rows, heads, queries, 8), (rows, kv_heads, keys, 8), (rows, kv_heads, keys, 8)
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)  # type: ignore[return-value]


def _naive(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    out = torch.empty_like(q)
    rows, heads, queries, size = q.shape
    groups, earlier = heads // k.shape[1], k.shape[2] - queries
    for r in range(rows):
        for h in range(heads):
            for t in range(queries):
                seen = slice(0, earlier + t + 1)
                scores = k[r, h // groups, seen] @ q[r, h, t] / math.sqrt(size)
                out[r, h, t] = scores.softmax(0) @ v[r, h // groups, seen]
    return out


@pytest.mark.parametrize("heads, kv_heads", [(6, 2), (4, 4), (3, 1)])
@pytest.mark.parametrize("queries, keys", [(1, 1), (1, 9), (4, 4), (3, 10)])
def test_causal_attention_is_the_formula(heads: int, kv_heads: int, queries: int, keys: int) -> None:
    q, k, v = _qkv(2, heads, kv_heads, queries, keys)
    torch.testing.assert_close(attend_causal(q, k, v), _naive(q, k, v), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("heads, kv_heads", [(6, 2), (4, 4), (3, 1)])
def test_one_position_per_row_is_the_formula(heads: int, kv_heads: int) -> None:
    rows = [_qkv(1, heads, kv_heads, 1, keys) for keys in (1, 5, 30)]
    got = attend_step(torch.cat([q for q, _, _ in rows]), [(k[0], v[0]) for _, k, v in rows])
    wanted = torch.cat([_naive(*row) for row in rows])
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-6)


def test_half_precision_attention_stays_half() -> None:
    q, k, v = (tensor.bfloat16() for tensor in _qkv(1, 6, 2, 1, 40))
    out = attend_step(q, [(k[0], v[0])])
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), _naive(*_qkv(1, 6, 2, 1, 40)), rtol=0.05, atol=0.02)


def test_a_cpu_has_no_flash_attention() -> None:
    assert attention_name(torch.device("cpu"), torch.bfloat16) == "sdpa"


# The cache by itself.


def test_the_cache_grows_in_blocks_and_keeps_its_content() -> None:
    cache = KVCache([torch.empty(0)] * 2, kv_heads=2, head_dim=4)
    assert (cache.capacity, cache.length, cache.nbytes()) == (0, 0, 0)
    keys = torch.randn(2, 3, 4)
    cache.reserve(3)
    for layer in range(2):
        live_keys, live_values = cache.append(layer, keys + layer, keys - layer)
        assert live_keys.shape == live_values.shape == (2, 3, 4)
    cache.length = 3
    cache.reserve(BLOCK)
    assert cache.capacity == BLOCK
    cache.reserve(BLOCK + 1)
    assert cache.capacity == 2 * BLOCK
    for layer in range(2):
        assert torch.equal(cache.keys[layer][:, :3], keys + layer)
        assert torch.equal(cache.values[layer][:, :3], keys - layer)
    assert cache.nbytes() == 2 * 2 * 2 * 2 * BLOCK * 4 * 4


def test_cache_wastes_no_more_than_a_quarter_and_a_block() -> None:
    cache = KVCache([torch.empty(0)], kv_heads=1, head_dim=1)
    grown = 0
    for length in range(1, 20_000):
        before = cache.capacity
        cache.reserve(length)
        cache.length = length
        grown += cache.capacity != before
        assert length <= cache.capacity <= max(BLOCK, 1.25 * length + BLOCK)
    assert grown < 25, "copies stay rare"


def test_cache_clone_shares_nothing() -> None:
    cache = KVCache([torch.empty(0)], kv_heads=1, head_dim=2, capacity=4)
    cache.append(0, torch.ones(1, 2, 2), torch.ones(1, 2, 2))
    cache.length = 2
    twin = cache.clone()
    twin.append(0, torch.ones(1, 1, 2), torch.ones(1, 1, 2))
    twin.length = 3
    twin.keys[0][:, :1] = 9
    assert (cache.length, cache.capacity, twin.capacity) == (2, 4, 4)
    assert torch.equal(cache.keys[0][0, :, 0], torch.tensor([1.0, 1.0, 0.0, 0.0]))


def test_an_engine_keeps_the_scores_it_asks_for_alone(tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "m", tied=False)
    whole = load_prepared(folder, torch.device("cpu"), torch.float32)
    engine = Engine.load(folder, device="cpu", dtype="float32")
    assert whole.lm_head is not None and engine.model.lm_head is not None
    valid = engine.tokenizer.special.valid_tokens
    assert len(engine.model.lm_head.weight) == VALID_TOKENS == len(valid) < len(whole.lm_head.weight)
    hidden = torch.randn(2, 3, whole.config.language.hidden_size)
    for tokens in (valid, valid[::-1], valid[2:3]):
        assert torch.equal(engine.model.token_logits(hidden, tokens), whole.token_logits(hidden, tokens))
    with pytest.raises(KeyError):
        engine.model.token_logits(hidden, [7])
