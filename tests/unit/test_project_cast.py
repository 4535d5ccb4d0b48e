"""The cast of a project: its speakers, their voices and their colors."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from project_helpers import SCRIPT, project, voice

from vibevoice_nb.display.colors import PALETTE
from vibevoice_nb.errors import OptionError, ScriptError, VoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.script import MAX_SPEAKERS, parse_script

__all__ = ["project"]  # a fixture


def test_names_in_the_text_are_the_cast() -> None:
    four = parse_script("Anna: Hi.\nand more\nBen: Yes.\nCleo: No.\nDan: Oh.")
    assert four.cast == ("Anna", "Ben", "Cleo", "Dan")
    assert parse_script("# Note: x\nAnna: Hi.").cast == ("Anna",)
    assert parse_script("anna: Hi.", known=["Anna"]).cast == ("Anna",)
    assert parse_script("Ben: Hi.\nAnna: Yes.", known=["Anna", "Cleo", "Ben"]).cast == ("Anna", "Ben")
    assert parse_script("[1]: Hi.\nNote: this.").cast == ()
    assert parse_script('[{"speaker": "Anna", "text": "Hi."}]').cast == ("Anna",)


@pytest.mark.parametrize("names", [["Anna"], ["Anna", "Ben"], ["Dr. Ada", "Ben", "Émile"], list("ABCD")])
def test_a_script_of_names_just_works(project: Project, names: list[str]) -> None:
    project.script_text = ""
    project.script_text = "\n".join(f"{name}: Hello there.\nand on it goes" for name in names * 2)
    assert not project.script.errors
    assert [turn.turn.speaker_index for turn in project.turns] == [*range(len(names))] * 2
    assert list(project.cast) == names


def test_a_speaker_keeps_the_models_index_when_the_order_changes(project: Project) -> None:
    project.script_text = "Ben: First.\n" + SCRIPT
    assert {turn.turn.label: turn.turn.speaker_index for turn in project.turns} == {"Anna": 0, "Ben": 1}


def test_a_speaker_beyond_the_limit_is_an_error_with_a_message(project: Project) -> None:
    project.script_text = "\n".join(f"Speaker {number}: Hi." for number in range(1, MAX_SPEAKERS + 2))
    with pytest.raises(ScriptError, match="speaker number 33, but a script has at most 32"):
        project.script.raise_for_errors()


def test_more_speakers_than_built_in_voices_use_them_in_turn(project: Project) -> None:
    project.set_voice("Anna", "Kai")
    project.script_text = "\n".join(f"{name}: Hi." for name in ("Anna", *"BCDEFGHIJ"))
    once = ("Ruben", "Mira", "Imogen", "Alasdair", "Tess", "Felix", "Ada")
    assert project.cast.default_voices() == dict(zip("BCDEFGHIJ", (*once, "Ada", "Ruben"), strict=True))
    assert project.check_voices()[0].name == "Kai"


def test_voices_are_copied_in(project: Project) -> None:
    kept = project.set_voice("Anna", voice(200), kind="upload", consent=True)
    assert (kept.kind, kept.consent, kept.needs_consent) == ("upload", True, True)
    assert kept.voice is not None and kept.voice.checks
    project.set_voice("Ben", "Ada")
    assert project.cast["Ben"].kind == "built-in" and not project.cast["Ben"].needs_consent
    project.set_consent("Ben", True)
    again = Project.open(project.path, read_only=True).cast
    assert again["Anna"].voice is not None and again["Anna"].voice.sha256 == kept.voice.sha256
    assert again["Ben"].consent and again["Anna"].kind == "upload"
    assert str(project.path) not in "".join(
        path.read_text() for path in (project.path / "voices").glob("*.json")
    )


def test_a_damaged_finding_about_a_recording_is_no_loss_of_the_voice(project: Project) -> None:
    project.set_voice("Anna", voice(300), consent=True)
    file = next((project.path / "voices").glob("anna-*.json"))
    facts = json.loads(file.read_text("utf-8"))
    finding = {"code": "noisy", "severity": "info", "message": "m", "measured": 9, "limit": 20, "remedy": "r"}
    wrong = [{"severity": ["info"]}, {"severity": "grave"}, {"message": None}, {"measured": "9"}, {"code": 5}]
    newer = {**finding, "unit": "dB"}
    facts["checks"] = [*({**finding, **one} for one in wrong), "noisy", {}, newer]
    file.write_text(json.dumps(facts), "utf-8")
    with Project.open(project.path, read_only=True) as shown:
        found = shown.cast["Anna"].voice
        assert found is not None and not shown.notes
        assert [asdict(check) for check in found.checks] == [finding]


def test_speakers_without_a_voice_have_a_built_in_one(project: Project) -> None:
    def names() -> list[str]:
        return [item.name for item in project.check_voices().values()]

    assert names() == ["Ada", "Ruben"] and project.cast.default_voices() == {"Anna": "Ada", "Ben": "Ruben"}
    project.set_voice("Anna", "Ruben")
    assert names() == ["Ruben", "Mira"]  # no voice twice
    project.set_voice("Anna", voice(200))
    assert project.check_voices([project.turns[0].id])[0].name == "200 Hz"
    assert names() == ["200 Hz", "Ruben"]
    assert project.cast["Ben"].voice is None  # a default is not a choice


def test_speakers_who_are_gone_take_no_default_voice(project: Project) -> None:
    project.script_text = "Host: One.\nGuest: Two.\nReader: Three."
    project.cast.keep_default_voices({"Host", "Guest", "Reader"})
    project.script_text = "Anna: Hi.\nBen: Hello."
    assert len(set(project.cast.default_voices().values())) == 2
    assert len(project.check_voices()) == 2


def test_a_default_voice_is_kept_once_it_is_used(project: Project) -> None:
    before = project.can_undo
    project.cast.keep_default_voices({"Ben"})
    assert (project.cast["Ben"].voice.name, project.cast["Ben"].kind) == ("Ruben", "built-in")
    assert project.cast["Anna"].voice is None and project.can_undo == before
    project.script_text = "Carla: First.\n" + project.script_text
    assert project.cast.default_voices() == {"Anna": "Ada", "Carla": "Mira"}
    assert Project.open(project.path, read_only=True).cast["Ben"].voice.name == "Ruben"


def test_a_missing_recording_is_not_replaced_by_a_default_voice(project: Project) -> None:
    project.set_voice("Anna", voice(200))
    for file in (project.path / "voices").glob("*.flac"):
        file.unlink()
    again = Project.open(project.path, read_only=True)
    assert "Anna" not in again.cast.default_voices()
    with pytest.raises(VoiceError, match="Anna has no voice"):
        again.check_voices()


def test_a_speaker_without_lines_is_there_while_it_has_a_voice(project: Project) -> None:
    project.set_voice("Cleo", voice(200))
    assert list(project.cast) == ["Anna", "Ben", "Cleo"]
    project.clear_voice("Cleo")
    assert list(project.cast) == ["Anna", "Ben"]
    with pytest.raises(VoiceError, match="Cleo has no voice assigned"):
        project.clear_voice("Cleo")


def test_colors_are_apart_and_can_be_set(project: Project) -> None:
    project.script_text = "\n".join(f"{name}: Hi." for name in "ABCD")
    assert [member.color for member in project.cast.values()] == list(PALETTE[:4])
    assert len(set(PALETTE)) == len(PALETTE) == MAX_SPEAKERS
    project.set_color("B", "#ABCDEF")
    assert Project.open(project.path, read_only=True).cast["B"].color == "#abcdef"
    for label, color in (("B", "red"), ("Z", "#000000"), ("B", "url(x)")):
        with pytest.raises(OptionError):
            project.set_color(label, color)


def contrast(one: str, other: str) -> float:
    def luminance(color: str) -> float:
        parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("color", PALETTE)
@pytest.mark.parametrize("ground", ["#ffffff", "#111111"])
def test_the_palette_shows_on_light_and_dark(color: str, ground: str) -> None:
    assert contrast(color, ground) >= 3.0


def test_speakers_are_found_whatever_their_case(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: One.\nD’Arcy: Two.") as project:
        assert project.set_voice("anna", "Ada").label == "Anna"
        assert project.set_voice("d'arcy", "Ruben").label == "D’Arcy"
        assert (
            list(project.cast) == ["Anna", "D’Arcy"] and "ANNA" in project.cast and "Ann" not in project.cast
        )
        assert project.cast["anna"] == project.cast["Anna"] and project.cast["Anna"].voice is not None
        project.check_voices()
        project.set_color("ANNA", "#123456")
        assert project.cast["Anna"].color == "#123456"
        project.set_consent("ANNA", True)
        assert project.cast["Anna"].consent
        project.trim_voice("anna", 0, 1.5)
        project.undo()
        project.clear_voice("ANNA")
        assert project.cast["Anna"].voice is None and len(project.cast) == 2
        project.undo()
        assert project.cast["anna"].voice is not None and len(project.cast) == 2


def test_a_script_finds_the_voice_of_another_case(tmp_path: Path) -> None:
    texts = (
        "Anna: One.\nBen: Two.",
        '[{"speaker": "Anna", "text": "One."}, {"speaker": "Ben", "text": "Two."}]',
    )
    for number, text in enumerate(texts):
        with Project.create(tmp_path / str(number)) as project:
            project.set_voice("anna", "Ada")
            project.script_text = text
            assert list(project.cast) == ["anna", "Ben"] and project.turns[0].turn.label == "anna"


def test_a_second_speaker_that_0_1_added_has_the_voice_for_both(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: One.") as project:
        project.set_voice("Ben", "Ada")
    state = json.loads((project.path / "project.json").read_text("utf-8"))
    state["cast"][1]["label"] = "anna"
    (project.path / "project.json").write_text(json.dumps(state), "utf-8")
    with Project.open(project.path) as project:
        assert project.cast["Anna"].voice is not None and project.cast["anna"].voice is not None
        project.check_voices()
