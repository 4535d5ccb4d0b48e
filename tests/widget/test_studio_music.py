"""Music in the Studio without a page: uploads, settings, what the player plays, errors."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from widget_helpers import FakePage

from vibevoice_nb import Project, Studio
from vibevoice_nb.audio.io import write_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE

OLD = Path(__file__).parents[1] / "data" / "project_0_1_0"


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    with Project.open(shutil.copytree(OLD, tmp_path / "old.vibevoice")) as project:
        studio = Studio(project)
        yield studio
        studio.close()


@pytest.fixture
def page(studio: Studio) -> FakePage:
    return FakePage(studio)


@pytest.fixture
def theme(tmp_path: Path) -> bytes:
    hum = 0.3 * np.sin(np.arange(6 * SAMPLE_RATE, dtype=np.float32) / 20)
    return write_audio(tmp_path / "hum.flac", hum).read_bytes()


def send(page: FakePage, content: bytes, role: str, name: str = "hum.flac", kind: str = "music") -> Any:
    upload = page.call("upload_begin", name=name, size=len(content), kind=kind)["result"]["upload"]
    for offset in range(0, len(content), 200_000):
        page.call("upload_chunk", (content[offset : offset + 200_000],), upload=upload, offset=offset)
    return page.call("use_music", upload=upload, role=role)


def test_an_upload_is_played_adjusted_and_removed(studio: Studio, page: FakePage, theme: bytes) -> None:
    before = studio.take
    assert studio.music == []
    assert send(page, theme, "intro")["kind"] == "reply"
    (row,) = studio.music
    assert (row["role"], row["name"], row["seconds"], row["gain"]) == ("intro", "hum.flac", 6.0, -12.0)
    assert studio.take["samples"] == before["samples"] + 5 * SAMPLE_RATE
    assert studio.take["revision"] > before["revision"]
    assert studio.take["turns"][0]["start"] == before["turns"][0]["start"] + 5 * SAMPLE_RATE
    (pcm,) = page.call("samples", source="episode", start=2 * SAMPLE_RATE, count=2400)["buffers"]
    assert np.abs(np.frombuffer(pcm, "<i2")).max() == pytest.approx(0.3 * 10 ** (-12 / 20) * 32768, rel=0.02)
    assert page.call("describe", source="music:intro")["result"]["name"] == "hum.flac"
    page.call("adjust_music", role="intro", settings={"gain": -6, "alone": 2, "license": "CC0"})
    assert (studio.music[0]["gain"], studio.music[0]["license"]) == (-6.0, "CC0")
    assert studio.take["samples"] == before["samples"] + 2 * SAMPLE_RATE
    assert send(page, theme, "intro", "other.flac")["kind"] == "reply"
    assert (studio.music[0]["name"], studio.music[0]["gain"], studio.music[0]["license"]) == (
        "other.flac",
        -6.0,
        "",
    )
    page.call("clear_music", role="intro")
    assert studio.music == [] and studio.take["samples"] == before["samples"]
    assert page.call("undo")["result"] == {"undone": "removed the intro"} and len(studio.music) == 1


def test_the_bed_is_shown_after_the_outro_and_undone_by_python(
    studio: Studio, page: FakePage, theme: bytes, tmp_path: Path
) -> None:
    send(page, theme, "bed")
    studio.project.set_music("outro", tmp_path / "hum.flac", gain=-20)
    assert [row["role"] for row in studio.music] == ["outro", "bed"]
    studio.project.undo()
    assert [row["role"] for row in studio.music] == ["bed"]


def test_errors_name_the_file_and_not_its_place(studio: Studio, page: FakePage) -> None:
    answer = send(page, b"RIFF is not enough", "bed", "my theme.mp3")
    assert answer["kind"] == "failed" and "my theme.mp3" in answer["got"] and "/tmp" not in str(answer)
    assert studio.music == []


@pytest.mark.parametrize(
    ("method", "params", "words"),
    [
        ("adjust_music", {"role": "bed", "settings": {"gain": -3}}, "there is no bed"),
        ("adjust_music", {"role": "bed", "settings": {"source": "/etc/passwd"}}, "'source'"),
        ("adjust_music", {"role": "bed", "settings": {"name": "x"}}, "'name'"),
        ("adjust_music", {"role": "jingle", "settings": {}}, "'jingle'"),
        ("clear_music", {"role": "../x"}, "'../x'"),
        ("use_music", {"upload": "none", "role": "bed"}, "unknown upload"),
        ("samples", {"source": "music:bed", "start": 0, "count": 1}, "there is no bed"),
        ("describe", {"source": "music:"}, "the role ''"),
    ],
)
def test_a_page_is_not_trusted(page: FakePage, method: str, params: dict[str, Any], words: str) -> None:
    answer = page.call(method, **params)
    assert answer["kind"] == "failed" and words in answer["got"]


def test_a_voice_is_no_music_and_music_no_voice(studio: Studio, page: FakePage, theme: bytes) -> None:
    assert send(page, theme, "bed", kind="upload")["kind"] == "failed"
    upload = page.call("upload_begin", name="a.flac", size=len(theme), kind="music")["result"]["upload"]
    page.call("upload_chunk", (theme,), upload=upload, offset=0)
    label = studio.speakers[0]["label"]
    assert page.call("upload_end", upload=upload, speaker=label)["kind"] == "failed"
    assert studio.music == []


def test_too_large_a_file_gets_a_remedy_for_music(page: FakePage) -> None:
    answer = page.call("upload_begin", name="a.wav", size=2**30, kind="music")
    assert answer["kind"] == "failed" and "FLAC or MP3" in answer["remedy"]


def test_a_damaged_file_is_shown_with_its_reason(studio: Studio, page: FakePage, theme: bytes) -> None:
    send(page, theme, "bed")
    (file,) = (studio.project.path / "music").glob("*.flac")
    file.unlink()
    with pytest.warns(UserWarning, match="left out"):
        studio.project.set_gap(studio.turns[0]["id"], 100)
    assert "is missing" in studio.music[0]["problem"]
