"""Audio files of any format and rate, and the errors for files that are damaged or not audio."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_helpers import nobody, tone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vibevoice_nb.audio.io import AudioError, dbfs, read_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE


def encode(path: Path, audio: np.ndarray, rate: int, codec: str) -> None:
    """Write through PyAV what soundfile can't: AAC in MP4, Opus in WebM."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(audio[None], format="fltp", layout="mono")
        frame.sample_rate = rate
        resampler = av.AudioResampler(stream.format.name, "mono", rate, frame_size=stream.frame_size or 960)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(piece))


def wav_bytes(data: bytes, claimed: int | None = None, rate: int = SAMPLE_RATE, channels: int = 1) -> bytes:
    size = len(data) if claimed is None else claimed
    fmt = struct.pack("<HHIIHH", 1, channels, rate, 2 * rate * channels, 2 * channels, 16)
    riff = struct.pack("<4sI4s", b"RIFF", min(36 + size, 0xFFFFFFFF), b"WAVE")
    return riff + struct.pack("<4sI", b"fmt ", 16) + fmt + struct.pack("<4sI", b"data", size) + data


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 24000, 44100, 48000])
def test_any_rate_becomes_24_khz(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", tone(2.0, rate), rate, subtype="FLOAT")
    audio, info = read_audio(tmp_path / "a.wav")
    assert audio.dtype == np.float32
    assert abs(audio.size - 2 * SAMPLE_RATE) <= 1
    assert (info.sample_rate, info.channels, info.decoder, info.seconds) == (rate, 1, "soundfile", 2.0)
    middle = slice(2400, 40000)
    np.testing.assert_allclose(audio[middle], tone(2.0)[middle], atol=2e-3)


def test_resampling_block_by_block_equals_all_at_once(tmp_path: Path) -> None:
    import soxr

    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 44100 * 15).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", noise, 44100, subtype="FLOAT")
    audio, _ = read_audio(tmp_path / "a.wav")
    np.testing.assert_allclose(audio, soxr.resample(noise, 44100, SAMPLE_RATE), atol=1e-5)


def test_channels_are_averaged_and_counted(tmp_path: Path) -> None:
    left, right = tone(hz=300), tone(hz=700)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), SAMPLE_RATE, subtype="FLOAT")
    audio, info = read_audio(tmp_path / "a.wav")
    assert info.channels == 2
    np.testing.assert_allclose(audio, (left + right) / 2, atol=1e-7)


@pytest.mark.parametrize("suffix", ["flac", "mp3", "ogg", "aiff", "w64", "rf64"])
def test_formats_of_soundfile(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, tone(2.0), SAMPLE_RATE)
    audio, info = read_audio(path)
    assert info.decoder == "soundfile"
    assert abs(audio.size / SAMPLE_RATE - 2.0) < 0.1
    assert dbfs(audio) == pytest.approx(dbfs(tone()), abs=0.5)


@pytest.mark.parametrize(("suffix", "codec"), [("m4a", "aac"), ("mp4", "aac"), ("webm", "libopus")])
def test_formats_of_pyav(tmp_path: Path, suffix: str, codec: str) -> None:
    path = tmp_path / f"a.{suffix}"
    encode(path, tone(2.0, 48000), 48000, codec)
    audio, info = read_audio(path)
    assert (info.decoder, info.sample_rate, info.channels) == ("PyAV", 48000, 1)
    assert abs(audio.size / SAMPLE_RATE - 2.0) < 0.1
    assert dbfs(audio[4800:-4800]) == pytest.approx(dbfs(tone()), abs=0.5)


def test_the_name_does_not_matter_the_content_does(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", tone(), SAMPLE_RATE)
    for name in ("a.mp3", "a.raw", "a", "ünï 声.wav"):
        (tmp_path / name).write_bytes((tmp_path / "a.flac").read_bytes())
        if name != "a.raw":
            assert read_audio(tmp_path / name)[1].format == "FLAC"
        else:
            assert read_audio(tmp_path / name)[0].size == SAMPLE_RATE


def test_files_that_are_not_audio(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("Speaker 1: grüß dich\n" * 300, encoding="utf-8")
    (tmp_path / "list.mp3").write_text("#EXTM3U\n#EXTINF:1,\nhttp://localhost/a.mp3\n")
    (tmp_path / "noise.mp3").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "header.wav").write_bytes(wav_bytes(b""))
    os.mkfifo(tmp_path / "pipe.wav")
    for name, words in {
        "missing.wav": "no such file",
        ".": "a folder",
        "empty.wav": "0 bytes",
        "text.wav": "a text file",
        "list.mp3": "a text file",
        "noise.mp3": "decoded",
        "header.wav": "no samples",
        "pipe.wav": "not a plain file",
        "text.wav/inside.wav": "cannot be opened",
        "nul\0.wav": "cannot be opened",
        "x" * 5000: "cannot be opened",
    }.items():
        with pytest.raises(AudioError, match=words):
            read_audio(tmp_path / name)


def test_a_video_without_audio(tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))))
        container.mux(stream.encode(None))
    with pytest.raises(AudioError, match="has no audio"):
        read_audio(tmp_path / "a.mp4")


