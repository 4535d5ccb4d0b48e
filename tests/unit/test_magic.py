"""The cell magic, in a real IPython shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

import vibevoice_nb
from vibevoice_nb import Project, Take
from vibevoice_nb.project.registry import shared_project

CELL = "Anna: Hello there.\nBen: Good morning."
LINE = "--device cpu --steps 2 --seed 1 --voice Anna=Ada --voice Ben=Kai"


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", vibevoice_nb.__name__)
    yield shell
    InteractiveShell.clear_instance()


def speak(shell: InteractiveShell, line: str, cell: str = CELL) -> Take:
    take = shell.run_cell_magic("vibevoice", line, cell)
    assert isinstance(take, Take)
    return take


def test_a_cell_becomes_a_take(
    shell: InteractiveShell, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    take = speak(shell, f"{LINE} --name morning --out {tmp_path / 'morning.wav'}")
    assert [turn.text for turn in take.turns] == ["Hello there.", "Good morning."]
    assert take.turns[0].stop == take.turns[1].start and take.audio.size == take.samples
    assert shell.user_ns["morning"] is take and (tmp_path / "morning.wav").stat().st_size > 20_000
    made = take.manifest.to_json()["takes"][0]
    assert made["options"]["num_steps"] == 2 and made["voice"]["name"] == "Ada" and made["model"] == "nano"
    assert not caplog.records  # the progress bar listens from the first event on


def test_with_a_project_only_missing_turns_are_generated(shell: InteractiveShell, tmp_path: Path) -> None:
    line = f"{LINE} --project {tmp_path / 'talk'}"
    first = speak(shell, line)
    second = speak(shell, line, CELL.replace("Good morning.", "Good evening to you."))
    assert [turn.turn_id for turn in first.turns] == [turn.turn_id for turn in second.turns]
    with Project.open(tmp_path / "talk.vibevoice", read_only=True) as project:
        assert [len(turn.takes) for turn in project.turns] == [1, 2]


def test_a_cell_that_is_run_again_keeps_the_edits_made_meanwhile(
    shell: InteractiveShell, tmp_path: Path
) -> None:
    line = f"{LINE} --project {tmp_path / 'talk'}"
    speak(shell, line)
    project = shared_project(tmp_path / "talk")
    ruben = project.set_voice("Anna", "Ruben").voice
    speak(shell, line, CELL + "\nAnna: Hi.")  # the text is the cell's, the voice was chosen since
    assert ruben is not None and project.cast["Anna"].voice is ruben
    project.script_text = edited = CELL + "\nBen: Edited in the Studio."
    with pytest.warns(UserWarning, match=r"already has a script.*--replace-script"):
        take = speak(shell, line, CELL + "\nAnna: Hi.")
    assert project.script_text == edited and take.turns[-1].text == "Edited in the Studio."
    with pytest.warns(UserWarning, match="Undo brings the edited script back"):
        speak(shell, line)
    assert project.script_text.strip() == CELL and project.cast["Anna"].voice is ruben
    project.undo()
    assert project.script_text == edited
    speak(shell, f"{line} --replace-script")
    assert project.script_text.strip() == CELL
    project.undo()
    assert project.script_text == edited


@pytest.mark.parametrize(
    ("line", "cell", "words"),
    [
        ("--voice Anna", CELL, "SPEAKER=VOICE"),
        ("--voice Cleo=Ada", CELL, "Anna, Ben"),
        ("--voice Anna=Adaa", CELL, "did you mean Ada"),
        ("--steps 0", CELL, "num_steps=0"),
        ("--name 1x", CELL, "not a valid Python name"),
        ("--model no/such/model", CELL, "no/such/model"),
        ("", "# only a remark", "no text to speak"),
        ("--nonsense", CELL, "unrecognized arguments"),
    ],
)
def test_errors_are_shown_in_one_line(shell: InteractiveShell, line: str, cell: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        shell.run_cell_magic("vibevoice", line, cell)
