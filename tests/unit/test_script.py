from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.script import Script, Turn, load_script, parse_script
from vibevoice_nb.script.lines import clean_line, find_label, name_key
from vibevoice_nb.script.parsing import MAX_SCRIPT_CHARS

GOLDEN = Path(__file__).parents[1] / "data" / "processor_golden.json"
CAST = ["Anna", "Ben"]


def spoken(script: Script) -> list[tuple[object, str, int]]:
    return [(turn.speaker, turn.text, turn.pause_after_ms) for turn in script.turns]


def indices(script: Script) -> dict[object, int]:
    return {turn.speaker: turn.speaker_index for turn in script.turns}


def remarks(script: Script, severity: str) -> list[str]:
    return [item.message for item in script.diagnostics if item.severity == severity]


# What the published code makes of a script


# Where ours keeps more than the published code, on purpose: what it makes of the case, and how severe its
# remarks are.
DIFFERENT = {
    "unknown_lines_dropped": (
        [
            (0, "Intro line without a tag"),
            (0, "kept"),
            (1, "dropped"),
            (4, "dropped too continuation dropped"),
            (1, "kept too"),
        ],
        "error",
    ),
    "empty_text_kept_in_str": ([(1, "after an empty line")], "warning"),
    "unicode": (
        [(0, "你好，世界。"), (1, "full-width colon is not a tag"), (0, "It’s naïve — “quoted”…")],
        "warning",
    ),
    "no_valid_lines": ([(0, "nothing here matches")], "warning"),
    "negative_id": ([(4, "minus"), (0, "ok")], "error"),
    "txt_plain_goes_to_speaker1": (
        [(0, "A plain line."), (1, "tagged plain again (still speaker 1)")],
        "warning",
    ),
    "txt_zero_based_mixed": ([(0, "zero plain becomes speaker 1")], "info"),
    "json_ok": ([(0, "Hello"), (1, "World second line")], "warning"),
    "json_bad_entries": ([(4, "no"), (1, "kept")], "error"),
    "json_nothing_valid": ([(0, "y")], None),  # a name in the place of a number
}


def golden_cases() -> list[object]:
    cases = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["name"]) for case in cases]


@pytest.mark.parametrize("case", golden_cases())
def test_agrees_with_the_published_parser(case: dict) -> None:
    script = parse_script(case["content"], format="json" if case["kind"] == "json" else "text")
    turns = [(turn.speaker_index, turn.text) for turn in script.turns]
    if case["name"] in DIFFERENT:
        expected, severity = DIFFERENT[case["name"]]
        assert turns == expected
        assert bool(script.diagnostics) == bool(severity and remarks(script, severity))
        assert bool(script.errors) == (severity == "error")
    elif "error" in case:
        assert not turns
        assert script.errors
    else:
        assert turns == [(index, text.strip()) for index, text in case["parsed"]]
        assert not script.diagnostics


# Speakers


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


@pytest.mark.parametrize(("ids", "fifth"), [((1, 2, 3, 4, 5), 5), ((0, 1, 2, 3, 4), 4), ((1, 9), 9)])
def test_a_fifth_speaker_is_an_error_that_names_it(ids: tuple[int, ...], fifth: int) -> None:
    script = parse_script("\n".join(f"Speaker {number}: Hello." for number in [*ids, ids[0], ids[-1]]))
    (error,) = script.errors
    assert error.message.startswith(f"Speaker {fifth} ")
    assert (error.line, error.column, error.end_column) == (len(ids), 1, len("Speaker 5:") + 1)
    assert all(turn.speaker_index >= 4 for turn in script.turns if turn.speaker == fifth)


def test_a_fifth_name_is_an_error_that_names_it() -> None:
    names = ["Al", "Bo", "Cy", "Di", "Ed"]
    for cast in (names, None):
        (error,) = parse_script("\n".join(f"{name}: Hello." for name in names), cast=cast).errors
        assert error.message.startswith("Ed ")
        assert error.line == 5
    assert not parse_script("Al: Hello.\nDi: Hello.", cast=names).errors


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
        "'Note:' names no speaker, so the line continues the turn of Speaker 1"
    ]
    assert not remarks(script, "info")  # one remark is enough
    top = parse_script("Note: remember the milk.\nSpeaker 1: Yes.")
    assert [item.line for item in top.errors] == [1]
    alone = parse_script("Note: remember the milk.")
    assert alone.cast == ("Note",)
    assert remarks(alone, "warning")
    assert parse_script("Anna: Hi.\nNote: hm.", cast=CAST).errors


