"""Speakers and voices: one script has the same speakers everywhere, and one function assigns the voices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vibevoice_nb import Project, ScriptError, VoiceError, parse_script
from vibevoice_nb.voices import Voice, builtin_voices
from vibevoice_nb.voices.casting import (
    cast_voices,
    default_voice,
    match_voices,
    shared_voices,
    stand_in_message,
    stand_ins,
)

SCRIPTS = [
    "Anna: Hello.\nHow are you?",
    "Anna: Hello.\nHow are you?\nBen: Fine.\nAnd you?",
    "Speaker 1: Hello.\nNote: remember the milk.",
    "How are you?\nAnna: Hello.",
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_a_script_has_the_same_speakers_and_diagnostics_everywhere(text: str, tmp_path: Path) -> None:
    from vibevoice_nb.cli.requests import read_script
    from vibevoice_nb.widgets.editor import ScriptEditor

    (tmp_path / "talk.txt").write_text(text)
    with Project.create(tmp_path / "talk", text) as project:
        project_script = project.script
    alone = parse_script(text)
    voiced = [turn.label for turn in alone.turns][:1]
    readings = [project_script, ScriptEditor(text).parsed, read_script(str(tmp_path / "talk.txt"), [])]
    for other in readings:
        assert other.turns == alone.turns
        assert other.diagnostics == alone.diagnostics
    # A voice for one speaker says nothing about the others; only doubts about that speaker's name go.
    chosen = read_script(str(tmp_path / "talk.txt"), voiced)
    assert chosen.turns == alone.turns and chosen.cast == alone.cast
    assert [one for one in alone.diagnostics if f"'{voiced[0]}:'" not in one.message] == [*chosen.diagnostics]


def test_an_editor_keeps_names_as_a_project_does(tmp_path: Path) -> None:
    """A name is a speaker while the script around it is rewritten, and the diagnostics are the project's."""
    from vibevoice_nb.widgets.editor import ScriptEditor

    before, after = "Anna: Hello.\nBen: Hi.", "He said it.\nAnna: Hello.\nWell\nSo he said."
    editor = ScriptEditor(before)
    editor.script = after
    with Project.create(tmp_path / "talk", before) as project:
        project.write_script(after)
        assert editor.parsed.turns == project.script.turns
        assert editor.parsed.diagnostics == project.script.diagnostics


def test_voices_are_matched_by_label_or_number() -> None:
    assert match_voices(["Speaker 1", "Anna"], {"1": "a", "ANNA": "b"}) == {"Speaker 1": "a", "Anna": "b"}
    assert match_voices(["Speaker 1", "Anna"], {"speaker 1": "a"}) == {"Speaker 1": "a"}
    with pytest.raises(ScriptError, match="two voices for Speaker 1"):
        match_voices(["Speaker 1"], {1: "a", "Speaker 1": "b"})
    with pytest.raises(ScriptError, match="a voice for Cleo, who has no lines"):
        match_voices(["Anna"], {"Cleo": "a"})


def test_defaults_are_the_built_in_voices_in_order_without_sharing() -> None:
    names = list(builtin_voices())
    speakers = {"Anna": 0, "Ben": 1, "Cleo": 2}
    assert [voice.name for voice in cast_voices(speakers).values()] == names[:3]
    cast = cast_voices(speakers, {"Ben": names[0]}, fill=True)
    assert list(cast) == list(speakers)
    assert len({voice.name for voice in cast.values()}) == 3 and cast["Ben"].name == names[0]


def test_more_speakers_than_built_in_voices_share_them_evenly() -> None:
    names = list(builtin_voices())
    everybody = {f"Speaker {number}": number - 1 for number in range(1, 2 * len(names) + 1)}
    assert [voice.name for voice in cast_voices(everybody).values()] == names * 2
    assert default_voice(1, [*names, "Ruben"]) == "Mira"
    shared = shared_voices({"A": "Ada", "B": "Kai", "C": "Ada", "D": "Kai"}, {"C"})
    assert shared == ["A and C have the same voice, Ada: there are 8 built-in voices"]


def test_a_speaker_without_a_voice_is_named() -> None:
    with pytest.raises(ScriptError, match="no voice for Ben"):
        cast_voices({"Anna": 0, "Ben": 1}, {"Anna": "Ada"})
    with pytest.raises(ScriptError, match="1 voice for 2 speakers"):
        cast_voices({"Anna": 0, "Ben": 1}, "Ada")
    with pytest.raises(VoiceError, match="voices of type int"):
        cast_voices({"Anna": 0}, 5)  # type: ignore[arg-type]
    assert cast_voices({"Anna": 0}, {}) == {}


def test_a_replaced_recording_is_reported_in_one_sentence() -> None:
    hum = Voice("hum", np.zeros(48_000, np.float32), "array")
    (ada,) = stand_ins({"Anna": hum}).values()
    assert stand_in_message("nano", "Anna", hum.name, ada.name) == (
        "nano cannot follow the recording 'hum': Anna speaks with the built-in voice Ada"
    )
