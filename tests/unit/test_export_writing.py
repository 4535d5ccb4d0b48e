"""Exports: the right files, complete or not at all, and their metadata."""

from __future__ import annotations

import hashlib
import json
import tracemalloc
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
from audio_helpers import file_size_limit
from export_helpers import RATE, conversation, read_back

from vibevoice_nb.audio.encode import FORMATS, read_manifest
from vibevoice_nb.audio.meter import measure
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.export.export import export_take
from vibevoice_nb.export.files import safe_name
from vibevoice_nb.export.take_manifest import TakeManifest
from vibevoice_nb.project.take import Take

TAKE = conversation(["Ada", "Eve", "Ada"])
AUDIO = TAKE.audio
HOSTILE = ["../../etc/passwd", "CON", "..", 'a/b\\c:d*?"<>|', "x\0\n\x7fy", "ﬁ‮gnp", "ä" * 300, " "]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_a_whole(tmp_path: Path, format: str) -> None:
    written = export_take(TAKE, tmp_path / f"episode.{format}", subtitles=["srt", "vtt"], chapters=True)
    assert [path.name for path in written] == [
        f"episode.{format}",
        "episode.srt",
        "episode.vtt",
        "episode.chapters.json",
        f"episode.{format}.json",
    ]
    assert names(tmp_path) == sorted(path.name for path in written)
    audio, rate, tags, _ = read_back(written[0])
    more = audio.size - TAKE.samples * rate // RATE
    assert 0 <= more < 1024 if format == "m4a" else more == 0  # FFmpeg decodes all of the last block of AAC
    assert tags["title"] == "Episode" and tags["artist"] == "VibeVoice nano"
    assert tags["comment"].startswith("generated speech; model nano; seed 7; 6.8 s")
    assert written[1].read_text(encoding="utf-8") == TAKE.to_srt()


def test_the_manifest_is_beside_and_inside(tmp_path: Path) -> None:
    written = export_take(TAKE, tmp_path / "e.mp3", loudness=-16)
    beside, inside = json.loads(written[1].read_text()), read_manifest(written[0])
    assert inside is not None
    assert inside["content"] == beside["content"] == "generated speech"
    assert inside["options"] == {"seed": 7} and inside["model"] == "nano"
    assert [turn["text"] for turn in inside["spoken"]] == ["Turn 0.", "Turn 1.", "Turn 2."]
    assert beside["export"]["loudness"]["before"]["lufs"] == pytest.approx(measure(TAKE.audio).lufs)
    assert beside["export"]["reached"]["lufs"] == pytest.approx(-16, abs=0.5)
    (file,) = beside["export"]["files"]
    assert file["sha256"] == hashlib.sha256(written[0].read_bytes()).hexdigest()
    assert file["bytes"] == written[0].stat().st_size


def test_turns(tmp_path: Path) -> None:
    written = export_take(TAKE, tmp_path / "turns", parts="turns", subtitles=["vtt"])
    assert [path.name for path in written[:3]] == ["001-Ada.wav", "002-Eve.wav", "003-Ada.wav"]
    assert {"001-Ada.vtt", "manifest.json"} <= set(names(tmp_path / "turns"))
    for path, turn in zip(written, TAKE.turns, strict=False):
        wanted = TAKE.read(turn.start, turn.stop - turn.start)
        np.testing.assert_allclose(read_back(path)[0], wanted, atol=1 / 65000)
        assert path.with_suffix(".vtt").read_text().count("-->") == 1
    assert "00:00:00.000 --> 00:00:02.000" in (tmp_path / "turns/002-Eve.vtt").read_text()
    assert read_back(written[1])[2]["title"] == "Episode: 2. Eve"