@pytest.mark.parametrize(
    "line", ["http://example.org", "10:30 is fine", "Time 10:30", "he said: no", "I mean: no", ":-)"]
)
def test_text_that_is_no_label_continues_the_turn(line: str) -> None:
    script = parse_script(f"Anna: Hi.\n{line}", cast=CAST)
    assert spoken(script) == [("Anna", f"Hi. {line}", 0)]
    assert [item.severity for item in script.diagnostics] == ["info"]


def test_names_without_a_cast_need_one_on_every_line() -> None:
    script = parse_script("# two friends\nBen: Hi.\n\n[pause]\nAnna: Hello.\nBEN: Bye.")
    assert script.cast == ("Ben", "Anna")
    assert indices(script) == {"Ben": 0, "Anna": 1}
    assert len(remarks(script, "warning")) == 2
    broken = parse_script("Ben: Hi.\nand hello.\nAnna: Hello.")
    assert [item.line for item in broken.errors] == [1, 3]
    assert broken.cast == ()


def test_nothing_is_taken_for_the_text_of_an_unknown_speaker() -> None:
    for first in ("Zoe: Hi.", "Zoe: Hi. [pause] So?"):
        script = parse_script(f"{first}\nand so on\nYan: Hm.")
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
def test_a_label_that_is_almost_one_is_an_error_with_its_mending(line: str, fix: str | None) -> None:
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


def test_asterisks_in_the_text_stay() -> None:
    assert spoken(parse_script("Speaker 1: *sighs* No.\n* a point: this")) == [
        (1, "*sighs* No. * a point: this", 0)
    ]


def test_names_and_numbers_for_the_same_index_are_an_error() -> None:
    script = parse_script("Anna: Hi.\nSpeaker 1: Hello.", cast=CAST)
    assert remarks(script, "error") == ["Anna and Speaker 1 are both the model's speaker 0"]
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


def test_options_are_checked() -> None:
    with pytest.raises(OptionError, match="format"):
        parse_script("Speaker 1: Hi.", format="xml")
    with pytest.raises(OptionError, match="bytes"):
        parse_script(b"Speaker 1: Hi.")


# Lines


def test_continued_lines_join_the_turn_and_are_told() -> None:
    script = parse_script("Speaker 1:\n  one\n\n# no\n two  \r\nSpeaker 2: three\rfour")
    assert spoken(script) == [(1, "one two", 0), (2, "three four", 0)]
    assert [(item.severity, item.line) for item in script.diagnostics] == [
        ("info", 2),
        ("info", 5),
        ("info", 7),
    ]
    first = script.turns[0]
    assert (first.line, first.column, first.text_column, first.end_line, first.end_column) == (1, 1, 11, 5, 5)


def test_text_above_the_first_label() -> None:
    script = parse_script("Welcome.\nSpeaker 2: Hi.")
    assert spoken(script) == [(1, "Welcome.", 0), (2, "Hi.", 0)]
    assert [item.severity for item in script.diagnostics] == ["warning"]
    with_cast = parse_script("Welcome.\nAnna: Hi.", cast=CAST)
    assert [(item.severity, item.line) for item in with_cast.diagnostics] == [("error", 1)]


@pytest.mark.parametrize(
    "text", ["", " \n\t\n", "# only this", "\ufeff", "[]", "Speaker 1:", "[pause]", "\u200b\x00"]
)
def test_nothing_to_speak_is_an_error(text: str) -> None:
    script = parse_script(text)
    assert not script.turns
    assert len(script.errors) == 1
    with pytest.raises(ScriptError, match="nothing to speak"):
        script.raise_for_errors()


