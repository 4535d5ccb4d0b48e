"""`Speech`: what a take can do, a result of `Engine.speak` can; progress bars; memory of a run."""

from __future__ import annotations

import copy
import gc
import pickle
import tracemalloc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_api_helpers import ANNA, BEN, CAST, FEW, TALK, engine, folder, restless
from model_helpers import HOP

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.engine.speech import Speech
from vibevoice_nb.errors import OptionError
from vibevoice_nb.script import parse_script

__all__ = ["engine", "folder", "restless"]  # fixtures

TWO = "Speaker 1: Good morning.\nSpeaker 2: Hello."


@pytest.fixture(scope="module")
def nano() -> Engine:
    return Engine.load("nano", dtype="float32")


def test_a_speech_plots_writes_subtitles_and_shows_a_player(engine: Engine) -> None:
    speech = engine.speak("Speaker 1: Hello.", {1: ANNA}, num_steps=1, seed=1, max_seconds=1)
    (turn,) = speech.turns
    assert (turn.label, turn.text, turn.start, turn.stop) == ("Speaker 1", "Hello.", 0, speech.samples)
    assert "Hello." in speech.to_srt() and speech.to_vtt().startswith("WEBVTT")
    assert speech.plot_waveform() is not None and speech.plot_spectrogram() is not None
    bundle = speech._repr_mimebundle_()
    assert "<audio" in bundle["text/html"] and "length limit" in bundle["text/html"]
    assert repr(speech) == bundle["text/plain"] == f"<Speech 1.0 s, {engine.name}, seed 1, length>"
    assert repr(engine) == f"<Engine {engine.name!r} on cpu, float32>"


def test_turns_of_passages_have_exact_times_pauses_included(restless: Engine) -> None:
    script = "Speaker 1: Hello. [pause:500]\nSpeaker 2: Yes? [pause:1250]\nSpeaker 1: Bye."
    speech = restless.speak(script, CAST, num_steps=1, seed=2)
    first, second, third = speech.turns
    assert second.start - first.stop == 12_000 and third.start - second.stop == 30_000
    assert third.stop == speech.samples and {turn.confidence for turn in speech.turns} == {1.0}
    resumed = restless.resume(
        restless.speak(script, CAST, num_steps=1, seed=2, max_seconds=1), max_seconds=60
    )
    assert resumed.turns == speech.turns


def test_a_speech_is_saved_with_loudness_and_subtitles(engine: Engine, tmp_path: Path) -> None:
    speech = engine.speak("Speaker 1: Hello.", {1: ANNA}, num_steps=1, seed=1, max_seconds=2)
    speech.save(tmp_path / "talk.flac", loudness=-20, subtitles=["srt"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk.flac", "talk.srt"]


def test_true_shows_a_bar_and_a_callable_is_called(
    engine: Engine, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.speak(TALK, CAST, progress=True, **FEW)
    assert "0.1 of 1.7 s" in capsys.readouterr().err
    fractions: list[float] = []
    Engine.load(folder, device="cpu", progress=fractions.append)
    assert fractions[-1] == 1.0 and not capsys.readouterr().err
    Engine.load(folder, device="cpu", progress=True)
    assert "100%" in capsys.readouterr().err
    wrong: Any = 3
    with pytest.raises(OptionError, match=r"progress=3.*True, False or a function"):
        engine.speak(TALK, CAST, progress=wrong, **FEW)


def test_a_run_holds_no_audio(engine: Engine) -> None:
    """Audio that its consumer drops is gone: a run keeps frames alone."""
    options = engine.defaults.updated({"num_steps": 1, "seed": 1, "max_seconds": 6.0, "cfg_scale": 1.0})
    run = SpeechRun.whole(engine.loaded, parse_script(TALK).turns, {0: ANNA, 1: BEN}, options)
    walk = iter(run)
    next(walk)
    tracemalloc.start()
    try:
        samples = sum(len(audio) for audio in walk)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert samples == 599 * HOP and len(run.frames) == 600
    assert peak < samples * 4 / 4, "a quarter of the audio, in float32"


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda speech: pickle.loads(pickle.dumps(speech))])
def test_a_copy_of_a_speech_has_its_turns_and_is_resumed(
    nano: Engine, copied: Callable[[Speech], Speech], tmp_path: Path
) -> None:
    whole = nano.speak(TWO, seed=1)
    part = nano.speak(TWO, seed=1, max_seconds=0.8)
    later = copied(part)
    assert np.array_equal(later.audio, part.audio) and later.turns == part.turns
    assert later.to_srt() == part.to_srt() and later.save(tmp_path / "later.wav").exists()
    resumed = nano.resume(later, max_seconds=30)
    assert np.array_equal(resumed.audio, whole.audio) and resumed.turns == whole.turns
    assert np.array_equal(nano.resume(part, max_seconds=30).audio, whole.audio)


def test_a_speech_of_another_model_is_not_resumed(nano: Engine) -> None:
    part = nano.speak(TWO, seed=1, max_seconds=0.8)
    other = Engine.load("nano", dtype="bfloat16")
    with pytest.raises(OptionError, match="resume it with the engine that generated it"):
        other.resume(part, max_seconds=30)


def test_a_speech_does_not_keep_the_model_in_memory() -> None:
    engine = Engine.load("nano")
    network = weakref.ref(engine.model)
    speech = engine.speak("Anna: Good morning, Ben.\nBen: Hi.", seed=1, num_steps=1)
    del engine
    gc.collect()
    assert network() is None
    first, second = speech.turns
    assert (first.start, first.stop, second.stop) == (0, second.start, speech.samples)
    assert first.stop > second.stop - second.start, "by the lengths of the texts"
    assert first.confidence == second.confidence == 0.0
    assert [turn.text for turn in copy.deepcopy(speech).turns] == ["Good morning, Ben.", "Hi."]