@pytest.mark.parametrize("loudness", [None, -9.0])
def test_stems_together_are_the_whole(tmp_path: Path, loudness: float | None) -> None:
    (whole, *_) = export_take(TAKE, tmp_path / "whole.flac", loudness=loudness)
    written = export_take(TAKE, tmp_path / "stems", format="flac", parts="stems", loudness=loudness)
    assert [path.name for path in written] == ["1-Ada.flac", "2-Eve.flac", "manifest.json"]
    one, two = (read_back(path)[0] for path in written[:2])
    assert one.size == two.size == TAKE.samples
    np.testing.assert_allclose(one + two, read_back(whole)[0], atol=2**-22)
    turn = TAKE.turns[1]
    assert not one[turn.start : turn.stop - 200].any() and two[turn.start : turn.stop].any()
    assert not two[: turn.start - 200].any()


def test_one_gain_for_all_parts(tmp_path: Path) -> None:
    (whole, *_) = export_take(TAKE, tmp_path / "whole.wav", loudness=-14)
    written = export_take(TAKE, tmp_path / "turns", parts="turns", loudness=-14)
    audio = read_back(whole)[0]
    for path, turn in zip(written, TAKE.turns, strict=False):
        np.testing.assert_array_equal(read_back(path)[0], audio[turn.start : turn.stop])


def test_loudness_of_a_whole(tmp_path: Path) -> None:
    for target in (-16, -14):
        (path, *_) = export_take(TAKE, tmp_path / f"{target}.wav", loudness=target)
        result = measure(read_back(path)[0])
        assert result.lufs == pytest.approx(target, abs=0.5)
        assert result.true_peak_db <= -0.9


def test_hostile_names_make_no_paths(tmp_path: Path) -> None:
    take = conversation(HOSTILE, seconds=0.2)
    for parts in ("turns", "stems"):
        written = export_take(take, tmp_path / parts, parts=parts)
        assert len(written) == len(HOSTILE) + 1
        for path in written:
            assert path.parent == tmp_path / parts
            assert len(path.name.encode()) < 120
            assert all(char.isalnum() or char in "-_." for char in path.name), path.name
    assert names(tmp_path) == ["stems", "turns"]
    assert safe_name("..") == "" and safe_name("CON") == "CON"  # a number precedes it


def test_a_hostile_take_name_names_no_subtitle(tmp_path: Path) -> None:
    take = Take.from_audio(TAKE.audio, turns=TAKE.turns, name="../../x")
    export_take(take, tmp_path / "stems", parts="stems", subtitles=["srt"], chapters=True)
    assert {"x.srt", "x.chapters.json"} <= set(names(tmp_path / "stems"))


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    for taken in ("e.wav", "e.wav.json", "e.srt"):
        (tmp_path / taken).write_text("mine")
        with pytest.raises(AudioError, match="exists"):
            export_take(TAKE, tmp_path / "e.wav", subtitles=["srt"])
        assert names(tmp_path) == [taken] and (tmp_path / taken).read_text() == "mine"
        (tmp_path / taken).unlink()
    (tmp_path / "e.wav").write_text("mine")
    export_take(TAKE, tmp_path / "e.wav", force=True)
    assert (tmp_path / "e.wav").read_bytes()[:4] == b"RIFF"


def test_a_second_format_beside_the_first(tmp_path: Path) -> None:
    export_take(TAKE, tmp_path / "e.wav", subtitles=["srt"])
    written = export_take(TAKE, tmp_path / "e.flac", subtitles=["srt"])  # the same subtitles are no conflict
    assert [path.name for path in written] == ["e.flac", "e.flac.json", "e.srt"]
    assert names(tmp_path) == ["e.flac", "e.flac.json", "e.srt", "e.wav", "e.wav.json"]


@pytest.mark.parametrize("parts", ["whole", "turns", "stems"])
@pytest.mark.parametrize("loudness", [None, -16])
def test_cancelled_leaves_nothing(tmp_path: Path, parts: str, loudness: float | None) -> None:
    asked, heard = [], []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 2

    take = Take.from_audio(np.tile(TAKE.audio, 4), turns=TAKE.turns, name="long")
    target = tmp_path / ("e.wav" if parts == "whole" else "folder")
    with pytest.raises(CancelledError):
        export_take(take, target, parts=parts, loudness=loudness, cancelled=cancelled, progress=heard.append)
    assert names(tmp_path) == [] and heard