def test_an_empty_turn_is_left_out_and_told() -> None:
    script = parse_script("Speaker 1: Hi.\nSpeaker 2:   \nSpeaker 1: Hm.")
    assert spoken(script) == [(1, "Hi.", 0), (1, "Hm.", 0)]
    (warning,) = script.diagnostics
    assert (warning.severity, warning.line, warning.end_column) == ("warning", 2, 11)


def test_invisible_and_control_characters() -> None:
    script = parse_script("\ufeffSpeaker 1: a\u200bb\x07c\ud800\u202e d\ufe0f\u200de")
    assert spoken(script) == [(1, "ab c d\ufe0f\u200de", 0)]
    (warning,) = script.diagnostics
    assert (warning.severity, warning.column, warning.end_column) == ("warning", 14, 15)
    assert all(code in warning.message for code in ("U+0007", "U+200B", "U+202E", "U+D800"))
    hidden = parse_script("\u200bSpeaker 1: Hi.\n\u2060Speaker 2: Ho.")
    assert [(turn.speaker, turn.column) for turn in hidden.turns] == [(1, 2), (2, 2)]


def test_curly_quotes_stay_in_the_text() -> None:
    assert spoken(parse_script("Speaker 1: “It’s naïve…”")) == [(1, "“It’s naïve…”", 0)]


def test_limits() -> None:
    (error,) = parse_script(f"Speaker 1: {'word ' * 4001}").errors
    assert "20,004 characters" in error.message
    huge = parse_script("x" * (MAX_SCRIPT_CHARS + 1))
    assert not huge.turns
    assert len(huge.errors) == 1
    long = parse_script("Speaker 1: " + "Speaker 1: ".join(["word " * 3000 + "\n"] * 6))
    assert [item.severity for item in long.diagnostics] == ["warning"]
    assert "100 minutes" in long.diagnostics[0].message


# Pauses


def test_pauses_end_a_turn_and_add_up() -> None:
    script = parse_script(
        "Speaker 1: a [PAUSE: 250 ] b[pause]\n[pause:500ms]\nc\nSpeaker 2: [pause:1] d [pause:0]"
    )
    assert spoken(script) == [(1, "a", 250), (1, "b", 1500), (1, "c", 1), (2, "d", 0)]
    assert [(turn.line, turn.column, turn.text_column, turn.end_column) for turn in script.turns] == [
        (1, 1, 12, 13),
        (1, 28, 28, 29),
        (3, 1, 1, 2),
        (4, 1, 22, 23),
    ]
    assert [(item.severity, item.line) for item in script.diagnostics] == [("info", 3)]


@pytest.mark.parametrize(
    ("tag", "fix"),
    [
        ("[pause:abc]", "[pause]"),
        ("[pause:-5]", "[pause]"),
        ("[pause 500]", "[pause:500]"),
        ("[pause:1.5s]", "[pause:1500]"),
        ("[pause: 2 s]", "[pause:2000]"),
        ("[pause:0.5]", "[pause:500]"),
        ("[pause:]", "[pause]"),
        ("[ pause ]", "[pause]"),
        ("[pause:500", "[pause:500]"),
        ("[pause:60001]", "[pause:60000]"),
        (f"[pause:{'9' * 5000}]", "[pause:60000]"),
    ],
)
def test_a_pause_that_cannot_be_read_is_an_error_and_stays(tag: str, fix: str) -> None:
    text = f"Speaker 1: Well. {tag}"
    script = parse_script(text)
    assert spoken(script) == [(1, f"Well. {tag}", 0)]
    (error,) = script.errors
    assert (error.column, error.end_column, error.fix) == (18, 18 + len(tag), fix)
    mended = parse_script(text[: error.column - 1] + fix + text[error.end_column - 1 :])
    assert not mended.diagnostics
    assert mended.turns[0].pause_after_ms > 0


def test_the_limit_holds_for_the_sum() -> None:
    assert parse_script("Speaker 1: a [pause:60000]").turns[0].pause_after_ms == 60_000
    (error,) = parse_script("Speaker 1: a [pause:60000]\n[pause:1]").errors
    assert (error.line, error.column) == (2, 1)
    assert "60001 ms" in error.message


