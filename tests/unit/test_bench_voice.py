"""The voice benchmark: errors counted rightly, a recogniser without a memory, endings told apart."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb.bench import hearing
from vibevoice_nb.bench import voice as bench_voice
from vibevoice_nb.bench.hearing import Score
from vibevoice_nb.errors import OptionError

_SENTENCES = st.lists(st.sampled_from("a b c d".split()), max_size=8)


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("", "", 0),
        ("a b c", "a b c", 0),
        ("a b c", "", 3),
        ("", "a b", 2),
        ("a b c", "a c", 1),
        ("a b", "b a", 2),
    ],
)
def test_word_errors(said: str, heard: str, errors: int) -> None:
    assert hearing.word_errors(said.split(), heard.split()) == errors


@given(_SENTENCES, _SENTENCES)
def test_word_errors_are_a_distance(said: list[str], heard: list[str]) -> None:
    errors = hearing.word_errors(said, heard)
    assert errors == hearing.word_errors(heard, said)
    assert abs(len(said) - len(heard)) <= errors <= max(len(said), len(heard))
    assert (errors == 0) == (said == heard)


def test_pitch_and_centroid_of_a_tone() -> None:
    pytest.importorskip("librosa")
    time = np.arange(24000) / 24000
    low = sum(np.sin(2 * np.pi * 110 * k * time) / k for k in range(1, 10)).astype(np.float32) * 0.1
    high = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 10)).astype(np.float32) * 0.1
    assert bench_voice.mean_pitch([low]) == pytest.approx(110, rel=0.03)
    assert bench_voice.mean_pitch([high]) == pytest.approx(220, rel=0.03)
    assert bench_voice.spectral_centroid([high]) > 1.3 * bench_voice.spectral_centroid([low])
    assert bench_voice.mean_pitch([np.zeros(10, np.float32)]) == 0
    assert bench_voice.spectral_centroid([np.zeros(24000, np.float32)]) == 0


def test_only_what_ends_by_itself_counts_as_ended() -> None:
    class Engine:
        def __init__(self) -> None:
            self.calls: list[tuple[str, dict[int, str], int]] = []

        def speak(self, script: str, *, voices: dict[int, str], seed: int) -> Any:
            self.calls.append((script, voices, seed))
            ended = "finished" if len(self.calls) == 1 else "length"
            return SimpleNamespace(audio=np.zeros(5), ended=ended, rtf=0.5, ttfa=None if seed == 7 else 0.2)

    engine = Engine()
    spoken = bench_voice.speak(engine, ["One.", "Two."], "Ada", seed=7)
    assert spoken.ended == 1 and spoken.rtf == 0.5 and spoken.ttfa == 0.2
    assert engine.calls == [("Speaker 1: One.", {1: "Ada"}, 7), ("Speaker 1: Two.", {1: "Ada"}, 8)]


def test_standard_errors_are_those_of_resampling() -> None:
    random = np.random.default_rng(0)
    words = random.integers(3, 12, 160)
    first, second = (
        Score(tuple((int(random.binomial(n, share)), int(n)) for n in words), ("",) * len(words))
        for share in (0.15, 0.25)
    )

    def rate(score: Score, picked: Any) -> float:
        errors, said = np.array(score.counts)[picked].sum(0)
        return 100.0 * errors / said

    picks = [random.integers(0, len(words), len(words)) for _ in range(2000)]
    wanted = np.std([rate(first, picked) for picked in picks])
    assert first.standard_error == pytest.approx(wanted, rel=0.1)
    changes = np.std([rate(second, picked) - rate(first, picked) for picked in picks])
    assert second.standard_error_of_change(first) == pytest.approx(changes, rel=0.1)
    assert first.standard_error_of_change(first) == 0
    assert Score().standard_error == 0 and Score().wer == 0


@pytest.mark.parametrize("width", bench_voice.WIDTHS)
def test_every_width_is_really_used(width: str) -> None:
    engine = bench_voice.load("nano", width)
    assert engine.speak("Speaker 1: Yes.", seed=1, max_seconds=0.2).seconds > 0
    with pytest.raises(OptionError, match="int2"):
        bench_voice.load("nano", "int2")


def test_missing_sentences_are_an_error(tmp_path: Any) -> None:
    with pytest.raises(OptionError, match="gone"):
        bench_voice.read_sentences(tmp_path / "gone.txt")


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite isn't installed")
def test_the_recogniser_hears_and_forgets() -> None:
    pytest.importorskip("pocketsphinx")
    texts = ["Thank you so much for joining us this evening.", "The train leaves at seven."]
    first, second = bench_voice.flite_recordings(texts, "Ruben")
    ear = hearing.Recogniser()
    alone = ear.hear(first)
    result = hearing.score([second, first], texts[::-1], recogniser=ear)
    assert result.heard[1] == alone
    assert result.wer < 35 and result.words == 14
    # The wrong words are wrong.
    assert hearing.score([second], texts[:1], recogniser=ear).wer > 60
    assert len(ear.hear(np.zeros(24000, np.float32)).split()) < 3
