"""Encoding: audio and metadata survive a round trip."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import numpy as np
import pytest
from export_helpers import RATE, read_back, snr_db, speechlike

from vibevoice_nb.audio.encode import BLOCK, FORMATS, Encoder, encode, read_manifest
from vibevoice_nb.errors import AudioError, OptionError
from vibevoice_nb.export.subtitles import Chapter

AUDIO = speechlike(3.0)[: 3 * RATE - 777]  # not a whole number of any codec's frames
MANIFEST = json.dumps({"content": "generated speech", "text": 'Zoë said: "{1}"\n✓', "long": "x" * 100_000})
TAGS = {
    "title": "Über: Épisode",
    "artist": "VibeVoice nano",
    "comment": "generated speech",
    "manifest": MANIFEST,
}
CHAPTERS = [Chapter(0, RATE, "Opening ✓"), Chapter(RATE, AUDIO.size, "Rest")]


@pytest.mark.parametrize(("format", "bits"), [("wav", 16), ("flac", 24)])
def test_lossless_formats_keep_every_bit(format: str, bits: int) -> None:
    steps = np.rint(AUDIO.astype(np.float64) * 2 ** (bits - 1))
    audio = (steps / 2 ** (bits - 1)).astype(np.float32)
    heard, rate, _, _ = read_back(encode(audio, format))
    assert rate == RATE
    np.testing.assert_array_equal(
        np.rint(heard * 2 ** (bits - 1)), np.rint(audio.astype(np.float64) * 2 ** (bits - 1))
    )


def test_samples_beyond_full_scale_are_clipped_not_wrapped() -> None:
    loud = np.array([2.0, -2.0, 1.0, -1.0], dtype=np.float32).repeat(100)
    for format in ("wav", "flac"):
        heard = read_back(encode(loud, format))[0]
        assert np.sign(heard).tolist() == np.sign(loud).tolist()
        assert np.abs(heard).min() > 0.9999


@pytest.mark.parametrize(("format", "least"), [("mp3", 20.0), ("opus", 12.0)])
def test_lossy_formats_keep_length_and_place(format: str, least: float) -> None:
    import soundfile

    data = encode(AUDIO, format)
    heard, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    if rate != RATE:  # Opus always plays at 48 kHz
        heard = heard[:: rate // RATE]
    assert heard.size == AUDIO.size
    assert snr_db(AUDIO, heard) > least  # a shift by a single sample would cost most of it
    assert snr_db(AUDIO, heard) > snr_db(AUDIO, np.roll(heard, 1)) + 3
    assert read_back(data)[0].size == AUDIO.size * read_back(data)[1] // RATE


@pytest.mark.parametrize("format", FORMATS)
def test_tags_are_inside(format: str) -> None:
    data = encode(AUDIO[:RATE], format, metadata=TAGS)
    tags = read_back(data)[2]
    assert tags["title"] == TAGS["title"]
    assert tags["artist"] == TAGS["artist"]
    assert tags["comment"].startswith("generated speech")
    assert read_manifest(io.BytesIO(data)) == json.loads(MANIFEST)


@pytest.mark.parametrize("format", ["mp3", "opus", "flac"])
def test_chapters_are_inside(format: str) -> None:
    chapters = read_back(encode(AUDIO, format, chapters=CHAPTERS))[3]
    assert [chapter["metadata"]["title"] for chapter in chapters] == ["Opening ✓", "Rest"]
    starts = [float(chapter["start"] * chapter["time_base"]) for chapter in chapters]
    assert starts == pytest.approx([0, 1], abs=0.001)


def test_a_wav_has_no_chapters_and_does_without() -> None:
    assert read_back(encode(AUDIO, "wav", chapters=CHAPTERS))[3] == []


def test_controls_in_tags_do_no_harm() -> None:
    data = encode(AUDIO[:RATE], "flac", metadata={"title": "a\0b\nc\ud800d"})
    assert read_back(data)[2]["title"] == "a b c d"


def test_blocks_and_the_whole_are_the_same_file() -> None:
    audio = np.tile(AUDIO, 4)
    assert audio.size > BLOCK
    file = io.BytesIO()
    with Encoder(file, "flac") as encoder:
        for start in range(0, audio.size, 7001):
            encoder.write(audio[start : start + 7001])
    np.testing.assert_array_equal(read_back(file.getvalue())[0], read_back(encode(audio, "flac"))[0])


def test_a_higher_bit_rate_is_a_larger_file_and_nearer() -> None:
    small, large = (encode(AUDIO, "mp3", bitrate=rate) for rate in (32_000, 128_000))
    assert len(small) < 0.5 * len(large)
    assert snr_db(AUDIO, read_back(small)[0]) + 3 < snr_db(AUDIO, read_back(large)[0])


@pytest.mark.parametrize(
    ("format", "options", "words"),
    [
        ("mp4", {}, "wav, flac, mp3, opus"),
        ("wav", {"bitrate": 64_000}, "lossless"),
        ("mp3", {"bitrate": 500_000}, "160000"),
        ("opus", {"bitrate": True}, "256000"),
        ("mp3", {"bitrate": 64_000.0}, "whole number"),
    ],
)
def test_options_that_do_not_exist(format: str, options: dict, words: str) -> None:
    with pytest.raises(OptionError, match=words):
        encode(AUDIO, format, **options)


def test_arrays_that_are_not_audio() -> None:
    with pytest.raises(AudioError, match="at least one sample"):
        encode(np.zeros(0, np.float32), "wav")
    with pytest.raises(AudioError, match="NaN"):
        encode(np.array([np.nan], np.float32), "wav")
    with pytest.raises(AudioError, match="metadata"):
        encode(AUDIO, "wav", metadata={"comment": "x" * 2_000_000})


@pytest.mark.parametrize("comment", ["{not json", "no braces", "[1]", "{" * 5000])
def test_a_damaged_manifest_is_none(comment: str) -> None:
    assert read_manifest(io.BytesIO(encode(AUDIO[:RATE], "wav", metadata={"comment": comment}))) is None


def test_reading_a_manifest_opens_no_playlist() -> None:
    with pytest.raises(AudioError, match="audio file"):
        read_manifest(io.BytesIO(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"))


def test_the_modules_import_little() -> None:
    code = (
        "import sys, vibevoice_nb.audio.spectrogram, vibevoice_nb.display.html, vibevoice_nb.export.export\n"
        "heavy = ('torch', 'matplotlib', 'librosa', 'scipy', 'av', 'pyloudnorm')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