def test_a_pause_before_the_first_words_is_told() -> None:
    script = parse_script("[pause]\nSpeaker 1: [pause:5] Hi.")
    assert spoken(script) == [(1, "Hi.", 0)]
    assert [(item.severity, item.line, item.column) for item in script.diagnostics] == [
        ("warning", 1, 1),
        ("warning", 2, 12),
    ]


def test_words_that_are_no_pause() -> None:
    assert not parse_script("Speaker 1: She [paused] and [pauses], pause.").diagnostics


# JSON


def test_json() -> None:
    text = (
        '[\n  {"speaker": "Anna", "text": "Hi. [pause:300] So?"},\r\n  {"text": "Yes.", "speaker": "ben"}\n]'
    )
    for script in (
        parse_script(text),
        parse_script(text, cast=CAST),
        parse_script("\ufeff" + text, format="json"),
    ):
        assert [(turn.speaker_index, turn.text, turn.pause_after_ms) for turn in script.turns] == [
            (0, "Hi.", 300),
            (0, "So?", 0),
            (1, "Yes.", 0),
        ]
        assert not script.diagnostics
        assert [(turn.line, turn.column, turn.end_column) for turn in script.turns] == [
            (2, 3, 53),
            (2, 3, 53),
            (3, 3, 37),
        ]


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ('[{"speaker": 1, "text": "a"},\n {"speaker": 1 "text": "b"}]', 2, 16, "delimiter"),
        ('[{"speaker": 1, "text": "a"}', 1, 29, "delimiter"),
        ("[{“speaker”: 1}]", 1, 3, "curly quotes"),
        ('{"speaker": 1, "text": "a"}', 1, 1, "not a list"),
        ('[{"speaker": 1, "text": "a", "text": "b"}]', 1, 1, "twice"),
        ('[{"speaker": 1, "text": "a"}, 7]', 1, 31, "'7' is no turn"),
        ('[{"speaker": 1.5, "text": "a"}]', 1, 2, "is no turn"),
        ('[{"speaker": true, "text": "a"}]', 1, 2, "is no turn"),
        ('[{"speaker": -1, "text": "a"}]', 1, 2, "is no turn"),
        ('[{"speaker": "", "text": "a"}]', 1, 2, "is no turn"),
        ('[{"speaker": 1, "text": null}]', 1, 2, "is no turn"),
        ('[{"speaker": 1, "text": "a"},\n{"speaker": "Anna", "text": "b"}]', 2, 1, "'Anna' is no speaker"),
        ('[{"speaker": "a:b", "text": "b"}]', 1, 2, "'a:b' is no speaker"),
        ("[" * 100_000, 1, 1, ""),
        (f'[{{"speaker": {"9" * 5000}, "text": "b"}}]', 1, 1, ""),
    ],
)
def test_faults_in_json_are_errors_with_a_place(text: str, line: int, column: int, words: str) -> None:
    script = parse_script(text, format="json")
    error = script.errors[0]
    assert (error.line, error.column) == (line, column)
    assert words in str(error)
    with pytest.raises(ScriptError, match=f"line {line}, column {column}: "):
        script.raise_for_errors()


def test_json_warns_of_what_it_does_not_read() -> None:
    script = parse_script('[{"speaker": "1", "text": "a", "voice": "x.wav"}]')
    assert remarks(script, "warning") == ["not read: 'voice'"]
    assert not script.errors


def test_scripts_that_begin_with_a_bracket_are_not_json() -> None:
    assert spoken(parse_script("[1]: Hi.")) == [(1, "Hi.", 0)]
    assert spoken(parse_script("Speaker 1: [{")) == [(1, "[{", 0)]


# The result


