"""Nothing of a project is lost: replaced scripts, damaged files, names, and folders that go away."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from audio_helpers import nobody
from project_helpers import FRAME, SCRIPT, frames, path, speak_all, spoken, tone

from vibevoice_nb.engine.frames import Frames
from vibevoice_nb.errors import ProjectError, ScriptError, VoiceError
from vibevoice_nb.project import Project
from vibevoice_nb.project.registry import shared_project
from vibevoice_nb.voices import resolve_voice

__all__ = ["path", "spoken"]  # fixtures


# Replaced scripts


def test_every_replaced_script_comes_back(path: Path) -> None:
    with Project.open(path) as project:
        before = project.turns
        for text in ("Anna: Something else.", "", "Cleo: \U0001f600 好 𠮷."):
            project.script_text = text
        assert project.can_undo == "replaced the script"
    with Project.open(path) as project:  # also after it was closed
        texts = []
        while project.can_undo:
            project.undo()
            texts.append(project.script_text)
        assert texts == ["", "Anna: Something else.", SCRIPT] and project.turns == before
    assert (path / "script.txt").read_text() == SCRIPT


def test_takes_removed_with_a_script_come_back_with_it(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", SCRIPT) as project:
        project.set_gap(project.turns[1].id, 700)
        project.set_color("Ben", "#123456")
        before = project.turns
        project.script_text = "Cleo: All new."
        project.undo()
        assert project.turns == before and project.cast["Ben"].color == "#123456"


def test_typing_is_one_step_and_a_replacement_its_own(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk", "Anna: Hello") as project:
        for letter in " there.":
            project.write_script(project.script_text + letter, typing=True)
        project.write_script("Anna: Pasted. " + "And so on. " * 20, typing=True)
        project.write_script(project.script_text + "!", typing=True)
        undone = []
        while project.can_undo:
            undone.append((project.undo(), project.script_text[:16]))
        assert undone == [
            ("edited the script", "Anna: Pasted. An"),
            ("replaced the script", "Anna: Hello ther"),
            ("edited the script", "Anna: Hello"),
        ]


def test_typing_leaves_the_other_steps_of_undo(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vibevoice_nb.project.script_text._TYPED_SECONDS", -1.0)
    with Project.open(path) as project:
        take = project.turns[0].takes[0]
        project.delete_take(take)
        for number in range(80):
            project.write_script(f"{SCRIPT} {number}", typing=True)
        while project.can_undo.startswith("edited"):
            project.undo()
        project.undo()
        assert project.take(take).samples == 3 * FRAME


def test_many_long_scripts_do_not_fill_the_state(tmp_path: Path) -> None:
    with Project.create(tmp_path / "talk") as project:
        for number in range(12):
            project.script_text = f"Anna: {number} " + "x" * 300_000
        assert (project.path / "project.json").stat().st_size < 3_000_000
        assert project.undo() == "replaced the script" and project.script_text.startswith("Anna: 10 ")


@pytest.mark.parametrize("text", ["Anna: \ud83d\ude00!", "Anna: \ud83d!", "Anna: \udca0"])
def test_lone_surrogates_are_replaced(tmp_path: Path, text: str) -> None:
    with Project.create(tmp_path / "talk", text) as project:
        assert project.script_text in ("Anna: \U0001f600!", "Anna: \ufffd!", "Anna: \ufffd")
        assert (project.path / "script.txt").read_bytes().decode() == project.script_text
        project.script_text = ""
        project.script_text = text
        assert Project.open(project.path, read_only=True).script_text == project.script_text
    with pytest.raises(ScriptError):
        Project.create(tmp_path / "other", 5)  # type: ignore[arg-type]


# Damaged scripts

DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": lambda file: file.unlink(),
    "empty": lambda file: file.write_bytes(b""),
    "blank": lambda file: file.write_bytes(b" \n\n"),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:29]),
    "cut to zeros": lambda file: file.write_bytes(file.read_bytes()[:29] + bytes(40)),
    "no UTF-8": lambda file: file.write_bytes(b"\xff\xfe\x80"),
}


@pytest.mark.parametrize("earlier_version", [False, True])
@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_script_is_recovered(path: Path, what: str, earlier_version: bool) -> None:
    with Project.open(path) as project:
        unspoken = "\nCleo: A turn that nobody has spoken."
        project.script_text = SCRIPT + unspoken
        before = project.turns
    if earlier_version:
        for name in ("project.json", "project.json.bak"):
            data = json.loads((path / name).read_text())
            (path / name).write_text(json.dumps({key: data[key] for key in data if key != "script"}))
    if what == "cut to zeros" and earlier_version:
        return  # its words are others, and the text is unknown
    script = path / "script.txt"
    DAMAGE[what](script)
    damaged = script.read_bytes() if script.exists() else None
    with pytest.warns(UserWarning, match=r"script\.txt .*: the script was recovered"):
        project = Project.open(path)
    with project:
        assert project.script_text == SCRIPT + unspoken and project.turns == before
        assert "recovered" in project.notes[0]
        project.settings["seed"] = 5
    assert script.read_text() == SCRIPT + unspoken
    if damaged is not None:
        assert (path / "script.txt.damaged").read_bytes() == damaged
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Project.open(path, read_only=True).turns == before


def test_a_script_that_was_edited_elsewhere_is_taken_and_can_be_undone(path: Path) -> None:
    (path / "script.txt").write_text("Anna: Written in an editor.")
    with pytest.warns(UserWarning, match="edited by another program"):
        project = Project.open(path)
    with project:
        assert project.script_text == "Anna: Written in an editor."
        project.undo()
        assert project.script_text == SCRIPT and len(project.missing()) == 0


def test_other_line_ends_are_no_damage(path: Path) -> None:
    (path / "script.txt").write_bytes(SCRIPT.replace("\n", "\r\n").encode())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Project.open(path) as project:
            assert len(project.turns) == 8 and not project.missing()


# Names


@pytest.mark.parametrize(
    "name",
    ["", " ", ".", "..", "/", "~", "~nobody-of-this-name", "~nobody-of-this-name/talk", ".vibevoice", "a/..",
     "x" * 300, "/".join(["x" * 200] * 30), "nul\0", "half \ud83d", "CON", "nul.vibevoice", "com1.x", "talk ",
     "talk.", "new\nline", "x" * 220],
)  # fmt: skip
def test_names_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    for make in (Project.create, shared_project):
        with pytest.raises(ProjectError) as caught:
            make(name)
        assert caught.value.remedy and "Errno" not in str(caught.value) and len(str(caught.value)) < 700
    with pytest.raises(ProjectError) as caught:
        Project.open(name)
    assert "Errno" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    for kind in (None, 5, ["talk"]):
        with pytest.raises(ProjectError):
            Project.create(kind)  # type: ignore[arg-type]
        with pytest.raises(ProjectError):
            Project.open(kind)  # type: ignore[arg-type]


def test_names_that_are_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("talk", "二十 \U0001f600 𠮷", "console", "a.b.vibevoice", ".hidden", "x" * 200, "sub/talk"):
        with Project.create(name) as project:
            assert project.path.parent in (tmp_path, tmp_path / "sub")
        with Project.open(name) as again:
            assert again.path == project.path
    monkeypatch.chdir(tmp_path / "talk.vibevoice")
    assert Project.open(".", read_only=True).name == "talk"


@pytest.mark.parametrize("name", ["x" * 5000 + ".wav", "nul\0.wav", "half \ud83d.wav"])
def test_voices_that_are_not_paths(name: str) -> None:
    with pytest.raises(VoiceError) as caught:
        resolve_voice(name)
    assert "Errno" not in str(caught.value)


# Folders that go away


def test_a_deleted_folder_is_named_and_recreated(path: Path) -> None:
    with Project.open(path) as project:
        project.set_voice("Anna", tone(96_000))
        project.settings["seed"] = 8
        cast = project.cast
        assert project.problem is None
        shutil.rmtree(path)
        writes: list[Callable[[], object]] = [
            lambda: setattr(project, "script_text", "Anna: New."),
            lambda: project.set_voice("Ben", "Kai"),
            lambda: project.takes.begin(project.turns[0].id),
            lambda: project.settings.update(seed=1),
        ]
        for write in writes:
            with pytest.raises(ProjectError, match=r"was deleted or moved.*recreate"):
                write()
        assert not path.exists() and project.script_text == SCRIPT
        with pytest.warns(UserWarning, match="audio of 8 takes is gone"):
            project.recreate()
        assert project.problem is None and len(project.missing()) == 8
        assert project.cast.keys() == cast.keys() and project.settings["seed"] == 8
        speak_all(project)
    with Project.open(path) as again:
        assert again.script_text == SCRIPT and not again.missing()
        assert again.cast["Anna"].voice.sha256 == cast["Anna"].voice.sha256
        with pytest.raises(ProjectError, match="already exists"):
            again.recreate()


def test_a_copy_has_everything(path: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        project.set_voice("Anna", tone(96_000))
        take = project.turns[0].takes[0]
        project.delete_take(take)
        with project.save_copy(tmp_path / "copy") as copy:
            assert copy.turns == project.turns
            assert copy.cast["Anna"].voice.sha256 == project.cast["Anna"].voice.sha256
            copy.undo()
            assert copy.turns[0].takes == (take,) and not project.turns[0].takes
        with pytest.raises(ProjectError, match="already exists"):
            project.save_copy(tmp_path / "copy")


def test_another_project_in_its_place_is_left_alone(path: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        path.rename(tmp_path / "moved.vibevoice")
        Project.create(path, "Zoe: Somebody else's.").close()
        with pytest.raises(ProjectError, match="another folder now"):
            project.script_text = "Anna: New."
        with pytest.raises(ProjectError):
            project.recreate()
        with pytest.warns(UserWarning, match="gone"), project.save_copy(tmp_path / "copy") as copy:
            assert copy.script_text == SCRIPT
    with Project.open(path) as other:
        assert other.script_text == "Zoe: Somebody else's."
    with Project.open(tmp_path / "moved") as moved:
        assert not moved.missing()


def test_a_folder_with_another_number_is_the_same(path: Path) -> None:
    """Some file systems number their folders anew; a folder that was copied over has our note in it."""
    with Project.open(path) as project:
        shutil.copytree(path, path.with_name("copy"))
        shutil.rmtree(path)
        path.with_name("copy").rename(path)
        project.script_text = "Anna: Still here."
    assert (path / "script.txt").read_text() == "Anna: Still here."


def test_a_folder_that_can_no_longer_be_written(spoken: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # unlike pytest's, others may look into it
        path = shutil.copytree(spoken, Path(folder) / spoken.name)
        for item in (Path(folder), path, *path.rglob("*")):
            item.chmod(0o777)
        with Project.open(path) as project:
            path.chmod(0o555)
            with nobody(), pytest.raises(ProjectError, match="can no longer be written"):
                project.script_text = "Anna: New."
            path.chmod(0o777)
            project.script_text = "Anna: New."


def test_an_exception_leaves_a_playable_file(path: Path) -> None:
    with Project.open(path) as project:
        with pytest.raises(RuntimeError), project.takes.begin(project.turns[0].id) as writer:
            writer.write(tone(FRAME))
            raise RuntimeError
        (part,) = project.unfinished
        assert part.samples == FRAME
        with project.takes.begin(project.turns[1].id) as writer:
            writer.write(tone(2 * FRAME))
            take = writer.salvage(Frames(frames(1).latent, frames(1).semantic), FRAME)
        assert take is not None and (take.samples, take.ended) == (FRAME, "cancelled")


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"Anna: One.\0\0\0\0 Two.\nAnna: Three.", "has gaps"),
        (b"\0" * 12 + b"Ben: Two.\nAnna: Three.", "has gaps"),
        (b"\xef\xbb\xbfAnna: One.\nBen", "ends too early"),
        (b"Anna: One.\rBen", "ends too early"),
        (b"\xef\xbb\xbfAnna: One.\r\nBen: Two.\r\nAnna: Three.", ""),
    ],
)
def test_gaps_and_marks_in_a_script_file(tmp_path: Path, content: bytes, note: str) -> None:
    """Zeros in a file are a crash's, not a person's; a byte order mark hides neither text nor loss."""
    said = "Anna: One.\nBen: Two.\nAnna: Three."
    Project.create(tmp_path / "talk", said).close()
    (tmp_path / "talk.vibevoice" / "script.txt").write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        project = Project.open(tmp_path / "talk")
    assert project.script_text.replace("\r\n", "\n") == said
    assert note in " ".join(project.notes) and bool(project.notes) == bool(note)
