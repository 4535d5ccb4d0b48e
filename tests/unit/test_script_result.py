"""Results of parsing: stable values, in little time, and never an exception for any text."""

from __future__ import annotations

import json
import pickle
import re

import pytest
from cpu_time import least_seconds
from hypothesis import example, given
from hypothesis import strategies as st
from script_helpers import CAST, indices, lost_words, spoken

from vibevoice_nb.errors import ScriptError
from vibevoice_nb.script import Script, Turn, parse_script

# The result


def test_errors_name_the_place_and_count_the_rest() -> None:
    script = parse_script("Speaker one: a\nSpeaker two: b\nSpeaker three: c")
    with pytest.raises(
        ScriptError,
        match=r"line 1, column 1: 'Speaker one:' is not a valid speaker label \(and 2 more errors\)",
    ):
        script.raise_for_errors()
    fine = parse_script("Speaker 1: a\nb")
    assert fine.raise_for_errors() is fine
    assert str(fine.diagnostics[0]) == "line 2, column 1: info: the line continues the turn of Speaker 1"


def test_estimated_seconds() -> None:
    assert Turn(1, "x" * 150, 0).estimated_seconds == pytest.approx(10)
    assert Turn(1, "In 1984", 0).estimated_seconds > Turn(1, "In work", 0).estimated_seconds
    assert Turn(1, "你好世界", 0).estimated_seconds == pytest.approx(14 / 15)
    script = parse_script(f"Speaker 1: {'x' * 150} [pause:2500]\nSpeaker 2: {'x' * 15}")
    assert script.estimated_seconds == pytest.approx(13.5)
    assert script.turns[0].estimated_seconds == pytest.approx(10)
    # 2.6 words a second is what LJ Speech has; a sentence of everyday English comes near it.
    sentence = "Well, I went to the shop this morning and there was nobody there, so I walked home again."
    assert len(sentence.split()) / Turn(1, sentence, 0).estimated_seconds == pytest.approx(2.9, abs=0.4)


def test_values_are_frozen_comparable_and_picklable() -> None:
    script = parse_script("Speaker 1: a\nb")
    assert pickle.loads(pickle.dumps(script)) == script == parse_script("Speaker 1: a\nb")
    assert hash(script.turns[0])
    with pytest.raises(AttributeError):
        script.turns[0].text = "b"


def test_a_script_of_300_turns_is_read_between_two_keystrokes() -> None:
    text = "\n".join(f"Speaker {i % 4 + 1}: {'Some words to say here. ' * 5}[pause:200]" for i in range(300))
    assert least_seconds(lambda: parse_script(text), rounds=5) < 0.1


@pytest.mark.parametrize(
    "unit", ["[pause", "[pause]", "(", "**a**:", "a: ", "[", "A (", "Speaker 1", "\u200b", "9"]
)
def test_no_input_of_a_pattern_takes_quadratic_time(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    assert least_seconds(lambda: parse_script(text, cast=CAST), rounds=1) < 5
    assert least_seconds(lambda: parse_script(f"Speaker 1: {text}:"), rounds=1) < 5


# Whatever is written

PIECES = st.sampled_from(
    [
        *(
            "Speaker 1:",
            "Speaker 2 :",
            "[3]:",
            "Speaker 5:",
            "Speaker 0:",
            "Speaker one:",
            "Speaker 2",
            "[1]",
        ),
        *("Anna:", "ben:", "Anan:", "Note:", "**Anna:**", "Anna：", "Zoe (sad):", "_Ben_:"),
        *(
            "[pause]",
            "[pause:500]",
            "[pause:0]",
            "[pause:60000]",
            "[pause:x]",
            "[pause",
            "[ pause]",
            "pause]",
        ),
        *(
            "hello",
            "It’s",
            "“so”",
            "你好",
            "10:30",
            "http://a.b",
            "#",
            "# no",
            "*",
            ":",
            "：",
            "[",
            "]",
            "{",
            '"',
        ),
        *(
            "\n",
            "\n",
            "\n",
            "\r\n",
            "\r",
            "\t",
            "\u200b",
            "\x07",
            "\ufeff",
            "\u2028",
            "\ud800",
            "\xa0",
            "\x1c",
            "😀",
        ),
        *("<b>", "</b>", "<laugh>", "<break time='1s'/>", "<|pause:800|>", "<|x|>", "<!--", "-->", "<", ">"),
        *("**", "_", "`", "```", "~~~", "](", "[a](b)", "&amp;", "(laughs)", "[sighs]", "*sighs*", "(", ")"),
        *("<Person1>", "</Person1>", "[S1]", "[Anna]", "<v Ben>", "(Ben)", "ANNA", "BEN\n", "INT. HOUSE\n"),
        *("00:01", "[00:01]", "00:00:01,000 --> 00:00:02,000\n", "WEBVTT\n", "- ", "> ", "## ", "1. ", " – "),
        *("---\n", "All:", "Anna & Ben:", "Hi. ", "Yes! Ben:", "#metoo", "\u2029", "\v"),
    ]
)
SCRIPTS = st.lists(st.one_of(PIECES, st.just(" "), st.text(max_size=5)), max_size=40).map("".join)
CASTS = st.sampled_from([None, CAST, ["Ben", 2, "Anna"], ["Zoe", "Note", "Ed", "Di", "Anna"]])
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-2, 6),
        st.floats(),
        SCRIPTS,
        st.sampled_from(["1", "Anna", "Speaker 2"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(["speaker", "text", "x"]), inner, max_size=3),
    ),
    max_leaves=12,
)
ENTRIES = st.lists(
    st.one_of(
        VALUES, st.fixed_dictionaries({"speaker": st.sampled_from([1, "2", "Anna", "Zoe"]), "text": SCRIPTS})
    ),
    max_size=6,
)


