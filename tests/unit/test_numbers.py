"""Settings accept numbers of every type, and refuse other values with one sentence."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from vibevoice_nb import Engine
from vibevoice_nb.audio.encode import encode
from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.errors import OptionError, ScriptError, VibeVoiceError, VoiceError
from vibevoice_nb.model.solver import solver_steps
from vibevoice_nb.project.jobs.sweep import Sweep
from vibevoice_nb.project.storage.schema import checked_setting
from vibevoice_nb.ranges import GENERATION
from vibevoice_nb.script import parse_script
from vibevoice_nb.web.limits import Limits
from vibevoice_nb.widgets.controls import RANGES, GenerationControls

ROOT = Path(__file__).parents[2]
WHOLE = [5, np.int8(5), np.int64(5), np.uint64(5), np.array(5), torch.tensor(5)]
REAL = [
    2,
    2.0,
    np.float16(2),
    np.float32(2),
    np.int32(2),
    np.array(2.0),
    torch.tensor(2.0),
    Fraction(2),
    Decimal("2"),
]
NO_WHOLE = [
    True,
    np.True_,
    np.array(True),
    torch.tensor(True),
    5.0,
    "5",
    b"5",
    None,
    [5],
    np.array([5]),
    1j,
    object(),
]
NO_REAL = [
    True,
    np.True_,
    "2",
    b"2",
    None,
    [2.0],
    np.array([2.0]),
    2j,
    np.complex64(2),
    Decimal("sNaN"),
    10**400,
]


@pytest.mark.parametrize("value", WHOLE, ids=lambda value: type(value).__name__)
def test_whole_numbers_of_every_kind(value: Any) -> None:
    for made in (GenerationOptions(num_steps=value), GenerationOptions().updated({"num_steps": value})):
        assert (type(made.num_steps), made.num_steps) == (int, 5)
    assert type(Limits(max_steps=value).max_steps) is int
    assert type(checked_setting("num_steps", value)) is int
    controls = GenerationControls(num_steps=value)
    assert (type(controls.num_steps), controls.num_steps) == (int, 5)


@pytest.mark.parametrize("value", REAL, ids=lambda value: type(value).__name__)
def test_real_numbers_of_every_kind(value: Any) -> None:
    made = GenerationOptions(cfg_scale=value, max_seconds=value)
    assert [(type(number), number) for number in (made.cfg_scale, made.max_seconds)] == [(float, 2.0)] * 2
    assert checked_setting("cfg_scale", value) == 2
    json.dumps(checked_setting("cfg_scale", value))
    controls = GenerationControls(cfg_scale=value)
    assert (type(controls.cfg_scale), controls.cfg_scale) == (float, 2.0)


@pytest.mark.parametrize("value", NO_WHOLE, ids=lambda value: type(value).__name__)
def test_values_that_are_not_whole_numbers(value: Any) -> None:
    with pytest.raises(OptionError, match="Expected a whole number from 1 to 999"):
        GenerationOptions(num_steps=value)


@pytest.mark.parametrize("value", NO_REAL, ids=lambda value: type(value).__name__)
def test_values_that_are_not_real_numbers(value: Any) -> None:
    with pytest.raises(OptionError, match=r"Expected a number from 0\.0 to 2\.0"):
        GenerationOptions(temperature=value)


@pytest.mark.parametrize("value", [3, None, ["dpmsolver++"], np.array(["a", "b"]), b"dpmsolver++"])
def test_a_solver_that_is_not_a_name(value: Any) -> None:
    with pytest.raises(OptionError, match="Expected one of dpmsolver"):
        GenerationOptions(solver=value)


def test_numpy_in_a_sweep() -> None:
    script = parse_script("Speaker 1: Good morning.")
    axes: dict[str, Any] = {
        "num_steps": np.arange(2, 5, 2),
        "cfg_scale": np.float32(1.5),
        "seed": np.array(7),
    }
    sweep = Sweep(lambda: Engine.load("nano"), script, None, axes)
    options = [cell.options for cell in sweep.cells]
    assert options == [{"num_steps": steps, "cfg_scale": 1.5, "seed": 7} for steps in (2, 4)]
    json.dumps(options)


def test_numpy_in_an_export() -> None:
    audio = np.zeros(2400, np.float32)
    assert encode(audio, "mp3", bitrate=np.int64(96_000)) == encode(audio, "mp3", bitrate=96_000)
    with pytest.raises(OptionError, match="bitrate='96k'"):
        encode(audio, "mp3", bitrate="96k")  # type: ignore[arg-type]


@pytest.mark.parametrize("solver", ["dpmsolver++", "sde-dpmsolver++"])
def test_every_number_of_steps_that_is_allowed_can_be_computed(solver: Any) -> None:
    low, high, _ = GENERATION["num_steps"]
    for steps in (int(low), 2, 3, 10, 500, int(high) - 1, int(high)):
        assert len(solver_steps(steps, solver)) == steps
    for steps in (int(low) - 1, int(high) + 1):
        with pytest.raises(OptionError):
            GenerationOptions(num_steps=steps)
        with pytest.raises(OptionError):
            solver_steps(steps, solver)


def test_the_settings_of_jupyterlab_have_the_same_ranges() -> None:
    schema = json.loads((ROOT / "labextension/schema/settings.json").read_text())["properties"]
    for setting, option in (("numSteps", "num_steps"), ("cfgScale", "cfg_scale"), ("seed", "seed")):
        low, high, _ = RANGES[option]
        assert (schema[setting]["minimum"], schema[setting]["maximum"]) == (low, high)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load("nano")


@pytest.mark.parametrize("script", [5, None, b"x", ["a"], np.zeros(3), {"Anna": "Hi."}, Path("script.txt")])
def test_a_script_of_a_wrong_type(engine: Engine, script: Any) -> None:
    for speak in (engine.speak, engine.stream):
        with pytest.raises(VibeVoiceError, match=f"a script of type {type(script).__name__}"):
            speak(script)


@pytest.mark.parametrize("scripts", ["Speaker 1: Hi.", b"x", 5, None, parse_script("Speaker 1: Hi.")])
def test_scripts_that_are_not_a_list(engine: Engine, scripts: Any) -> None:
    with pytest.raises(VibeVoiceError, match=f"scripts of type {type(scripts).__name__}"):
        engine.speak_many(scripts)


@pytest.mark.parametrize(
    ("voices", "got"),
    [
        ([None], "a voice of type NoneType"),
        ([b"x"], "a voice of type bytes"),
        ([5], "a voice of type int"),
        ({"Speaker 1": None}, "a voice of type NoneType"),
        ({1: ["Ada"]}, "a voice of type list"),
        (5, "voices of type int"),
        (b"Ada", "voices of type bytes"),
        ({"Ada"}, "voices of type set"),
        (np.zeros((2, 4000)), "audio of shape"),
        (np.array(["Ada"]), "audio of shape"),
        (np.array([None], dtype=object), "audio of shape"),
    ],
)
def test_voices_of_a_wrong_type(engine: Engine, voices: Any, got: str) -> None:
    with pytest.raises(VoiceError, match=got):
        engine.speak("Speaker 1: Hi.", voices)


def test_one_speaker_under_two_spellings_has_one_voice(engine: Engine) -> None:
    with pytest.raises(ScriptError, match="two voices for one speaker"):
        engine.speak("Speaker 1: Hi.", {1: "Ada", "1": "Kai"})


def test_a_stream_is_checked_when_it_is_requested(engine: Engine) -> None:
    with pytest.raises(OptionError, match="num_steps"):
        engine.stream("Speaker 1: Hi.", num_steps=1000)
    with pytest.raises(ScriptError):
        engine.stream("")
    frames = engine.stream("Speaker 1: Hi.", num_steps=np.int64(2), seed=1)
    assert next(frames).shape == (3200,)


def test_resuming_needs_a_length(engine: Engine) -> None:
    speech = engine.speak("Speaker 1: Hi.", num_steps=2, seed=1, max_seconds=np.float32(0.5))
    with pytest.raises(OptionError, match="max_seconds=None"):
        engine.resume(speech, max_seconds=None)  # type: ignore[arg-type]
