"""Alignment of frames with lines: on synthetic evidence, random models, and the embedded model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_helpers import LATENT, SEMANTIC, prepared_model, small_prompt
from numpy.typing import NDArray

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.frames import Frames, Spoken
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.model.generation import alignment
from vibevoice_nb.model.generation.alignment import Span, align, segment
from vibevoice_nb.model.generation.context import SpokenFrames
from vibevoice_nb.model.loading.checkpoint import NANO_FOLDER
from vibevoice_nb.script import parse_script
from vibevoice_nb.voices import resolve_voice


def _whole(spans: Sequence[Span], frames: int) -> bool:
    edges = [0, *(edge for span in spans for edge in (span.start_frame, span.stop_frame)), frames]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return all(a == b for a, b in pairs) and edges == sorted(edges)


def _evidence(path: NDArray[np.int64], states: int, strength: float = 0.8) -> NDArray[np.float32]:
    """Return attention that follows a path of states, one per frame."""
    at = np.arange(states)[None] == path[:, None]
    return (1 - strength + strength * states * at).astype(np.float32)


@settings(max_examples=60)
@given(st.data())
def test_evidence_that_is_clear_is_followed(data: st.DataObject) -> None:
    """Lines of 5 to 12 tokens, spoken at a steady pace that differs from line to line."""
    tokens = data.draw(st.lists(st.integers(5, 12), min_size=1, max_size=6))
    frames = [data.draw(st.integers(4, 20)) for _ in tokens]
    starts = np.cumsum([0, *tokens])
    path = np.concatenate(
        [start + np.arange(f) * t // f for start, t, f in zip(starts, tokens, frames, strict=False)]
    )
    spans = segment(_evidence(path, sum(tokens)), starts[1:-1])
    assert _whole(spans, sum(frames))
    assert [span.stop_frame - span.start_frame for span in spans] == frames
    assert all(span.confidence > 0.5 for span in spans)


@settings(max_examples=80)
@given(st.data())
def test_spans_cover_everything_for_any_evidence(data: st.DataObject) -> None:
    frames, lines = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 8))
    tokens = data.draw(st.lists(st.integers(1, 5), min_size=lines, max_size=lines))
    seed = data.draw(st.integers(0, 999))
    evidence = np.random.default_rng(seed).exponential(size=(frames, sum(tokens))) ** 3 + 0.02
    expected = data.draw(st.one_of(st.none(), st.floats(1.0, 60.0)))
    spans = segment(evidence.astype(np.float32), np.cumsum(tokens)[:-1], expected)
    assert len(spans) == lines and _whole(spans, frames)
    assert all(0 <= span.confidence <= 1 for span in spans)
    if expected is None and frames >= lines:
        assert all(span.start_frame < span.stop_frame for span in spans)


def test_without_evidence_lines_get_time_by_their_tokens_and_no_confidence() -> None:
    spans = segment(np.ones((60, 30), np.float32), np.array([10, 15]))
    assert [span.start_frame for span in spans] == pytest.approx([0, 20, 30], abs=2)
    assert [span.confidence for span in spans] == pytest.approx([0, 0, 0], abs=1e-6)


def test_a_line_left_out_gets_a_frame_and_the_others_stay() -> None:
    path = np.concatenate([np.arange(20) // 2, 20 + np.arange(20) // 2])
    spans = segment(_evidence(path, 30), np.array([10, 20]))
    assert [(span.start_frame, span.stop_frame) for span in spans] in (
        [(0, 19), (19, 20), (20, 40)],
        [(0, 20), (20, 21), (21, 40)],
    )


def test_lines_that_were_not_reached_have_nothing() -> None:
    path = np.arange(20) // 2
    spans = segment(_evidence(path, 30), np.array([10, 20]), expected=60.0)
    assert [(span.start_frame, span.stop_frame) for span in spans] == [(0, 20), (20, 20), (20, 20)]
    assert spans[1].confidence == 0


def test_seven_minutes_in_twenty_lines() -> None:
    path = np.arange(3000) // 3
    spans = segment(_evidence(path, 1000, 0.5), np.arange(50, 1000, 50))
    assert [span.start_frame for span in spans] == pytest.approx(list(range(0, 3000, 150)), abs=1)


def _random_frames(count: int) -> SpokenFrames:
    generator = torch.Generator().manual_seed(2)
    sizes = (LATENT, SEMANTIC)
    return SpokenFrames(*(torch.randn(count, size, generator=generator) for size in sizes))


def test_the_alignment_of_a_random_model_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    prompt = small_prompt(text=40)
    stop = len(prompt.ids) - 1
    prompt = replace(prompt, lines=((stop - 40, stop - 20), (stop - 20, stop)))
    spans = align(prepared_model(), prompt, _random_frames(60))
    assert _whole(spans, 60)
    assert spans[0].stop_frame == pytest.approx(30, abs=4)
    assert max(span.confidence for span in spans) < 0.1
    # Tokens taken together and attention computed in parts: the same, but coarser.
    monkeypatch.setattr(alignment, "_SCORES", 100)
    assert align(prepared_model(), prompt, _random_frames(60)) == spans
    monkeypatch.setattr(alignment, "_CELLS", 600)
    coarse = align(prepared_model(), prompt, _random_frames(60))
    assert coarse[0].stop_frame == pytest.approx(30, abs=5)


def test_no_frames_no_spans() -> None:
    prompt = replace(small_prompt(), lines=((40, 44), (44, 48)))
    assert align(prepared_model(), prompt, _random_frames(0)) == [Span(0, 0, 0.0)] * 2


# The embedded voice.

TALK = (
    "Speaker 1: What did you do this morning?\nSpeaker 2: I made some coffee.\n"
    "Speaker 2: Then I went for a walk.\nSpeaker 1: That sounds good."
)


@pytest.fixture(scope="module")
def nano() -> Engine:
    if not (NANO_FOLDER / "model.safetensors").exists():
        pytest.skip("the embedded voice is not in this checkout")
    return Engine.load("nano", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def spoken(nano: Engine) -> list[Spoken]:
    """Generate the script turn by turn, so that the boundaries are known."""
    done: list[Spoken] = []
    cast = {0: resolve_voice("Ada"), 1: resolve_voice("Ruben")}
    options = nano.defaults.updated({"seed": 1, "num_steps": 5})
    for turn in parse_script(TALK).turns:
        run = SpeechRun.in_context(nano.loaded, turn, cast, done, options)
        for _ in run:
            pass
        done.append(Spoken(turn, run.frames))
    return done


def test_the_alignment_finds_where_lines_of_nano_begin(nano: Engine, spoken: list[Spoken]) -> None:
    prompt = nano.prompt([turn.turn for turn in spoken], {0: resolve_voice("Ada"), 1: resolve_voice("Ruben")})
    frames = Frames.joined([turn.frames for turn in spoken], 64, 32)
    spans = align(nano.model, prompt, frames.as_tensors())
    ends = list(itertools.accumulate(len(turn.frames) for turn in spoken))
    assert _whole(spans, ends[-1])
    assert [span.stop_frame for span in spans] == pytest.approx(ends, abs=1)
    assert min(span.confidence for span in spans) > 0.5


def test_a_script_in_one_pass_falls_into_its_turns(nano: Engine) -> None:
    turns = parse_script(TALK).turns
    cast = {0: resolve_voice("Ada"), 1: resolve_voice("Ruben")}
    run = SpeechRun.whole(nano.loaded, turns, cast, nano.defaults.updated({"seed": 3, "num_steps": 5}))
    for _ in run:
        pass
    spans = run.spans()
    assert run.ended == "finished" and _whole(spans, len(run.frames))
    for span, turn in zip(spans, turns, strict=True):
        seconds = (span.stop_frame - span.start_frame) / 7.5
        assert 0.5 < seconds / turn.estimated_seconds < 2, turn.text
