"""Comparison of transcripts with scripts, with a recognizer that returns recorded words."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from told import melody as voice

from vibevoice_nb.errors import OptionError
from vibevoice_nb.review import Difference, HeardWord, Review, ReviewReport, ReviewRow, review, sounds
from vibevoice_nb.review.alignment import align
from vibevoice_nb.review.sounds import other_sounds, silences, steady_sounds
from vibevoice_nb.review.words import sounds_same, spoken_words

TEXT = "The old lighthouse keeper climbed the stairs at 7 o'clock."


class Transcript:
    """Recognizer that hears given words, each for 0.4 s; `presence` are its confidences of script words."""

    name, note, nbytes = "transcript", "", 0

    def __init__(self, heard: str, confidence: float = 0.9) -> None:
        self.words = [
            HeardWord(word, 0.4 * at, 0.4 * at + 0.4, confidence) for at, word in enumerate(heard.split())
        ]

    def hear(
        self, audio: np.ndarray, language: str, cancelled: Callable[[], bool] | None = None
    ) -> list[HeardWord]:
        return self.words


class Fitting(Transcript):
    """Also fits the script: words that it heard with confidence 0.9, others with 0.01."""

    def fit(self, audio: np.ndarray, text: str, language: str) -> list[HeardWord]:
        heard = {word.text.strip(".,").casefold(): word for word in self.words}
        found = []
        for word, sure in once(text, 0.9):
            same = heard.get(word.strip(".,").casefold())
            times = (same.start, same.end, sure) if same else (0.0, 0.0, 0.01)
            found.append(HeardWord(word, *times))
        return found


@pytest.fixture(autouse=True)
def _no_voice_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recordings are tones, which the voice detector would not take for a voice."""
    monkeypatch.setattr(sounds, "_voice", lambda audio: None)


def once(text: str, sure: float) -> list[tuple[str, float]]:
    """Each word with a confidence, which is low for the copy of the word before it."""
    words = text.split()
    bare = [word.strip(".,").casefold() for word in words]
    return [(word, 0.01 if at and bare[at] == bare[at - 1] else sure) for at, word in enumerate(words)]


def words_of(result: Review) -> list[tuple[str, str, str]]:
    kinds = ("silence", "sound")
    return [(item.kind, item.said, item.heard) for item in result.differences if item.kind not in kinds]


@pytest.mark.parametrize(
    ("heard", "expected", "errors"),
    [
        (TEXT, [], 0),
        ("the old light house keeper climbed the stairs at seven o'clock", [], 0),
        ("The old lighthouse keeper climbed the stares at seven o'clock.", [], 0),
        ("The old lighthouse climbed the stairs at 7 o'clock.", [("missing", "keeper", "")], 1),
        ("The old lighthouse keeper climbed the stairs", [("cut off", "at 7 o'clock.", "")], 3),
        (
            "The old lighthouse keeper keeper climbed the stairs at 7 o'clock",
            [("repeated", "", "keeper")],
            1,
        ),
        (
            "The old lighthouse keeper painted the stairs at 7 o'clock",
            [("different", "climbed", "painted")],
            1,
        ),
        (
            "The old lighthouse keeper climbed the stairs at 7 o'clock thank you for watching",
            [("extra", "", "thank you for watching")],
            4,
        ),
        ("", [("cut off", TEXT, "")], 10),
    ],
)
def test_differences(heard: str, expected: list[tuple[str, str, str]], errors: int) -> None:
    result = review(voice(), TEXT, recognizer=Transcript(heard))
    assert words_of(result) == expected
    assert (result.errors, result.count) == (errors, 10)
    assert result.wer == pytest.approx(10 * errors)
    assert (result.score == 100) is (not expected)
    for item in result.differences:
        assert TEXT[item.start : item.end] == item.said
        assert 0 <= item.start_seconds <= item.end_seconds <= 6.0


def test_a_difference_is_certain_if_the_scripts_word_does_not_fit() -> None:
    heard = "The old lighthouse keeper painted the stairs at 7 o'clock."
    assert [item.certain for item in review(voice(), TEXT, recognizer=Fitting(heard)).differences] == [True]
    # A word that fits as well as the one that was heard is the recognizer's own error.
    ears = Fitting(heard)
    ears.fit = lambda audio, text, language: [HeardWord(w, 0, 1, p) for w, p in once(text, 0.6)]  # type: ignore[method-assign]
    [unsure] = review(voice(), TEXT, recognizer=ears).differences
    assert not unsure.certain and "uncertain" in str(unsure)
    assert [d.certain for d in review(voice(), TEXT, recognizer=Transcript(heard, 0.2)).differences] == [
        False
    ]