def test_a_file_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(), SAMPLE_RATE)
    path.chmod(0)
    with nobody(), pytest.raises(AudioError, match="no permission"):
        read_audio(path)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "rf64", "mp3"])
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_truncated_files(tmp_path: Path, suffix: str, kept: float) -> None:
    whole = tmp_path / f"a.{suffix}"
    soundfile.write(whole, np.random.default_rng(0).uniform(-0.5, 0.5, 120_000), SAMPLE_RATE)
    data = whole.read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(AudioError, match="truncated"):
        read_audio(tmp_path / f"cut.{suffix}")


@pytest.mark.parametrize("kept", [0.9, 0.3])
def test_truncated_m4a(tmp_path: Path, kept: float) -> None:
    encode(tmp_path / "a.m4a", tone(3.0, 48000), 48000, "aac")
    data = (tmp_path / "a.m4a").read_bytes()
    (tmp_path / "cut.m4a").write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(AudioError):
        read_audio(tmp_path / "cut.m4a")


@pytest.mark.parametrize("order", [1, -1])
def test_an_mp3_without_a_length_is_read_to_its_end(tmp_path: Path, order: int) -> None:
    """Its length can only be guessed from the first bit rate, here far too long or far too short."""
    quiet, loud = np.zeros(120_000), np.random.default_rng(0).uniform(-0.9, 0.9, 120_000)
    with soundfile.SoundFile(tmp_path / "a.mp3", "w", SAMPLE_RATE, 1, bitrate_mode="VARIABLE") as file:
        file.write(np.concatenate([quiet, loud][::order]))
    data = (tmp_path / "a.mp3").read_bytes()
    assert b"Xing" in data[:300] or b"Info" in data[:300]
    (tmp_path / "bare.mp3").write_bytes(
        data.replace(b"Xing", b"\0\0\0\0", 1).replace(b"Info", b"\0\0\0\0", 1)
    )
    audio, _ = read_audio(tmp_path / "bare.mp3")
    assert abs(audio.size / SAMPLE_RATE - 10.0) < 0.3


def test_wrong_headers(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    pcm = (tone(0.5) * 32767).astype("<i2").tobytes()
    path.write_bytes(wav_bytes(pcm, claimed=0xFFFFFFF0))
    with pytest.raises(AudioError, match=r"truncated; its header states 4295\.0 MB"):
        read_audio(path)
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, 10**10, 10**10, 5 * 10**9, 0)
    plain = wav_bytes(pcm, claimed=0xFFFFFFFF)
    path.write_bytes(b"RF64" + plain[4:12] + ds64 + plain[12:])
    with pytest.raises(AudioError, match=r"states 10000\.0 MB"):
        read_audio(path)
    path.write_bytes(wav_bytes(pcm, claimed=0xFFFFFFFF))  # what a recorder writes into a pipe
    assert read_audio(path)[0].size == SAMPLE_RATE // 2
    for rate in (1, 100, 0x7FFFFFFF):
        path.write_bytes(wav_bytes(pcm, rate=rate))
        with pytest.raises(AudioError):
            read_audio(path)


def test_limits_on_size_and_length(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(SAMPLE_RATE * 100), SAMPLE_RATE)  # 100 s in a few kilobytes
    assert path.stat().st_size < 50_000
    with pytest.raises(AudioError, match=r"100 s long\. Expected at most 60 s"):
        read_audio(path, max_seconds=60)
    with pytest.raises(AudioError, match="Expected at most 0 MB"):
        read_audio(path, max_bytes=100)
    assert read_audio(path, max_seconds=100)[0].size == 100 * SAMPLE_RATE


def test_samples_that_are_not_numbers(tmp_path: Path) -> None:
    audio = tone()
    audio[100] = np.nan
    soundfile.write(tmp_path / "a.wav", audio, SAMPLE_RATE, subtype="FLOAT")
    with pytest.raises(AudioError, match="NaN"):
        read_audio(tmp_path / "a.wav")


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    for suffix in ("wav", "flac", "ogg", "aiff"):
        soundfile.write(folder / f"a.{suffix}", tone(0.3), SAMPLE_RATE)
    encode(folder / "a.m4a", tone(0.3, 48000), 48000, "aac")
    encode(folder / "a.webm", tone(0.3, 48000), 48000, "libopus")
    return {path.suffix[1:]: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["wav", "flac", "ogg", "aiff", "m4a", "webm"]),
    edits=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=8),
    kept=st.integers(1, 100),
)
def test_damage_of_any_kind_is_audio_or_an_error_we_chose(
    seeds: dict[str, bytes], tmp_path: Path, kind: str, edits: list[tuple[int, int]], kept: int
) -> None:
    data = bytearray(seeds[kind])
    for position, value in edits:
        data[min(position, len(data) - 1)] = value
    path = tmp_path / f"a.{kind}"
    path.write_bytes(bytes(data[: max(1, len(data) * kept // 100)]))
    try:
        audio, info = read_audio(path, max_seconds=60)
    except AudioError:
        return
    assert audio.ndim == 1 and np.isfinite(audio).all()
    assert audio.size <= 61 * SAMPLE_RATE and info.seconds <= 60
