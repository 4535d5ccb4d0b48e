"""`vibevoice-nb import`, and scripts in other formats given to `vibevoice-nb speak`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vibevoice_nb.cli.app import app
from vibevoice_nb.cli.requests import read_script
from vibevoice_nb.errors import ScriptError

DATA = Path(__file__).parents[1] / "data" / "import"


def run(*arguments: object, stdin: bytes | None = None) -> Any:
    return CliRunner().invoke(app, ["import", *map(str, arguments)], input=stdin)


def test_the_script_is_printed_or_written(tmp_path: Path) -> None:
    shown = run(DATA / "vtt-voices.vtt")
    assert shown.exit_code == 0
    assert "Anna: Good morning.\nBen: Hello Anna.\n" in shown.stdout
    target = tmp_path / "script.txt"
    assert run(DATA / "vtt-voices.vtt", "--out", target).exit_code == 0
    assert target.read_text("utf-8") == "Anna: Good morning.\nBen: Hello Anna.\n"
    assert run(DATA / "vtt-voices.vtt", "--out", target).exit_code == 2
    assert run(DATA / "vtt-voices.vtt", "--out", target, "--force").exit_code == 0


@pytest.mark.parametrize(
    ("suffix", "beginning"),
    [(".md", "**Anna:** Hi!"), (".json", "[\n  {"), (".fountain", "Title: Script\n\n@Anna")],
)
def test_the_suffix_decides_the_format(tmp_path: Path, suffix: str, beginning: str) -> None:
    target = tmp_path / f"script{suffix}"
    assert run(DATA / "whatsapp-ios.txt", "--out", target).exit_code == 0
    assert target.read_text("utf-8").startswith(beginning)


def test_questions_are_printed_and_answered() -> None:
    asked = run(DATA / "srt-plain.srt", "--json")
    about = json.loads(asked.stdout.splitlines()[-1])
    assert about["preview"] == "2 turns, 1 speaker: Speaker 1"
    assert about["turns"][1]["target"] == {"start": 4.0, "end": 6.5}
    assert about["questions"][0]["answer"] == "one"
    answered = run(DATA / "srt-plain.srt", "--answer", "speakers=alternate")
    assert "Speaker 2: It is a fine day." in answered.stdout
    assert run(DATA / "srt-plain.srt", "--answer", "speakers").exit_code == 2
    assert run(DATA / "srt-plain.srt", "--answer", "speakers=five").exit_code == 2


def test_stdin_and_a_format() -> None:
    shown = run("-", "--format", "prose", stdin=b"Anna: Hi.")
    assert shown.exit_code == 0 and "Narrator: Anna: Hi." in shown.stdout
    assert run("-", "--format", "wordstar", stdin=b"Anna: Hi.").exit_code == 2


@pytest.mark.parametrize(
    "name", ["vtt-voices.vtt", "page-script.html", "slack-copied.txt", "word-script.docx"]
)
def test_speak_imports_other_formats(name: str) -> None:
    if name.endswith(".docx"):
        pytest.importorskip("docx")
    script = read_script(str(DATA / name), ["Anna"])
    assert [turn.label for turn in script.turns] == ["Anna", "Ben"]
    assert not script.errors


def test_speak_reads_other_encodings() -> None:
    assert "Schöne Grüße" in read_script(str(DATA / "encoding-utf16.txt"), []).turns[0].text
    assert "今天" in read_script(str(DATA / "encoding-gbk.txt"), []).turns[0].text


def test_scripts_keep_the_lines_of_their_file(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("# a note\n\nAnna: Hello.\nBen: Hi.\n")
    assert [turn.line for turn in read_script(str(path), []).turns] == [3, 4]


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "book.epub"
    path.write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(ScriptError, match="damaged"):
        read_script(str(path), [])
