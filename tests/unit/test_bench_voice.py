"""The voice benchmark: error counts, a recognizer without state, and kinds of endings."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb.bench import intelligibility as bench_voice
from vibevoice_nb.bench import recognizers as hearing
from vibevoice_nb.bench import references
from vibevoice_nb.bench.recognizers import Score
from vibevoice_nb.bench.references import read_clips
from vibevoice_nb.errors import OptionError
from vibevoice_nb.nano.english import words
from vibevoice_nb.training.nano1 import texts

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
    assert references.mean_pitch([low]) == pytest.approx(110, rel=0.03)
    assert references.mean_pitch([high]) == pytest.approx(220, rel=0.03)
    assert bench_voice.spectral_centroid([high]) > 1.3 * bench_voice.spectral_centroid([low])
    assert references.mean_pitch([np.zeros(10, np.float32)]) == 0
    assert bench_voice.spectral_centroid([np.zeros(24000, np.float32)]) == 0


def test_only_generations_that_end_by_themselves_count_as_ended() -> None:
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


@pytest.mark.parametrize("dtype", bench_voice.DTYPE_CHOICES)
def test_every_dtype_is_really_used(dtype: str) -> None:
    engine = bench_voice.load("nano", dtype)
    assert engine.speak("Speaker 1: Yes.", seed=1, max_seconds=0.2).seconds > 0
    with pytest.raises(OptionError, match="int2"):
        bench_voice.load("nano", "int2")


def test_missing_sentences_are_an_error(tmp_path: Any) -> None:
    with pytest.raises(OptionError, match="gone"):
        bench_voice.read_sentences(tmp_path / "gone.txt")


RESERVED = Path(__file__).parents[1] / "data" / "reserved_voices"


def test_the_recognizer_keeps_no_state() -> None:
    pytest.importorskip("pocketsphinx")
    clips = {c.text: c.audio for c in read_clips(RESERVED) if c.voice == "am_puck"}
    texts = [
        "A kilogram of cherries costs nine euros at the harbor stall.",
        "Chop the parsley, but leave the stalks whole.",
    ]
    first, second = (clips[text] for text in texts)
    ear = hearing.Recognizer()
    alone = ear.transcribe(first)
    result = hearing.score([second, first], texts[::-1], recognizer=ear)
    assert result.heard[1] == alone
    assert result.wer < 60 and result.words == 19
    # The wrong words are wrong.
    assert hearing.score([second], texts[:1], recognizer=ear).wer > 80
    assert len(ear.transcribe(np.zeros(24000, np.float32)).split()) < 3


def test_an_installed_recognizer_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ear:
        def transcribe(self, audio: np.ndarray, sample_rate: int = 24000) -> str:
            return "one two"

    def missing() -> Any:
        raise OptionError("no judge here", "the judge", "install it")

    monkeypatch.setattr(bench_voice, "WhisperRecognizer", lambda model: Ear())
    monkeypatch.setattr(bench_voice, "Naturalness", missing)
    # Voices of tones: the embedding is the position of the strongest one.
    monkeypatch.setattr(bench_voice, "SpeakerEmbedding", lambda: lambda audio: np.eye(2)[int(audio[0] > 0)])
    monkeypatch.setattr(bench_voice, "read_audio", lambda path: (np.array([float(path.name == "b")]), None))
    panel = bench_voice.Panel("base", {"Ada": Path("a"), "Bo": Path("b")})
    spoken = bench_voice.Spoken([np.ones(24000, np.float32), -np.ones(24000, np.float32)], 2, 0.1, 0.1)
    figures, result = panel.judge(spoken, ["One two.", "One, three."], "Bo")
    assert panel.heard_by == "whisper base"
    assert (figures["wer"], figures["own"], figures["others"]) == (25.0, 0.5, 0.5)
    assert "mos" not in figures and result.words == 4


def test_without_whisper_pocketsphinx_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pocketsphinx")

    def missing(*_: Any) -> Any:
        raise OptionError("no judge here", "the judge", "install it")

    for judge in ("WhisperRecognizer", "Naturalness", "SpeakerEmbedding"):
        monkeypatch.setattr(bench_voice, judge, missing)
    panel = bench_voice.Panel("base", {})
    assert panel.heard_by == "pocketsphinx" and isinstance(panel.listener, hearing.Recognizer)


def test_variants_are_compared_with_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def speak(engine: Any, texts: Any, name: str, seed: int, **options: Any) -> bench_voice.Spoken:
        asked.append(options)
        return bench_voice.Spoken([np.zeros(2048)], 1, 0.1, 0.1)

    class Panel:
        heard_by = "nobody"

        def judge(self, voice: Any, texts: Any, name: str) -> tuple[dict[str, float], Score]:
            return {"wer": 1.0}, Score(((len(asked), 10),), ("",))

    monkeypatch.setattr(bench_voice, "load", lambda model, width: None)
    monkeypatch.setattr(bench_voice, "speak", speak)
    variants = [bench_voice.Variant("float32", steps) for steps in (10, 3)]
    report = bench_voice.measure("nano", ["One."], {"Ada": "Ada"}, 1, variants, Panel())  # type: ignore[arg-type]
    assert asked == [{"num_steps": 10}, {"num_steps": 3}]
    assert report["wer"] == report["wer_float32_steps10"] == 10.0
    assert report["wer_float32_steps3_change"] == 10.0


_NUMBERS = {word for n in (*range(101), 1000, 10**6) for word in words(str(n))}


def _runs(text: str, length: int) -> set[tuple[str, ...]]:
    """Words in a row; numbers, which everybody says alike, are left out."""
    said = [word for word in words(text) if word not in _NUMBERS]
    return {tuple(said[i : i + length]) for i in range(len(said) - length + 1)}


def test_sentences_are_not_like_the_training_texts() -> None:
    """None shares four words in a row with any of 10,000 sentences of the training grammar."""
    parts = {
        name: bench_voice.read_sentences(bench_voice.SENTENCES / f"{name}.txt")
        for name in ("choose", "report")
    }
    assert len(parts["choose"]) >= 100 and len(parts["report"]) >= 160
    sentences = parts["choose"] + parts["report"]
    assert len(set(map(str.lower, sentences))) == len(sentences)
    assert all(3 <= len(text.split()) <= 25 for text in sentences)
    assert sum(text.endswith("?") for text in sentences) >= 25
    assert sum(any(c.isdigit() for c in text) for text in sentences) >= 10
    grammar = texts.Writer(2024, [])
    trained: set[tuple[str, ...]] = set()
    for _ in range(10_000):
        trained |= _runs(grammar.template(), 4)
    shared = [text for text in sentences if _runs(text, 4) & trained]
    assert not shared
    # Most of their vocabulary isn't the grammar's.
    known = {word for run in trained for word in run}
    heard = {word for text in sentences for word in words(text)}
    assert len(heard - known) > 0.5 * len(heard)


def test_attempts_are_reviewed_by_the_recognizer_that_was_asked_for() -> None:
    variant = bench_voice.Variant("float32", 5, 3, "folder")
    assert variant.options == {"num_steps": 5, "attempts": 3, "review": "folder"}
    assert variant.label == "float32_steps5_attempts3"
    assert bench_voice.Variant("int8", attempts=1, recognizer="folder").options == {}
