"""`Engine` as a person uses it: scripts, voices, options, sinks, progress, cancelling, going on."""

from __future__ import annotations

import gc
import itertools
import json
import shutil
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkpoints import START, byte_tokenizer, save_weights
from engine_helpers import HOP, restless_model, small_config, small_model

from vibevoice_nb.engine.prompt import TEXT, VOICES
from vibevoice_nb.engine_api import Engine
from vibevoice_nb.errors import AudioError, CheckpointError, DeviceError, OptionError, ScriptError, VoiceError
from vibevoice_nb.script import parse_script
from vibevoice_nb.sinks import MemorySink, QueueSink, WavSink
from vibevoice_nb.speech import GenerationOptions, Progress
from vibevoice_nb.voices import Voice

RATE = 24_000
TALK = "Speaker 1: Hello there.\nSpeaker 2: Good morning!"
FEW: dict[str, Any] = {"num_steps": 2, "max_seconds": 0.1, "seed": 5}
"""Ten frames."""


def _voice(name: str, pitch: float = 220.0) -> Voice:
    return Voice(name, (0.1 * np.sin(np.arange(900) / RATE * 2 * np.pi * pitch)).astype(np.float32), "array")


ANNA, BEN = _voice("Anna"), _voice("Ben", 130.0)
CAST = {1: ANNA, 2: BEN}


