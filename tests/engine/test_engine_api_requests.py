"""Arguments of an `Engine`: checkpoint, scripts, voices and options, valid and invalid."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import START
from engine_api_helpers import ANNA, BEN, CAST, FEW, RATE, TALK, engine, folder
from model_helpers import HOP, small_checkpoint, small_config

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.model_limits import VoiceWarning
from vibevoice_nb.engine.options import GenerationOptions
from vibevoice_nb.engine.summary import SpeechSummary
from vibevoice_nb.errors import CheckpointError, DeviceError, OptionError, ScriptError, VoiceError
from vibevoice_nb.model.prompt import TEXT, VOICES
from vibevoice_nb.script import parse_script
from vibevoice_nb.script.speakable import ScriptWarning

__all__ = ["engine", "folder"]  # fixtures


# Loading.


def test_the_loaded_model_is_reported(engine: Engine, folder: Path) -> None:
    assert (engine.name, engine.device, engine.dtype) == (str(folder), torch.device("cpu"), torch.float32)
    assert engine.attention == "sdpa"
    assert engine.defaults == GenerationOptions()


@pytest.mark.parametrize("dtype", ["bfloat16", "auto"])
def test_other_dtypes_speak_too(folder: Path, dtype: str) -> None:
    engine = Engine.load(folder, dtype=dtype)
    assert dtype == "auto" or engine.dtype == torch.bfloat16
    speech = engine.speak(TALK, CAST, num_steps=1, max_seconds=0.1)
    assert (
        speech.audio.dtype == np.float32 and np.isfinite(speech.audio).all() and len(speech.audio) == 10 * HOP
    )


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cuda", "tpu:0"])
def test_a_device_that_is_not_here(folder: Path, device: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("it is here")
    with pytest.raises(DeviceError, match=rf"{device}.*use auto"):
        Engine.load(folder, device=device)


def test_an_unknown_dtype(folder: Path) -> None:
    with pytest.raises(OptionError, match=r"int7.*float32, bfloat16, float16"):
        Engine.load(folder, dtype="int7")


def test_options_are_checked_before_anything_is_fetched() -> None:
    with pytest.raises(OptionError):
        Engine.load("owner/name", dtype="int7")


def test_a_checkpoint_may_bring_its_own_defaults(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folder, tmp_path / "own"))
    file = copy / "generation.json"
    file.write_text('{"cfg_scale": 2.5, "num_steps": 3, "text_frontend": "english_phonemes"}')
    engine = Engine.load(copy)
    assert engine.defaults == GenerationOptions(cfg_scale=2.5, num_steps=3)
    speech = engine.speak("Speaker 1: One.", {}, max_seconds=0.1)
    assert (speech.options.cfg_scale, speech.options.num_steps) == (2.5, 3)
    for text, told in (
        ('{"loudness": 3}', "loudness"),
        ('{"num_steps": 0}', "num_steps"),
        ('{"text_frontend": "klingon"}', "klingon"),
        ('{"text_frontend": ["english_phonemes"]}', "english_phonemes"),
        ("[]", "list"),
        ("{", "JSON"),
    ):
        file.write_text(text)
        with pytest.raises(CheckpointError, match=rf"generation\.json.*{told}"):
            Engine.load(copy)


# Speaking.


def test_the_result_records_how_it_was_generated(engine: Engine) -> None:
    speech = engine.speak(TALK, CAST, cfg_scale=1.5, solver="sde-dpmsolver++", temperature=0.9, **FEW)
    assert speech.ended == "length"
    assert speech.audio.shape == (10 * HOP,) and speech.audio.dtype == np.float32
    assert (speech.seconds, speech.sample_rate) == (0.1, RATE)
    assert speech.cast == {"Speaker 1": "Anna", "Speaker 2": "Ben"}
    assert speech.options == GenerationOptions(1.5, 2, 5, "sde-dpmsolver++", 0.9, 0.1)
    assert speech.ttfa is not None and 0 < speech.ttfa < speech.elapsed
    assert speech.rtf == pytest.approx(speech.elapsed / 0.1)
    flat = json.loads(json.dumps(speech.summary()))
    assert (flat["ended"], flat["seed"], flat["seconds"], flat["cfg_scale"]) == ("length", 5, 0.1, 1.5)
    assert SpeechSummary.__annotations__.keys() - flat.keys() == {"unspoken", "review"}
    assert flat.keys() <= SpeechSummary.__annotations__.keys()
    assert {name: flat[name] for name in vars(speech.options)} == vars(speech.options)


def test_stream_yields_the_same_frames_during_generation(engine: Engine) -> None:
    speech = engine.speak(TALK, CAST, **FEW)
    frames = list(engine.stream(TALK, CAST, **FEW))
    assert [frame.shape for frame in frames] == [(HOP,)] * 10
    assert all(frame.dtype == np.float32 for frame in frames)
    assert np.array_equal(np.concatenate(frames), speech.audio)


def test_a_stream_generates_lazily(engine: Engine) -> None:
    stream = engine.stream(TALK, CAST, num_steps=2, seed=5, max_seconds=1000)
    first = [next(stream) for _ in range(3)]
    stream.close()  # type: ignore[attr-defined]
    assert np.array_equal(np.concatenate(first), engine.speak(TALK, CAST, **FEW).audio[: 3 * HOP])


def test_seeds_are_reproducible_and_reported_if_drawn(engine: Engine) -> None:
    options = {"num_steps": 1, "max_seconds": 0.1}
    one, other = engine.speak(TALK, CAST, **options), engine.speak(TALK, CAST, **options)
    assert one.options.seed is not None and one.options.seed != other.options.seed
    assert not np.array_equal(one.audio, other.audio)
    again = engine.speak(TALK, CAST, seed=one.options.seed, **options)
    assert np.array_equal(again.audio, one.audio)


def test_every_option_changes_the_audio(engine: Engine) -> None:
    plain = engine.speak(TALK, CAST, **FEW).audio
    for changes in (
        {"cfg_scale": 2.0},
        {"cfg_scale": 1.0},
        {"num_steps": 3},
        {"solver": "sde-dpmsolver++"},
        {"temperature": 0.5},
        {"seed": 6},
    ):
        other = engine.speak(TALK, CAST, **{**FEW, **changes}).audio
        assert other.shape == plain.shape and not np.allclose(other, plain), changes


def test_text_and_voices_change_the_audio(engine: Engine) -> None:
    plain = engine.speak(TALK, CAST, **FEW).audio
    others = [(TALK.replace("Hello", "Hallo"), CAST), (TALK, {1: BEN, 2: ANNA}), (TALK, {})]
    for script, voices in others:
        assert not np.allclose(engine.speak(script, voices, **FEW).audio, plain)


def test_a_parsed_script_and_its_text_are_the_same(engine: Engine) -> None:
    one, other = engine.speak(TALK, CAST, **FEW), engine.speak(parse_script(TALK), CAST, **FEW)
    assert np.array_equal(one.audio, other.audio)


@pytest.mark.parametrize("script", ["", "  \n# only a remark\n", "Speaker 1:", "Speaker 7 x: oh"])
def test_a_script_without_speech(engine: Engine, script: str) -> None:
    with pytest.raises(ScriptError):
        engine.speak(script, {})


def test_more_than_four_speakers_are_generated_in_passages(engine: Engine) -> None:
    script = "\n".join(f"Speaker {number}: Hi." for number in (1, 2, 3, 4, 5, 6, 1, 2))
    with pytest.warns(ScriptWarning, match="line 5, column 1: info: a new passage begins here"):
        speech = engine.speak(script, {}, **FEW)
    assert [[turn.speaker for turn in one.turns] for one in speech.run.plan.passages] == [
        [1, 2, 3, 4],
        [5, 6, 1, 2],
    ]
    assert [item.line for item in speech.diagnostics] == [5] and speech.summary()["left_out"] == []


def test_speakers_who_share_a_built_in_voice_are_named(engine: Engine) -> None:
    script = parse_script("\n".join(f"Speaker {number}: Hi." for number in range(1, 10)))
    with pytest.warns(VoiceWarning, match="Speaker 1 and Speaker 9 have the same voice, Ada"):
        speech = engine.speak(script, **FEW)
    assert speech.cast["Speaker 9"] == "Ada"


def test_more_speakers_than_a_script_may_have(engine: Engine) -> None:
    with pytest.raises(ScriptError, match="at most 32 speakers"):
        engine.speak("\n".join(f"Speaker {number}: Hi." for number in range(1, 34)), {})


def test_a_script_longer_than_the_context(tmp_path: Path) -> None:
    config = small_config()
    config["decoder_config"]["max_position_embeddings"] = 300
    engine = Engine.load(small_checkpoint(tmp_path / "short", config))
    with pytest.raises(ScriptError, match=r"tokens.*fewer than the 300 positions.*split the script"):
        engine.speak("Speaker 1: " + "a" * 200, {})
    # A script that fits speaks until the context is full, and can't go on from there.
    speech = engine.speak("Speaker 1: Hi.", {}, num_steps=1, max_seconds=100)
    assert speech.ended == "length" and 0 < speech.seconds < 3
    assert speech.run.state.cond.length == 300
    later = engine.resume(speech, max_seconds=200)
    assert later.ended == "length" and np.array_equal(later.audio, speech.audio)


# Voices.


def test_voices_by_number_label_name_and_order(engine: Engine) -> None:
    wanted = engine.speak(TALK, CAST, **FEW).audio
    for voices in ([ANNA, BEN], {"1": ANNA, "2": BEN}, {"speaker 1": ANNA, "SPEAKER 2": BEN}, (ANNA, BEN)):
        assert np.array_equal(engine.speak(TALK, voices, **FEW).audio, wanted)
    named = parse_script("Zoe: Hello there.\nAda: Good morning!", cast=["Zoe", "Ada"])
    speech = engine.speak(named, {"ada": BEN, "ZOE": ANNA}, **FEW)
    assert speech.cast == {"Zoe": "Anna", "Ada": "Ben"}
    assert np.array_equal(speech.audio, wanted)


def test_gaps_between_numbers_do_not_swap_voices(engine: Engine) -> None:
    speech = engine.speak("Speaker 1: One.\nSpeaker 3: Three.", {3: BEN, 1: ANNA}, **FEW)
    assert speech.cast == {"Speaker 1": "Anna", "Speaker 3": "Ben"}
    alike = engine.speak("Speaker 1: One.\nSpeaker 2: Three.", {2: BEN, 1: ANNA}, **FEW)
    assert np.array_equal(speech.audio, alike.audio)


def test_a_single_voice_for_a_single_speaker(engine: Engine, tmp_path: Path) -> None:
    tone = 0.1 * np.sin(np.arange(12_000) / 17).astype(np.float32)
    for voices in (ANNA, tone):
        alone = engine.speak("Speaker 1: Hi.", voices, **FEW)
        assert np.array_equal(alone.audio, engine.speak("Speaker 1: Hi.", [voices], **FEW).audio)
    with pytest.raises(VoiceError, match=r"nowhere\.wav"):
        engine.speak("Speaker 1: Hi.", tmp_path / "nowhere.wav", **FEW)
    with pytest.raises(ScriptError, match="1 voice for 2 speakers"):
        engine.speak(TALK, ANNA, **FEW)


@pytest.mark.parametrize(
    "voices, told",
    [
        ({1: ANNA}, "no voice for Speaker 2"),
        ({"Speaker 2": BEN}, "no voice for Speaker 1"),
        ({1: ANNA, 2: BEN, 3: ANNA}, "a voice for 3, who has no lines"),
        ({1: ANNA, 2: BEN, "Carl": ANNA}, "a voice for Carl, who has no lines"),
        ({1: ANNA, "Speaker 1": BEN, 2: BEN}, "two voices for Speaker 1"),
        ([ANNA], "1 voice for 2 speakers"),
        ([ANNA, BEN, ANNA], "3 voices for 2 speakers"),
        ([], "0 voices for 2 speakers"),
    ],
    ids=range(8),
)
def test_voices_that_do_not_fit_the_speakers(engine: Engine, voices: Any, told: str) -> None:
    with pytest.raises(ScriptError, match=told):
        engine.speak(TALK, voices, **FEW)


def test_an_unknown_voice_and_one_that_is_text(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(VoiceError, match="Xenia"):
        engine.speak("Speaker 1: Hi.", {1: "Xenia"}, **FEW)
    (tmp_path / "voice.wav").write_text("this is no recording")
    with pytest.raises(VoiceError, match=r"voice\.wav"):
        engine.speak("Speaker 1: Hi.", {1: tmp_path / "voice.wav"}, **FEW)


def test_without_voices_there_is_no_voice_part_in_the_prompt(engine: Engine) -> None:
    turns = parse_script(TALK).turns
    bare, full = engine.prompt(turns, {}), engine.prompt(turns, {0: ANNA, 1: BEN})
    encode = engine.tokenizer.encode
    assert bare.voices == () and bare.ids.count(START) == 1
    assert len(full.voices) == 2 and full.ids.count(START) == 3
    assert _contains(full.ids, encode(VOICES)) and not _contains(bare.ids, encode(VOICES))
    assert _contains(full.ids, encode(TEXT)) and _contains(bare.ids, encode(TEXT))


def _contains(ids: Sequence[int], part: Sequence[int]) -> bool:
    return any(list(ids[i : i + len(part)]) == list(part) for i in range(len(ids)))


# Options.


@pytest.mark.parametrize(
    "options, told",
    [
        ({"cfg": 2.0}, r"unknown option 'cfg'.*did you mean 'cfg_scale'"),
        ({"steps": 5}, r"unknown option 'steps'.*did you mean 'num_steps'"),
        ({"zzz": 5}, r"unknown option 'zzz'.*use one of these names"),
        ({"cfg_scale": 0.5}, r"cfg_scale=0\.5.*from 1\.0.*the default is 1\.3"),
        ({"cfg_scale": float("nan")}, r"cfg_scale=nan"),
        ({"cfg_scale": "2"}, r"cfg_scale='2'"),
        ({"num_steps": 0}, r"num_steps=0.*from 1 to 999"),
        ({"num_steps": 10.0}, r"num_steps=10\.0.*whole number"),
        ({"num_steps": True}, r"num_steps=True"),
        ({"seed": -1}, r"seed=-1"),
        ({"temperature": 3}, r"temperature=3"),
        ({"max_seconds": 0}, r"max_seconds=0"),
        ({"solver": "euler"}, r"solver='euler'.*dpmsolver\+\+, sde-dpmsolver\+\+"),
    ],
)
def test_invalid_options(engine: Engine, options: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        engine.speak(TALK, {}, **options)
    with pytest.raises(OptionError, match=told):
        next(iter(engine.stream(TALK, {}, **options)))


def test_none_means_the_default(engine: Engine) -> None:
    speech = engine.speak(TALK, {}, cfg_scale=None, num_steps=1, max_seconds=0.1, seed=1)
    assert speech.options.cfg_scale == 1.3


def test_corrected_script_text_is_warned_of(engine: Engine) -> None:
    text = "Speaker 1: One. Speaker 2: Two. [short pause]"
    with pytest.warns(ScriptWarning) as caught:
        engine.speak(text, num_steps=1, max_seconds=0.2)
    assert [str(item.message)[:28] for item in caught if item.category is ScriptWarning] == [
        "line 1, column 17: warning: ",
        "line 1, column 33: warning: ",
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScriptWarning)
        engine.speak(
            parse_script(text), num_steps=1, max_seconds=0.2
        )  # the caller that parsed it has the diagnostics
