"""Prompt cache: the audio is bit-identical, and the first audio comes sooner."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from model_helpers import HOP, SPECIAL, Reads, prepared_model, sampler_of, small_prompt, walk
from numpy.typing import NDArray
from torch import Tensor

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.model.generation.loop import prefill
from vibevoice_nb.model.generation.prompt_cache import PIECE, PromptCache
from vibevoice_nb.model.generation.state import GenerationState
from vibevoice_nb.voices import resolve_voice

HIDDEN = 48


def _embeds(count: int, seed: int = 0) -> Tensor:
    return torch.randn(1, count, HIDDEN, generator=torch.Generator().manual_seed(seed))


def _kv(memory: PromptCache, embeds: Tensor) -> list[Tensor]:
    lm = prepared_model().language_model
    cache = lm.new_cache()
    memory.prefill(lm, embeds, cache)
    assert cache.length == embeds.shape[1]
    return [tensor[:, : cache.length].clone() for tensor in cache.keys + cache.values]


@pytest.mark.parametrize("changed", [0, 1, PIECE - 1, PIECE, 2 * PIECE, 3 * PIECE + 5, None])
@torch.inference_mode()
def test_only_the_part_after_a_change_is_read_and_the_caches_are_bit_identical(
    changed: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = Reads(prepared_model().language_model, monkeypatch)
    memory = PromptCache()
    first, second = _embeds(4 * PIECE + 9), _embeds(4 * PIECE + 9)
    if changed is not None:
        second[0, changed] += 1e-3
    _kv(memory, first)
    assert reads.taken() == first.shape[1]
    got = _kv(memory, second)
    known = 4 if changed is None else changed // PIECE
    assert reads.taken() == second.shape[1] - known * PIECE
    assert all(map(torch.equal, got, _kv(PromptCache(0), second)))


@pytest.mark.parametrize("first", [1, 30, PIECE - 1, PIECE + 40])
@torch.inference_mode()
def test_the_prompt_before_the_voices_is_a_separate_piece(
    first: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lm = prepared_model().language_model
    reads = Reads(lm, monkeypatch)
    memory = PromptCache()

    def kv(memory: PromptCache, embeds: Tensor) -> list[Tensor]:
        cache = lm.new_cache()
        memory.prefill(lm, embeds, cache, first)
        assert cache.length == embeds.shape[1]
        return [tensor[:, : cache.length].clone() for tensor in cache.keys + cache.values]

    embeds, other = _embeds(4 * PIECE), _embeds(4 * PIECE)
    other[0, first] += 1e-3
    kv(memory, embeds)
    reads.taken()
    got = kv(memory, other)
    assert reads.taken() == 4 * PIECE - first
    assert all(map(torch.equal, got, kv(PromptCache(0), other)))
    whole = lm.new_cache()
    lm.prefill(other, whole)
    for one, another in zip(got, whole.keys + whole.values, strict=True):
        torch.testing.assert_close(one, another[:, : whole.length], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_the_same_piece_after_another_beginning_is_another_piece() -> None:
    memory = PromptCache()
    first = _embeds(2 * PIECE)
    second = torch.cat((_embeds(PIECE, seed=1), first[:, PIECE:]), 1)
    _kv(memory, first)
    assert all(map(torch.equal, _kv(memory, second), _kv(PromptCache(0), second)))


@torch.inference_mode()
def test_reading_in_pieces_gives_the_numbers_of_reading_at_once() -> None:
    lm, embeds = prepared_model().language_model, _embeds(3 * PIECE + 5)
    cache = lm.new_cache()
    lm.prefill(embeds, cache)
    for got, wanted in zip(_kv(PromptCache(), embeds), cache.keys + cache.values, strict=True):
        torch.testing.assert_close(got, wanted[:, : cache.length], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_memory_is_bounded_and_forgets_ends_before_beginnings(monkeypatch: pytest.MonkeyPatch) -> None:
    one = PromptCache()
    _kv(one, _embeds(PIECE))
    memory = PromptCache(3 * one.nbytes)
    reads = Reads(prepared_model().language_model, monkeypatch)
    long = _embeds(5 * PIECE)
    for again in (5, 2, 2):
        _kv(memory, long)
        assert reads.taken() == again * PIECE
        assert memory.nbytes == memory.limit
    _kv(memory, _embeds(PIECE, seed=1))
    reads.taken()
    _kv(memory, long)
    assert reads.taken() == 3 * PIECE, "the newcomer pushed out one piece, the last"
    memory.clear()
    assert memory.nbytes == 0
    _kv(memory, long)
    assert reads.taken() == 5 * PIECE


def test_a_small_model_does_not_remember_more_than_its_context() -> None:
    lm = prepared_model().language_model
    cache = lm.new_cache(lm.config.max_positions)
    assert PromptCache.of(lm).limit == cache.nbytes() < PromptCache().limit


def test_nothing_is_saved_without_disk_space() -> None:
    memory, made = PromptCache(0), []
    for _ in range(2):
        memory.voice(torch.zeros(9), lambda: made.append(1) or torch.zeros(1, 4))  # type: ignore[func-returns-value]
    assert len(made) == 2
    assert memory.nbytes == 0


def test_a_voice_is_identified_by_its_samples() -> None:
    memory = PromptCache()
    audio = torch.linspace(0, 1, HOP)
    first = memory.voice(audio, lambda: torch.ones(1, 4))
    assert memory.voice(audio.clone(), lambda: torch.zeros(1, 4)) is first
    other = audio.clone()
    other[-1] += 1e-7
    assert memory.voice(other, lambda: torch.zeros(1, 4)) is not first
    assert memory.voice(audio[:-1], lambda: torch.zeros(1, 4)) is not first


def _said(memory: PromptCache | None, seed: int, *, seed_voices: bool = True) -> tuple[list[Tensor], Tensor]:
    model = prepared_model()
    state = GenerationState.new(model, seed)
    prefill(model, small_prompt(text=3 * PIECE), state, prompt_cache=memory, seed_voices=seed_voices)
    asked = iter(range(4))
    frame = SPECIAL.valid_tokens.index(SPECIAL.frame)
    steps = walk(
        model, [state], sampler_of(model), choose=lambda row, logits: frame, stop=lambda row: next(asked) > 2
    )
    return [step.frame.audio for step in steps if step.frame is not None], state.generator.get_state()


def test_speech_is_the_same_to_the_bit_with_and_without_memory() -> None:
    memory = PromptCache()
    for seed in (1, 1, 2, 1):
        wanted, noise = _said(None, seed)
        got, got_noise = _said(memory, seed)
        assert len(got) == 3
        assert all(map(torch.equal, got, wanted))
        assert torch.equal(noise, got_noise), "the voices' noise is drawn whether they are known or not"


def test_another_seed_has_nothing_read_again_unless_it_draws_the_voices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prompt, memory = small_prompt(text=3 * PIECE), PromptCache()
    count = len(prompt.ids) - 1
    reads = Reads(prepared_model().language_model, monkeypatch)
    first, _ = _said(memory, 1, seed_voices=False)
    assert reads.taken() == count
    other, _ = _said(memory, 2, seed_voices=False)
    assert reads.taken() == (count - prompt.before_voices) % PIECE, "what is less than a piece"
    assert not torch.equal(first[0], other[0]), "the frames' noise is the seed's all the same"
    _said(memory, 2)
    assert reads.taken() == count - prompt.before_voices


def test_many_threads_may_remember_at_once() -> None:
    memory, failed = PromptCache(20_000), []

    def work(number: int) -> None:
        try:
            for index in range(200):
                value = (number + index) % 7
                got = memory.voice(
                    torch.full((8,), float(value)), lambda v=value: torch.full((1, 64), float(v))
                )  # type: ignore[misc]
                assert float(got[0, 0]) == value
        except Exception as error:  # told to the test, which fails on it
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


class _FirstSound:
    """Sink that records the time of its first audio (CPU seconds)."""

    def __init__(self) -> None:
        self.at: float | None = None

    def write(self, audio: NDArray[np.float32]) -> None:
        self.at = self.at or time.process_time()


def test_a_cached_cast_has_its_first_audio_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the sink, in CPU time; the script and the seed are new, the voices are not.

    nano's first frame is half of what is left: larger models gain more.
    """
    engine = Engine.load("nano", device="cpu")
    encoded = _counted(engine.model.acoustic.encode, monkeypatch, engine)
    samples = sum(len(resolve_voice(name).audio) for name in ("Ada", "Kai"))

    def first_sound(text: str, seed: int) -> float:
        sink, began = _FirstSound(), time.process_time()
        engine.speak(text, ["Ada", "Kai"], sink=sink, seed=seed, max_seconds=0.4)
        assert sink.at is not None
        return sink.at - began

    def script(word: str) -> str:
        return f"Speaker 1: {word}.\nSpeaker 2: Good."

    engine.speak("Speaker 1: Well.", ["Ruben"], seed=1, max_seconds=0.4)  # whatever is slow only once
    pairs = []
    for attempt in range(3):
        engine.prompt_cache.clear()
        encoded.clear()
        first = first_sound(script("Morning"), seed=attempt)
        assert sum(encoded) == samples  # in pieces
        pairs.append((first, first_sound(script("Evening"), seed=attempt + 10)))
        assert sum(encoded) == samples
    assert min(later / first for first, later in pairs) <= 0.75, pairs


def _counted(encode: Callable[..., Tensor], monkeypatch: pytest.MonkeyPatch, engine: Engine) -> list[int]:
    calls: list[int] = []

    def counting(audio: Tensor, state: list[Tensor]) -> Tensor:
        calls.append(audio.shape[-1])
        return encode(audio, state)

    monkeypatch.setattr(engine.model.acoustic, "encode", counting)
    return calls
