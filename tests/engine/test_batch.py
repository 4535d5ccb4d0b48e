"""Runs that join and leave a batch, and runs that continue after frames made before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from vibevoice_nb.engine.batch import Batch, generate_batch
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.frames import Spoken
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.errors import OptionError
from vibevoice_nb.model.generation.cuda_graphs import GraphPool
from vibevoice_nb.model.generation.static_frame import StaticFrame
from vibevoice_nb.script import parse_script
from vibevoice_nb.voices import resolve_voice

CAST = {0: resolve_voice("Ada"), 1: resolve_voice("Kai")}
SCRIPTS = (
    "Speaker 1: Hello there.",
    "Speaker 1: Good morning to you.\nSpeaker 2: And what a morning it is! [pause:200]\nSpeaker 1: Yes.",
    "Speaker 2: No.",
)


@pytest.fixture(scope="module")
def nano() -> Engine:
    return Engine.load("nano", device="cpu", dtype="float32")


def _run(nano: Engine, script: str, seed: int, *, pauses: bool = True, **options: object) -> SpeechRun:
    chosen = nano.defaults.updated({"seed": seed, "passage_seconds": 2.0, "num_steps": 2, **options})
    return SpeechRun.whole(nano.loaded, parse_script(script).turns, CAST, chosen, pauses=pauses)


def _audio(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _alone(run: SpeechRun) -> np.ndarray:
    return _audio(list(run))


def _joined_one_by_one(batch: Batch, runs: Sequence[SpeechRun]) -> dict[int, list[np.ndarray]]:
    """Audio of each run by its id; a run joins before every step."""
    heard: dict[int, list[np.ndarray]] = {id(run): [] for run in runs}
    joining = iter(runs)
    while (new := next(joining, None)) or batch.runs:
        if new is not None:
            batch.join(new)
        batch.begin(batch.waiting[:1])
        for run, audio in batch.step():
            heard[id(run)].append(audio)
    return heard


def test_a_run_has_the_same_audio_whatever_runs_are_beside_it(nano: Engine) -> None:
    """They join between frames, end by themselves, and have options of their own."""
    options = [{}, {}, {"num_steps": 3}, {"cfg_scale": 1.0}]

    def make() -> list[SpeechRun]:
        return [_run(nano, SCRIPTS[i % 3], i, **options[i % 4]) for i in range(5)]

    alone = [_alone(run) for run in make()]
    runs, batch = make(), Batch(nano.loaded)
    heard = _joined_one_by_one(batch, runs)
    assert [run.ended for run in runs] == ["finished"] * 5
    for run, expected in zip(runs, alone, strict=True):
        assert np.array_equal(_audio(heard[id(run)]), expected)


@pytest.mark.parametrize("pauses", [True, False])
def test_a_script_cut_anywhere_continues_bit_for_bit(nano: Engine, pauses: bool) -> None:
    whole = _run(nano, SCRIPTS[1], 4, pauses=pauses)
    made: list[tuple[int, int, int]] = []  # frames, tokens and samples after each piece of audio
    pieces = []
    for audio in whole:
        pieces.append(audio)
        tokens = max(i for i, t in enumerate(whole.tokens, 1) if t == nano.tokenizer.special.frame)
        made.append((len(whole.frames), tokens, whole.samples))
    expected = _audio(pieces)
    assert len(whole.plan.passages) > 1
    for frames, tokens, samples in [(0, 0, 0), *made[3::9], made[-1]]:
        rest = _run(nano, SCRIPTS[1], 4, pauses=pauses)
        rest.replay(whole.frames[:frames], whole.tokens[:tokens], samples)
        assert np.array_equal(_alone(rest), expected[samples:])
        assert rest.frames.latent.tobytes() == whole.frames.latent.tobytes()
        assert rest.turn_samples() == whole.turn_samples() and rest.ended == whole.ended
        assert rest.prefill_hash == whole.prefill_hash


def test_a_turn_in_context_continues_bit_for_bit(nano: Engine) -> None:
    first, second = parse_script("Speaker 1: How are you today?\nSpeaker 2: I am very well, thank you.").turns
    options = nano.defaults.updated({"seed": 3})
    before = SpeechRun.in_context(nano.loaded, first, CAST, [], options)
    _alone(before)
    context = [Spoken(first, before.frames)]

    def make() -> SpeechRun:
        return SpeechRun.in_context(nano.loaded, second, CAST, context, options)

    whole = make()
    audio = _alone(whole)
    for count in (1, 5, len(whole.frames)):
        rest = make()
        rest.replay(whole.frames[:count], whole.tokens[:count], count * 3200)
        assert np.array_equal(_alone(rest), audio[count * 3200 :])
        assert np.array_equal(rest.lead, whole.lead) and rest.lead.any()


def test_a_replay_runs_beside_others_and_costs_no_sampling(
    nano: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, other = _run(nano, SCRIPTS[0], 1), _run(nano, SCRIPTS[2], 2)
    expected, alone = _alone(whole), _alone(other)
    rest, beside = _run(nano, SCRIPTS[0], 1), _run(nano, SCRIPTS[2], 2)
    count = len(whole.frames) - 2
    rest.replay(whole.frames[:count], whole.tokens[:count], count * 3200)
    sampled: list[int] = []
    from vibevoice_nb.model.generation.sampler import Sampler

    sample = Sampler.__call__

    def counted(self: Sampler, cond: object, *rest: object) -> object:
        sampled.append(len(cond))  # type: ignore[arg-type]
        return sample(self, cond, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Sampler, "__call__", counted)
    parts: dict[int, list[np.ndarray]] = {id(rest): [], id(beside): []}
    for run, audio in generate_batch([rest, beside]):
        parts[id(run)].append(audio)
    assert np.array_equal(_audio(parts[id(rest)]), expected[count * 3200 :])
    assert np.array_equal(_audio(parts[id(beside)]), alone)
    assert sum(sampled) == len(beside.frames) + 2


def test_frames_that_do_not_fit_are_rejected(nano: Engine) -> None:
    whole = _run(nano, SCRIPTS[0], 1)
    _alone(whole)
    frames, tokens = whole.frames, whole.tokens
    count, special = len(frames), nano.tokenizer.special
    for wrong in (
        (frames, tokens[: count - 1], count * 3200),
        (frames, [*tokens[:count], special.eos], count * 3200),
        (frames, [12345678, *tokens[:count]], count * 3200),
        (frames, tokens[:count], count * 3200 - 1),
        (type(frames)(frames.latent[:, :3], frames.semantic), tokens[:count], count * 3200),
    ):
        with pytest.raises(OptionError):
            _run(nano, SCRIPTS[0], 1).replay(*wrong)


def test_a_run_leaves_and_continues_later(nano: Engine) -> None:
    expected = _alone(_run(nano, SCRIPTS[0], 5))
    run, batch = _run(nano, SCRIPTS[0], 5), Batch(nano.loaded)
    batch.join(run)
    batch.begin(batch.waiting)
    heard = [audio for _ in range(3) for _, audio in batch.step()]
    batch.leave(run)
    batch.leave(run)
    assert not batch.runs and not batch.step()
    assert np.array_equal(_audio([*heard, *run]), expected)


@pytest.fixture
def with_graphs(nano: Engine) -> Iterator[list[int]]:
    """Static frames, as CUDA graphs have them, and the numbers of their slots."""
    sizes: list[int] = []

    def make(model: object, sampler: object, special: object, batch: int, *, fused: bool) -> StaticFrame:
        sizes.append(batch)
        return StaticFrame(model, sampler, special, batch, live=True)  # type: ignore[arg-type]

    nano.loaded.graph_pool = GraphPool(make)
    yield sizes
    nano.loaded.graph_pool = None


def test_static_frames_are_kept_while_runs_join_and_leave(nano: Engine, with_graphs: list[int]) -> None:
    nano.loaded.graph_pool, pool = None, nano.loaded.graph_pool
    alone = [_alone(_run(nano, SCRIPTS[i % 3], i)) for i in range(5)]
    nano.loaded.graph_pool = pool
    runs, batch = [_run(nano, SCRIPTS[i % 3], i) for i in range(5)], Batch(nano.loaded, growing=True)
    heard = _joined_one_by_one(batch, runs)
    batch.close()
    for run, expected in zip(runs, alone, strict=True):
        np.testing.assert_allclose(_audio(heard[id(run)]), expected, atol=2e-3)
    assert set(with_graphs) <= {1, 2, 4, 8}
