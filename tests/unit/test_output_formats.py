"""Every format that an export writes can be named on the command line and in `Speech.save`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from audio_helpers import tone
from cli_helpers import Bench, bench, last_json, models
from export_helpers import RATE, read_back, snr_db, speechlike

from vibevoice_nb import Engine
from vibevoice_nb.audio.encode import FORMATS, SPECS, check_encoder, encode, read_manifest
from vibevoice_nb.audio.io import AUDIO_SUFFIXES, AudioError, read_audio, write_audio
from vibevoice_nb.export.subtitles import Chapter

__all__ = ["bench", "models"]  # fixtures
LOSSY = ["mp3", "opus", "m4a"]


def _without(codec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PyAV that was built without an encoder."""
    real = av.Codec

    def find(name: str, mode: str) -> Any:
        if name == codec:
            raise av.codec.codec.UnknownCodecError(name)
        return real(name, mode)

    monkeypatch.setattr(av, "Codec", find)


def test_all_formats_of_the_export_are_there() -> None:
    assert {spec.suffix for spec in SPECS.values()} <= set(AUDIO_SUFFIXES)


@pytest.mark.parametrize("suffix", AUDIO_SUFFIXES)
def test_written_audio_is_the_same(tmp_path: Path, suffix: str) -> None:
    audio = speechlike(2.0)
    again, _ = read_audio(write_audio(tmp_path / f"a{suffix}", audio))
    assert abs(again.size - audio.size) < 0.045 * RATE
    assert snr_db(audio, again[: audio.size]) > 12
    upper = write_audio(tmp_path / f"B{suffix.upper()}", audio)
    assert upper.read_bytes()[:4] == (tmp_path / f"a{suffix}").read_bytes()[:4]


@pytest.mark.parametrize("format", LOSSY)
def test_the_same_encoder_as_the_export(tmp_path: Path, format: Any) -> None:
    """Equal but for Ogg's random serial number."""
    path = write_audio(tmp_path / f"a.{format}", tone(1.0))
    np.testing.assert_array_equal(read_back(path)[0], read_back(encode(tone(1.0), format))[0])


def test_m4a_keeps_place_metadata_and_chapters() -> None:
    audio = speechlike(3.0)[: 3 * RATE - 777]
    chapters = [Chapter(0, RATE, "Opening ✓"), Chapter(RATE, audio.size, "Rest")]
    tags = {"title": "Über: Épisode", "comment": "generated speech", "manifest": '{"seed": 7}'}
    data = encode(audio, "m4a", metadata=tags, chapters=chapters)
    heard, rate, found, marks = read_back(data)
    assert rate == RATE and 0 <= heard.size - audio.size < 0.045 * RATE
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        assert stream.duration * stream.time_base * RATE == audio.size, "what the file itself says"
    heard = heard[: audio.size]
    assert snr_db(audio, heard) > 20 and snr_db(audio, heard) > snr_db(audio, np.roll(heard, 1)) + 3
    assert found["title"] == tags["title"] and found["comment"].startswith(tags["comment"])
    begins = [(mark["start"] * mark["time_base"], mark["metadata"]["title"]) for mark in marks]
    assert begins == [(0, "Opening ✓"), (1, "Rest")]
    assert read_manifest(io.BytesIO(data)) == {"seed": 7}
    assert len(encode(audio, "m4a", bitrate=24_000)) < len(data)


@pytest.mark.parametrize("suffix", [".opus", ".m4a", ".mp3", ".ogg", ".flac"])
def test_the_command_line(bench: Bench, suffix: str) -> None:
    done = bench.speak("--out", f"talk{suffix}", "--json")
    assert done.exit_code == 0, done.output
    told = last_json(done.stdout)
    assert Path(told["file"]).name == f"talk{suffix}"
    audio, _ = read_audio(bench.folder / f"talk{suffix}")
    assert audio.size == pytest.approx(told["seconds"] * RATE, abs=0.06 * RATE)
    assert not list(bench.folder.glob("*.part*"))


def test_the_command_line_writes_a_web_page(bench: Bench) -> None:
    for more, code in ((), 0), ((), 2), (("--force",), 0):
        assert bench.speak("--out", "talk.html", *more).exit_code == code
    page = (bench.folder / "talk.html").read_text(encoding="utf-8")
    assert "<title>talk</title>" in page and "Generated speech; model " in page
    assert page.count('class="turn ') >= 1
    assert not list(bench.folder.glob("*.part*"))


def test_speech_is_saved_in_any_format(tmp_path: Path) -> None:
    speech = Engine.load("nano").speak("Speaker 1: Hi.", num_steps=2, seed=1)
    for suffix in AUDIO_SUFFIXES:
        assert read_audio(speech.save(tmp_path / f"a{suffix}"))[0].size
    assert "Hi." in speech.save(tmp_path / "a.html").read_text(encoding="utf-8")
    with pytest.raises(AudioError, match=r"ends in \.wav, .*\.opus, \.m4a"):
        speech.save(tmp_path / "a.aac")


@pytest.mark.parametrize("format", FORMATS)
def test_an_encoder_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format: Any
) -> None:
    spec = SPECS[format]
    _without(spec.codec, monkeypatch)
    words = rf"{spec.suffix}: the installed PyAV .* has no encoder {spec.codec}.*choose another format"
    with pytest.raises(AudioError, match=words):
        check_encoder(format)
    with pytest.raises(AudioError, match=words):
        encode(tone(0.1), format)
    if format in LOSSY:
        with pytest.raises(AudioError, match=words):
            write_audio(tmp_path / f"a{spec.suffix}", tone(0.1))


def test_a_missing_encoder_is_reported_before_the_work(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    _without("aac", monkeypatch)
    monkeypatch.setattr("vibevoice_nb.cli.batch.load_engine", lambda settings: pytest.fail("too late"))
    done = bench.speak("--out", "talk.m4a")
    assert done.exit_code and "no encoder aac" in " ".join(done.output.split())
