"""Figures of reviews beside the words: pace, loudness and likeness of the voice."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_review import TEXT, Transcript
from told import Told
from told import melody as voice

from vibevoice_nb import Take
from vibevoice_nb.audio.meter import measure
from vibevoice_nb.errors import OptionError, VoiceError
from vibevoice_nb.project.take import TakeTurn
from vibevoice_nb.review import (
    Review,
    ReviewReport,
    ReviewRow,
    availability,
    review,
    review_recording,
    speakers,
)
from vibevoice_nb.review.pace import Pace, pace_of, syllables
from vibevoice_nb.review.report import ReportFigures
from vibevoice_nb.review.result import ReviewFigures
from vibevoice_nb.voices import load_voice


@pytest.fixture(autouse=True)
def _no_voice_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recordings are tones, which a voice detector reports as sound without words."""
    monkeypatch.setattr("vibevoice_nb.review.comparison.other_sounds", lambda audio: iter(()))


def high_voice(seconds: float) -> np.ndarray:
    """The melody of `voice`, an octave higher."""
    return voice(2 * seconds)[::2]


@pytest.fixture
def embedding(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Embedding that separates high and low voices; returns the lengths of the audio that it was given."""
    lengths: list[int] = []

    def embed(audio: np.ndarray) -> np.ndarray:
        lengths.append(len(audio))
        crossings = np.count_nonzero(np.diff(np.signbit(audio))) / len(audio) * 24_000
        return np.eye(2, dtype=np.float32)[int(crossings > 3000)]

    monkeypatch.setattr(availability, "has_embedding", lambda: True)
    monkeypatch.setattr(speakers, "SpeakerEmbedding", lambda: embed)
    return lengths


def test_pace_and_loudness() -> None:
    audio = voice(5.0)
    found = review(audio, TEXT, recognizer=Transcript(TEXT))  # 10 words, one each 0.4 s; 7 is one of them
    assert found.pace is not None and found.pace.words == 10
    assert found.pace.words_per_minute == pytest.approx(150, rel=0.05)
    assert found.pace.syllables_per_second == pytest.approx(found.pace.syllables / 4, rel=0.05)
    assert found.loudness == pytest.approx(measure(audio).lufs, abs=0.01)
    quiet = review(audio / 4, TEXT, recognizer=Transcript(TEXT))
    assert quiet.loudness == pytest.approx(found.loudness - 12.04, abs=0.02) and quiet.pace == found.pace


def test_words_that_are_cut_off_or_invented_do_not_change_the_pace() -> None:
    whole = review(voice(5.0), TEXT, recognizer=Transcript(TEXT))
    half = review(voice(5.0), TEXT, recognizer=Transcript("The old lighthouse keeper climbed"))
    more = review(voice(9.0), TEXT, recognizer=Transcript(f"{TEXT} thank you for watching"))
    assert whole.pace is not None and half.pace is not None
    assert half.pace.words == 5
    assert half.pace.words_per_minute == pytest.approx(whole.pace.words_per_minute, rel=0.1)
    assert more.pace == whole.pace


def test_a_long_silence_is_a_difference_and_no_slow_pace() -> None:
    ears = Transcript(TEXT)
    late = [word for word in ears.words if word.start >= 2]
    ears.words = [word for word in ears.words if word not in late] + [
        type(word)(word.text, word.start + 3, word.end + 3, word.confidence) for word in late
    ]
    quiet = np.concatenate([voice(5.0)[:48_000], np.zeros(72_000, np.float32), voice(5.0)[48_000:]])
    found = review(quiet, TEXT, recognizer=ears)
    assert [item.kind for item in found.differences] == ["silence"]
    assert found.pace is not None and found.pace.words_per_minute == pytest.approx(150, rel=0.08)


@pytest.mark.parametrize("heard", ["", "nothing of it at all", "keeper"])
def test_no_pace_without_two_right_words(heard: str) -> None:
    found = review(voice(2.0), TEXT, recognizer=Transcript(heard))
    assert found.pace is None and found.figures()["words_per_minute"] is None
    assert found.figures().keys() == ReviewFigures.__annotations__.keys()
    report = ReviewReport([ReviewRow(1, "t1", "t1-a", "Anna", found)])
    assert report.figures().keys() == ReportFigures.__annotations__.keys()
    assert review(np.zeros(0, np.float32), TEXT, recognizer=Transcript("")).loudness is None


@pytest.mark.parametrize(
    ("word", "language", "count"),
    [
        ("extraordinary", "en", 5),
        ("wickham", "en", 2),
        ("blorve", "en", 1),
        ("über", "de", 2),
        ("你", "zh", 1),
    ],
)
def test_syllables(word: str, language: str, count: int) -> None:
    assert syllables(word, language) == count


def test_syllables_of_other_scripts_are_not_guessed() -> None:
    assert syllables("привет", "ru") == 0
    pace = pace_of(["привет", "мир"], 1.0, "ru")
    assert pace is not None and pace.words_per_minute == 120 and pace.syllables_per_second is None


def test_figures_survive_json_and_old_reviews_lack_them() -> None:
    found = review(voice(5.0), TEXT, recognizer=Transcript(TEXT))
    data = json.loads(json.dumps(found.to_json()))
    assert data["words_per_minute"] == pytest.approx(150, rel=0.05) and data["loudness"] < 0
    read = Review.from_json(data)
    assert read == found
    for name in ("pace", "loudness", "similarity", "nearest"):
        del data[name]
    old = Review.from_json(data)
    assert old.wer == found.wer and old.pace is old.loudness is old.similarity is None


@pytest.mark.parametrize(
    "damage",
    [{"pace": {"words": 3}}, {"pace": {"words": 3, "syllables": 3, "seconds": 0.0}}, {"loudness": "x"}],
)
def test_damaged_figures_are_refused(damage: dict) -> None:
    data = review(voice(1), "a cat", recognizer=Transcript("a cat")).to_json()
    with pytest.raises((ValueError, TypeError, KeyError)):
        Review.from_json({**data, **damage})


def row(number: int, speaker: str, rate: int) -> ReviewRow:
    found = Review("One two.", "", (), (), 0, 2, "base", "en", pace=Pace(2, rate, 1.0), similarity=rate / 10)
    return ReviewRow(number, f"t{number}", f"t{number}-a", speaker, found)


def test_a_pace_is_compared_with_the_usual_one_of_its_speaker() -> None:
    rows = [row(1, "Anna", 4), row(2, "Ben", 6), row(3, "Anna", 5), row(4, "Anna", 4), row(5, "Ben", 2)]
    report = ReviewReport(rows)
    frame = report.to_frame()
    assert frame.relative_pace[:4].fillna(0).tolist() == [1.0, 0.0, 1.25, 1.0]  # two turns show no habit
    assert frame.syllables_per_second.tolist() == [4, 6, 5, 4, 2]
    assert report.pace == Pace(10, 21, 5.0) and report.similarity == pytest.approx(0.42)
    assert [one["relative_pace"] for one in report.to_json()["turns"]] == [1.0, None, 1.25, 1.0, None]
    assert report.to_json()["words_per_minute"] == 120
    assert "<td>120</td>" in report._repr_html_()
    assert ReviewReport([]).to_json()["similarity"] is None and ReviewReport([]).pace is None


def test_a_recording_is_compared_with_the_voices_of_its_speakers(embedding: list[int]) -> None:
    cast = {"Anna": load_voice(high_voice(4), name="high"), "Ben": load_voice(voice(4), name="low")}
    turns = [("Anna", "The old keeper climbed"), ("Ben", "ninety steep stairs today")]
    ears = Transcript(" ".join(text for _, text in turns))
    audio = high_voice(3.2)  # both turns sound like Anna
    matcher = speakers.VoiceMatcher()
    report = review_recording(audio, turns, recognizer=ears, voices=cast, matcher=matcher)
    assert [one.review.similarity for one in report] == [1.0, 0.0]
    assert [one.other_voice for one in report] == ["", "Anna"] and report.similarity == 0.5
    assert all(one.review.pace is not None and one.review.loudness is not None for one in report)
    before = len(embedding)
    review_recording(audio, turns, recognizer=ears, voices=cast, matcher=matcher)
    assert len(embedding) == before + 2  # the voices were embedded before


def test_a_reading_of_the_lexicon_is_right_in_a_recording() -> None:
    turns = [("Anna", "Ask Nguyen about it"), ("Ben", "I did that yesterday")]
    ears = Transcript("Ask win about it I did that yesterday")
    assert review_recording(voice(4), turns, recognizer=ears).wer > 0
    assert review_recording(voice(4), turns, recognizer=ears, readings={"Nguyen": "win"}).wer == 0


def test_a_take_is_compared_with_a_voice(embedding: list[int]) -> None:
    audio = voice(3.0)
    take = Take.from_audio(audio, turns=[TakeTurn("a", "Anna", "Good morning everybody.", 0, len(audio))])
    ears = Told("Good morning everybody")
    assert take.review(ears).similarity is None
    found = take.review(ears, voice=load_voice(voice(4), name="low"))
    assert found.similarity == 1.0 and found.figures()["similarity"] == 1.0
    assert take.review(ears, voice=high_voice(4)).similarity == 0.0
    with pytest.raises(VoiceError):
        take.review(ears, voice="no such voice")


def test_the_voice_of_a_take_needs_the_embedding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name, package=None: None)
    take = Take.from_audio(voice(1), turns=[TakeTurn("a", "Anna", "Hi there.", 0, 24_000)])
    with pytest.raises(OptionError, match="resemblyzer"):
        take.review(Told("Hi there"), voice=voice(4))
