"""Exports for others: metadata with covers, one archive of several files, and the web page."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tracemalloc
import zipfile
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from export_helpers import RATE, conversation, read_back, snr_db, speechlike
from PIL import Image

from vibevoice_nb.audio.cover import MAX_COVER_BYTES, read_cover
from vibevoice_nb.audio.encode import FORMATS, read_manifest
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.export.export import export_take
from vibevoice_nb.export.page.colors import DARK, LIGHT, readable
from vibevoice_nb.export.take_manifest import TakeManifest
from vibevoice_nb.project.take import Take

TAKE = conversation(["Ada", "Eve", "Ada"], seconds=1.0)
TAGS = {"title": "Über: 火", "artist": "Ada & Eve", "album": "Season 1"}
COVERED = [format for format in FORMATS if format != "wav"]


def picture(kind: str, size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (200, 30, 20)).save(file, kind)
    return file.getvalue()


def pictures(path: Path) -> list[bytes]:
    """Pictures of an audio file, as PyAV reads them."""
    with av.open(str(path)) as container:
        assert all(
            stream.disposition & av.stream.Disposition.attached_pic for stream in container.streams.video
        )
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("format", FORMATS)
def test_tags_of_the_user_are_inside(tmp_path: Path, format: str) -> None:
    (path, *_) = export_take(TAKE, tmp_path / f"e.{format}", **TAGS)
    tags = read_back(path)[2]
    assert {name: tags[name] for name in TAGS} == TAGS
    assert tags["comment"].startswith("generated speech; model nano")  # an artist does not hide the model


def test_parts_have_the_title_and_the_number(tmp_path: Path) -> None:
    written = export_take(TAKE, tmp_path / "t", format="mp3", parts="turns", **TAGS)
    tags = [read_back(path)[2] for path in written[:3]]
    assert [tag["title"] for tag in tags] == [f"Über: 火: {part}" for part in ("1. Ada", "2. Eve", "3. Ada")]
    assert {tag["album"] for tag in tags} == {"Season 1"} and tags[1]["track"] == "2/3"


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("format", COVERED)
def test_a_cover_is_inside(tmp_path: Path, format: str, kind: str) -> None:
    cover = picture(kind)
    (tmp_path / "cover").write_bytes(cover)
    path = TAKE.save(tmp_path / f"e.{format}", cover=tmp_path / "cover", chapters=True, **TAGS)
    assert pictures(path) == [cover]
    audio, rate, tags, chapters = read_back(path)
    assert tags["title"] == TAGS["title"] and len(chapters) == 1
    assert audio.size // (rate // RATE) - TAKE.samples in ((range(1024)) if format == "m4a" else (0,))
    assert read_manifest(path)["options"] == {"seed": 7}


def test_covers_are_checked(tmp_path: Path) -> None:
    png = picture("png", (400, 400))
    for cover in (b"", b"<svg/>", picture("gif"), picture("webp"), png[:-200], tmp_path / "none.png", 7):
        with pytest.raises(AudioError, match="the cover"):
            TAKE.save(tmp_path / "e.mp3", cover=cover)  # type: ignore[arg-type]
    with pytest.raises(AudioError, match="5000 × 10 pixels"):
        read_cover(picture("png", (5000, 10)))
    with pytest.raises(AudioError, match="bytes"):
        read_cover(picture("png") + bytes(MAX_COVER_BYTES))
    with pytest.raises(OptionError, match="a cover for WAV"):
        TAKE.save(tmp_path / "e.wav", cover=png)
    for name in TAGS:
        for value in (7, "x" * 501):
            with pytest.raises(OptionError, match=name):
                TAKE.save(tmp_path / "e.mp3", **{name: value})  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_archive_has_all_files(tmp_path: Path) -> None:
    options: dict[str, Any] = {"format": "mp3", "parts": "turns", "subtitles": ["srt"]}
    plain = export_take(TAKE, tmp_path / "plain", **options)
    (archive,) = TAKE.export(tmp_path / "all.zip", archive=True, **options)
    assert archive == tmp_path / "all.zip"
    with zipfile.ZipFile(archive) as files:
        assert files.testzip() is None
        assert files.namelist() == [f"Episode/{path.name}" for path in plain]
        for entry, path in zip(files.infolist(), plain, strict=True):
            stored = zipfile.ZIP_STORED if path.suffix == ".mp3" else zipfile.ZIP_DEFLATED
            assert entry.compress_type == stored
            assert files.read(entry) == path.read_bytes()
    (again,) = TAKE.export(tmp_path / "again.zip", archive=True, **options)
    assert again.read_bytes() == archive.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.zip", "all.zip", "plain"]


def test_an_archive_of_a_whole(tmp_path: Path) -> None:
    (archive,) = TAKE.export(tmp_path / "all.zip", archive=True, format="opus", chapters=True)
    with zipfile.ZipFile(archive) as files:
        assert files.namelist() == ["Episode.opus", "Episode.chapters.json", "Episode.opus.json"]


def test_an_archive_is_complete_or_not_there(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"ends in \.zip"):
        TAKE.export(tmp_path / "all.mp3", archive=True)
    done: list[float] = []
    with pytest.raises(CancelledError):
        TAKE.export(tmp_path / "all.zip", archive=True, progress=done.append, cancelled=lambda: bool(done))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "all.zip").write_bytes(b"mine")
    with pytest.raises(AudioError, match="exists"):
        TAKE.export(tmp_path / "all.zip", archive=True)
    assert (tmp_path / "all.zip").read_bytes() == b"mine"
    TAKE.export(tmp_path / "all.zip", archive=True, force=True)
    assert zipfile.is_zipfile(tmp_path / "all.zip")


def sound(page: str) -> bytes:
    """Audio of a page."""
    pieces = re.findall(r'<script type="text/plain" class="audio">([^<]*)</script>', page)
    return b"".join(map(base64.b64decode, pieces))


def test_a_page_has_everything(tmp_path: Path) -> None:
    cover = picture("png")
    written = export_take(TAKE, tmp_path / "e.html", chapters=True, subtitles=["vtt"], cover=cover, **TAGS)
    assert [path.name for path in written] == ["e.html", "e.vtt", "e.chapters.json", "e.html.json"]
    page = written[0].read_text(encoding="utf-8")
    audio, _, tags, _ = read_back(sound(page))
    assert audio.size == TAKE.samples and snr_db(TAKE.audio, audio) > 10
    assert tags["title"] == TAGS["title"] and tags["comment"].startswith("generated speech")
    assert "<title>Über: 火</title>" in page and "Ada &amp; Eve" in page
    assert page.count('class="turn ') == 3 and "Generated speech; model nano; seed 7" in page
    assert base64.b64encode(cover).decode() in page
    inside = json.loads(re.findall(r'<script type="application/json" id="manifest">([^<]*)<', page)[0])
    beside = json.loads(written[-1].read_text(encoding="utf-8"))
    assert inside["spoken"] == beside["spoken"] and beside["export"]["format"] == "html"
    assert beside["export"]["bitrate"] == 64_000
    assert beside["export"]["files"][0]["sha256"] == hashlib.sha256(written[0].read_bytes()).hexdigest()


def test_a_page_asks_for_nothing(tmp_path: Path) -> None:
    page = TAKE.save(tmp_path / "e.html").read_text(encoding="utf-8")
    assert "default-src 'none'" in page and "unsafe" not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page) and "http" not in page.replace("http-equiv", "")


def test_a_page_escapes_all_text(tmp_path: Path) -> None:
    evil = '</script><script>alert("1")</script>\'&'
    take = conversation([evil], seconds=0.5, model=evil)
    page = take.save(tmp_path / "e.html", title=evil, artist=evil, chapters=True).read_text(encoding="utf-8")
    assert page.count("<script") == 3 and "alert(&quot;1" in page and '<script>alert("' not in page


def test_a_page_is_of_a_whole(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="parts='whole'"):
        TAKE.export(tmp_path / "pages", format="html", parts="turns")
    with pytest.raises(OptionError, match="bitrate=9"):
        TAKE.save(tmp_path / "e.html", bitrate=9)
    assert list(tmp_path.iterdir()) == []
    without = Take.from_audio(speechlike(1.0), name="")
    page = without.save(tmp_path / "e.html").read_text(encoding="utf-8")
    assert "<title>Episode</title>" in page and "Transcript" not in page


def test_long_pages_need_no_more_memory(tmp_path: Path) -> None:
    block = speechlike(2.0)

    class Long:
        def __init__(self, seconds: int) -> None:
            self.name, self.turns, self.sample_rate, self.samples = "long", (), RATE, seconds * RATE
            self.manifest, self.source = TakeManifest(), self

        def read(self, start: int, count: int) -> np.ndarray:
            return np.tile(block, count // block.size + 1)[: min(count, self.samples - start)]

        def peaks(self, start: int, stop: int, buckets: int) -> np.ndarray:
            return np.zeros((buckets, 2), np.int16)

    export_take(TAKE, tmp_path / "imports.html")
    peaks = []
    for seconds in (60, 300):
        tracemalloc.start()
        export_take(Long(seconds), tmp_path / f"{seconds}.html", bitrate=160_000)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (tmp_path / "300.html").stat().st_size > 7_000_000
    assert peaks[1] < peaks[0] + 1_500_000  # of 5 MB and more that 4 minutes more would take


def test_names_can_be_read_on_both_pages() -> None:
    for color in ("#ffffff", "#000000", "#808080", "#ffff00", "#0000ff"):
        for background in (LIGHT, DARK):
            values = [readable(color, background), background]
            linear = [
                [
                    part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
                    for part in (int(value[place : place + 2], 16) / 255 for place in (1, 3, 5))
                ]
                for value in values
            ]
            low, high = sorted(float(np.dot(parts, (0.2126, 0.7152, 0.0722))) for parts in linear)
            assert (high + 0.05) / (low + 0.05) >= 4.45
