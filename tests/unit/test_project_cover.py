"""Cover of a project: remembered, checked, and inside the files that may have one."""

from __future__ import annotations

import os
import shutil
from io import BytesIO
from pathlib import Path

import av
import pytest
from PIL import Image

from vibevoice_nb import Project
from vibevoice_nb.audio.cover import MAX_COVER_BYTES, read_cover
from vibevoice_nb.errors import AudioError, ProjectError

OLD = Path(__file__).parents[1] / "data" / "project_0_1_0"


def picture(kind: str = "png", side: int = 200) -> bytes:
    file = BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, kind)
    return file.getvalue()


def pictures(path: Path) -> int:
    with av.open(str(path)) as file:
        return len(file.streams.video)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OLD, tmp_path / "old.vibevoice"))


def test_it_is_remembered_replaced_and_removed(path: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        changes: list[str] = []
        project.observe(changes.append)
        assert project.cover.picture is None
        project.cover.set(picture())
        (tmp_path / "other.jpg").write_bytes(picture("jpeg", 300))
        project.cover.set(tmp_path / "other.jpg")
        assert changes == ["cover", "cover"]
    with Project.open(path) as project:
        assert project.cover.picture is not None
        assert (project.cover.picture.kind, project.cover.picture.width) == ("jpeg", 300)
        with project.save_copy(tmp_path / "copy") as copy:
            assert copy.cover.picture == project.cover.picture
        project.cover.clear()
        project.cover.clear()
        assert project.cover.picture is None and not (path / "cover").exists()


def test_it_is_inside_the_files_that_may_have_one(path: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        project.cover.set(picture())
        assert pictures(project.save(tmp_path / "one.mp3")) == 1
        assert pictures(project.save(tmp_path / "none.mp3", cover=None)) == 0
        assert pictures(project.save(tmp_path / "one.wav")) == 0
        page = project.save(tmp_path / "one.html").read_text()
        assert 'class="cover"' in page
        files = project.export(tmp_path / "turns", parts="turns", format="flac", manifest=False)
        assert {pictures(file) for file in files} == {1}
        assert {
            pictures(file) for file in project.export(tmp_path / "wavs", parts="turns", manifest=False)
        } == {0}


@pytest.mark.parametrize("wrong", [b"", b"GIF89a", picture("png", 5000), picture() + bytes(MAX_COVER_BYTES)])
def test_a_wrong_picture_changes_nothing(path: Path, wrong: bytes) -> None:
    with Project.open(path) as project:
        project.cover.set(picture())
        with pytest.raises(AudioError):
            project.cover.set(wrong)
        assert project.cover.picture is not None and project.cover.picture.data == picture()


def test_a_damaged_file_or_a_link_out_is_left_out(path: Path, tmp_path: Path) -> None:
    with Project.open(path) as project:
        (path / "cover").write_bytes(b"no picture")
        with pytest.warns(UserWarning, match="cover was left out"):
            assert project.cover.picture is None
        (tmp_path / "secret").write_bytes(picture())
        (path / "cover").unlink()
        (path / "cover").symlink_to(tmp_path / "secret")
        with pytest.warns(UserWarning, match="cover was left out"):
            assert project.cover.picture is None
        project.cover.set(picture("jpeg"))
        assert (tmp_path / "secret").read_bytes() == picture() and not (path / "cover").is_symlink()


def test_a_read_only_project_keeps_its_cover(path: Path) -> None:
    with Project.open(path) as project:
        project.cover.set(picture())
    with Project.open(path, read_only=True) as project:
        for change in (lambda: project.cover.set(picture("jpeg")), project.cover.clear):
            with pytest.raises(ProjectError):
                change()
        assert project.cover.picture is not None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening it would wait for a writer for ever."""
    os.mkfifo(tmp_path / "cover.png")

    def opened(*args: object, **options: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr("builtins.open", opened)
    with pytest.raises(AudioError, match="plain file"):
        read_cover(tmp_path / "cover.png")
