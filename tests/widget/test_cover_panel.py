"""Cover picture in the Studio: the trait, the calls of the page, errors, and the exported file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image
from widget_helpers import FakePage

from vibevoice_nb import Project, Studio
from vibevoice_nb.audio.cover import MAX_COVER_BYTES
from vibevoice_nb.widgets.payloads import fault_in_trait


def picture(
    width: int = 400, height: int = 300, kind: str = "PNG", mode: str = "RGB", **options: Any
) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, kind, **options)
    return file.getvalue()


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path / "show", script="Anna: Hello.", num_steps=2, seed=1)
    yield studio
    studio.close()
    studio.project.close()


def test_a_cover_is_chosen_shown_and_removed(studio: Studio) -> None:
    page = FakePage(studio)
    assert studio.cover is None and page.call("cover")["buffers"] == []
    data = picture()
    assert page.call("set_cover", (data,))["kind"] == "reply"
    page.until(lambda: studio.cover is not None)
    assert not fault_in_trait("cover", studio.cover)
    assert studio.cover | {"version": ""} == {"width": 400, "height": 300, "size": len(data), "version": ""}
    with Image.open(io.BytesIO(page.call("cover")["buffers"][0])) as small:
        assert (small.size, small.format) == ((192, 144), "PNG")
    before = studio.cover["version"]
    page.call("set_cover", (picture(401),))
    page.until(lambda: studio.cover["version"] != before)
    page.call("clear_cover")
    page.until(lambda: studio.cover is None)
    assert studio.project.cover.picture is None


def test_a_cover_set_in_python_is_shown_and_follows_the_project(studio: Studio, tmp_path: Path) -> None:
    studio.project.cover.set(picture())
    assert studio.cover["width"] == 400
    studio.open_project(tmp_path / "other", create=True)
    assert studio.cover is None
    studio.open_project(tmp_path / "show")
    assert studio.cover["width"] == 400


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"kind": "JPEG", "mode": "CMYK"}, (192, 144)),
        ({"mode": "RGBA"}, (192, 144)),
        ({"mode": "P"}, (192, 144)),
        ({"mode": "1"}, (192, 144)),
        ({"mode": "I;16"}, (192, 144)),
        ({"width": 4096, "height": 1}, (192, 1)),
        ({"width": 1, "height": 1}, (1, 1)),
    ],
)
def test_every_kind_of_picture_has_a_thumbnail(
    studio: Studio, options: dict[str, Any], size: tuple[int, int]
) -> None:
    page = FakePage(studio)
    page.call("set_cover", (picture(**options),))
    with Image.open(io.BytesIO(page.call("cover")["buffers"][0])) as small:
        assert small.size == size


def test_a_photo_that_was_turned_is_shown_upright(studio: Studio) -> None:
    page = FakePage(studio)
    turned = Image.Exif()
    turned[0x0112] = 6  # by a quarter
    page.call("set_cover", (picture(400, 200, "JPEG", exif=turned),))
    with Image.open(io.BytesIO(page.call("cover")["buffers"][0])) as small:
        assert small.size == (96, 192)


@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"GIF89a", "not a picture that can be read"),
        (picture()[:60], "not a picture that can be read"),
        (b"\x89PNG" + bytes(MAX_COVER_BYTES), f"more than {MAX_COVER_BYTES} bytes"),
        (picture(4097, 1), "4097 × 1 pixels"),
    ],
)
def test_other_files_are_refused_and_the_cover_is_kept(studio: Studio, data: bytes, got: str) -> None:
    page = FakePage(studio)
    page.call("set_cover", (picture(),))
    refused = page.call("set_cover", (data,))
    assert refused["kind"] == "failed" and got in refused["got"] and refused["remedy"]
    assert page.call("set_cover")["kind"] == "failed"
    assert studio.project.cover.picture is not None and studio.cover["width"] == 400


def test_a_project_that_is_only_read_keeps_its_cover(tmp_path: Path) -> None:
    with Project.create(tmp_path / "show", "Anna: Hello.") as project:
        project.cover.set(picture())
        with Project.open(tmp_path / "show", read_only=True) as reader:
            studio = Studio(reader)
            page = FakePage(studio)
            assert page.call("set_cover", (picture(10),))["kind"] == "failed"
            assert page.call("clear_cover")["kind"] == "failed"
            assert studio.cover["width"] == 400
            studio.close()


def test_the_exported_file_has_the_cover(studio: Studio) -> None:
    page = FakePage(studio)
    data = picture()
    page.call("set_cover", (data,))
    studio.generate().result(180)
    params = {"parts": "whole", "subtitles": [], "chapters": False, "manifest": False}
    for format, pictures in (("mp3", [data]), ("wav", [])):
        answer = page.call("export", format=format, **params)
        (file,) = answer["result"]["files"]
        answer = page.call("fetch", file=file["file"], offset=0, count=file["size"])
        with av.open(io.BytesIO(answer["buffers"][0])) as container:
            packets = [
                packet for packet in container.demux() if packet.stream.type == "video" and packet.size
            ]
        assert [bytes(packet) for packet in packets] == pictures
