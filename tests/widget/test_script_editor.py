"""ScriptEditor in the kernel: diagnostics, and colors and voices that survive edits."""

from __future__ import annotations

from typing import Any

import ipywidgets
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb.script import parse_script
from vibevoice_nb.widgets import ScriptEditor


def labels(editor: ScriptEditor) -> list[str]:
    return [speaker["label"] for speaker in editor.speakers]


def test_a_new_editor_is_empty_and_finds_no_fault() -> None:
    editor = ScriptEditor()
    assert (editor.script, editor.turns, editor.diagnostics, editor.speakers) == ("", [], [], [])


def test_turns_have_places_and_durations() -> None:
    editor = ScriptEditor("Speaker 1: Hello there. [pause:500] Again.\n\nSpeaker 2: Hi,\nand more.")
    assert [(turn["speaker"], turn["line"], turn["end_line"], turn["pause_ms"]) for turn in editor.turns] == [
        ("Speaker 1", 1, 1, 500),
        ("Speaker 1", 1, 1, 0),
        ("Speaker 2", 3, 4, 0),
    ]
    texts = [(turn["text_column"], turn["end_column"]) for turn in editor.turns]
    assert texts == [(12, 24), (37, 43), (12, 10)]
    assert all(turn["state"] == "unspoken" and turn["estimated"] > 0 for turn in editor.turns)
    assert len({turn["id"] for turn in editor.turns}) == 3


def test_each_change_is_read_anew() -> None:
    editor = ScriptEditor("Speaker one: Hello.")
    assert editor.diagnostics[0]["fix"] == "Speaker 1:"
    editor.script = "Speaker 1: Hello."
    assert editor.diagnostics == []
    assert editor.parsed.turns[0].text == "Hello."


def test_all_that_follows_from_a_change_goes_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    editor = ScriptEditor("Anna: Hello.", cast=["Anna", "Ben"])
    sent: list[set[str]] = []
    monkeypatch.setattr(editor, "send_state", lambda key=None: sent.append(set(key)))
    editor.script = "Ben: Hello\nBenn: Hi."
    assert {"turns", "diagnostics"} in [names - {"script", "speakers"} for names in sent]
    assert len([names for names in sent if names & {"turns", "diagnostics"}]) == 1


def test_speakers_keep_their_colors_and_voices() -> None:
    editor = ScriptEditor("Anna: Hello.\nBen: Hi.")
    anna, ben = editor.speakers
    assert anna["color"] != ben["color"]
    ben = {**ben, "color": "#123456", "voice": {"name": "Ada", "kind": "built-in"}}
    editor.speakers = [anna, ben]
    editor.script = "Clara: Oh.\nAnna: Hello."
    assert labels(editor) == ["Clara", "Anna"]
    assert editor.speakers[0]["color"] not in (anna["color"], "")
    editor.script = "BEN: Hi.\nAnna: Hello."
    assert editor.speakers == [{**ben, "label": "BEN"}, anna]


def test_names_stay_names_while_a_line_is_being_written() -> None:
    editor = ScriptEditor("Anna: Hello.\nBen: Hi.")
    before = editor.speakers
    editor.script = "Anna: Hello.\nB\nBen: Hi."
    assert editor.speakers == before
    assert [turn["speaker"] for turn in editor.turns] == ["Anna", "Ben"]
    editor.script = "Speaker 1: Hello.\nB"
    assert labels(editor) == ["Speaker 1"]


def test_a_cast_keeps_its_order_and_invalid_names_are_not_speakers() -> None:
    editor = ScriptEditor("Ben: Hi.\nBenn: Oops.", cast=["Anna", "Ben"])
    assert labels(editor) == ["Anna", "Ben"]
    assert labels(ScriptEditor("[2]: Hi.", cast=["1", 2, "Speaker 3"])) == [
        "Speaker 1",
        "Speaker 2",
        "Speaker 3",
    ]


def test_traits_can_be_linked() -> None:
    editor, area = ScriptEditor("Speaker 1: a"), ipywidgets.Textarea()
    ipywidgets.link((editor, "script"), (area, "value"))
    area.value = "Speaker 1: b"
    assert editor.script == "Speaker 1: b"
    assert editor.parsed.turns[0].text == "b"


def test_the_page_gets_plain_values() -> None:
    state: dict[str, Any] = ScriptEditor("Speaker one: Hello.").get_state()
    assert {"script", "turns", "diagnostics", "speakers", "_esm", "_css"} <= set(state)
    assert len(state["_esm"]) + len(state["_css"]) < 900_000  # what a saved notebook may hold


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet="ab: \n\r[]#1Speaker😀\u2028\t", max_size=80))
def test_places_are_in_the_lines_of_the_page(text: str) -> None:
    editor = ScriptEditor(text)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for remark in editor.diagnostics:
        assert 1 <= remark["column"] <= remark["end_column"] <= len(lines[remark["line"] - 1]) + 1
    for turn in editor.turns:
        assert 1 <= turn["line"] <= turn["end_line"] <= len(lines)
    assert len(editor.turns) == len(parse_script(text).turns)
