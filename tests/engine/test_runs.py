"""Turns generated in the context of those before them, and whole scripts in one pass."""

from __future__ import annotations

import importlib
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import byte_tokenizer, random_model, save_weights
from model_helpers import HOP, LATENT, SEMANTIC, Reads, small_config

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.frames import Frames, Spoken
from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.model.loading.checkpoint import NANO_FOLDER
from vibevoice_nb.script import Turn, parse_script
from vibevoice_nb.voices import Voice, resolve_voice

RATE = 24_000
TURNS = parse_script(
    "Speaker 1: Hello there.\nSpeaker 2: Good morning!\nSpeaker 1: How are you?\nSpeaker 2: Fine."
).turns
FEW = GenerationOptions(num_steps=2, max_seconds=0.1, seed=5)
"""Ten frames."""
with_nano = pytest.mark.skipif(
    not (NANO_FOLDER / "model.safetensors").exists(), reason="the embedded voice is not in this checkout"
)


def _voice(pitch: float) -> Voice:
    return Voice(str(pitch), (0.1 * np.sin(np.arange(900) / RATE * 2 * np.pi * pitch)).astype(np.float32), "")


CAST = {0: _voice(220.0), 1: _voice(130.0)}


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Engine]:
    """Makes engines of small models that speak until they are stopped, or end after a frame."""

    def make(*, ends: bool = False, positions: int = 4096) -> Engine:
        config = small_config()
        config["decoder_config"]["max_position_embeddings"] = positions
        folder = tmp_path_factory.mktemp("engine")
        (folder / "config.json").write_text(json.dumps(config))
        save_weights(random_model(config, ends=ends), folder)
        byte_tokenizer().save(str(folder / "tokenizer.json"))
        return Engine.load(folder, device="cpu", dtype="float32")

    return make


@pytest.fixture(scope="module")
def engine(load: Callable[..., Engine]) -> Engine:
    return load()


@pytest.fixture(scope="module")
def nano() -> Engine:
    return Engine.load("nano", device="cpu", dtype="float32")


class _Done:
    """A run at its end, and its audio."""

    def __init__(self, run: SpeechRun) -> None:
        self.run = run
        self.audio = np.concatenate([np.zeros(0, np.float32), *run])
        assert run.samples == len(self.audio) and run.pauses == 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.run, name)


def _turn(engine: Engine, *arguments: Any) -> SpeechRun:
    return SpeechRun.in_context(engine.loaded, *arguments)


def _whole(engine: Engine, *arguments: Any) -> SpeechRun:
    return SpeechRun.whole(engine.loaded, *arguments)


def _done(run: SpeechRun) -> Any:
    return _Done(run)


def _context(count: int, frames: int = 5, seed: int = 0) -> list[Spoken]:
    """Turns of random frames."""
    rng = np.random.default_rng(seed)
    return [
        Spoken(
            turn,
            Frames(*(rng.normal(size=(frames, size)).astype(np.float32) for size in (LATENT, SEMANTIC))),
        )
        for turn in itertools.islice(itertools.cycle(TURNS[:3]), count)
    ]


# A turn and its context.


