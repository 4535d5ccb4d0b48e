"""The text of a script: as the published code reads it, its lines, pauses, JSON and files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from script_helpers import CAST, remarks, spoken

from vibevoice_nb.errors import OptionError, ScriptError
from vibevoice_nb.script import load_script, parse_script
from vibevoice_nb.script.parsing import MAX_SCRIPT_CHARS

GOLDEN = Path(__file__).parents[1] / "data" / "processor_golden.json"


# What the published code makes of a script


# Where ours keeps more than the published code, on purpose: what it makes of the case, and how severe its
# diagnostics are.
DIFFERENT = {
    "unknown_lines_dropped": (
        [
            (0, "Intro line without a tag"),
            (0, "kept"),
            (1, "dropped"),
            (32, "dropped too continuation dropped"),
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
    "negative_id": ([(32, "minus"), (0, "ok")], "error"),
    "txt_plain_goes_to_speaker1": (
        [(0, "A plain line."), (1, "tagged plain again (still speaker 1)")],
        "warning",
    ),
    "txt_zero_based_mixed": ([(0, "zero plain becomes speaker 1")], "info"),
    "json_ok": ([(0, "Hello"), (1, "World second line")], "warning"),
    "json_bad_entries": ([(32, "no"), (1, "kept")], "error"),
    "json_not_list": ([(0, "a")], None),  # one object is JSON Lines of one line
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


# Lines


def test_continued_lines_join_the_turn_and_are_reported() -> None:
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
    with pytest.raises(ScriptError, match="no text to speak"):
        script.raise_for_errors()


def test_an_empty_turn_is_omitted_and_reported() -> None:
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


@pytest.mark.parametrize(
    ("tag", "fix"),
    [
        ("[pause 500]", "[pause:500]"),
        ("[pause:1.5s]", "[pause:1500]"),
        ("[pause: 2 s]", "[pause:2000]"),
        ("[pause:0.5]", "[pause:500]"),
        ("[pause:]", "[pause:1000]"),
        ("[ pause ]", "[pause:1000]"),
    ],
)
def test_a_pause_that_is_spelt_otherwise_is_read_with_a_warning(tag: str, fix: str) -> None:
    text = f"Speaker 1: Well. {tag}"
    script = parse_script(text)
    assert spoken(script) == [(1, "Well.", int(fix[7:-1]))]
    (warning,) = script.diagnostics
    assert (warning.severity, warning.column, warning.fix) == ("warning", 18, fix)
    assert not parse_script(text.replace(tag, fix)).diagnostics


def test_the_limit_holds_for_the_sum() -> None:
    assert parse_script("Speaker 1: a [pause:60000]").turns[0].pause_after_ms == 60_000
    (error,) = parse_script("Speaker 1: a [pause:60000]\n[pause:1]").errors
    assert (error.line, error.column) == (2, 1)
    assert "60001 ms" in error.message


def test_a_pause_before_the_first_words_is_reported() -> None:
    script = parse_script("[pause]\nSpeaker 1: [pause:5] Hi.")
    assert spoken(script) == [(1, "Hi.", 0)]
    assert [(item.severity, item.line, item.column) for item in script.diagnostics] == [
        ("warning", 1, 1),
        ("warning", 2, 12),
    ]


def test_words_that_are_not_a_pause() -> None:
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
        ('"speaker"', 1, 1, "not a list"),
        ('{"speaker": 1}', 1, 1, "is not a valid turn"),
        ('[{"speaker": 1, "text": "a", "text": "b"}]', 1, 1, "more than once"),
        ('[{"speaker": 1, "text": "a"}, 7]', 1, 31, "'7' is not a valid turn"),
        ('[{"speaker": 1.5, "text": "a"}]', 1, 2, "is not a valid turn"),
        ('[{"speaker": true, "text": "a"}]', 1, 2, "is not a valid turn"),
        ('[{"speaker": -1, "text": "a"}]', 1, 2, "is not a valid turn"),
        ('[{"speaker": "", "text": "a"}]', 1, 2, "is not a valid turn"),
        ('[{"speaker": 1, "text": null}]', 1, 2, "is not a valid turn"),
        (
            '[{"speaker": 1, "text": "a"},\n{"speaker": "Anna", "text": "b"}]',
            2,
            1,
            "'Anna' is not a known speaker",
        ),
        ('[{"speaker": "a:b", "text": "b"}]', 1, 2, "'a:b' is not a known speaker"),
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


def test_json_warns_of_ignored_keys() -> None:
    script = parse_script('[{"speaker": "1", "text": "a", "voice": "x.wav"}]')
    assert remarks(script, "warning") == ["the key 'voice' is ignored"]
    assert not script.errors


def test_scripts_that_begin_with_a_bracket_are_not_json() -> None:
    assert spoken(parse_script("[1]: Hi.")) == [(1, "Hi.", 0)]
    assert spoken(parse_script("Speaker 1: [{")) == [(1, "[{", 0)]


def test_options_are_checked() -> None:
    with pytest.raises(OptionError, match="format"):
        parse_script("Speaker 1: Hi.", format="xml")
    with pytest.raises(OptionError, match="bytes"):
        parse_script(b"Speaker 1: Hi.")


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
def test_files_that_are_not_scripts(tmp_path: Path, name: str, data: bytes, words: str) -> None:
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
