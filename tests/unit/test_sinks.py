"""Sinks: nothing that was generated is lost, nothing that existed is harmed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_helpers import file_size_limit, small_disk, tone
from hypothesis import given, settings
from hypothesis import strategies as st

import vibevoice_nb.audio.sinks as sinks
from vibevoice_nb.audio.io import AudioError, MemorySink, QueueSink, Sink, WavSink, read_audio

FRAME = 3200


def frames(audio: np.ndarray) -> list[np.ndarray]:
    return [audio[i : i + FRAME] for i in range(0, audio.size, FRAME)]


# All sinks


def test_every_sink_follows_the_protocol_and_refuses_invalid_audio(tmp_path: Path) -> None:
    for sink in (MemorySink(), QueueSink(), WavSink(tmp_path / "a.wav")):
        assert isinstance(sink, Sink)
        for bad in (np.zeros((1, 1, FRAME), np.float32), np.zeros(5, np.int16), np.array([0.0, np.nan])):
            with pytest.raises(AudioError):
                sink.write(bad)
        sink.close()
        sink.close()
    assert os.listdir(tmp_path) == []


def test_memory_sink_copies_its_input() -> None:
    sink = MemorySink()
    assert sink.audio.shape == (0,) and sink.audio.dtype == np.float32
    buffer = np.ones(FRAME, dtype=np.float32)
    for value in (0.1, 0.2):
        buffer[:] = value
        sink.write(buffer)
    np.testing.assert_array_equal(sink.audio, np.repeat(np.float32([0.1, 0.2]), FRAME))
    sink.write(buffer)
    assert sink.audio.size == 3 * FRAME


# A WAV on disk


@settings(max_examples=30)
@given(sizes=st.lists(st.integers(0, 5000), max_size=12))
def test_the_file_is_playable_and_complete_after_every_chunk(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    path = tmp_path_factory.mktemp("sink") / "a.wav"
    audio = np.random.default_rng(0).uniform(-1, 1, sum(sizes)).astype(np.float32)
    done = 0
    with WavSink(path) as sink:
        for size in sizes:
            sink.write(audio[done : done + size])
            done += size
            if done:
                heard, rate = soundfile.read(path, dtype="float32")
                assert rate == 24_000
                np.testing.assert_allclose(heard, audio[:done], atol=2**-15)
            else:
                assert not path.exists()
    assert sink.samples == done and path.exists() == (done > 0)
    if done:
        assert path.stat().st_size == 44 + 2 * done
        assert read_audio(path)[0].size == done


def test_clipped_samples_are_counted(tmp_path: Path) -> None:
    with WavSink(tmp_path / "a.wav") as sink:
        sink.write(np.array([1.5, -1.5, 1.0, -1.0, 0.0], dtype=np.float32))
    assert sink.clipped == 2
    pcm, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert pcm.tolist() == [32767, -32768, 32767, -32768, 0]


CHILD = """
import sys
import numpy as np
from vibevoice_nb.audio.io import WavSink
audio = np.random.default_rng(7).uniform(-1, 1, 100 * 3200).astype(np.float32)
sink = WavSink(sys.argv[1], force=True)
while True:
    for i in range(100):
        sink.write(audio[i * 3200 : (i + 1) * 3200])
        print(sink.samples, flush=True)
