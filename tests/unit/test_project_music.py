"""Music of a project: copied, checked, undone, and in every file of an export."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from project_helpers import project, speak_all, tone

from vibevoice_nb.audio import read_manifest
from vibevoice_nb.audio.io import read_audio, write_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE
from vibevoice_nb.errors import AudioError, OptionError, ProjectError
from vibevoice_nb.export.manifest import ExportManifest
from vibevoice_nb.export.take_entries import MusicSettings
from vibevoice_nb.project import Project
from vibevoice_nb.project.storage.music import MAX_MUSIC_SECONDS, Music
from vibevoice_nb.widgets.loudness_preview import LoudnessPreview

__all__ = ["project"]  # a fixture

OLD = Path(__file__).parents[1] / "data" / "project_0_1_0"


@pytest.fixture
def theme(tmp_path: Path) -> Path:
    return write_audio(tmp_path / "theme.wav", tone(4 * SAMPLE_RATE, 330, level=0.4))


def with_music(project: Project, theme: Path) -> Project:
    speak_all(project)
    project.set_music("intro", theme, gain=-6, alone=2, overlap=0.4, license="CC0, by Ada")
    project.set_music("outro", theme, alone=1)
    project.set_music("bed", theme, attack=0.1, release=0.1)
    return project


def test_music_is_kept_with_its_settings(project: Project, theme: Path) -> None:
    speak_all(project)
    before = project.timeline()
    made = project.set_music("intro", str(theme), gain=-6, fade_out=2)
    assert (made.gain, made.fade_out, made.alone, made.name, made.seconds) == (-6, 2, 5, "theme.wav", 4)
    assert repr(made).startswith("<intro 'theme.wav', 4.0 s: gain=-6.0, fade_in=1.0, fade_out=2.0")
    theme.unlink()
    assert project.set_music("intro", gain=-3, alone=2) == project.music["intro"]
    project.close()
    with Project.open(project.path) as opened:
        assert list(opened.music) == ["intro"] and opened.music["intro"].gain == -3
        after = opened.timeline()
        assert after.samples == before.samples + 2 * SAMPLE_RATE
        assert repr(after).endswith("8 takes, with intro>")
        saved = json.loads((opened.path / "project.json").read_text("utf-8"))["music"]
        assert [entry["role"] for entry in saved] == ["intro"]


def test_a_name_is_changed_without_a_file(project: Project, theme: Path) -> None:
    project.set_music("intro", theme, gain=-6)
    changed = project.set_music("intro", name="Theme " * 100)
    assert changed == project.music["intro"] and changed.name == ("Theme " * 100)[:255]
    changed = project.set_music("intro", name="Waltz", gain=-3)
    assert (changed.name, changed.gain) == ("Waltz", -3)
    assert project.undo() == "adjusted the intro" and project.music["intro"].name == "theme.wav"


def test_changes_are_undone_one_by_one(project: Project, theme: Path, tmp_path: Path) -> None:
    other = write_audio(tmp_path / "other.flac", tone(SAMPLE_RATE, 500))
    reasons: list[str] = []
    project.observe(reasons.append)
    project.set_music("bed", theme)
    for gain in (-20, -21, -22):
        project.set_music("bed", gain=gain)
    project.set_music("bed", other)
    project.clear_music("bed")
    project.clear_music("bed")
    assert project.undo() == "removed the bed" and project.music["bed"].name == "other.flac"
    assert project.undo() == "set the bed “other.flac”" and project.music["bed"].gain == -22
    assert project.undo() == "adjusted the bed" and project.music["bed"].gain == -12
    assert project.undo() == "set the bed “theme.wav”" and not project.music
    assert set(reasons) == {"music"} and repr(project.music) == "<no music>"


def test_files_are_kept_as_long_as_undo_needs_them(project: Project, theme: Path) -> None:
    project.set_music("bed", theme)
    (file,) = (project.path / "music").iterdir()
    project.clear_music("bed")
    project.close()
    with Project.open(project.path) as opened:
        assert file.exists()
        opened.undo()
        assert opened.music.source("bed").samples == 4 * SAMPLE_RATE
        opened.undo()
    with Project.open(project.path):
        assert not file.exists()


def test_a_project_made_before_opens_and_gets_music(tmp_path: Path, theme: Path) -> None:
    with Project.open(shutil.copytree(OLD, tmp_path / "old.vibevoice")) as project:
        assert not project.music
        before = project.timeline().samples
        project.set_music("outro", theme, alone=3)
        assert project.timeline().samples == before + 3 * SAMPLE_RATE
        with project.save_copy(tmp_path / "copy") as copy:
            assert copy.timeline().samples == project.timeline().samples and not copy.notes


@pytest.mark.parametrize(
    ("role", "settings", "message"),
    [
        ("jingle", {}, "the role 'jingle'. Expected one of intro, outro, bed"),
        ("intro", {"gain": 20}, "gain=20. Expected decibels, from -60 to 12"),
        ("intro", {"ducking": 6}, "the setting 'ducking' of the intro. Expected one of gain"),
        ("bed", {"alone": 6}, "the setting 'alone' of the bed"),
        ("bed", {"loop": "yes"}, "loop='yes'. Expected True or False"),
        ("outro", {"fade_in": float("nan")}, "fade_in=nan"),
        ("outro", {"license": "x" * 1001}, "at most 1000 characters"),
        ("outro", {"license": 7}, "license=7"),
    ],
)
def test_settings_are_checked(
    project: Project, theme: Path, role: Any, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(OptionError) as failure:
        project.set_music(role, theme, **settings)
    assert message in str(failure.value)
    assert not project.music and not project.can_undo


def test_files_are_checked(project: Project, theme: Path, tmp_path: Path) -> None:
    (tmp_path / "words.mp3").write_text("not a sound")
    for source, message in [
        (tmp_path / "gone.mp3", "gone.mp3"),
        (tmp_path / "words.mp3", "words.mp3"),
        (tmp_path, "folder"),
        (write_audio(tmp_path / "short.wav", tone(2400)), "short.wav is only 0.1 s long"),
        (write_audio(tmp_path / "long.flac", np.zeros(1201 * 24_000, np.float32)), "at most 1200 s"),
    ]:
        with pytest.raises(AudioError) as failure:
            project.set_music("bed", source)
        assert message in str(failure.value)
    with pytest.raises(OptionError, match="there is no bed"):
        project.set_music("bed", gain=-3)
    with pytest.raises(ProjectError, match="there is no bed"):
        project.music.source("bed")
    assert not project.music and MAX_MUSIC_SECONDS == 1200
    project.close()
    with Project.open(project.path, read_only=True) as shown, pytest.raises(ProjectError, match="read-only"):
        shown.set_music("bed", theme)


@pytest.mark.parametrize("harm", ["missing", "changed", "link"])
def test_a_damaged_file_is_left_out_with_a_warning(
    project: Project, theme: Path, tmp_path: Path, harm: str
) -> None:
    with_music(project, theme)
    project.clear_music("outro")
    (file,) = (project.path / "music").glob("*.flac")
    project.close()
    if harm == "changed":
        shutil.copy(write_audio(tmp_path / "other.flac", tone(SAMPLE_RATE)), file)
    else:
        shutil.move(file, tmp_path / "moved.flac")
        if harm == "link":
            file.symlink_to(tmp_path / "moved.flac")
    with Project.open(project.path) as opened:
        with pytest.warns(UserWarning, match="the file of the intro “theme.wav” is damaged"):
            timeline = opened.timeline()
        assert timeline.layers == {} and opened.music.problem("bed") and not opened.music.problem("outro")
        with pytest.raises(ProjectError, match="damaged"):
            opened.music.source("bed")
        opened.set_music("bed", theme)
        assert not opened.music.problem("bed") and opened.timeline().layers


def test_the_folder_of_music_may_not_be_a_link(project: Project, theme: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project.path / "music").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ProjectError, match="link"):
        project.set_music("bed", theme)
    assert not os.listdir(tmp_path / "elsewhere") and not project.music


def test_a_folder_that_was_deleted_is_recreated_without_music(project: Project, theme: Path) -> None:
    with_music(project, theme)
    shutil.rmtree(project.path)
    with pytest.warns(UserWarning, match="is gone"):
        project.recreate()
    with pytest.warns(UserWarning, match="is missing"):
        assert project.timeline().samples == 0 and project.music.problem("intro")


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(["role", "file", "sha256", "name", "samples", "gain", "loop", "license"]),
        st.sampled_from([None, True, -1, 2**70, "../x", "", [], {}, float("nan"), "x" * 9000]),
        min_size=1,
    )
)
def test_a_damaged_record_is_refused(harm: dict[str, Any]) -> None:
    sound = {"role": "bed", "file": "music-0123456789ab", "sha256": "0" * 64, "name": "a", "samples": 99_000}
    # Name and license are texts that are shown, and lead nowhere.
    shown = {
        name for name in ("name", "license") if isinstance(harm.get(name), str) and len(harm[name]) < 200
    }
    fine = {"loop": True, "gain": -1}
    if all(name in shown or (name in fine and value is fine[name]) for name, value in harm.items()):
        return
    with pytest.raises((OptionError, ValueError, TypeError)):
        Music(**{**sound, **harm})


@pytest.mark.parametrize("loudness", [None, -16.0])
def test_stems_add_up_to_the_mix(
    project: Project, theme: Path, tmp_path: Path, loudness: float | None
) -> None:
    with_music(project, theme)
    whole = project.export(tmp_path / "all.flac", loudness=loudness)[0]
    *stems, about = project.export(tmp_path / "stems", format="flac", parts="stems", loudness=loudness)
    assert [path.name for path in stems] == ["1-Anna.flac", "2-Ben.flac", "3-music.flac"]
    mix, parts = read_audio(whole)[0], [read_audio(path)[0] for path in stems]
    assert {len(part) for part in parts} == {len(mix)}
    assert np.abs(sum(parts) - mix).max() <= 5 / 2**23  # each file is rounded to 24 bits
    assert parts[2].any() and not parts[0][: 2 * SAMPLE_RATE].any()
    if loudness is None:
        assert np.allclose(mix, project.assemble().audio, atol=2 / 2**23)
    manifest = ExportManifest.from_json(json.loads(about.read_text("utf-8")))
    assert manifest.take.music is not None and len(manifest.export.files or ()) == 3
    files = project.export(tmp_path / "turns", parts="turns", loudness=loudness, manifest=False)
    first = read_audio(files[0])[0]
    assert len(files) == 8 and len(first) == 3 * 3200


def test_turns_are_exported_without_music(project: Project, theme: Path, tmp_path: Path) -> None:
    speak_all(project)
    before = project.export(tmp_path / "before", parts="turns", manifest=False)
    with_music(project, theme)
    after = project.export(tmp_path / "after", parts="turns", manifest=False)
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(read_audio(one)[0], read_audio(other)[0])


def test_subtitles_chapters_and_the_manifest_know_the_music(
    project: Project, theme: Path, tmp_path: Path
) -> None:
    with_music(project, theme)
    paths = project.export(tmp_path / "talk.mp3", subtitles=["srt"], chapters=True)
    subtitles = (tmp_path / "talk.srt").read_text("utf-8")
    assert subtitles.splitlines()[1].startswith("00:00:02,000 --> ")
    chapters = json.loads((tmp_path / "talk.chapters.json").read_text("utf-8"))["chapters"]
    assert chapters[0]["startTime"] == 0 and chapters[-1]["endTime"] == round(project.assemble().seconds, 3)
    manifest = ExportManifest.from_json(read_manifest(paths[0]))
    assert manifest.take.music is not None
    intro, outro, bed = manifest.take.music
    (file,) = (project.path / "music").glob("*.flac")
    assert (intro.role, intro.file, intro.license) == ("intro", "theme.wav", "CC0, by Ada")
    assert intro.sha256 == outro.sha256 == bed.sha256 == project.music["bed"].sha256 and file.exists()
    assert (intro.start, intro.stop) == (0, round(2.4 * SAMPLE_RATE)) and bed.start == 2 * SAMPLE_RATE
    assert intro.settings == MusicSettings(gain=-6, fade_in=1, fade_out=3, alone=2, overlap=0.4)
    assert manifest.spoken is not None and manifest.spoken[0].start == 2 * SAMPLE_RATE
    page = project.save(tmp_path / "talk.html").read_text("utf-8")
    assert "generated speech" in page


def test_the_loudness_is_that_of_the_mix(project: Project, theme: Path) -> None:
    speak_all(project)
    preview = LoudnessPreview(project.timeline)
    plain = preview.source("-16").plan
    project.set_music("intro", theme, gain=10, alone=3)
    assert preview.source("-16").plan.gain_db < plain.gain_db - 1
    key = project.timeline().key
    project.set_music("intro", gain=-1)
    assert project.timeline().key != key
