"""Unspeakable turns at the engine: skipped with a warning; the others sound as they do without them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from checkpoints import nano_with, write_checkpoint

from vibevoice_nb import Engine, Script, ScriptError, parse_script
from vibevoice_nb.engine.model_limits import VoiceWarning
from vibevoice_nb.engine.run import SpeechRun
from vibevoice_nb.script import Turn
from vibevoice_nb.script.speakable import ScriptWarning
from vibevoice_nb.voices import resolve_voice


@pytest.fixture(scope="module")
def nano() -> Engine:
    return Engine.load("nano")


def script(*texts: str) -> Script:
    labels = ("Anna", "Ben")
    lines = "\n".join(f"{labels[at % 2]}: {text}" for at, text in enumerate(texts))
    return parse_script(lines, cast=labels)


@pytest.mark.parametrize("text", ["-", "...", "?!", "你好。", "مرحبا", "नमस्ते"])
def test_the_other_turns_are_unchanged_by_a_skipped_turn(nano: Engine, text: str) -> None:
    turns = script("Hello.", text, "Bye.")
    spoken = Script((turns.turns[0], turns.turns[2]), (), turns.cast)
    with pytest.warns(ScriptWarning, match="line 2.*the turn is skipped"):
        with_it = nano.speak(turns, {"Anna": "Ada", "Ben": "Ruben"}, seed=5)
    without = nano.speak(spoken, {"Anna": "Ada"}, seed=5)
    np.testing.assert_array_equal(with_it.audio, without.audio)
    assert [item.line for item in with_it.diagnostics] == [2, 2][: len(with_it.diagnostics)]
    assert with_it.odd_length == "" and with_it.seconds < 4
    assert with_it.summary()["left_out"] == [str(item) for item in with_it.diagnostics]


def test_nothing_at_all_is_refused_by_every_way_to_speak(nano: Engine) -> None:
    silent = script("你好。", "...")
    for speak in (
        lambda: nano.speak(silent),
        lambda: nano.speak_many([silent, script("Hello.")]),
        lambda: next(nano.stream(silent)),
        lambda: SpeechRun.in_context(nano.loaded, silent.turns[1], {}, [], nano.defaults),
        lambda: SpeechRun.whole(nano.loaded, silent.turns, {}, nano.defaults),
        lambda: nano.speak(Script((Turn(1, "—", 0),))),
    ):
        with pytest.raises(ScriptError, match=r"nano cannot speak .*Expected English text"):
            speak()


def test_words_that_are_left_out_are_named(nano: Engine) -> None:
    with pytest.warns(ScriptWarning, match="line 1, column 13: warning: nano leaves out '你好'"):
        mixed = nano.speak(script("Hello 你好 world."), seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScriptWarning)
        plain = nano.speak(script("Hello world."), seed=1)
    np.testing.assert_array_equal(mixed.audio, plain.audio)


def test_a_whole_run_gives_a_skipped_turn_no_frames(nano: Engine) -> None:
    turns = script("Hello.", "你好。", "Bye.").turns
    run = SpeechRun.whole(nano.loaded, turns, {}, nano.defaults.updated({"seed": 1}))
    assert sum(len(audio) for audio in run)
    first, second, third = run.spans()
    assert first.start_frame == 0 and third.stop_frame == len(run.frames)
    assert first.stop_frame == second.start_frame == second.stop_frame == third.start_frame


def test_published_models_speak_any_script_but_no_punctuation(tmp_path: Path) -> None:
    engine = Engine.load(write_checkpoint(tmp_path / "model", ends=True))
    assert engine.limits.languages == () and engine.limits.follows_voices
    assert engine.limits.max_seconds is not None
    assert engine.limits.max_seconds < 0.8 * 4096 / 7.5  # the text takes positions, too
    assert engine.speak(script("你好。"), voices={}, max_seconds=1).seconds > 0
    with pytest.raises(ScriptError, match="Expected letters or digits"):
        engine.speak(script("🎉", "..."), voices={})


def test_recordings_are_replaced_and_named_where_a_model_cannot_follow_them(tmp_path: Path) -> None:
    recording = resolve_voice((0.1 * np.sin(np.arange(96000) / 20)).astype(np.float32))
    fixed = Engine.load(nano_with(tmp_path / "fixed", follows_voices=False), dtype="float32")
    with pytest.warns(VoiceWarning, match="fixed cannot follow the recording 'voice': Anna .* voice Ada"):
        speech = fixed.speak(script("Hello."), {"Anna": recording}, seed=2)
    assert speech.cast == {"Anna": "Ada"}
    np.testing.assert_array_equal(speech.audio, fixed.speak(script("Hello."), {"Anna": "Ada"}, seed=2).audio)
    folder = write_checkpoint(tmp_path / "model", ends=True)
    (folder / "generation.json").write_text(json.dumps({"follows_voices": True}))
    with warnings.catch_warnings():
        warnings.simplefilter("error", VoiceWarning)
        assert Engine.load(folder).speak(script("Hello."), {"Anna": recording}, max_seconds=1).cast == {
            "Anna": "voice"
        }


def test_babble_is_flagged(nano: Engine) -> None:
    speech = nano.speak(script("Hello there, how are you?"), seed=1)
    assert speech.odd_length == "" == speech.summary()["odd_length"]
    run = SpeechRun.in_context(
        nano.loaded, script("Hello there, how are you?").turns[0], {}, [], nano.defaults
    )
    assert sum(len(audio) for audio in run) and run.odd_length == ""
    seconds, expected = run.lengths[0]
    run.lengths[0] = 20 * seconds, expected
    assert run.odd_length == "long"
    (length,) = speech.run.lengths
    assert length[0] == pytest.approx(speech.seconds) and 0.5 < length[0] / length[1] < 2
    # One passage of several is enough.
    long = nano.speak(script("Hello there.", "How are you? [pause:500]", "Very well, thank you."), seed=1)
    assert len(long.run.lengths) > 1 and long.odd_length == ""
    for seconds, odd in ((30.0, "long"), (0.0, "short")):
        long.run.lengths[1] = seconds, 1.5
        assert long.run.odd_length == odd