def _checkpoint(folder: Path, config: dict[str, Any] | None = None) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config or small_config()))
    save_weights(small_model(), folder)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that speaks until it is stopped."""
    return _checkpoint(tmp_path_factory.mktemp("engine") / "talker")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    return Engine.load(folder, device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def restless(folder: Path) -> Engine:
    """An engine whose model ends by itself, sooner or later."""
    copy = Path(shutil.copytree(folder, folder.parent / "restless"))
    save_weights(restless_model(), copy)
    return Engine.load(copy, device="cpu", dtype="float32")


# Loading.


def test_what_was_loaded_is_told(engine: Engine, folder: Path) -> None:
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


def test_a_dtype_nobody_knows(folder: Path) -> None:
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


def test_the_result_says_what_was_made_and_how(engine: Engine) -> None:
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


def test_stream_gives_the_same_frames_as_they_are_made(engine: Engine) -> None:
    speech = engine.speak(TALK, CAST, **FEW)
    frames = list(engine.stream(TALK, CAST, **FEW))
    assert [frame.shape for frame in frames] == [(HOP,)] * 10
    assert all(frame.dtype == np.float32 for frame in frames)
    assert np.array_equal(np.concatenate(frames), speech.audio)


def test_a_stream_does_only_what_is_asked_of_it(engine: Engine) -> None:
    stream = engine.stream(TALK, CAST, num_steps=2, seed=5, max_seconds=1000)
    first = [next(stream) for _ in range(3)]
    stream.close()  # type: ignore[attr-defined]
    assert np.array_equal(np.concatenate(first), engine.speak(TALK, CAST, **FEW).audio[: 3 * HOP])


def test_seeds_are_reproducible_and_told_when_drawn(engine: Engine) -> None:
    options = {"num_steps": 1, "max_seconds": 0.1}
    one, other = engine.speak(TALK, CAST, **options), engine.speak(TALK, CAST, **options)
    assert one.options.seed is not None and one.options.seed != other.options.seed
    assert not np.array_equal(one.audio, other.audio)
    again = engine.speak(TALK, CAST, seed=one.options.seed, **options)
    assert np.array_equal(again.audio, one.audio)


def test_every_option_is_heard(engine: Engine) -> None:
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


def test_text_and_voices_are_heard(engine: Engine) -> None:
    plain = engine.speak(TALK, CAST, **FEW).audio
    others = [(TALK.replace("Hello", "Hallo"), CAST), (TALK, {1: BEN, 2: ANNA}), (TALK, {})]
    for script, voices in others:
        assert not np.allclose(engine.speak(script, voices, **FEW).audio, plain)


def test_a_parsed_script_and_its_text_are_the_same(engine: Engine) -> None:
    one, other = engine.speak(TALK, CAST, **FEW), engine.speak(parse_script(TALK), CAST, **FEW)
    assert np.array_equal(one.audio, other.audio)


@pytest.mark.parametrize("script", ["", "  \n# only a remark\n", "Speaker 1:", "Speaker 7 x: oh"])
def test_a_script_that_says_nothing(engine: Engine, script: str) -> None:
    with pytest.raises(ScriptError):
        engine.speak(script, {})


def test_five_speakers_are_too_many(engine: Engine) -> None:
    with pytest.raises(ScriptError):
        engine.speak("\n".join(f"Speaker {i}: Hi." for i in range(1, 6)), {})


def test_a_script_longer_than_the_context(tmp_path: Path) -> None:
    config = small_config()
    config["decoder_config"]["max_position_embeddings"] = 300
    engine = Engine.load(_checkpoint(tmp_path / "short", config))
    with pytest.raises(ScriptError, match=r"tokens.*fewer than the 300 positions.*split the script"):
        engine.speak("Speaker 1: " + "a" * 200, {})
    # A script that fits speaks until the context is full, and can't go on from there.
    speech = engine.speak("Speaker 1: Hi.", {}, num_steps=1, max_seconds=100)
    assert speech.ended == "length" and 0 < speech.seconds < 3
    assert speech.job.state.cond.length == 300
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


def test_gaps_between_numbers_give_nobody_anothers_voice(engine: Engine) -> None:
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
    with pytest.raises(ScriptError, match="1 voices for 2 speakers"):
        engine.speak(TALK, ANNA, **FEW)


@pytest.mark.parametrize(
    "voices, told",
    [
        ({1: ANNA}, "no voice for Speaker 2"),
        ({"Speaker 2": BEN}, "no voice for Speaker 1"),
        ({1: ANNA, 2: BEN, 3: ANNA}, "a voice for 3, who says nothing"),
        ({1: ANNA, 2: BEN, "Carl": ANNA}, "a voice for carl, who says nothing"),
        ({1: ANNA, "Speaker 1": BEN, 2: BEN}, "two voices for Speaker 1"),
        ([ANNA], "1 voices for 2 speakers"),
        ([ANNA, BEN, ANNA], "3 voices for 2 speakers"),
        ([], "0 voices for 2 speakers"),
    ],
    ids=range(8),
)
def test_voices_that_do_not_fit_the_speakers(engine: Engine, voices: Any, told: str) -> None:
    with pytest.raises(ScriptError, match=told):
        engine.speak(TALK, voices, **FEW)


def test_a_voice_nobody_knows_and_one_that_is_text(engine: Engine, tmp_path: Path) -> None:
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
        ({"num_steps": 0}, r"num_steps=0.*from 1 to 1000"),
        ({"num_steps": 10.0}, r"num_steps=10\.0.*whole number"),
        ({"num_steps": True}, r"num_steps=True"),
        ({"seed": -1}, r"seed=-1"),
        ({"temperature": 3}, r"temperature=3"),
        ({"max_seconds": 0}, r"max_seconds=0"),
        ({"solver": "euler"}, r"solver='euler'.*dpmsolver\+\+, sde-dpmsolver\+\+"),
    ],
)
def test_options_that_make_no_sense(engine: Engine, options: dict[str, Any], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        engine.speak(TALK, {}, **options)
    with pytest.raises(OptionError, match=told):
        next(iter(engine.stream(TALK, {}, **options)))


def test_none_means_the_default(engine: Engine) -> None:
    speech = engine.speak(TALK, {}, cfg_scale=None, num_steps=1, max_seconds=0.1, seed=1)
    assert speech.options.cfg_scale == 1.3


# Sinks.


def test_audio_goes_to_a_sink_as_it_is_made(engine: Engine, tmp_path: Path) -> None:
    wanted = engine.speak(TALK, CAST, **FEW).audio
    memory = MemorySink()
    assert np.array_equal(engine.speak(TALK, CAST, sink=memory, **FEW).audio, memory.audio)
    with WavSink(tmp_path / "out.wav") as sink:
        speech = engine.speak(TALK, CAST, sink=sink, **FEW)
        assert sink.samples == 10 * HOP, "before it is closed"
    assert speech.audio.size == 0 and speech.seconds == 0.1
    with pytest.raises(AudioError, match="without audio"):
        speech.save(tmp_path / "copy.wav")
    queue = QueueSink()
    with queue:
        engine.speak(TALK, CAST, sink=queue, **FEW)
    assert np.array_equal(np.concatenate(list(queue)), wanted)


def test_a_sink_that_fails_stops_everything(engine: Engine) -> None:
    class Full(MemorySink):
        def write(self, chunk: np.ndarray) -> None:
            raise AudioError("a full disk", "room", "make some")

    with pytest.raises(AudioError, match="full disk"):
        engine.speak(TALK, CAST, sink=Full(), **FEW)


def test_sinks_and_scripts_are_as_many(engine: Engine) -> None:
    with pytest.raises(OptionError, match="1 sinks for 2 scripts"):
        engine.speak_many([TALK, TALK], {}, sinks=[MemorySink()], **FEW)
    assert engine.speak_many([], {}) == []


def test_a_speech_is_saved(engine: Engine, tmp_path: Path) -> None:
    speech = engine.speak(TALK, CAST, **FEW)
    path = speech.save(tmp_path / "talk.wav")
    assert path.stat().st_size == 44 + 2 * 10 * HOP
    with pytest.raises(AudioError, match="exists"):
        speech.save(path)


# Progress and cancelling.


def test_progress_is_told_after_every_frame_and_never_falls(engine: Engine) -> None:
    seen: list[Progress] = []
    speech = engine.speak(TALK, CAST, progress=seen.append, **FEW)
    assert [round(p.seconds * RATE) for p in seen] == [HOP * (i + 1) for i in range(10)]
    assert all(a.elapsed <= b.elapsed for a, b in itertools.pairwise(seen))
    assert all(p.estimated_seconds >= p.seconds and p.remaining >= 0 and p.rtf > 0 for p in seen)
    assert seen[-1].elapsed <= speech.elapsed


@pytest.mark.parametrize("frames", [0, 1, 4])
def test_cancelling_takes_effect_within_a_frame(engine: Engine, frames: int) -> None:
    wanted = engine.speak(TALK, CAST, **FEW).audio
    seen: list[Progress] = []
    speech = engine.speak(TALK, CAST, progress=seen.append, cancelled=lambda: len(seen) >= frames, **FEW)
    assert speech.ended == "cancelled"
    assert np.array_equal(speech.audio, wanted[: frames * HOP])


def test_cancelling_is_asked_while_nothing_is_heard(tmp_path: Path, folder: Path) -> None:
    """A model that only says "start" would go on till its context is full, without a sound."""
    copy = Path(shutil.copytree(folder, tmp_path / "mute"))
    model = small_model(tied=False)
    assert model.lm_head is not None
    model.lm_head.weight.zero_()  # all alike: the first legal token wins
    save_weights(model, copy)
    asked = iter(range(1000))
    speech = Engine.load(copy).speak("Speaker 1: Hi.", {}, cancelled=lambda: next(asked) > 20)
    assert speech.ended == "cancelled" and speech.audio.size == 0 and speech.ttfa is None
    assert speech.rtf == 0.0


def test_cancelled_between_the_frames_of_a_batch_nobody_loses_any(engine: Engine) -> None:
    scripts = [TALK, "Speaker 1: And now for something else.\nSpeaker 2: What?"]
    wanted = engine.speak_many(scripts, CAST, **FEW)
    for frames in (1, 2, 3, 6):
        sinks = [MemorySink(), MemorySink()]
        parts = engine.speak_many(
            scripts,
            CAST,
            sinks=sinks,
            cancelled=lambda: sum(len(sink.audio) for sink in sinks) >= frames * HOP,  # noqa: B023
            **FEW,
        )
        assert all(part.ended == "cancelled" for part in parts)
        for part, whole in zip(parts, wanted, strict=True):
            later = engine.resume(part, max_seconds=0.1)
            assert later.audio.shape == whole.audio.shape
            assert np.abs(later.audio - whole.audio).max() <= 1e-3 * np.abs(whole.audio).max()


# Going on.


INTERRUPTED = """
Speaker 1: Hello there.
Speaker 2: Good morning! [pause:150]
Speaker 1: Bye. [pause:20]
Speaker 2: Not yet.
Speaker 1: Oh? [pause:15]
"""


def test_a_length_limit_is_told_and_going_on_is_seamless(engine: Engine) -> None:
    whole = engine.speak(TALK, CAST, num_steps=2, seed=5, max_seconds=0.3)
    speech = engine.speak(TALK, CAST, num_steps=2, seed=5, max_seconds=0.105)
    assert speech.ended == "length" and speech.seconds == 0.1, "whole frames only"
    later = engine.resume(speech, max_seconds=0.2)
    last = engine.resume(later, max_seconds=0.3)
    assert (later.seconds, last.seconds) == (0.2, 0.3)
    assert np.array_equal(last.audio, whole.audio)
    assert later.options.max_seconds == 0.2 and later.options.seed == 5
    assert last.elapsed > later.elapsed > speech.elapsed
    # The same one again, and into a sink of its own.
    sink = MemorySink()
    again = engine.resume(speech, max_seconds=0.3, sink=sink)
    assert np.array_equal(sink.audio, whole.audio[10 * HOP :]) and again.seconds == 0.3
    assert speech.seconds == 0.1 and speech.audio.size == 10 * HOP


def test_a_limit_anywhere_loses_nothing(restless: Engine) -> None:
    """Also in the middle of a pause, between passages and after the last word."""
    options = {"num_steps": 1, "seed": 30}
    whole = restless.speak(INTERRUPTED, CAST, max_seconds=5.0, **options)
    total = len(whole.audio)
    assert whole.ended == "finished" and total > 6000
    for limit in [*range(2400, total, 470), total - 1, total]:
        part = restless.speak(INTERRUPTED, CAST, max_seconds=limit / RATE, **options)
        assert len(part.audio) <= limit
        assert part.ended == ("finished" if limit >= total else "length"), limit
        later = restless.resume(part, max_seconds=5.0)
        assert later.ended == "finished" and np.array_equal(later.audio, whole.audio), limit


def test_cancelling_anywhere_loses_nothing(restless: Engine) -> None:
    options = {"num_steps": 1, "seed": 9, "max_seconds": 5.0}
    whole, every = (
        restless.speak(INTERRUPTED, CAST, **options),
        list(restless.stream(INTERRUPTED, CAST, **options)),
    )
    pause = next(index for index, chunk in enumerate(every) if not chunk.any())
    for chunks in {0, 1, pause, pause + 1, pause + 2, len(every) - 2, len(every) - 1}:
        seen: list[Progress] = []
        stop = {"progress": seen.append, "cancelled": lambda: len(seen) >= chunks}  # noqa: B023
        part = restless.speak(INTERRUPTED, CAST, **stop, **options)
        assert part.ended == "cancelled" and len(seen) == chunks
        later = restless.resume(part, max_seconds=5.0)
        assert later.ended == "finished" and np.array_equal(later.audio, whole.audio), chunks


def test_what_is_finished_stays_finished(restless: Engine) -> None:
    speech = restless.speak("Speaker 1: Hi.", {}, num_steps=1, seed=1)
    assert speech.ended == "finished"
    later = restless.resume(speech, max_seconds=100)
    assert later.ended == "finished" and np.array_equal(later.audio, speech.audio)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), "ten"])
def test_a_limit_that_makes_no_sense(engine: Engine, seconds: Any) -> None:
    speech = engine.speak(TALK, {}, **FEW)
    with pytest.raises(OptionError, match="max_seconds"):
        engine.resume(speech, max_seconds=seconds)


def test_pauses_are_silence_of_their_length(restless: Engine) -> None:
    script = "Speaker 1: Hello. [pause:500]\nSpeaker 2: Yes? [pause:1250]\nSpeaker 1: Bye."
    chunks = list(restless.stream(script, CAST, num_steps=1, seed=2))
    silent = [len(chunk) for chunk in chunks if not chunk.any()]
    assert silent == [12_000, 30_000]
    assert {len(chunk) for chunk in chunks if chunk.any()} == {HOP}
    sounding = [bool(chunk.any()) for chunk in chunks]
    assert sounding[0] and sounding[-1], "words before the first and after the last"
    assert restless.speak("Speaker 1: Hello. [pause:100]", {}, num_steps=1).audio[-2400:].any() == np.False_


# Several at once.


def test_four_scripts_at_once_equal_each_alone(restless: Engine) -> None:
    scripts = [
        "Speaker 1: Hello there.\nSpeaker 2: Good morning!",
        "Speaker 2: A longer one, which takes a little more. [pause:40]\nSpeaker 1: And goes on.",
        "Speaker 1: Short.\nSpeaker 2: Yes.",
        "Speaker 1: Nothing is as it was before.\nSpeaker 2: Is it? [pause:10]\nSpeaker 2: No. It isn't.",
    ]
    options = {"num_steps": 2, "seed": 9, "max_seconds": 3.0}
    together = restless.speak_many(scripts, CAST, **options)
    alone = [restless.speak(script, CAST, **options) for script in scripts]
    assert len({speech.audio.size for speech in alone}) >= 3, "they end at different steps"
    for one, other in zip(together, alone, strict=True):
        assert one.ended == other.ended == "finished"
        assert one.audio.shape == other.audio.shape
        assert np.abs(one.audio - other.audio).max() <= 1e-3 * np.abs(other.audio).max()
        assert one.options == other.options


# Memory and time.


def _chunks(engine: Engine, seconds: float) -> Iterator[np.ndarray]:
    return engine.stream(TALK, CAST, num_steps=1, seed=1, max_seconds=seconds, cfg_scale=1.0)


def test_memory_stays_flat_beyond_the_cache(engine: Engine) -> None:
    stream = _chunks(engine, 100)
    for _ in range(20):
        next(stream)
    tracemalloc.start()
    for _ in range(10):
        next(stream)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tensors = _tensor_bytes()
    for _ in range(100):
        next(stream)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 50_000, "Python objects"
    # Nothing but the cache may grow: 2 layers, keys and values, 2 heads of 8 numbers of 4 bytes, two rows.
    assert _tensor_bytes() - tensors <= 2 * 2 * 2 * 8 * 4 * 2 * 512


def _tensor_bytes() -> int:
    return sum(t.nbytes for t in gc.get_objects() if type(t) is torch.Tensor and t.device.type == "cpu")


def test_two_threads_may_use_one_engine(engine: Engine) -> None:
    """As when a notebook generates in the background while another cell speaks."""
    from concurrent.futures import ThreadPoolExecutor

    wanted = [engine.speak(TALK, CAST, num_steps=2, max_seconds=0.1, seed=seed).audio for seed in range(2)]
    with ThreadPoolExecutor(2) as pool:
        runs = [
            pool.submit(engine.speak, TALK, CAST, num_steps=2, max_seconds=0.1, seed=seed)
            for seed in range(2)
        ]
    for run, audio in zip(runs, wanted, strict=True):
        assert np.array_equal(run.result().audio, audio)