"""


@pytest.mark.parametrize("exists", [False, True])
def test_kill_9_leaves_a_playable_file(tmp_path: Path, exists: bool) -> None:
    path = tmp_path / "episode.wav"
    if exists:
        path.write_bytes(b"precious")
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert child.stdout is not None
    for _ in range(57):
        assert int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().split()
    child.wait()
    reported = int(rest[-1]) if rest and rest[-1].isdigit() else 57 * FRAME
    working = tmp_path / "episode.part.wav" if exists else path
    heard, rate = soundfile.read(working, dtype="float32")
    assert rate == 24_000
    assert heard.size % FRAME == 0
    assert heard.size >= reported >= 57 * FRAME
    audio = np.random.default_rng(7).uniform(-1, 1, 100 * FRAME).astype(np.float32)
    np.testing.assert_allclose(heard, np.resize(audio, heard.size), atol=2**-15)
    assert read_audio(working)[0].size == heard.size
    if exists:
        assert path.read_bytes() == b"precious"


def test_memory_stays_flat_over_ten_minutes(tmp_path: Path) -> None:
    chunk = tone(FRAME / 24_000)
    with WavSink(tmp_path / "a.wav") as sink:
        sink.write(chunk)
        tracemalloc.start()
        for _ in range(4499):
            sink.write(chunk)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert soundfile.info(tmp_path / "a.wav").duration == pytest.approx(600)
    assert peak < 1_000_000


def test_an_existing_file_needs_force_and_is_refused_before_any_work(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    with pytest.raises(AudioError, match=r"exists.*force"):
        WavSink(path)
    with pytest.raises(AudioError, match=r"ends in \.wav"):
        WavSink(tmp_path / "a.mp3")
    with pytest.raises(AudioError, match="doesn't exist"):
        WavSink(tmp_path / "none" / "a.wav")
    assert path.read_bytes() == b"precious"


def test_force_replaces_only_when_the_audio_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"precious")
    with WavSink(path, force=True):
        pass
    with pytest.raises(RuntimeError), WavSink(path, force=True):
        raise RuntimeError("before any audio")
    assert os.listdir(tmp_path) == ["a.wav"] and path.read_bytes() == b"precious"

    with pytest.raises(RuntimeError), WavSink(path, force=True) as sink:
        sink.write(tone())
        raise RuntimeError("in the middle")
    assert path.read_bytes() == b"precious"
    assert sink.working_path == tmp_path / "a.part.wav"
    assert soundfile.info(sink.working_path).frames == 24_000

    with WavSink(path, force=True) as sink:
        sink.write(tone(2.0))
        assert sink.working_path == tmp_path / "a.part2.wav", "the part that was left is not lost"
    assert sink.working_path == path and soundfile.info(path).frames == 48_000
    assert sorted(os.listdir(tmp_path)) == ["a.part.wav", "a.wav"]


def test_an_exception_in_the_middle_keeps_the_audio(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), WavSink(tmp_path / "a.wav") as sink:
        sink.write(tone())
        raise KeyboardInterrupt
    assert soundfile.info(tmp_path / "a.wav").frames == 24_000
    with pytest.raises(AudioError, match="closed"):
        sink.write(tone())


def test_two_runs_never_share_a_file(tmp_path: Path) -> None:
    first, second = WavSink(tmp_path / "a.wav"), WavSink(tmp_path / "a.wav")
    first.write(tone())
    with pytest.raises(AudioError, match="exists"):
        second.write(tone(2.0))
    second.close()
    first.close()
    assert soundfile.info(tmp_path / "a.wav").frames == 24_000


@pytest.mark.parametrize("force", [False, True])
def test_a_full_disk_keeps_the_audio_that_fitted(tmp_path: Path, force: bool) -> None:
    audio = tone(30.0)
    with small_disk(tmp_path) as disk:
        path = disk / "a.wav"
        if force:
            path.write_bytes(b"precious")
        message = r"the disk is full .* the first \d\.\d s are in"
        with pytest.raises(AudioError, match=message), WavSink(path, force) as sink:
            for chunk in frames(audio):
                sink.write(chunk)
        working = disk / "a.part.wav" if force else path
        assert sink.working_path == working
        heard, _ = soundfile.read(working, dtype="float32")
        assert heard.size == sink.samples > 24_000 and heard.size % FRAME == 0
        np.testing.assert_allclose(heard, audio[: heard.size], atol=2**-15)
        assert read_audio(working)[0].size == heard.size
        assert not force or path.read_bytes() == b"precious"


def test_a_disk_that_is_full_from_the_start_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path) as disk:
        (disk / "filler").write_bytes(b"\1" * (256 * 1024))
        with pytest.raises(AudioError, match="nothing was written"), WavSink(disk / "a.wav") as sink:
            sink.write(tone())
        assert os.listdir(disk) == ["filler"] and sink.working_path is None


def test_a_limit_on_the_file_size_keeps_the_audio_that_fitted(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "a.wav")
    with file_size_limit(50_000), pytest.raises(AudioError, match="the disk is full"):
        for chunk in frames(tone(30.0)):
            sink.write(chunk)
    sink.close()
    assert sink.samples == 7 * FRAME == soundfile.info(tmp_path / "a.wav").frames
    assert (tmp_path / "a.wav").stat().st_size == 44 + 14 * FRAME


def test_a_wav_that_gets_too_long_ends_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "MAX_WAV_BYTES", 44 + 2 * 5 * FRAME)
    sink = WavSink(tmp_path / "a.wav")
    with pytest.raises(AudioError, match="4 GB"):
        for chunk in frames(tone(10.0)):
            sink.write(chunk)
    assert soundfile.info(tmp_path / "a.wav").frames == 5 * FRAME


def test_the_largest_header_still_fits_its_fields() -> None:
    samples = (sinks.MAX_WAV_BYTES - 44) // 2
    assert len(sinks._wav_header(samples)) == 44


# A queue


def test_queue_is_bounded_and_keeps_the_order() -> None:
    sink = QueueSink(max_chunks=2)
    most = 0

    def produce() -> None:
        nonlocal most
        with sink:
            for value in range(50):
                sink.write(np.full(10, value, dtype=np.float32))
                most = max(most, len(sink._chunks))

    producer = threading.Thread(target=produce)
    producer.start()
    heard = []
    for chunk in sink:
        heard.append(chunk[0])
        time.sleep(0.001)
    producer.join(5)
    assert heard == list(range(50)) and most <= 2
    assert list(sink) == []


def test_a_crash_is_raised_after_the_last_chunk() -> None:
    sink = QueueSink()
    with pytest.raises(ZeroDivisionError), sink:
        sink.write(np.zeros(5, dtype=np.float32))
        raise ZeroDivisionError
    assert next(sink).size == 5
    with pytest.raises(ZeroDivisionError):
        next(sink)


def test_cancel_frees_a_producer_that_waits() -> None:
    sink = QueueSink(max_chunks=1)
    ended: list[type[BaseException]] = []

    def produce() -> None:
        try:
            with sink:
                for _ in range(100):
                    sink.write(np.zeros(10, dtype=np.float32))
        except CancelledError as exc:
            ended.append(type(exc))

    producer = threading.Thread(target=produce, daemon=True)
    producer.start()
    next(sink)
    time.sleep(0.05)
    sink.cancel()
    producer.join(5)
    assert not producer.is_alive() and ended == [CancelledError]
    assert sink.cancelled and list(sink) == []


def test_cancel_frees_a_listener_that_waits() -> None:
    sink = QueueSink()
    threading.Timer(0.05, sink.cancel).start()
    started = time.monotonic()
    assert list(sink) == []
    assert time.monotonic() - started < 5
    sink.close()


def test_a_closed_queue_takes_no_more() -> None:
    sink = QueueSink()
    sink.close()
    with pytest.raises(AudioError, match="closed"):
        sink.write(np.zeros(5, dtype=np.float32))
