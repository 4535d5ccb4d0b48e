"""Speakers of a script: numbers, names, casts, and misspelled labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from script_helpers import CAST, indices, remarks, spoken

from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.script import MAX_SPEAKERS, parse_script


@pytest.mark.parametrize(
    ("line", "speaker", "text"),
    [
        ("Speaker 1: Hi.", 1, "Hi."),
        ("  sPeAkEr \t 2 :Hi: there", 2, "Hi: there"),
        ("Speaker 007: Bond.", 7, "Bond."),
        ("[3]: Hi.", 3, "Hi."),
        ("[ 3 ] : Hi.", 3, "Hi."),
        ("Speaker 0: Hi.", 0, "Hi."),
    ],
)
def test_numbered_labels(line: str, speaker: int, text: str) -> None:
    assert [(turn.speaker, turn.text) for turn in parse_script(line).turns] == [(speaker, text)]


def test_numbers_become_the_models_indices_by_their_value() -> None:
    assert indices(parse_script("Speaker 1: a\nSpeaker 3: b")) == {1: 0, 3: 2}
    assert indices(parse_script("Speaker 3: a\nSpeaker 2: b")) == {3: 2, 2: 1}
    assert indices(parse_script("Speaker 0: a\nSpeaker 3: b")) == {0: 0, 3: 3}
    assert parse_script("Speaker 3: a\nSpeaker 1: b\nSpeaker 3: c").speakers == (1, 3)


@pytest.mark.parametrize(("ids", "last"), [(range(1, 34), 33), (range(33), 32), ((1, 99), 99)])
def test_a_speaker_beyond_the_limit_is_an_error_that_names_it(ids: Sequence[int], last: int) -> None:
    script = parse_script("\n".join(f"Speaker {number}: Hello." for number in [*ids, ids[0], ids[-1]]))
    (error,) = script.errors
    assert error.message.startswith(f"Speaker {last} is speaker number")
    assert (error.line, error.column, error.end_column) == (len(ids), 1, len("Speaker 33:") + 1)
    assert f"one of Speaker {ids[0]} to Speaker {ids[0] + MAX_SPEAKERS - 1}" in error.suggestion
    assert all(turn.speaker_index >= MAX_SPEAKERS for turn in script.turns if turn.speaker == last)


def test_a_name_beyond_the_limit_is_an_error_that_names_it() -> None:
    names = [f"{first}{second}" for first in "ABCDEF" for second in "aeiouy"][: MAX_SPEAKERS + 1]
    for cast in (names, None):
        (error,) = parse_script("\n".join(f"{name}: Hello." for name in names), cast=cast).errors
        assert error.message.startswith(f"{names[-1]} is speaker number 33")
        assert error.line == MAX_SPEAKERS + 1
    assert not parse_script(f"{names[0]}: Hello.\n{names[3]}: Hello.", cast=names).errors


def test_up_to_the_limit_every_speaker_has_an_index() -> None:
    script = parse_script("\n".join(f"Speaker {number}: Hello." for number in range(1, MAX_SPEAKERS + 1)))
    assert not script.errors and [turn.speaker_index for turn in script.turns] == [*range(MAX_SPEAKERS)]


def test_names_of_a_cast() -> None:
    script = parse_script("ben: Hi.\nD'Arcy  Jones : Yes.\nBEN：Hm.", cast=["Anna", "Ben", "D’Arcy Jones"])
    assert not script.errors
    assert indices(script) == {"Ben": 1, "D’Arcy Jones": 2}
    assert script.speakers == ("Ben", "D’Arcy Jones")
    assert parse_script("Anna: Hi.", cast={"Anna": "anna.wav", "Ben": "ben.wav"}).cast == ("Anna", "Ben")


@pytest.mark.parametrize(
    ("label", "nearest"),
    [("Anan", "Anna"), ("anan", "Anna"), ("Benn", "Ben"), ("Anna (laughing)", "Anna"), ("Zoe", None)],
)
def test_an_unknown_name_is_an_error_with_the_nearest_one(label: str, nearest: str | None) -> None:
    script = parse_script(f"Anna: Hi.\n{label}: Hello.", cast=CAST)
    (error,) = script.errors
    assert (error.line, error.column, error.end_column) == (2, 1, len(label) + 2)
    assert "Anna, Ben" in error.expected
    assert error.fix == (f"{nearest}:" if nearest else None)
    assert script.turns[1].text == "Hello."
    assert script.turns[1].speaker_index >= 4
    with pytest.raises(ScriptError, match=f"line 2, column 1: '{re.escape(label)}:' is not in the cast"):
        script.raise_for_errors()


def test_ordinary_text_with_a_colon_never_becomes_a_speaker_unsaid() -> None:
    script = parse_script("Speaker 1: Dear all.\nNote: remember the milk.")
    assert spoken(script) == [(1, "Dear all. Note: remember the milk.", 0)]
    assert remarks(script, "warning") == [
        "'Note:' is not a valid speaker label, so the line continues the turn of Speaker 1"
    ]
    assert not remarks(script, "info")  # one diagnostic is enough
    top = parse_script("Note: remember the milk.\nSpeaker 1: Yes.")
    assert [item.line for item in top.errors] == [1]
    alone = parse_script("Note: remember the milk.")
    assert alone.cast == ("Note",)
    assert remarks(alone, "warning")
    assert parse_script("Anna: Hi.\nNote: hm.", cast=CAST).errors


@pytest.mark.parametrize(
    "line", ["http://example.org", "10:30 is fine", "Time 10:30", "he said: no", "I mean: no", ":-)"]
)
def test_text_without_a_label_continues_the_turn(line: str) -> None:
    script = parse_script(f"Anna: Hi.\n{line}", cast=CAST)
    assert spoken(script) == [("Anna", f"Hi. {line}", 0)]
    assert [item.severity for item in script.diagnostics] == ["info"]


def test_names_without_a_cast_are_speakers() -> None:
    script = parse_script("# two friends\nBen: Hi.\n\n[pause]\nAnna: Hello.\nBEN: Bye.")
    assert script.cast == ("Ben", "Anna")
    assert indices(script) == {"Ben": 0, "Anna": 1}
    assert not script.diagnostics  # nothing is wrong with it
    longer = parse_script("Ben: Hi.\nand hello.\nAnna: Hello.")
    assert spoken(longer) == [("Ben", "Hi. and hello.", 0), ("Anna", "Hello.", 0)]
    assert [item.line for item in longer.diagnostics if item.severity == "warning"] == [3]
    misspelt = parse_script("Anna: Hi.\nBen: Hm.\nAnna: So.\nAnan: Oh.")
    assert [(item.line, item.fix) for item in misspelt.diagnostics if item.fix] == [(4, "Anna:")]


def test_an_unknown_speaker_gets_no_text() -> None:
    for first in ("Zoe: Hi.", "Zoe: Hi. [pause] So?"):
        script = parse_script(f"{first}\nand so on\nYan: Hm.", cast=CAST)
        assert [item.line for item in script.errors] == [1, 3]
        assert script.turns[-1].text == "Hm."


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("Speaker one: Hi.", "Speaker 1:"),
        ("Speaker1: Hi.", "Speaker 1:"),
        ("speaker #2: Hi.", "Speaker 2:"),
        ("Speaker B: Hi.", "Speaker 2:"),
        ("Speaker -1: Hi.", "Speaker 1:"),
        ("[two]: Hi.", "Speaker 2:"),
        ("Speaker: Hi.", None),
        ("[]: Hi.", None),
        ("Speaker 2 Hi.", "Speaker 2:"),
        ("[2] Hi.", "[2]:"),
        (f"Speaker {'9' * 5000}: Hi.", f"Speaker {'9' * 9}:"),
    ],
)
def test_a_misspelled_label_is_an_error_with_a_fix(line: str, fix: str | None) -> None:
    script = parse_script(line)
    (error,) = script.errors
    assert (error.line, error.column, error.fix) == (1, 1, fix)
    assert script.turns[0].text == "Hi."
    if fix and "999" not in fix:
        mended = parse_script(fix + line[error.end_column - 1 :])
        assert not mended.diagnostics


def test_a_number_without_colon_within_a_turn_only_warns() -> None:
    script = parse_script("Speaker 1: I think\nSpeaker 2 was louder.")
    assert spoken(script) == [(1, "I think Speaker 2 was louder.", 0)]
    assert remarks(script, "warning")


@pytest.mark.parametrize("line", ["**Speaker 2:** Hi.", "**Speaker 2**: Hi.", "_[2]_: Hi.", "Speaker 2：Hi."])
def test_bold_labels_and_wide_colons_are_read_with_a_warning(line: str) -> None:
    script = parse_script(line)
    assert spoken(script) == [(2, "Hi.", 0)]
    (warning,) = script.diagnostics
    assert warning.severity == "warning"
    assert not parse_script(warning.fix + line[warning.end_column - 1 :]).diagnostics


def test_asterisks_are_markup_only_in_pairs() -> None:
    assert spoken(parse_script("Speaker 1: *sighs* No.\n* a point: this")) == [(1, "No. a point: this", 0)]
    assert spoken(parse_script("Speaker 1: 2 * 3 is 5*1+1")) == [(1, "2 * 3 is 5*1+1", 0)]


def test_names_and_numbers_for_the_same_index_are_an_error() -> None:
    script = parse_script("Anna: Hi.\nSpeaker 1: Hello.", cast=CAST)
    assert remarks(script, "error") == ["Anna and Speaker 1 both have the speaker index 0"]
    placed = parse_script("Speaker 1: Hi.\nAnna: Hello.", cast=[1, "Anna"])
    assert not placed.diagnostics
    assert indices(placed) == {1: 0, "Anna": 1}


@pytest.mark.parametrize(
    "cast", ["Anna", ["Anna", "anna"], ["A:b"], [""], ["#x"], ["x" * 41], [None], 5, [1, "Speaker 1"]]
)
def test_a_cast_that_cannot_be_used(cast: object) -> None:
    with pytest.raises(OptionError, match="cast"):
        parse_script("Anna: Hi.", cast=cast)


def test_a_cast_of_numbers_is_none() -> None:
    assert not parse_script("Speaker 1: Hi.\nSpeaker 2: Hi.", cast={1: "a.wav", "2": "b.wav"}).diagnostics