def test_a_turn_regenerated_finds_its_voices_where_they_were(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reuse with any seed, unless the voices depend on it: then only the text before them is reused."""
    reads, counts = Reads(engine.model.language_model, monkeypatch), []
    for seed, seed_voices in ((1, False), (2, False), (3, True), (4, True)):
        options = replace(FEW, seed=seed, seed_voices=seed_voices)
        _done(_turn(engine, TURNS[3], CAST, _context(3), options))
        counts.append(reads.taken())
    first, again, *seeded = counts
    assert again < 64 <= first and seeded[0] == seeded[1] > again


def test_a_turn_has_a_frame_of_everything(engine: Engine) -> None:
    run = _done(_turn(engine, TURNS[0], CAST, [], FEW))
    assert run.ended == "length" and len(run.frames) == 10
    assert run.audio.shape == (10 * HOP,) and run.audio.dtype == np.float32
    assert run.frames.latent.shape == (10, LATENT) and run.frames.semantic.shape == (10, SEMANTIC)
    assert run.context_used == 0 and not run.lead.any() and run.lead.shape == (480,)


def test_the_same_context_and_seed_give_the_same_audio(engine: Engine) -> None:
    first, again, other = (
        _done(_turn(engine, TURNS[3], CAST, _context(3), replace(FEW, seed=seed))) for seed in (5, 5, 6)
    )
    assert np.array_equal(first.audio, again.audio) and first.prefill_hash == again.prefill_hash
    assert not np.array_equal(first.audio, other.audio) and first.prefill_hash == other.prefill_hash
    assert first.context_used == 3


def _frame_changed(context: list[Spoken]) -> list[Spoken]:
    latent = context[0].frames.latent.copy()
    latent[2, 3] += 0.01
    return [replace(context[0], frames=replace(context[0].frames, latent=latent)), *context[1:]]


CHANGES: dict[str, Callable[[list[Spoken]], list[Spoken]]] = {
    "a frame": _frame_changed,
    "a word": lambda context: [replace(context[0], turn=replace(TURNS[0], text="Hello here.")), *context[1:]],
    "one turn fewer": lambda context: context[1:],
    "another order": lambda context: [context[1], context[0], context[2]],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_context_changes_the_speech(
    engine: Engine, change: Callable[[list[Spoken]], list[Spoken]]
) -> None:
    context = _context(3)
    before = _done(_turn(engine, TURNS[3], CAST, context, FEW))
    after = _done(_turn(engine, TURNS[3], CAST, change(context), FEW))
    assert before.prefill_hash != after.prefill_hash
    assert not np.array_equal(before.audio, after.audio)


def test_classes_of_version_0_1_still_run_and_warn(engine: Engine) -> None:
    from vibevoice_nb import _moved

    modules = [importlib.import_module("vibevoice_nb.engine.run")]
    turn_run, whole_run = (_moved.moved_name(name, modules) for name in ("TurnRun", "WholeRun"))
    with pytest.warns(DeprecationWarning, match=r"SpeechRun\.in_context\(engine\.loaded"):
        old = _done(turn_run(engine, TURNS[3], CAST, _context(3), FEW))
    assert np.array_equal(old.audio, _done(_turn(engine, TURNS[3], CAST, _context(3), FEW)).audio)
    with pytest.warns(DeprecationWarning, match=r"SpeechRun\.whole\(engine\.loaded"):
        old = _done(whole_run(engine, TURNS, CAST, FEW))
    assert np.array_equal(old.audio, _done(SpeechRun.whole(engine.loaded, TURNS, CAST, FEW)).audio)


def test_the_prefill_hash_depends_on_the_voice(engine: Engine) -> None:
    runs = [_turn(engine, TURNS[0], {0: _voice(pitch)}, [], FEW) for pitch in (220.0, 221.0)]
    assert runs[0].prefill_hash != runs[1].prefill_hash


def test_the_audio_continues_that_of_the_context(engine: Engine) -> None:
    first = _done(_turn(engine, TURNS[0], CAST, [], FEW))
    spoken = Spoken(TURNS[0], first.frames)
    for options in (FEW, replace(FEW, context_seconds=0.0)):
        second = _done(_turn(engine, TURNS[1], CAST, [spoken], options))
        np.testing.assert_allclose(second.lead, first.audio[-480:], rtol=1e-4, atol=1e-6)


def test_frames_of_another_model_are_refused(engine: Engine) -> None:
    frames = Frames(np.zeros((2, 64), np.float32), np.zeros((2, 128), np.float32))
    with pytest.raises(OptionError, match=r"sizes \(2, 64\)"):
        _turn(engine, TURNS[1], CAST, [Spoken(TURNS[0], frames)], FEW)


def test_only_speakers_in_the_prompt_need_a_voice(engine: Engine) -> None:
    alone = {1: CAST[1]}
    with pytest.raises(ScriptError, match="no voice for Speaker 1"):
        _turn(engine, TURNS[1], alone, _context(1), FEW)
    assert _turn(engine, TURNS[1], alone, _context(1), replace(FEW, context_seconds=0.0)).context_used == 0


def test_at_least_one_frame_is_generated(load: Callable[..., Engine]) -> None:
    run = _done(_turn(load(ends=True), TURNS[1], CAST, _context(1), FEW))
    assert run.ended == "finished" and len(run.frames) == 1


# How much context.


@pytest.mark.parametrize("positions", [60, 230, 300, 420, 4096])
def test_context_and_turn_fit_in_the_positions(load: Callable[..., Engine], positions: int) -> None:
    engine = load(positions=positions)
    context = _context(9, frames=12)
    try:
        run = _turn(engine, TURNS[3], CAST, context, FEW)
    except ScriptError:
        assert positions == 60
        return

    def needed(count: int) -> int:
        turns = [*(spoken.turn for spoken in context[len(context) - count :]), TURNS[3]]
        return len(engine.layout(turns, CAST).ids) + 12 * count + 10

    assert run.context_used == {230: 0, 300: 1, 420: 4, 4096: 9}[positions]
    assert needed(run.context_used) <= positions or not run.context_used
    assert run.context_used == 9 or needed(run.context_used + 1) > positions


@pytest.mark.parametrize(
    ("context_seconds", "used"), [(None, 3), (0.3, 3), (0.29, 2), (0.1, 1), (0.09, 0), (0.0, 0)]
)
def test_context_is_no_longer_than_wished(engine: Engine, context_seconds: float | None, used: int) -> None:
    """Each turn of the context is 0.1 s."""
    options = replace(FEW, context_seconds=context_seconds)
    assert _turn(engine, TURNS[3], CAST, _context(3, frames=10), options).context_used == used


@pytest.mark.parametrize(("seconds", "used"), [(1.6, 9), (1.25, 8), (1.05, 6)])
def test_context_and_turn_are_no_longer_than_the_model_likes(
    engine: Engine, seconds: float, used: int
) -> None:
    turn = Turn(2, "Words.", 1)
    assert turn.estimated_seconds == 0.4
    options = replace(FEW, passage_seconds=seconds)
    assert _turn(engine, turn, CAST, _context(9, frames=10), options).context_used == used


def test_the_context_has_at_most_four_speakers_and_the_nearest_turns_win(engine: Engine) -> None:
    lines = [Turn(number, "Hello there.", number - 1) for number in (1, 2, 3, 4, 5, 4)]
    cast = {index: CAST[index % 2] for index in range(6)}
    context = [replace(spoken, turn=turn) for spoken, turn in zip(_context(6), lines, strict=True)]
    used = [
        _turn(engine, Turn(number, "And you?", number - 1), cast, context, FEW).context_used
        for number in (3, 6, 1)
    ]
    assert used == [5, 4, 4]
    run = _done(_turn(engine, Turn(6, "And you?", 5), cast, context, FEW))
    assert len(run.plan.reading(0, run.frames[:0], [0], 10).prompt.voices) == 4


def test_a_long_turn_is_spoken_in_pieces_in_each_others_context(
    load: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, read = load(ends=True), []

    def prompt(turns: Sequence[Turn], cast: Any) -> Any:
        read.append([turn.text for turn in turns])
        return engine.layout(turns, cast)

    monkeypatch.setattr(engine.loaded, "prompt", prompt)
    turn = Turn(1, "This is one. And here are two. Three.", 0, pause_after_ms=500)
    options = GenerationOptions(num_steps=2, seed=3, passage_seconds=1.3)
    run = _done(_turn(engine, turn, CAST, _context(1, frames=40), options))
    assert run.ended == "finished" and len(run.frames) == 3, "a frame for each piece"
    assert read == [
        ["Hello there.", "This is one."],
        ["This is one.", "And here are two."],
        ["Hello there.", "This is one.", "And here are two.", "Three."],
    ]


# Stopping.


def test_cancellation_is_checked_before_every_step_and_keeps_the_audio(engine: Engine) -> None:
    asked: list[int] = []

    def cancelled() -> bool:
        asked.append(len(run.frames))
        return len(run.frames) == 3

    run = _turn(engine, TURNS[0], CAST, [], FEW, cancelled)
    heard = list(run)
    assert len(heard) == 3 and run.samples == 3 * HOP and run.ended == "cancelled"
    assert asked == [0, 0, 1, 2, 3]
    whole = _done(_turn(engine, TURNS[0], CAST, [], FEW))
    assert np.array_equal(np.concatenate(heard), whole.audio[: 3 * HOP])


def test_cancelled_before_it_began(engine: Engine) -> None:
    run = _turn(engine, TURNS[0], CAST, [], FEW, lambda: True)
    assert list(run) == [] and run.ended == "cancelled"
    assert len(run.frames) == 0 and run.frames.latent.shape == (0, LATENT) and run.samples == 0


def test_left_alone_it_waits_and_goes_on(engine: Engine) -> None:
    run = _turn(engine, TURNS[0], CAST, [], FEW)
    heard = [audio for _, audio in zip(range(2), run, strict=False)]
    assert run.ended == "cancelled" and len(run.frames) in (2, 3)
    heard.extend(run)
    assert run.ended == "length"
    assert np.array_equal(np.concatenate(heard), _done(_turn(engine, TURNS[0], CAST, [], FEW)).audio)


def test_a_run_that_was_stopped_is_resumed(engine: Engine) -> None:
    """In context, as a whole script: the copy continues, and the run it was made of stays as it is."""
    longer = replace(FEW, max_seconds=0.2)
    for make in (
        lambda options: _turn(engine, TURNS[3], CAST, _context(3), options),
        lambda options: _whole(engine, TURNS, CAST, options),
    ):
        run, straight = _done(make(FEW)), _done(make(longer))
        resumed = run.run.resumed(0.2, engine.loaded)
        audio = np.concatenate([run.audio, *resumed])
        assert np.array_equal(audio, straight.audio) and resumed.ended == "length"
        assert np.array_equal(resumed.frames.latent, straight.frames.latent)
        assert len(run.frames) == 10 and resumed.prefill_hash == run.prefill_hash


# A whole script.


def _covers(spans: Sequence[Any], frames: int) -> bool:
    edges = [0, *(edge for span in spans for edge in (span.start_frame, span.stop_frame)), frames]
    return all(a == b for a, b in zip(edges[::2], edges[1::2], strict=True)) and edges == sorted(edges)


def test_a_whole_script_cut_short_has_spans_that_cover_it(engine: Engine) -> None:
    for limit in (0.1, 0.3):
        run = _done(_whole(engine, TURNS, CAST, replace(FEW, max_seconds=limit)))
        spans = run.spans()
        assert run.ended == "length" and len(spans) == 4
        assert _covers(spans, round(limit * 100))
    assert _covers(_whole(engine, TURNS, CAST, FEW).spans(), 0), "not even begun"


def test_passages_have_exact_boundaries_and_pauses_are_not_generated(load: Callable[..., Engine]) -> None:
    turns = [replace(turn, pause_after_ms=700) for turn in TURNS]
    options = GenerationOptions(num_steps=2, seed=1, passage_seconds=1.0)
    run = _done(_whole(load(ends=True), turns, CAST, options))
    assert run.ended == "finished" and len(run.frames) == 4
    assert [(span.start_frame, span.stop_frame) for span in run.spans()] == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_an_empty_text_is_an_error(engine: Engine) -> None:
    with pytest.raises(ScriptError, match="no turns"):
        _whole(engine, [], CAST, FEW)


# The embedded voice.


@with_nano
def test_nano_continues_its_context(nano: Engine) -> None:
    cast = {0: resolve_voice("Ada"), 1: resolve_voice("Ruben")}
    turns = parse_script("Speaker 1: Good morning.\nSpeaker 2: How are you?").turns
    options = nano.defaults.updated({"seed": 1, "num_steps": 4})
    takes = [_done(_turn(nano, turns[0], cast, [], replace(options, seed=seed))) for seed in (1, 2)]
    assert all(take.ended == "finished" for take in takes)
    contexts = [[Spoken(turns[0], take.frames)] for take in takes]
    options = replace(options, context_seconds=8.0)
    after = [_done(_turn(nano, turns[1], cast, context, options)) for context in contexts]
    assert [run.context_used for run in after] == [1, 1]
    assert after[0].prefill_hash != after[1].prefill_hash
    assert not np.array_equal(after[0].audio, after[1].audio)
    again = _done(_turn(nano, turns[1], cast, contexts[0], options))
    assert np.array_equal(again.audio, after[0].audio)
    assert after[0].ended == "finished" and 0.3 < len(after[0].audio) / RATE < 4
    np.testing.assert_allclose(after[0].lead, takes[0].audio[-480:], atol=1e-4)


@with_nano
def test_nano_speaks_a_turn_of_forty_seconds(nano: Engine) -> None:
    sentence = "We went to the market and bought some bread, and then we walked home by the river."
    turn = Turn(1, " ".join([sentence] * 7), 0)
    assert turn.estimated_seconds > 38
    # Without guidance, and with as few steps as will do: only its course matters here.
    options = nano.defaults.updated({"seed": 1, "num_steps": 2, "cfg_scale": 1.0})
    run = _done(_turn(nano, turn, {0: resolve_voice("Ruben")}, [], options))
    assert run.ended == "finished"
    assert 20 < len(run.audio) / RATE < 60
    assert len(run.audio) == 3200 * len(run.frames)
    assert torch.isfinite(torch.from_numpy(run.audio)).all()