def test_every_word_has_a_time() -> None:
    result = review(voice(), TEXT, recognizer=Fitting("the old keeper climbed stairs at 7 o'clock"))
    assert [word.text for word in result.words] == TEXT.split()
    assert [TEXT[word.start : word.end] for word in result.words] == TEXT.split()
    assert [word.text for word in result.words if not word.heard] == ["lighthouse"]
    times = [t for word in result.words for t in (word.start_seconds, word.end_seconds)]
    assert times == sorted(times)


def test_a_long_recording_is_fitted_in_pieces() -> None:
    sentences = [f"Sentence number {n} is about an animal of the forest." for n in range(30)]
    text = " ".join(sentences)
    ears = Fitting(text)
    lengths = []

    def fit(audio: np.ndarray, part: str, language: str) -> list[HeardWord]:
        lengths.append(len(audio) / 24_000)
        step = lengths[-1] / max(1, len(part.split()))
        return [HeardWord(w, at * step, at * step + step, p) for at, (w, p) in enumerate(once(part, 0.9))]

    ears.fit = fit  # type: ignore[method-assign]
    result = review(voice(0.4 * len(text.split())), text, recognizer=ears)
    assert len(lengths) > 3 and max(lengths) < 30
    assert not words_of(result) and all(word.heard for word in result.words)
    drift = [word.start_seconds - 0.4 * at for at, word in enumerate(result.words)]
    assert max(map(abs, drift)) < 0.5


def test_sound_and_silence() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    with_noise = np.concatenate([voice(2), noise, voice(2)])
    [found] = steady_sounds(with_noise)
    assert abs(found.start - 2) < 0.3 and abs(found.end - 4) < 0.3
    quiet = np.concatenate([voice(2), np.zeros(60_000, np.float32), voice(2)])
    [gap] = silences(quiet, 2.0)
    assert gap.seconds == pytest.approx(2.5, abs=0.1)
    assert steady_sounds(voice(6)) == silences(voice(6), 2.0) == []
    kinds = [
        d.kind for d in review(quiet, TEXT, recognizer=Transcript(TEXT)).differences if d.kind == "silence"
    ]
    assert kinds == ["silence"]


@pytest.mark.parametrize(
    "audio", [np.zeros(0, np.float32), np.zeros(24_000, np.float32), np.ones(7, np.float32)]
)
def test_audio_without_speech(audio: np.ndarray) -> None:
    result = review(audio, TEXT, recognizer=Transcript(""))
    assert result.wer == 100 and result.flagged and not other_sounds(audio)


def test_an_empty_text() -> None:
    result = review(voice(), "", recognizer=Transcript("hello"))
    assert words_of(result) == [("extra", "", "hello")] and result.words == ()


WORDS = st.sampled_from("a the cat sat on mat keeper kept 7 seven o'clock Dr. Smith $5 ice cream".split())


@given(st.lists(WORDS, max_size=12), st.lists(WORDS, max_size=12))
def test_every_word_is_aligned_once(said: list[str], heard: list[str]) -> None:
    pairs = align(said, heard)
    assert [i for pair in pairs for i in pair.said] == list(range(len(said)))
    assert [i for pair in pairs for i in pair.heard] == list(range(len(heard)))
    assert all(pair.said or pair.heard for pair in pairs)


@given(st.lists(WORDS, max_size=12), st.lists(WORDS, max_size=12))
def test_a_review_survives_json(said: list[str], heard: list[str]) -> None:
    text = " ".join(said)
    result = review(voice(1), text, recognizer=Transcript(" ".join(heard)))
    assert Review.from_json(json.loads(json.dumps(result.to_json()))) == result
    assert result.flagged or all(not item.certain for item in result.differences)


@given(st.text(max_size=80), st.sampled_from(["en", "de", "zh"]))
def test_words_of_any_text_lie_in_it(text: str, language: str) -> None:
    places = [(word.start, word.end) for word in spoken_words(text, language)]
    assert all(0 <= start <= end <= len(text) for start, end in places)
    assert [start for start, _ in places] == sorted(start for start, _ in places)


def test_long_texts_are_aligned_in_pieces() -> None:
    said = [f"word{n}" for n in range(4000)]
    heard = [*said[:1000], "and", "more", *said[1001:3000], *said[3010:]]
    pairs = align(said, heard)
    differing = [pair for pair in pairs if not pair.same]
    assert sum(len(pair.said) for pair in differing) == 11 and sum(len(p.heard) for p in differing) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [("their", "there"), ("katherine", "catharine"), ("stephen", "steven"), ("grey", "gray")],
)
def test_words_that_sound_the_same(first: str, second: str) -> None:
    assert sounds_same(first, second)


@pytest.mark.parametrize(
    ("first", "second"), [("five", "nine"), ("in", "an"), ("cat", "cut"), ("can", "can't")]
)
def test_words_that_do_not(first: str, second: str) -> None:
    assert not sounds_same(first, second)


