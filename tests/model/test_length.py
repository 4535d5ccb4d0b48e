"""Memory of a long conversation: that of the formula, and a little capacity in advance."""

from __future__ import annotations

import itertools

import pytest
import torch
from model_helpers import HOP, SPECIAL, begun, prepared_model, sampler_of, small_model, small_prompt
from torch import Tensor

from vibevoice_nb.model.generation.loop import generate
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.model.modules.kv_cache import BLOCK, KVCache, position_bytes
from vibevoice_nb.system.memory_estimate import memory_need

FRAME, START = SPECIAL.valid_tokens.index(SPECIAL.frame), SPECIAL.valid_tokens.index(SPECIAL.start)


def _position() -> int:
    """Bytes of a position of one row: keys and values x layers x key-value heads x head size x 4."""
    language = prepared_model().config.language
    assert (language.num_layers, language.num_kv_heads, language.head_dim) == (2, 2, 8)
    assert position_bytes(language, 4) == 2 * 2 * 2 * 8 * 4
    return position_bytes(language, 4)


def _within_growth(cache: KVCache) -> bool:
    """A quarter more than is live, rounded up to a block, and what was reserved before it was cut."""
    live = cache.length * _position()
    return live <= cache.nbytes() <= 1.25 * live + BLOCK * _position()


def _speak(state: GenerationState, tokens: int, *, restart: int | None = None) -> None:
    model, asked = prepared_model(), itertools.count()
    plan = iter(START if index == restart else FRAME for index in range(tokens))
    walk = generate(
        model,
        [state],
        sampler_of(model, num_steps=1),
        SPECIAL,
        choose=lambda row, logits: next(plan),
        stop=lambda row: next(asked) >= tokens,
    )
    for _ in walk:
        pass


@pytest.mark.parametrize("frames", [1, 200, 300, 700, 1500])
def test_two_rows_take_the_memory_of_the_formula(frames: int) -> None:
    prompt = small_prompt(text=100)
    state = begun(prepared_model(), prompt)
    read = state.cond.length
    assert read == len(prompt.ids) - 1
    _speak(state, frames)
    assert (state.cond.length, state.uncond.length) == (read + frames, frames)
    assert _within_growth(state.cond) and _within_growth(state.uncond)
    buffers = sum(tensor.numel() * 4 for tensor in state.acoustic + state.semantic)
    live = (state.cond.length + state.uncond.length) * _position()
    assert live <= state.nbytes() - buffers <= 1.25 * live + 2 * BLOCK * _position()
    assert buffers == memory_need(small_model(), torch.float32).codec


def test_a_null_row_that_begins_anew_holds_no_more_than_before() -> None:
    state = begun(prepared_model(), small_prompt())
    _speak(state, 300)
    held = state.uncond.nbytes()
    _speak(state, 11, restart=0)
    assert state.uncond.length == 10
    assert state.uncond.nbytes() == held, "its room is used again"
    _speak(state, 240)
    assert state.uncond.nbytes() == held


def test_a_saved_and_a_cloned_state_take_as_much() -> None:
    state = begun(prepared_model(), small_prompt())
    _speak(state, 280)
    assert state.clone().nbytes() == state.nbytes()


def test_growth_copies_rarely() -> None:
    """A quarter ahead: ninety minutes of the published models take about 30 moves."""
    like = torch.zeros(0)
    cache, moves, before = KVCache([like], 1, 1), 0, 0
    for length in range(1, 40_501):
        cache.reserve(length)
        cache.length = length
        moves += cache.capacity != before
        before = cache.capacity
        assert cache.capacity <= 1.25 * length + BLOCK
    assert moves < 30


def test_frames_given_to_the_caller_are_released() -> None:
    """Frames given out are the caller's: the state keeps none."""
    state = begun(prepared_model(), small_prompt())
    tensors: list[Tensor] = [*state.acoustic, *state.semantic, state.pending]
    before = sum(tensor.numel() for tensor in tensors)
    _speak(state, 50)
    after = [*state.acoustic, *state.semantic, state.pending]
    assert sum(tensor.numel() for tensor in after) == before
    assert state.frames * HOP > before, "else audio could hide in it"
