from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb.script import Turn
from vibevoice_nb.script.frontends import FRONTENDS
from vibevoice_nb.script.passages import (
    PASSAGE_SPEAKERS,
    check_passages,
    cut,
    cut_numbered,
    summarized,
)

words = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=12)
texts = st.lists(st.tuples(words, st.sampled_from(["", ",", ".", "?"])), min_size=1, max_size=40).map(
    lambda pairs: " ".join(word + mark for word, mark in pairs)
)
turns = st.lists(
    st.builds(Turn, st.just(1), texts, st.integers(0, 3), st.sampled_from([0, 0, 0, 500])),
    min_size=1,
    max_size=8,
)

many = st.lists(
    st.integers(0, 31).flatmap(
        lambda speaker: st.builds(
            Turn, st.just(speaker + 1), texts, st.just(speaker), st.sampled_from([0, 0, 0, 500])
        )
    ),
    min_size=1,
    max_size=20,
)


@given(turns, st.one_of(st.none(), st.floats(1.0, 30.0)))
def test_nothing_is_lost_and_pauses_stay_at_the_ends(script, seconds):
    passages = cut(script, seconds)
    said = [(t.speaker_index, word) for passage in passages for t in passage for word in t.text.split()]
    assert said == [(t.speaker_index, word) for t in script for word in t.text.split()]
    assert all(t.pause_after_ms == 0 for passage in passages for t in passage[:-1])
    assert sum(passage[-1].pause_after_ms for passage in passages) == sum(t.pause_after_ms for t in script)


@given(many, st.one_of(st.none(), st.floats(1.0, 30.0)))
def test_no_passage_has_more_speakers_than_the_model_knows(script, seconds):
    passages = cut_numbered(script, seconds)
    assert all(len({turn.speaker_index for _, turn in passage}) <= PASSAGE_SPEAKERS for passage in passages)
    order = [index for passage in passages for index, _ in passage]
    assert order == sorted(order) and set(order) == set(range(len(script)))
    for number, turn in enumerate(script):
        said = [
            word
            for passage in passages
            for index, piece in passage
            if index == number
            for word in piece.text.split()
        ]
        assert said == turn.text.split()


@given(many)
def test_every_cut_for_a_fifth_speaker_is_reported_at_its_turn(script):
    numbered = [replace(turn, line=line) for line, turn in enumerate(script, start=1)]
    starts, line = [], 1
    for passage in cut(numbered):
        starts.append(line)
        line += len(passage)
    pauses = {turn.line + 1 for turn in numbered if turn.pause_after_ms}
    reported = [item.line for item in check_passages(numbered)]
    assert set(starts[1:]) - pauses == set(reported)
    assert len(summarized(check_passages(numbered))) == min(1, len(reported))


def test_passages_of_up_to_four_speakers_are_never_reported():
    four = [Turn(speaker, "Hello there.", speaker - 1) for speaker in (1, 2, 3, 4)] * 20
    assert check_passages(four) == () and len(cut(four)) == 1
    skipped = [*four[:4], Turn(5, "...", 4), *four[:4]]
    assert check_passages(skipped, frontend=FRONTENDS["english_phonemes"]) == ()


@given(turns, st.floats(2.0, 30.0))
def test_passages_are_short_unless_a_word_is_longer(script, seconds):
    for passage in cut(script, seconds):
        too_long = sum(t.estimated_seconds for t in passage) > seconds * 1.3
        assert not too_long or (len(passage) == 1 and " " not in passage[0].text)


def test_without_a_limit_only_pauses_cut():
    script = [Turn(1, "One. Two.", 0), Turn(2, "Three.", 1, 250), Turn(1, "Four.", 0)]
    assert [[t.text for t in passage] for passage in cut(script)] == [["One. Two.", "Three."], ["Four."]]


def test_sentences_are_kept_whole_where_they_fit():
    sentence = "This is a sentence of some length, as it were."
    passages = cut([Turn(1, " ".join([sentence] * 6), 0)], seconds=4.0)
    assert [t.text for passage in passages for t in passage] == [sentence] * 6


@given(turns, st.floats(1.0, 30.0))
def test_each_piece_has_the_index_of_its_turn(script, seconds):
    pieces = [piece for passage in cut_numbered(script, seconds) for piece in passage]
    for number, turn in enumerate(script):
        words = [word for index, piece in pieces if index == number for word in piece.text.split()]
        assert words == turn.text.split()
    assert [index for index, _ in pieces] == sorted(index for index, _ in pieces)


def test_turns_of_one_speaker_stay_lines_of_their_own():
    script = [Turn(1, "One.", 0), Turn(1, "Two.", 0), Turn(2, "Three.", 1)]
    assert cut(script) == [script]