def check_places(text: str, script: Script) -> None:
    lines = re.split(r"\r\n|\r|\n", text)
    for item in script.diagnostics:
        assert 1 <= item.line <= len(lines)
        assert 1 <= item.column <= item.end_column <= len(lines[item.line - 1]) + 1
        assert item.message
        assert item.severity != "error" or (item.expected and item.suggestion)
    for turn in script.turns:
        assert 1 <= turn.line <= turn.end_line <= len(lines)
        assert 1 <= turn.column <= turn.text_column <= len(lines[turn.line - 1]) + 1
        assert 1 <= turn.end_column <= len(lines[turn.end_line - 1]) + 1
        assert turn.line < turn.end_line or turn.column < turn.end_column


def check_turns(script: Script) -> None:
    for turn in script.turns:
        assert turn.text == turn.text.strip() != ""
        assert "\n" not in turn.text
        assert 0 <= turn.pause_after_ms <= 60_000
        assert turn.estimated_seconds > 0
        turn.text.encode()  # no lone surrogates: a tokenizer takes bytes
    if not script.errors:
        assert script.turns
        assert all(0 <= turn.speaker_index < 4 for turn in script.turns)
        assert len(script.speakers) == len(set(indices(script).values())) <= 4
    again = parse_script(script.to_text(), cast=script.cast)
    if not script.errors:
        assert spoken(again) == spoken(script)
        assert indices(again) == indices(script)
        assert [item for item in again.errors if "pause" not in item.message] == []


@given(st.one_of(SCRIPTS, st.text()), CASTS, st.sampled_from(["auto", "text", "json"]))
def test_any_text_is_read_without_an_exception(text: str, cast: list | None, format: str) -> None:
    script = parse_script(text, cast=cast, format=format)
    check_places(text, script)
    check_turns(script)


@given(st.one_of(ENTRIES, VALUES), CASTS, st.sampled_from([None, 1]))
def test_any_json_is_read_without_an_exception(value: object, cast: list | None, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    script = parse_script(text, cast=cast, format="json")
    check_places(text, script)
    check_turns(script)


@given(SCRIPTS, CASTS)
def test_every_word_is_in_a_turn_or_a_diagnostic(text: str, cast: list | None) -> None:
    """Each word of the source lies in a turn's text, in a label, in a pause or under a diagnostic."""
    assert lost_words(text, parse_script(text, cast=cast, format="text")) == []


@given(SCRIPTS, CASTS)
@example("[pause:x]\u2029*", ["Anna", "Ben"])
def test_an_applied_fix_removes_its_diagnostic(text: str, cast: list | None) -> None:
    script = parse_script(text, cast=cast, format="text")
    lines = re.split(r"\r\n|\r|\n", text)
    for item in script.diagnostics:
        if item.fix is None:
            continue
        raw = lines[item.line - 1]
        mended = raw[: item.column - 1] + item.fix + raw[item.end_column - 1 :]
        after = parse_script(
            "\n".join([*lines[: item.line - 1], mended, *lines[item.line :]]), cast=cast, format="text"
        )
        # A line of Unicode (U+2029) inside a line of the editor may be given the same diagnostic as its
        # predecessor had, further to the right; a deletion may move the next one to the same column.
        same_line, same_place = (
            [sum(key(d) == key(item) for d in s.diagnostics) for s in (script, after)]
            for key in (lambda d: (d.line, d.message), lambda d: (d.line, d.column, d.message))
        )
        assert same_line[1] < same_line[0] or same_place[1] < same_place[0]
