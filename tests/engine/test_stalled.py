"""A model that emits tokens without audio is stopped, and the result has the reason."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from checkpoints import EOS, FRAME, START, write_checkpoint
from engine_api_helpers import ANNA
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from vibevoice_nb import Engine, parse_script
from vibevoice_nb.cli.app import app
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.model.generation.silent_steps import MAX_SILENT_STEPS, SilentSteps

END = START + 1
SCRIPT = "Speaker 1: Hello there.\nSpeaker 2: Good morning."


def _saying(engine: Engine, *tokens: int) -> Engine:
    """Let a model's next tokens be these, over and over: a schedule instead of trained weights."""
    valid = engine.tokenizer.special.valid_tokens
    plan = itertools.cycle([valid.index(token) for token in tokens])

    def scores(hidden: torch.Tensor, of: Sequence[int]) -> torch.Tensor:
        rows = [torch.nn.functional.one_hot(torch.tensor(next(plan)), len(of)) for _ in range(len(hidden))]
        return torch.stack(rows).float()

    engine.model.token_logits = scores  # type: ignore[method-assign,assignment]
    return engine


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine.load(write_checkpoint(tmp_path / "small"), device="cpu", dtype="float32")


@pytest.mark.parametrize("tokens", [(START,), (END,), (START, END)])
def test_no_audio_at_all(engine: Engine, tokens: tuple[int, ...]) -> None:
    speech = _saying(engine, *tokens).speak(SCRIPT, num_steps=1, max_seconds=600)
    assert (speech.ended, speech.seconds) == ("stalled", 0.0)
    assert "too many steps that produce no audio, after 0.0 s" in speech.problem
    assert speech.run.state.steps <= MAX_SILENT_STEPS
    assert speech.summary()["ended"] == "stalled"


def test_a_frame_now_and_then_is_bounded_by_the_length(engine: Engine) -> None:
    tokens = (FRAME, *[START] * 60)
    speech = _saying(engine, *tokens).speak(SCRIPT, num_steps=1, max_seconds=60)
    assert speech.ended == "stalled"
    assert speech.run.state.steps < 65 + 5 * (speech.run.state.frames + 1)


def test_turns_of_one_frame_are_no_stall(engine: Engine) -> None:
    frames = 200
    speech = _saying(engine, START, FRAME, END).speak(SCRIPT, num_steps=1, max_seconds=frames * 0.1334)
    assert speech.ended == "length" and speech.run.state.frames == frames
    assert speech.problem == f"the length limit was reached after {speech.seconds:.1f} s of audio"


def test_a_batch_goes_on_without_the_one_that_stalled(engine: Engine) -> None:
    valid = engine.tokenizer.special.valid_tokens
    rows = {0: itertools.cycle([START]), 1: itertools.chain([FRAME] * 80, itertools.repeat(EOS))}

    def scores(hidden: torch.Tensor, of: Sequence[int]) -> torch.Tensor:
        now = [0, 1] if len(hidden) == 2 else [1]
        picked = torch.tensor([valid.index(next(rows[row])) for row in now])
        return torch.nn.functional.one_hot(picked, len(of)).float()

    engine.model.token_logits = scores  # type: ignore[method-assign,assignment]
    stalled, finished = engine.speak_many([SCRIPT, SCRIPT], num_steps=1, seed=1)
    assert (stalled.ended, finished.ended) == ("stalled", "finished")
    assert finished.run.state.frames == 80


def test_resuming_a_stalled_speech_ends_at_once(engine: Engine) -> None:
    speech = _saying(engine, START).speak(SCRIPT, num_steps=1)
    again = engine.resume(speech, max_seconds=600)
    assert again.ended == "stalled" and again.run.state.steps == speech.run.state.steps


def test_a_run_of_a_project(engine: Engine) -> None:
    turns = parse_script(SCRIPT).turns
    cast = {0: ANNA, 1: ANNA}
    options = engine.defaults.updated({"num_steps": 1})
    run = SpeechRun.whole(_saying(engine, START).loaded, turns, cast, options)
    assert sum(1 for _ in run) == 1, "the first frame is forced"
    assert run.ended == "stalled"
    turn = SpeechRun.in_context(engine.loaded, turns[0], cast, [], options)
    assert sum(1 for _ in turn) == 1 and turn.ended == "stalled"


def test_the_command_line_reports_it_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder, script = write_checkpoint(tmp_path / "mute"), tmp_path / "talk.txt"
    weights = load_file(folder / "model.safetensors")
    weights[
        "model.language_model.norm.weight"
    ].zero_()  # all scores are equal: the first wins, which is START
    save_file(weights, folder / "model.safetensors")
    script.write_text(SCRIPT)
    done = CliRunner().invoke(
        app, ["speak", str(script), "--model", str(folder), "--device", "cpu", "--json"]
    )
    assert done.exit_code == 1, done.output
    assert "too many steps that produce no audio" in " ".join(done.stderr.split())
    assert json.loads(done.stdout)["ended"] == "stalled"


def test_counting() -> None:
    count = SilentSteps()
    for made_frame in [True, False, False, False, False] * 100:
        count = count.after(made_frame=made_frame)
        assert not count.stalled