def test_progress_rises_to_one(tmp_path: Path) -> None:
    heard: list[float] = []
    export_take(conversation(["A"] * 10), tmp_path / "e.wav", loudness=-16, progress=heard.append)
    assert heard == sorted(heard) and heard[-1] == 1.0 and len(heard) >= 6


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_leaves_nothing(tmp_path: Path, format: str) -> None:
    take = Take.from_audio(np.tile(TAKE.audio, 8), name="long")
    with file_size_limit(50_000), pytest.raises(AudioError, match="nothing was written"):
        export_take(take, tmp_path / f"e.{format}")
    assert names(tmp_path) == []


def test_targets_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target, options, words in (
        ("e.xyz", {}, "ends in"),
        ("e", {}, "ends in"),
        ("e.wav", {"format": "mp3"}, "mp3"),
        ("missing/e.wav", {}, "doesn't exist"),
        ("missing/turns", {"parts": "turns"}, "doesn't exist"),
        ("file", {"parts": "stems"}, "folder|directory"),
        ("a\0b.wav", {}, "path"),
        ("a\0b", {"parts": "turns"}, "folder|path"),
    ):
        with pytest.raises(AudioError, match=words):
            export_take(TAKE, tmp_path / target, **options)
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    "options",
    [
        {"parts": "halves"},
        {"subtitles": ["ass"]},
        {"loudness": 5.0},
        {"loudness": -16, "true_peak_db": 2.0},
        {"bitrate": 64_000},
        {"format": "aac"},
    ],
)
def test_options_that_do_not_exist(tmp_path: Path, options: dict) -> None:
    with pytest.raises(OptionError):
        export_take(TAKE, tmp_path / "e.wav", **options)
    with pytest.raises(OptionError, match="chapters"):
        export_take(TAKE, tmp_path / "turns", parts="turns", chapters=True)
    assert names(tmp_path) == []


def test_takes_that_cannot_be(tmp_path: Path) -> None:
    silence = np.zeros(2400, np.float32)
    with pytest.raises(AudioError, match="no turns"):
        export_take(Take.from_audio(silence), tmp_path / "f", parts="stems")
    with pytest.raises(AudioError, match="44100"):
        export_take(Take.from_audio(silence, sample_rate=44_100), tmp_path / "e.wav")
    with pytest.raises(AudioError, match="no audio"):
        export_take(Take.from_audio(silence[:0]), tmp_path / "e.wav")
    assert names(tmp_path) == []


def test_silence_with_a_target(tmp_path: Path) -> None:
    written = export_take(Take.from_audio(np.zeros(RATE, np.float32)), tmp_path / "e.wav", loudness=-16)
    assert json.loads(written[1].read_text())["export"]["loudness"]["before"]["lufs"] is None


def test_memory_does_not_grow_with_the_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Long:
        def __init__(self, seconds: int) -> None:
            self.name, self.turns, self.sample_rate, self.samples = "long", (), RATE, seconds * RATE
            self.manifest = TakeManifest()

        def read(self, start: int, count: int) -> np.ndarray:
            return np.tile(AUDIO, count // AUDIO.size + 1)[: min(count, self.samples - start)]

    export_take(TAKE, tmp_path / "imports.wav", loudness=-16)
    monkeypatch.setattr("vibevoice_nb.audio.limiter.BLOCK", RATE)
    peaks = []
    for seconds in (10, 40):
        tracemalloc.start()
        export_take(Long(seconds), tmp_path / f"{seconds}.wav", loudness=-16)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert read_back(tmp_path / "40.wav")[0].size == 40 * RATE
    assert peaks[1] < peaks[0] + 200_000  # of 3 MB that 30 s more would take
