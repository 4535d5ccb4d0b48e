"""Engine with VibeVoice-Realtime: whole scripts, text that arrives, ends and limits."""

from __future__ import annotations

import pickle
import random
import threading
from pathlib import Path

import numpy as np
import pytest
from realtime_helpers import REALTIME, qwen_like_tokenizer, write_realtime

from vibevoice_nb import Engine
from vibevoice_nb.engine.realtime_run import RealtimeRun
from vibevoice_nb.engine.text_feed import TextFeed
from vibevoice_nb.errors import OptionError, ScriptError, VoiceError
from vibevoice_nb.model.tokenizer import FileTokenizer
from vibevoice_nb.script.frontends import PLAIN_QUOTES
from vibevoice_nb.voices.resolve import resolve_voice
from vibevoice_nb.voices.voice import Voice, load_voice

WORDS = "It’s the quick brown fox, isn't it? In 1999... “we” were told.\nYes: 3.14, 3,000 — 你好。再见 ok!"


@pytest.fixture(scope="module")
def endless(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A model that never ends a speech."""
    return Engine.load(write_realtime(tmp_path_factory.mktemp("endless")))


@pytest.fixture(scope="module")
def ending(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """A model that ends every speech with its first frame."""
    return Engine.load(write_realtime(tmp_path_factory.mktemp("ending"), stop_bias=30.0))


@pytest.fixture(scope="module")
def voice() -> Voice:
    return load_voice(REALTIME / "voice.pt")


def audio_of(run: RealtimeRun) -> np.ndarray:
    return np.concatenate([*run, np.zeros(0, np.float32)])


# Text.


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> FileTokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    qwen_like_tokenizer().save(str(folder / "tokenizer.json"))
    return FileTokenizer(folder)


@pytest.mark.parametrize(
    "text", [WORDS, "  one", "a  b \n c\t d", "e\u0301te\u0301 e\u0301", "12 3a4 5'6", "…", "I'll we'd"]
)
def test_tokens_do_not_depend_on_the_portions(tokenizer: FileTokenizer, text: str) -> None:
    wanted = tokenizer.encode(PLAIN_QUOTES(text.strip()) + "\n")
    for seed in range(20):
        rng, feed, at = random.Random(seed), TextFeed(tokenizer, PLAIN_QUOTES), 0
        got: list[int] = []
        while at < len(text):
            size = rng.choice([1, 2, 5, 30])
            feed.add(text[at : at + size])
            got += feed.take(rng.randrange(4))
            at += size
        feed.close()
        assert got + feed.take(10**6) == wanted
        assert feed.left == "" and feed.read == len(wanted)


def test_a_feed_tells_which_words_are_left(tokenizer: FileTokenizer) -> None:
    feed = TextFeed(tokenizer, PLAIN_QUOTES, "the quick brown fox jumps")
    everything = feed.waiting
    feed.take(len(tokenizer.encode("the quick")))
    assert feed.left == "brown fox jumps"
    feed.take(1)
    assert feed.left == "brown fox jumps", "a word of which a token was read is left"
    assert feed.waiting < everything


# Runs.


def test_stream_equals_speak_equals_text_that_arrives(endless: Engine, voice: Voice) -> None:
    how = {"seed": 4, "max_seconds": 3.0}
    speech = endless.speak(f"Speaker 1: {WORDS.splitlines()[0]}", voice, **how)
    assert speech.ended == "length" and speech.seconds == pytest.approx(3.0, abs=0.14)
    streamed = np.concatenate(list(endless.stream(f"Speaker 1: {WORDS.splitlines()[0]}", voice, **how)))
    assert np.array_equal(speech.audio, streamed)
    run = endless.realtime.open(voice, endless.defaults.updated(how))
    arrived: list[np.ndarray] = []
    listener = threading.Thread(target=lambda: arrived.extend(run))
    listener.start()
    for char in WORDS.splitlines()[0]:
        run.feed(char)
    run.close_text()
    listener.join(60)
    assert np.array_equal(np.concatenate(arrived), speech.audio)
    assert run.turns[0].text == WORDS.splitlines()[0]


def test_a_run_waits_for_five_tokens_or_the_end_of_the_text(endless: Engine, voice: Voice) -> None:
    run = endless.realtime.open(voice, endless.defaults.updated({"seed": 1, "max_seconds": 2.0}))
    assert run.waiting
    run.feed("the qu")
    assert run.waiting, "the second word may go on, and the first is less than a window"
    polls = iter(range(3))
    assert run.advance(lambda: next(polls, None) is None) == [], "cancelled while it waited"
    run.feed("ick brown fox jumps over")
    assert not run.waiting
    assert [len(audio) for audio in run.advance()] == [3200]
    assert not run.waiting, "six frames follow a window"
    run.close_text()
    with pytest.raises(OptionError, match="after the end"):
        run.feed("more")


def test_only_an_open_run_is_fed(endless: Engine, voice: Voice) -> None:
    run = endless.realtime.whole(endless_turns("Hello."), {0: voice}, endless.defaults)
    with pytest.raises(OptionError, match="all of its text"):
        run.feed("more")


def endless_turns(text: str) -> tuple:  # type: ignore[type-arg]
    from vibevoice_nb import parse_script

    return parse_script(f"Speaker 1: {text}").turns


def test_the_end_comes_at_once_and_unspoken_text_is_told(ending: Engine, voice: Voice) -> None:
    speech = ending.speak("Speaker 1: the quick brown fox jumps over the lazy dog.", voice, seed=1)
    assert speech.ended == "finished" and len(speech.audio) == 3200
    (rest,) = speech.run.unspoken  # type: ignore[attr-defined]
    assert rest.text.endswith("the lazy dog.") and rest.tokens > 5
    assert (
        speech.problem == speech.notes[0] and f"{rest.words} words ({rest.tokens} tokens)" in speech.problem
    )
    assert "the model ended it early" in speech.problem and speech.summary()["unspoken"] == [speech.problem]


def test_punctuation_that_was_not_read_is_not_told(ending: Engine, voice: Voice) -> None:
    speech = ending.speak("Speaker 1: the fox?!...!!", voice, seed=1)
    assert speech.ended == "finished" and speech.problem == ""


def test_each_speaker_has_its_voice_and_its_state(ending: Engine, endless: Engine, voice: Voice) -> None:
    script = "Anna: the fox.\n[pause:500]\nBen: the dog."
    speech = ending.speak(script, {"Anna": voice, "Ben": voice}, seed=2)
    assert [(turn.label, turn.stop - turn.start, turn.confidence) for turn in speech.turns] == [
        ("Anna", 3200, 1.0),
        ("Ben", 3200, 1.0),
    ]
    alone = ending.realtime.whole(endless_turns("the fox."), {0: voice}, ending.defaults.updated({"seed": 2}))
    assert np.array_equal(audio_of(alone), speech.audio[:3200])
    assert any("one speaker at a time" in said for said in ending.limits.sentences("it"))


def test_the_context_ends_a_speech_and_the_rest_is_told(tmp_path: Path, voice: Voice) -> None:
    engine = Engine.load(write_realtime(tmp_path, max_position_embeddings=48))
    speech = engine.speak("Speaker 1: " + "the quick brown fox " * 4, voice, seed=1)
    assert speech.ended == "length" and speech.run.context_full
    assert "context of 48 positions is full" in speech.problem and "not spoken" in speech.problem
    with pytest.raises(OptionError, match="fills the context of 48 positions"):
        engine.resume(speech, max_seconds=100)


def test_a_cancelled_speech_is_resumed_without_a_seam(endless: Engine, voice: Voice) -> None:
    script, how = "Speaker 1: the quick brown fox jumps over the lazy dog.", {"seed": 5}
    whole = endless.speak(script, voice, max_seconds=2.5, **how)
    calls = iter(range(8))
    part = endless.speak(script, voice, cancelled=lambda: next(calls, None) is None, **how)
    assert part.ended == "cancelled" and 0 < part.seconds < whole.seconds
    resumed = endless.resume(pickle.loads(pickle.dumps(part)), max_seconds=2.5)
    assert np.array_equal(resumed.audio, whole.audio)


def test_several_scripts_are_spoken_as_if_alone(endless: Engine, voice: Voice) -> None:
    scripts = ["Speaker 1: the fox.", "Speaker 1: over the lazy dog."]
    both = endless.speak_many(scripts, voice, seed=6, max_seconds=1.5)
    for script, speech in zip(scripts, both, strict=True):
        assert np.array_equal(speech.audio, endless.speak(script, voice, seed=6, max_seconds=1.5).audio)


def test_both_solvers_and_no_guidance(endless: Engine, voice: Voice) -> None:
    script = "Speaker 1: the fox."
    heard = [
        endless.speak(script, voice, seed=7, max_seconds=1.0, **how).audio
        for how in ({}, {"solver": "sde-dpmsolver++"}, {"cfg_scale": 1.0})
    ]
    assert len({audio.tobytes() for audio in heard}) == 3
    assert all(np.isfinite(audio).all() for audio in heard)


@pytest.mark.parametrize(
    "how", [{"dtype": "bfloat16"}, {"dtype": "float16"}, {"quantize": "int8"}, {"quantize": "int4"}]
)
def test_it_loads_in_every_form(tmp_path: Path, voice: Voice, how: dict[str, str]) -> None:
    engine = Engine.load(write_realtime(tmp_path), **how)  # type: ignore[arg-type]
    speech = engine.speak("Speaker 1: the fox.", voice, seed=8, max_seconds=1.0)
    assert np.isfinite(speech.audio).all() and speech.audio.std() > 1e-3
    assert engine.nbytes() > 0


# Voices.


def test_a_recording_is_refused_with_what_to_do(endless: Engine) -> None:
    with pytest.raises(VoiceError, match=r"'Ada', a recording, which .* cannot.*voices add en-Mike_man.pt"):
        endless.speak("Speaker 1: Hello.", "Ada")


def test_a_voice_of_another_size_is_refused(tmp_path: Path, voice: Voice) -> None:
    engine = Engine.load(write_realtime(tmp_path))
    odd = {name: tensor for name, tensor in voice.prompt.tensors.items() if "_2" not in name}  # type: ignore[union-attr]
    from vibevoice_nb.model.voice_prompt import VoicePrompt

    other = Voice("odd", np.zeros(0, np.float32), "file", prompt=VoicePrompt.of(odd))
    with pytest.raises(VoiceError, match=r"'odd' of a model with 2 \+ 2 layers.*2 \+ 3 layers"):
        engine.speak("Speaker 1: Hello.", other)


def test_a_speaker_without_a_voice_is_told(endless: Engine, voice: Voice) -> None:
    with pytest.raises(VoiceError, match="Speaker 1 without a voice"):
        endless.speak("Speaker 1: Hello.", {})


def test_a_conversation_model_refuses_a_voice_prompt(voice: Voice) -> None:
    from vibevoice_nb.engine.model_limits import ModelLimits

    error = ModelLimits().voice_problem("VibeVoice-1.5B", voice)
    assert error is not None and "a recording" in str(error)
    assert resolve_voice(voice) is voice


def test_nothing_to_speak(endless: Engine, voice: Voice) -> None:
    with pytest.raises(ScriptError):
        endless.realtime.whole(endless_turns("..."), {0: voice}, endless.defaults)


def test_the_network_of_conversations_is_not_there(endless: Engine) -> None:
    with pytest.raises(OptionError, match=r"a VibeVoice-Realtime"):
        _ = endless.loaded
    with pytest.raises(OptionError, match=r"a VibeVoice-Realtime in this process"):
        _ = Engine.load("nano").realtime
