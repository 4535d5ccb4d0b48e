"""The embedded model: it speaks, ends by itself, and sounds like eight people."""

from __future__ import annotations

import numpy as np
import pytest

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.engine.speech import Speech
from vibevoice_nb.model.loading.checkpoint import NANO_FOLDER
from vibevoice_nb.voices import builtin_voices

pytestmark = pytest.mark.skipif(
    not (NANO_FOLDER / "model.safetensors").exists(), reason="the embedded voice is not in this checkout"
)
TALK = "Speaker 1: Good morning, how are you?\nSpeaker 2: Very well, thank you."


@pytest.fixture(scope="module")
def engine() -> Engine:
    """Nano, in single precision as the promises about bits need it."""
    return Engine.load("nano", dtype="float32")


@pytest.fixture(scope="module")
def talk(engine: Engine) -> Speech:
    """Two speakers, two voices."""
    return engine.speak(TALK, seed=1)


def _loudness(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-12))


def test_a_conversation_ends_by_itself_and_is_audible(talk: Speech) -> None:
    assert talk.ended == "finished"
    assert 1.5 < talk.seconds < 12
    assert -40 < _loudness(talk.audio) < -10, "dBFS"
    assert np.isfinite(talk.audio).all() and np.abs(talk.audio).max() <= 1.5
    assert list(talk.cast) == ["Speaker 1", "Speaker 2"] and len(set(talk.cast.values())) == 2


def test_the_same_seed_gives_the_same_audio(engine: Engine, talk: Speech) -> None:
    assert np.array_equal(engine.speak(TALK, seed=1).audio, talk.audio)


def test_a_frame_comes_at_a_time(engine: Engine, talk: Speech) -> None:
    stream = engine.stream(TALK, seed=1)
    hop = engine.model.config.hop_length
    first = [next(stream) for _ in range(3)]
    assert [len(frame) for frame in first] == [hop] * 3
    assert np.array_equal(np.concatenate(first), talk.audio[: 3 * hop])


def test_eight_voices_are_eight_voices(engine: Engine) -> None:
    names = list(builtin_voices())
    assert len(names) == 8
    colors = {}
    for name in names:
        speech = engine.speak("Speaker 1: The weather is fine today.", {1: name}, seed=3)
        assert speech.ended == "finished" and _loudness(speech.audio) > -40, name
        colors[name] = _centroid(speech.audio)
    values = sorted(colors.values())
    assert values[-1] > 1.05 * values[0], colors


def _centroid(audio: np.ndarray) -> float:
    """Mean frequency of the sound, Hz."""
    spectrum = np.abs(np.fft.rfft(audio)) ** 2
    frequencies = np.fft.rfftfreq(len(audio), 1 / 24_000)
    return float((spectrum * frequencies).sum() / spectrum.sum())


def test_four_speakers_in_one_script(engine: Engine) -> None:
    script = "\n".join(
        f"Speaker {i}: {text}" for i, text in enumerate(("One.", "Two.", "Three.", "Four."), 1)
    )
    speech = engine.speak(script, seed=2)
    assert speech.ended == "finished" and len(set(speech.cast.values())) == 4


def test_numbers_are_spelled_out(engine: Engine) -> None:
    from vibevoice_nb.script import parse_script

    digits, words = ("Speaker 1: I have 21 apples.", "Speaker 1: I have twenty-one apples.")
    prompts = [engine.prompt(parse_script(text).turns, {}).ids for text in (digits, words)]
    assert prompts[0] == prompts[1]