@pytest.mark.parametrize(
    "damage",
    [
        {"format": 2},
        {"errors": "1"},
        {"errors": True},
        {"words": [{"text": "a"}]},
        {"differences": [None]},
        {"heard": None},
    ],
)
def test_a_damaged_review_is_refused(damage: dict) -> None:
    data = review(voice(1), "a cat", recognizer=Transcript("a")).to_json()
    with pytest.raises((ValueError, TypeError, KeyError)):
        Review.from_json({**data, **damage})
    data["differences"][0]["start_seconds"] = float("nan")
    with pytest.raises(ValueError, match="start_seconds"):
        Review.from_json(data)


def test_reports() -> None:
    good, bad = (review(voice(), TEXT, recognizer=Transcript(heard)) for heard in (TEXT, "The old man"))
    report = ReviewReport([ReviewRow(1, "t1", "t1-a", "Anna", good), ReviewRow(2, "t2", "t2-a", "<b>", bad)])
    frame = report.to_frame()
    assert list(frame.number) == [1, 2] and list(frame.flagged) == [False, True]
    assert report.flagged == (report[1],) and report.wer == pytest.approx(bad.wer / 2)
    assert "&lt;b&gt;" in report._repr_html_() and "<b>" not in report._repr_html_()
    assert json.loads(json.dumps(report.to_json()))["flagged"] == 1
    assert list(ReviewReport([]).to_frame()) == list(frame)


def test_pocketsphinx_is_for_english() -> None:
    with pytest.raises(OptionError, match="English"):
        review(voice(1), "Guten Tag", recognizer="pocketsphinx", language="de")


def test_a_difference_is_a_sentence() -> None:
    said = {
        "said": "keeper",
        "heard": "painter",
        "start": 0,
        "end": 6,
        "start_seconds": 1.0,
        "end_seconds": 3.5,
    }
    texts = [str(Difference(kind, **said)) for kind in ("missing", "different", "silence", "sound")]  # type: ignore[arg-type]
    assert texts[0] == "“keeper” is missing at 1.0 s" and "2.5 s of silence" in texts[2]


def test_a_word_said_twice_that_the_recognizer_wrote_once() -> None:
    """The audio of a word is repeated, but the transcript has it once."""
    speech = voice(2.4)
    text = "One two three four five six"
    twice = np.concatenate([speech[:19_200], speech[9_600:]])  # the second word, from 0.4 to 0.8 s
    [found] = review(twice, text, recognizer=Transcript(text)).differences
    assert (found.kind, found.heard, found.certain) == ("repeated", "two", True)
    assert text[found.start :].startswith("two") and abs(found.start_seconds - 0.4) < 0.05
    assert not review(speech, text, recognizer=Transcript(text)).differences
    known = review(twice, text, recognizer=Transcript("One two two three four five six")).differences
    assert [item.kind for item in known] == ["repeated"]  # once


def test_a_reading_of_the_lexicon_is_right() -> None:
    text = "Ask Nguyen about SQL, please."
    readings = {"Nguyen": "win", "SQL": "sequel"}
    for heard in ("Ask win about sequel please", "ask Nguyen about SQL please"):
        assert not review(voice(), text, recognizer=Transcript(heard), readings=readings).differences
    wrong = review(voice(), text, recognizer=Transcript("Ask Peter about sequel please"), readings=readings)
    assert words_of(wrong) == [("different", "Nguyen", "Peter")] and wrong.errors == 1
    assert review(voice(), text, recognizer=Transcript("Ask win about sequel please")).errors > 1


def test_words_written_as_one_or_in_quotation_marks_have_their_whole_time() -> None:
    result = review(
        voice(), "\u201eIt cost $5\u201c today", recognizer=Transcript("It cost five dollars today")
    )
    times = [(word.text, word.start_seconds, word.end_seconds, word.heard) for word in result.words]
    assert all(heard for *_, heard in times)
    assert times[2][1] == pytest.approx(0.8, abs=0.05) and times[2][2] == pytest.approx(1.6, abs=0.05)


def test_audio_without_recognized_words_is_not_fitted_in_too_long_pieces() -> None:
    asked: list[float] = []
    ears = Fitting("")
    ears.fit = lambda audio, text, language: asked.append(len(audio) / 24_000) or []  # type: ignore[method-assign, func-returns-value]
    review(voice(100), "word " * 200, recognizer=ears)
    assert not asked


def test_reviews_at_the_same_time_share_a_recognizer() -> None:
    pytest.importorskip("pocketsphinx")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: review(voice(2), "Hello.", recognizer="pocketsphinx"), range(4)))
    assert len({item.heard for item in found}) == 1
