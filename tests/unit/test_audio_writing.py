"""Writing audio without harm: what is written is read again, nothing else is lost."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_helpers import file_size_limit, nobody, small_disk, tone

from vibevoice_nb.audio.io import AudioError, dbfs, read_audio, write_audio
from vibevoice_nb.audio.pcm import SAMPLE_RATE


@pytest.mark.parametrize(
    ("suffix", "tolerance"), [(".wav", 2**-15), (".flac", 2**-23), (".mp3", None), (".ogg", None)]
)
def test_written_audio_is_read_back(tmp_path: Path, suffix: str, tolerance: float | None) -> None:
    audio = tone(3.3)
    path = write_audio(tmp_path / f"a{suffix}", audio)
    again, info = read_audio(path)
    assert info.sample_rate == SAMPLE_RATE
    if tolerance is None:
        assert abs(again.size - audio.size) < 2400
        assert dbfs(again) == pytest.approx(dbfs(audio), abs=0.5)
    else:
        np.testing.assert_allclose(again, audio, atol=tolerance)
    assert os.listdir(tmp_path) == [f"a{suffix}"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_minutes_of_ogg_do_not_break_the_encoder(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.ogg", np.zeros(300 * SAMPLE_RATE, dtype=np.float32))
    assert soundfile.info(path).frames == 300 * SAMPLE_RATE


def test_beyond_full_scale_is_clipped_not_wrapped(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", np.array([2.0, -2.0, 0.5], dtype=np.float32))
    np.testing.assert_allclose(read_audio(tmp_path / "a.wav")[0], [1, -1, 0.5], atol=1e-4)


def test_nothing_is_written_over_without_force(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    with pytest.raises(AudioError, match=r"exists.*force"):
        write_audio(path, tone())
    assert path.read_bytes() == b"precious"
    write_audio(path, tone(), force=True)
    assert soundfile.info(path).frames == SAMPLE_RATE
    assert os.listdir(tmp_path) == ["a.wav"]


def test_force_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.wav").write_bytes(b"old")
    (tmp_path / "link.wav").symlink_to(tmp_path / "real.wav")
    write_audio(tmp_path / "link.wav", tone(), force=True)
    assert (tmp_path / "link.wav").is_symlink()
    assert soundfile.info(tmp_path / "real.wav").frames == SAMPLE_RATE


def test_targets_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "device.wav").symlink_to("/dev/full")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    for name, words in {
        "a.xyz": "ends in .wav",
        "a": "ends in .wav",
        "none/a.wav": "doesn't exist",
        "folder.wav": "not a plain file",
        "device.wav": "not a plain file",
        "loop.wav": "a path that can be written",
        "nul\0.wav": "a path that can be written",
        "x" * 5000 + ".wav": "a path that can be written",
    }.items():
        with pytest.raises(AudioError, match=words):
            write_audio(tmp_path / name, tone(), force=True)
    assert sorted(os.listdir(tmp_path)) == ["device.wav", "folder.wav", "loop.wav"]


@pytest.mark.parametrize(
    "audio",
    [np.zeros(0, np.float32), np.zeros((2, 10), np.float32), np.ones(10, np.int16), np.array([np.inf])],
)
def test_audio_that_cannot_be_written(tmp_path: Path, audio: np.ndarray) -> None:
    with pytest.raises(AudioError):
        write_audio(tmp_path / "a.wav", audio)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_leaves_things_as_they_were(tmp_path: Path, exists: bool) -> None:
    with small_disk(tmp_path) as disk:
        path = disk / "a.wav"
        if exists:
            path.write_bytes(b"precious")
        with pytest.raises(AudioError, match="the disk is full"):
            write_audio(path, tone(30), force=True)
        assert os.listdir(disk) == (["a.wav"] if exists else [])
        assert not exists or path.read_bytes() == b"precious"


def test_a_file_beyond_the_limit_leaves_things_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    with file_size_limit(100_000), pytest.raises(AudioError, match="the disk is full"):
        write_audio(path, tone(30), force=True)
    assert os.listdir(tmp_path) == ["a.wav"] and path.read_bytes() == b"precious"


def test_a_folder_that_cannot_be_written() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not pytest's, which only its owner may enter
        os.chmod(folder, 0o555)
        with nobody(), pytest.raises(AudioError, match=r"isn't writable|denied"):
            write_audio(Path(folder, "a.wav"), tone())
        assert os.listdir(folder) == []
