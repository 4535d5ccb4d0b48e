"""Audio read in pieces is the audio of the whole, and its peaks are the waveform's at any zoom."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from cpu_time import least_seconds
from hypothesis import given, settings
from hypothesis import strategies as st

from vibevoice_nb.audio.pcm import to_int16
from vibevoice_nb.audio.peaks import BLOCK, Blocks, file_mark
from vibevoice_nb.audio.sources import ArraySource, AudioSource, FileSource, chunks_of
from vibevoice_nb.errors import AudioError, OptionError

LENGTH = 20_000
PLACES = st.integers(-3000, LENGTH + 3000)


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    noise = np.random.default_rng(1).uniform(-1, 1, LENGTH)
    return (noise * np.linspace(0, 1, LENGTH)).astype(np.float32)


@pytest.fixture(scope="module", params=["wav", "flac", "stereo", "array"])
def source(
    request: pytest.FixtureRequest, audio: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> AudioSource:
    folder = tmp_path_factory.mktemp("sources")
    if request.param == "array":
        return ArraySource(audio)
    suffix, samples = (
        ("wav", np.stack([audio, audio], 1)) if request.param == "stereo" else (request.param, audio)
    )
    soundfile.write(folder / f"noise.{suffix}", samples, 24_000, subtype="PCM_24")
    return FileSource(folder / f"noise.{suffix}")


def naive_peaks(audio: np.ndarray, start: int, stop: int, buckets: int, block: int) -> np.ndarray:
    """Every bucket by itself, widened to whole blocks."""
    samples, rows = to_int16(audio), []
    for i in range(buckets):
        first, last = (start + j * (stop - start) // buckets for j in (i, i + 1))
        last = max(last, first + 1) if block == 1 else last
        first, last = first // block * block, -(-last // block) * block
        inside = samples[max(0, first) : max(0, last)]
        if block == 1 and (first < 0 or last > len(samples)):
            inside = np.append(inside, 0)
        rows.append([inside.min(initial=32767), inside.max(initial=-32768)] if len(inside) else [0, 0])
    return np.array(rows, np.int16)


def test_a_source_follows_the_protocol(source: AudioSource) -> None:
    assert isinstance(source, AudioSource)
    assert (source.samples, source.sample_rate) == (LENGTH, 24_000)


@settings(max_examples=60)
@given(start=PLACES, count=st.integers(-5, LENGTH + 5000))
def test_a_piece_is_that_part_of_the_whole(
    source: AudioSource, audio: np.ndarray, start: int, count: int
) -> None:
    piece = source.read(start, count)
    expected = audio[max(0, start) : max(0, start + count)]
    assert piece.dtype == np.float32 and piece.shape == expected.shape
    assert np.abs(piece - expected).max(initial=0) < 2**-22


@settings(max_examples=60)
@given(start=PLACES, length=st.integers(0, LENGTH), buckets=st.integers(1, 300))
def test_peaks_are_those_of_the_samples(source: AudioSource, start: int, length: int, buckets: int) -> None:
    audio = source.read(0, LENGTH)
    block = BLOCK if length >= buckets * BLOCK else 1
    peaks = source.peaks(start, start + length, buckets)
    assert peaks.dtype == np.int16 and peaks.shape == (buckets, 2)
    if length or block > 1:
        assert np.array_equal(peaks, naive_peaks(audio, start, start + length, buckets, block))


@pytest.mark.parametrize("wrong", [(0, 10, 0), (0, 10, 10**6), (10, 0, 5)])
def test_invalid_peaks_are_refused(source: AudioSource, wrong: tuple[int, int, int]) -> None:
    with pytest.raises(OptionError):
        source.peaks(*wrong)


def test_threads_read_one_file_at_once(tmp_path: Path, audio: np.ndarray) -> None:
    soundfile.write(tmp_path / "a.flac", audio, 24_000, subtype="PCM_24")
    source = FileSource(tmp_path / "a.flac")
    whole = source.read(0, LENGTH)
    wrong: list[int] = []

    def check(seed: int) -> None:
        for start in np.random.default_rng(seed).integers(0, LENGTH, 40).tolist():
            if not np.array_equal(source.read(start, 777), whole[start : start + 777]):
                wrong.append(start)

    threads = [threading.Thread(target=check, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    "name", ["missing.wav", "text.wav", "sound.ogg", "folder.wav", "pipe.wav", "cut.flac"]
)
def test_formats_that_cannot_be_read_in_pieces_are_refused(
    tmp_path: Path, audio: np.ndarray, name: str
) -> None:
    path = tmp_path / name
    if name == "text.wav":
        path.write_text("Speaker 1: Hello.")
    elif name == "sound.ogg":
        soundfile.write(path, audio, 24_000, format="OGG", subtype="VORBIS")
    elif name == "folder.wav":
        path.mkdir()
    elif name == "pipe.wav":
        os.mkfifo(path)
    elif name == "cut.flac":
        soundfile.write(path, audio, 24_000, subtype="PCM_24")
        path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(AudioError, match=name):
        FileSource(path).read(0, LENGTH)


def long_flac(path: Path, minutes: float, loud_at: int) -> None:
    """Nearly silent, so that it is encoded in no time."""
    minute = np.zeros(60 * 24_000, np.float32)
    with soundfile.SoundFile(path, "w", 24_000, 1, subtype="PCM_24") as file:
        for start in range(0, int(minutes * len(minute)), len(minute)):
            minute[:] = 0
            if start <= loud_at < start + len(minute):
                minute[loud_at - start] = 0.5
            file.write(minute)


def test_ninety_minutes_open_at_once(tmp_path: Path) -> None:
    path, loud = tmp_path / "long.flac", 100_000_000
    long_flac(path, 90, loud)
    blocks = np.zeros(90 * 60 * 24_000 // BLOCK, np.int16)
    blocks[loud // BLOCK] = 16384
    Blocks(np.zeros_like(blocks), blocks).save(FileSource(path).peaks_path, file_mark(path))
    assert least_seconds(lambda: FileSource(path).peaks(0, len(blocks) * BLOCK, 2000)) < 0.5
    source = FileSource(path)
    peaks = source.peaks(0, source.samples, 2000)
    assert source.samples == 90 * 60 * 24_000
    assert np.flatnonzero(peaks[:, 1]).tolist() == [loud * 2000 // source.samples]


def test_kept_peaks_are_used_only_for_their_audio(tmp_path: Path) -> None:
    path = tmp_path / "two.flac"
    long_flac(path, 2, 100)
    first = FileSource(path)
    first.peaks(0, first.samples, 100)
    kept = first.peaks_path
    Blocks(first.blocks.low, first.blocks.high + 7).save(kept, file_mark(path))
    assert FileSource(path).blocks.high.min() == 7  # read, not measured
    copy = path.with_name("copy.flac")
    copy.write_bytes(path.read_bytes())
    kept.rename(copy.with_name("copy.flac.peaks"))
    assert FileSource(copy).blocks.high.min() == 7  # a copy has the same audio
    long_flac(copy, 2, 5000)
    assert FileSource(copy).blocks.high[5000 // BLOCK] == 16384


@pytest.mark.parametrize("rubbish", [b"", b"\x80\x04rubbish", b"\xff" * 64, None])
def test_damaged_peaks_are_measured_again(tmp_path: Path, rubbish: bytes | None) -> None:
    path = tmp_path / "two.flac"
    long_flac(path, 2, 5000)
    kept = FileSource(path).peaks_path
    if rubbish is None:  # of the right kind, of the wrong length
        Blocks(np.zeros(3, np.int16), np.zeros(3, np.int16)).save(kept, file_mark(path))
    else:
        kept.write_bytes(rubbish)
    assert FileSource(path).blocks.high[5000 // BLOCK] == 16384


def test_chunks_are_the_whole() -> None:
    audio = np.random.default_rng(0).uniform(-1, 1, 1_100_000).astype(np.float32)
    assert np.array_equal(np.concatenate(list(chunks_of(ArraySource(audio)))), audio)
