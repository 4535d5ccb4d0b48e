"""Times of words: in turns, through trims, pace and gaps, in subtitles, in JSON and in the web page."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from generation_helpers import engine, project, spoken  # noqa: F401
from hypothesis import given, settings
from hypothesis import strategies as st
from test_project_reviews import TEXTS, Told
from test_subtitles import parse_srt, parse_vtt

from vibevoice_nb import Project
from vibevoice_nb.audio.turns import TakeTurn, TurnWord, parted_by_words, with_words
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.errors import AudioError
from vibevoice_nb.export.subtitles import to_srt, to_vtt
from vibevoice_nb.project.pieces import Piece
from vibevoice_nb.project.take import Take
from vibevoice_nb.project.timeline import Timeline
from vibevoice_nb.review import WordTime

RATE = 24_000
TEXT = (
    "Well, thank you for asking. The ferry leaves at noon, so we have time for a coffee and for the paper, "
    "which we have not read yet, before we have to walk down to the harbor."
)


def timed(text: str, seconds: float = 0.3, start: float = 0.0, pause: float = 0.0) -> TakeTurn:
    """A turn whose words take a while each, with a pause after the first sentence."""
    words, at = [], start
    for match in re.finditer(r"\S+", text):
        words.append(TurnWord(*match.span(), round(at * RATE), round((at + seconds) * RATE)))
        at += seconds + (pause if match[0].endswith(".") else 0)
    return TakeTurn("t1", "Ada", text, round(start * RATE), round(at * RATE), words=tuple(words))


def check(turn: TakeTurn) -> None:
    """Words are in order, in time and in the text, and inside their turn."""
    times = [time for word in turn.words for time in (word.start, word.stop)]
    places = [place for word in turn.words for place in (word.text_start, word.text_stop)]
    assert times == sorted(times) and places == sorted(places)
    assert not times or (turn.start <= times[0] and times[-1] <= turn.stop)
    assert not places or (places[0] >= 0 and places[-1] <= len(turn.text))


SECONDS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40), SECONDS, SECONDS), max_size=8))
def test_any_review_gives_words_inside_their_turn(words: list[tuple[int, int, float, float]]) -> None:
    """A review is read from a file, which may say anything."""
    times = [WordTime("x", *word) for word in words]
    check(with_words(TakeTurn("t", "Ada", "Some words of this turn.", 100, 90_000), times, RATE))
    turns = [TakeTurn(str(n), "Ada", "Four words of it.", n * 9000, (n + 1) * 9000, 0.5) for n in range(3)]
    parted = parted_by_words(turns, times, RATE)
    assert (parted[0].start, parted[-1].stop) == (0, 27_000)
    assert all(one.stop == two.start for one, two in pairwise(parted))
    for turn in parted:
        check(turn)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 30_000),
            st.integers(1, 30_000),
            st.sampled_from([0.7, 1.0, 1.3]),
            st.integers(0, 5000),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_words_follow_trims_pace_and_gaps(drawn: list[tuple[int, int, float, int]]) -> None:
    turn = timed("One two three. Four five six.", 0.4)
    take = Take.from_audio(np.zeros(turn.stop, np.float32), turns=[turn])
    pieces = [
        Piece(take, gap, min(start, take.samples - count), min(start, take.samples - count) + count, pace)
        for start, count, pace, gap in drawn
    ]
    timeline = Timeline(pieces)
    ends = 0
    for segment, moved in zip(timeline.segments, timeline.turns, strict=True):
        check(moved)
        assert ends <= moved.start and (moved.start, moved.stop) == (segment.start, segment.stop)
        ends = moved.stop
        for word, was in zip(moved.words, turn.words, strict=True):
            inside = min(max(was.start, segment.piece.start), segment.piece.stop)
            expected = segment.start + (inside - segment.piece.start) / segment.piece.pace
            assert abs(word.start - expected) <= 1.5


def test_a_word_at_a_pace_is_where_it_is_heard() -> None:
    """The click of a word is found at the time of the word, after a trim, at a pace, behind a gap."""
    audio = np.zeros(4 * RATE, np.float32)
    audio[RATE : RATE + 2400] = np.sin(np.arange(2400) / 5)
    turn = TakeTurn("t", "Ada", "Um now", 0, len(audio), words=(TurnWord(3, 6, RATE, RATE + 2400),))
    take = Take.from_audio(audio, turns=[turn])
    timeline = Timeline([Piece(take, 1200), Piece(take, 0, 12_000, pace=1.25)])
    for moved in timeline.turns:
        word = moved.words[0]
        sound = np.abs(timeline.read(word.start - 2000, 4000 + word.stop - word.start))
        loud = np.flatnonzero(sound > 0.2)
        assert abs(loud[0] - 2000) < 500 and abs(len(sound) - 2000 - loud[-1]) < 500


def test_cues_begin_and_end_with_their_words() -> None:
    turn = timed(TEXT, 0.3, start=2.0, pause=1.5)
    cues = parse_vtt(to_vtt([turn]))
    said = [" ".join(lines) for *_, lines in cues]
    assert " ".join(said) == TEXT and said[0] == "Well, thank you for asking."
    starts = {TEXT[word.text_start :]: word.start * 1000 // RATE for word in turn.words}
    for start, stop, _, lines in cues:
        rest = TEXT[TEXT.index(lines[0]) :]
        assert start == pytest.approx(starts[rest], abs=1) and start < stop
    # The cue stays half a second into the pause, and does not wait for the next one.
    assert cues[0][1] == pytest.approx(2000 + 5 * 300 + 500, abs=1) and cues[1][0] == pytest.approx(
        5000, abs=1
    )
    assert cues[1][1] == cues[2][0]  # no gap between words: no flicker
    assert [cue[:2] for cue in parse_srt(to_srt([turn]))] == [cue[:2] for cue in cues]


def test_a_pause_is_a_place_to_break() -> None:
    text = "We could go by the bridge or the old harbor road takes us there as well of course"
    plain = parse_vtt(to_vtt([timed(text)]))
    turn = timed(text)
    at = text.index("there")
    words = [
        TurnWord(
            w.text_start,
            w.text_stop,
            w.start + 24_000 * (w.text_start >= at),
            w.stop + 24_000 * (w.text_start >= at),
        )
        for w in turn.words
    ]
    paused = parse_vtt(to_vtt([TakeTurn("t", "Ada", text, 0, turn.stop + 24_000, words=tuple(words))]))
    firsts = [lines[0].split()[0] for *_, lines in paused]
    assert "there" in firsts and "there" not in [lines[0].split()[0] for *_, lines in plain]


@given(st.text(st.characters(codec="utf-8"), max_size=120), st.integers(0, 3000), st.integers(0, 200_000))
def test_cues_of_any_text_are_ordered(text: str, length: int, start: int) -> None:
    turn = timed(text, length / 1000, start / RATE)
    plain = TakeTurn("t", "Ada", text, turn.start, turn.stop)
    cues = parse_vtt(to_vtt([turn]))
    assert all(one[0] < one[1] for one in cues) and all(one[1] <= two[0] for one, two in pairwise(cues))
    if turn.stop - turn.start > 24 * 200:  # enough milliseconds for all cues
        joined = ["".join("".join(lines) for *_, lines in parse_vtt(to_vtt([one]))) for one in (turn, plain)]
        assert joined[0].replace(" ", "") == joined[1].replace(" ", "")


def test_time_stamps_of_words() -> None:
    turn = timed("1 < 2, he said. Then he left for the station with his <b>hat</b>.", 0.4)
    text = to_vtt([turn], words=True)
    assert "<v Ada>1 <00:00:00.400>&lt; <00:00:00.800>2, <00:00:01.200>he " in text
    assert "&lt;b&gt;hat&lt;/b&gt;" in text
    assert re.sub(r"<\d\d:[^>]*>", "", text) == to_vtt([turn])
    for start, stop, body in re.findall(r"(\S+) --> (\S+)\n((?:.+\n)+)", text):
        stamps = [start, *re.findall(r"<(\d\d:[^>]*)>", body), stop]
        assert stamps == sorted(set(stamps))
    assert to_vtt([TakeTurn("t", "Ada", "No times.", 0, RATE)], words=True).count("<") == 2


def test_words_of_a_language_without_spaces() -> None:
    """The whole sentence is one word: its cues share its time."""
    text = "今天天气很好，我们去公园散步吧。" * 6
    turn = TakeTurn("t", "林", text, 0, 20 * RATE, words=(TurnWord(0, len(text), RATE, 19 * RATE),))
    cues = parse_vtt(to_vtt([turn]))
    assert len(cues) > 1 and cues[0][0] == 1000 and cues[-1][1] == 19_500
    lengths = [len("".join(lines)) / (stop - start) for start, stop, _, lines in cues]
    assert max(lengths) < 1.2 * min(lengths)


def test_words_in_exported_records(tmp_path: Path) -> None:
    turn = timed("Hello there & <you>.", 0.4)
    take = Take.from_audio(
        np.full(turn.stop, 0.1, np.float32), turns=[turn], name="x", manifest={"model": "m"}
    )
    take.export(tmp_path / "x.flac")
    [record] = json.loads((tmp_path / "x.flac.json").read_text())["spoken"]
    assert record["words"][1] == {"text": "there", "start": 9600, "stop": 19_200, "heard": True}
    take.export(tmp_path / "x", parts="turns", subtitles=["vtt"])
    assert parse_vtt((tmp_path / "x" / "001-Ada.vtt").read_text())[0][:2] == (0, 1600)
    page = take.save(tmp_path / "x.html").read_text()
    assert '<i data-start="0.800">&amp;</i> <i data-start="1.200">&lt;you&gt;.</i></span>' in page


def test_a_reviewed_project_has_the_times_of_its_words(
    project: Project,  # noqa: F811
    engine: Engine,  # noqa: F811
    tmp_path: Path,
) -> None:
    spoken(project, engine)
    assert all(not turn.words for turn in project.assemble().turns)
    project.review(recognizer=Told(*TEXTS[:3], "Very")).result(60)
    for turn, text in zip(project.assemble().turns, TEXTS, strict=True):
        check(turn)
        assert [turn.text[word.text_start : word.text_stop] for word in turn.words] == text.split()
    assert [word.heard for word in project.assemble().turns[3].words] == [True, False]
    take = project.take(str(project.turns[1].chosen))
    assert take.review(Told(TEXTS[1])).words == project.reviews.of(take.id).words
    whole = take.turns[0].words[1].start
    project.trim_take(take.id, 0.05)
    assert project.timeline().segments[1].piece.turns[0].words[1].start == whole - 1200
    written = project.export(tmp_path / "e.flac", subtitles=["vtt"])
    assert [path.suffix for path in written][:2] == [".flac", ".vtt"]


def test_any_take_can_be_reviewed() -> None:
    turn = timed("Good morning.", 0.5)
    take = Take.from_audio(np.zeros(RATE * 2, np.float32), turns=[turn, turn], sample_rate=RATE * 2)
    found = take.review(Told("good morning good evening"))
    assert found.text == "Good morning.\nGood morning."
    assert max(word.end_seconds for word in found.words) == pytest.approx(1.0)
    with pytest.raises(AudioError, match="no text"):
        Take.from_audio(np.zeros(10, np.float32)).review(Told(""))
    with pytest.raises(AudioError, match="no audio"):
        Take.from_audio(np.zeros(0, np.float32)).review(Told(""))


def test_words_of_a_reviewed_speech(engine: Engine) -> None:  # noqa: F811
    speech = engine.speak("Ada: Hello there.\nBen: Good morning.", num_steps=1, seed=1)
    assert not speech.turns[0].words
    speech.review(Told("hello there good morning"))
    for turn in speech.turns:
        check(turn)
        assert [turn.text[word.text_start : word.text_stop] for word in turn.words] == turn.text.split()
    assert "<00:" in speech.to_vtt(words=True)
