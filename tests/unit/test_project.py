"""A project keeps a script, its cast and its takes together through edits, deletions and undo."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpu_time import least_seconds
from project_helpers import FRAME, SCRIPT, frames, project, speak, speak_all, tone, voice

from vibevoice_nb.display.colors import PALETTE
from vibevoice_nb.errors import OptionError, ProjectError
from vibevoice_nb.project import Project, Take, TakeTurn
from vibevoice_nb.project.storage.schema import default_settings

__all__ = ["project"]  # a fixture


def states(project: Project) -> list[str]:
    return [turn.state for turn in project.turns]


# The script


@pytest.mark.parametrize(
    "text", [SCRIPT, "", "\ufeffAnna: Hi.\r\n\r\n  # note\tBen: x \n", "Speaker 1: 好。\n\x00"]
)
def test_the_script_is_kept_to_the_letter(project: Project, text: str) -> None:
    project.script_text = text
    assert project.script_text == text
    assert (project.path / "script.txt").read_bytes() == text.encode()
    assert Project.open(project.path, read_only=True).script_text == text


# Turns and takes


def test_an_edit_marks_the_line_and_its_dependents(project: Project) -> None:
    assert states(project) == ["unspoken"] * 8 and len(project.missing()) == 8
    speak_all(project)
    assert states(project) == ["spoken"] * 8 and not project.missing()
    ids = [turn.id for turn in project.turns]
    project.script_text = SCRIPT.replace("Three", "Thirty-three")
    assert [turn.id for turn in project.turns] == ids
    assert states(project) == ["spoken"] * 2 + ["changed"] + ["spoken"] * 5
    assert [turn.context_changed for turn in project.turns] == [False] * 3 + [True] * 5
    assert project.missing() == [ids[2]]
    project.script_text = SCRIPT  # as if nothing had been
    assert states(project) == ["spoken"] * 8 and not any(turn.context_changed for turn in project.turns)


def test_another_take_before_changes_the_context(project: Project) -> None:
    speak_all(project)
    ids = [turn.id for turn in project.turns]
    new = speak(project, ids[1], phase=1.0)
    assert [turn.context_changed for turn in project.turns] == [False] * 2 + [True] * 6
    assert project.turns[1].chosen == new.id and len(project.turns[1].takes) == 2
    project.choose(ids[1], project.turns[1].takes[0])
    assert not any(turn.context_changed for turn in project.turns)
    assert project.context_changed(new.id) is False  # what came before it is the same


def test_a_line_in_between_changes_the_context(project: Project) -> None:
    speak_all(project)
    project.script_text = SCRIPT.replace("Ben: Four.", "Ben: Three and a half.\nBen: Four.")
    assert [turn.context_changed for turn in project.turns] == [False] * 4 + [True] * 5
    assert states(project)[3] == "unspoken"


def test_a_line_that_was_deleted_and_comes_back_has_its_takes(project: Project) -> None:
    speak_all(project)
    before = project.turns
    for text in ("", "Anna: Something else.", SCRIPT.replace("Ben: Two.\n", "")):
        project.script_text = text
        project.script_text = SCRIPT
        assert project.turns == before


def test_another_voice_changes_its_turns(project: Project) -> None:
    project.set_voice("Anna", voice(200))
    speak_all(project)
    project.set_voice("Anna", voice(210))
    assert states(project) == ["changed", "spoken"] * 4
    project.undo()
    assert states(project) == ["spoken"] * 8


def test_a_stopped_take_is_still_missing(project: Project) -> None:
    first = project.turns[0].id
    part = speak(project, first, 1, ended="cancelled")
    turn = project.turns[0]
    assert (turn.chosen, turn.partial, project.missing()[0]) == (part.id, True, first)
    whole = speak(project, first, 3)
    speak(project, first, 1, ended="cancelled")
    assert project.turns[0].chosen == whole.id and first not in project.missing()
    writer = project.takes.begin(first)
    writer.write(tone(FRAME))
    assert writer.abandon() is None and len(project.turns[0].takes) == 3
    kept = project.takes.begin(first)
    kept.write(tone(FRAME))
    take = kept.abandon(keep=True, frames=frames(1))
    assert take is not None and take.ended == "cancelled" and len(project.turns[0].takes) == 4


def test_a_take_equals_its_flac(project: Project) -> None:
    turn_id = project.turns[0].id
    audio = np.random.default_rng(0).uniform(-1.1, 1.1, 2 * FRAME).astype(np.float32)
    writer = project.takes.begin(turn_id)
    writer.write(audio[:FRAME])
    writer.write(audio[FRAME:])
    take = writer.finish(
        frames(2, 0.5), tone(100), {"text": "One.", "speaker": "Anna", "seed": 7}, follows="x-1"
    )
    again = Project.open(project.path, read_only=True).take(take.id)
    for one in (take, again):
        assert np.array_equal(one.audio, take.source.read(0, 2 * FRAME))
        assert np.abs(one.audio - np.clip(audio, -1, 1)).max() < 2**-22
        assert one.turns == (TakeTurn(turn_id, "Anna", "One.", 0, 2 * FRAME, 1.0, PALETTE[0]),)
        assert (one.follows, one.manifest.seed, one.manifest.number) == ("x-1", 7, 1)
        assert one.manifest.clipped == (np.abs(audio) > 1).sum() > 0
        assert np.array_equal(one.lead, np.concatenate([np.zeros(380, np.float32), tone(100)]))
    with pytest.raises(ProjectError, match="already finished or abandoned"):
        writer.write(audio)


@pytest.mark.parametrize("manifest", [{"x": object()}, {"x": float("nan")}, {"x": "y" * 9_000_000}])
def test_a_manifest_must_be_plain(project: Project, manifest: dict[str, Any]) -> None:
    with project.takes.begin(project.turns[0].id) as writer:
        writer.write(tone(FRAME))
        with pytest.raises(ProjectError, match="manifest"):
            writer.finish(frames(1), None, manifest)
    assert [path.name for path in (project.path / "takes").iterdir()] == []


def test_an_empty_recording_is_not_a_take(project: Project) -> None:
    writer = project.takes.begin(project.turns[0].id)
    with pytest.raises(ProjectError, match="no audio"):
        writer.finish(frames(0))
    with pytest.raises(ProjectError, match="is not in the script"):
        project.takes.begin("nobody")


def test_the_context_goes_back_to_the_first_gap(project: Project) -> None:
    pytest.importorskip("torch")
    speak_all(project, 2)
    ids = [turn.id for turn in project.turns]
    context = project.context_for(ids[4])
    assert [item.turn_id for item in context] == ids[:4]
    assert [len(item.spoken.frames) for item in context] == [2] * 4
    project.script_text = SCRIPT.replace("Two.", "Twice.")
    assert project.context_for(ids[4])[1].spoken.turn.text == "Two."  # what its frames say
    project.delete_take(project.turns[1].takes[0])
    assert [item.turn_id for item in project.context_for(ids[4])] == ids[2:4]
    assert project.context_for(ids[4], model="another") == []
    assert project.context_for(ids[0]) == []


def test_a_model_changed_since_does_not_go_on_from_its_old_frames(project: Project) -> None:
    """Takes without a hash of the weights are from earlier versions, and still work."""
    pytest.importorskip("torch")
    ids = [turn.id for turn in project.turns]
    for turn, weights in zip(ids[:4], (None, "old", "new", None), strict=True):
        speak(project, turn, model="nano", **({} if weights is None else {"weights": weights}))
    assert [item.turn_id for item in project.context_for(ids[2], "nano", weights="old")] == ids[:2]
    assert [item.turn_id for item in project.context_for(ids[4], "nano")] == ids[:4]
    with pytest.warns(UserWarning, match=r"is not used as context: nano had other weights"):
        assert [item.turn_id for item in project.context_for(ids[4], "nano", weights="new")] == ids[2:4]


# Deleting, choosing, undoing


def test_everything_that_was_done_is_undone(project: Project, tmp_path: Path) -> None:
    speak_all(project, 1)
    first = project.turns[0].id
    second = speak(project, first, 1)
    project.star(second.id)
    project.set_voice("Anna", voice(200))
    seen = [(project.turns, {label: member.voice for label, member in project.cast.items()})]

    def done() -> None:
        seen.append((project.turns, {label: member.voice for label, member in project.cast.items()}))

    project.delete_take(second.id)
    done()
    assert not (project.path / "takes" / second.id).exists() and not project.takes.is_starred(second.id)
    project.delete_take(project.turns[0].takes[0])
    done()
    assert project.turns[0].state == "unspoken" and project.turns[0].chosen is None
    project.set_gap(project.turns[2].id, 500)
    done()
    project.trim_voice("Anna", 0.5, 3.0)
    done()
    project.clear_voice("Anna")
    project.close()
    with Project.open(project.path) as again:
        said = []
        while seen:
            turns, voices = seen.pop()
            said.append(again.can_undo)
            assert again.undo() == said[-1]
            assert again.turns == turns
            now = {label: member.voice for label, member in again.cast.items()}
            assert {k: v and v.sha256 for k, v in now.items()} == {
                k: v and v.sha256 for k, v in voices.items()
            }
        assert said[0] == "removed the voice of Anna" and "deleted a take" in said[-1]
        assert again.takes.is_starred(second.id)
        assert again.take(second.id).audio.size == FRAME
        assert again.undo().startswith("gave Anna") and again.undo() == "" == again.can_undo


def test_the_trash_holds_only_takes_that_undo_needs(project: Project) -> None:
    first = project.turns[0].id
    take = speak(project, first, 1)
    project.delete_take(take.id)
    assert (project.path / "trash" / take.id).is_dir()
    for number in range(60):
        project.set_gap(first, number)
    assert not (project.path / "trash" / take.id).exists()
    assert len(project.history.steps) == 50


def test_a_lost_deletion_is_reported(project: Project) -> None:
    take = speak(project, project.turns[0].id, 1)
    project.delete_take(take.id)
    shutil.rmtree(project.path / "trash")
    with pytest.raises(ProjectError, match="no longer in the project's trash"):
        project.undo()
    assert project.can_undo == "" and project.turns[0].takes == ()


def test_only_takes_of_a_turn_can_be_chosen_for_it(project: Project) -> None:
    one, two, *_ = speak_all(project, 1)
    for wrong in (two.id, "nothing"):
        with pytest.raises(ProjectError):
            project.choose(project.turns[0].id, wrong)
    assert project.turns[0].chosen == one.id


# Settings and observers


def test_settings_are_plain_and_kept(project: Project) -> None:
    assert dict(project.settings) == default_settings()
    project.settings.update(seed=3, cfg_scale=1.5)
    project.settings["solver"] = "sde-dpmsolver++"
    again = Project.open(project.path, read_only=True).settings
    assert (again["seed"], again["cfg_scale"], again["solver"]) == (3, 1.5, "sde-dpmsolver++")
    for name, value in {
        "gap_ms": -1,
        "edge_silence": 6.0,
        "seed": [],
        "cfg_scale": float("inf"),
        "a b": 1,
        "note": "x" * 2000,
    }.items():
        with pytest.raises(OptionError):
            project.settings[name] = value
    del project.settings["seed"]
    assert project.settings["seed"] is None


def test_observers_are_notified(project: Project) -> None:
    reasons: list[str] = []
    stop = project.observe(reasons.append)
    project.observe(lambda reason: 1 / 0)
    take = speak(project, project.turns[0].id, 1)
    project.set_voice("Anna", voice(200))
    project.settings["seed"] = 1
    project.set_gap(take.turns[0].turn_id, 10)
    project.script_text = "Anna: New."
    stop()
    project.script_text = "Anna: Newer."
    assert reasons == ["takes", "cast", "settings", "gaps", "script"]


def test_observers_may_wait_for_other_threads(project: Project) -> None:
    """The widgets do: a script typed and a voice chosen at the same time once blocked each other."""
    read: list[tuple[str, bool]] = []

    def wait(reason: str) -> None:
        other = threading.Thread(target=project.assemble, daemon=True)
        other.start()
        other.join(5)
        read.append((reason, not other.is_alive()))

    project.observe(wait)
    project.write_script("Anna: New.")
    project.give_script("Anna: Newer.", replace=True)
    project.undo()
    project.set_voice("Anna", voice(200))
    assert [ended for _, ended in read] == [True] * len(read)
    assert [reason for reason, _ in read] == ["script", "script", "settings", "script", "cast"]


def test_three_hundred_turns_are_edited_fast(project: Project) -> None:
    lines = [f"{'Anna' if i % 2 else 'Ben'}: This is line {i} of a long conversation." for i in range(300)]
    project.script_text = "\n".join(lines)

    def edit() -> None:
        lines[150] += " x"
        project.script_text = "\n".join(lines)

    # 0.03 on a quiet machine of 2026; a scan that is quadratic takes seconds.
    assert least_seconds(edit, rounds=10) < 0.09
    assert len(project.turns) == 300 and project.assemble().samples == 0
    assert least_seconds(lambda: (project.turns, project.assemble())) < 0.1


def test_takes_from_elsewhere(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "a.wav", tone(4800), 24_000, subtype="FLOAT")
    soundfile.write(tmp_path / "b.ogg", tone(48_000), 24_000)
    take = Take.from_file(tmp_path / "a.wav")
    assert np.array_equal(take.audio, tone(4800)) and take.name == "a" and take.follows is None
    assert Take.from_file(tmp_path / "b.ogg", name="b").samples == 48_000
    assert repr(Take.from_audio(tone(24_000), name="x")) == "<Take 'x': 1.0 s, 0 turns>"
    assert not Take.from_audio(tone(10)).lead.any() and Take.from_audio(tone(10)).frames is None