def test_errors_name_the_place_and_count_the_rest() -> None:
    script = parse_script("Speaker one: a\nSpeaker two: b\nSpeaker three: c")
    with pytest.raises(
        ScriptError, match=r"line 1, column 1: 'Speaker one:' names no speaker \(and 2 more errors\)"
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
    times = []
    for _ in range(5):
        start = time.process_time()
        parse_script(text)
        times.append(time.process_time() - start)
    assert min(times) < 0.05


@pytest.mark.parametrize(
    "unit", ["[pause", "[pause]", "(", "**a**:", "a: ", "[", "A (", "Speaker 1", "\u200b", "9"]
)
def test_no_input_of_a_pattern_takes_quadratic_time(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    start = time.process_time()
    parse_script(text, cast=CAST)
    parse_script(f"Speaker 1: {text}:")
    assert time.process_time() - start < 10


def test_reading_a_script_needs_no_torch() -> None:
    code = "import sys, vibevoice_nb.script; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Files


@pytest.mark.parametrize("name", ["a.txt", "a.vvscript", "A.TXT"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_load_script(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / name
    path.write_text("Anna: Grüß dich.\nBen: Hi.\n", encoding=encoding)
    script = load_script(path, cast=CAST)
    assert [turn.text for turn in script.turns] == ["Grüß dich.", "Hi."]
    assert not script.diagnostics
    assert load_script(str(path), cast=CAST) == script


def test_load_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"speaker": 2, "text": "Hi."}]', encoding="utf-8-sig")
    assert spoken(load_script(path)) == [(2, "Hi.", 0)]
    path.write_text("Speaker 1: Hi.", encoding="utf-8")
    assert "JSON" in load_script(path).errors[0].message


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.wav", b"RIFF", "plain text or JSON"),
        ("a.txt", b"RIFF\0\0\0\0WAVE", "binary"),
        ("a.txt", "Speaker 1: Hi.".encode("utf-16"), "UTF-16"),
        ("a.txt", b"Speaker 1: Hi.\nSpeaker 2: Gr\xfc\xdfe", "byte 0xfc in line 2"),
        ("a.txt", b"x" * (4 * MAX_SCRIPT_CHARS + 1), "more than 4,000,000 bytes"),
    ],
)
def test_files_that_are_no_script(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ScriptError, match=words):
        load_script(path)


def test_files_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.txt").mkdir()
    with pytest.raises(ScriptError, match="not a plain file"):
        load_script(tmp_path / "folder.txt")
    with pytest.raises(ScriptError, match="No such file"):
        load_script(tmp_path / "missing.txt")
    with pytest.raises(ScriptError, match="null"):
        load_script("a\0b.txt")
    with pytest.raises(ScriptError, match="too long"):
        load_script("x" * 5000 + ".txt")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.txt")
        with pytest.raises(ScriptError, match="not a plain file"):
            load_script(tmp_path / "pipe.txt")
    path = tmp_path / "locked.txt"
    path.write_text("Speaker 1: Hi.")

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)  # file modes don't bind an administrator
    with pytest.raises(ScriptError, match="Permission denied"):
        load_script(path)


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
def test_every_word_is_spoken_or_spoken_of(text: str, cast: list | None) -> None:
    """Each word of the source lies in a turn's text, in a label, in a pause or under a diagnostic."""
    script = parse_script(text, cast=cast, format="text")
    said = [word for turn in script.turns for word in turn.text.split()]
    for number, raw in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        line, _ = clean_line(number, raw)
        rest = line.text.strip()
        if not rest or rest.startswith("#"):
            continue
        label = find_label(line.text, {name_key(name): name for name in script.cast})
        start = 0
        if label is not None:
            told = {item.column for item in script.diagnostics if item.line == number}
            labels = {turn.speaker for turn in script.turns}
            known = label.kind == "speaker" and (label.speaker in labels or line.columns[label.start] in told)
            assert known or line.columns[label.start] in told
            start = label.text if label.kind == "speaker" else label.end
        words = re.sub(
            r"\[pause(?:\s*:\s*\d{1,9}\s*(?:ms)?)?\s*\]", "\n", line.text[start:], flags=re.IGNORECASE
        )
        for word in words.split():
            assert word in said or any(word in other for other in said), (word, script)


@given(SCRIPTS, CASTS)
def test_a_fix_applied_leaves_fewer_remarks_there(text: str, cast: list | None) -> None:
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
        same = [
            sum((d.line, d.message) == (item.line, item.message) for d in s.diagnostics)
            for s in (script, after)
        ]
        assert same[1] < same[0]
