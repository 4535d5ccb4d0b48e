"""One conversion between float samples and integers: live audio equals the file, bit for bit."""

from __future__ import annotations

import ast
import io
import wave
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from project_helpers import frames

import vibevoice_nb
from vibevoice_nb.audio.encode import encode
from vibevoice_nb.audio.io import read_audio, write_audio
from vibevoice_nb.audio.pcm import FULL_SCALE, SAMPLE_RATE, to_float32, to_int16, to_int24
from vibevoice_nb.audio.peaks import exact_peaks
from vibevoice_nb.audio.sinks import WavSink
from vibevoice_nb.project import Project, Take
from vibevoice_nb.project.jobs.generation import Event, GenerationProgress

PACKAGE = Path(vibevoice_nb.__file__).parent
AUDIO = np.concatenate(
    [
        np.random.default_rng(0).uniform(-1.1, 1.1, 9600),
        [1.0, -1.0, 0.0, 0.5 / FULL_SCALE, 1.5 / FULL_SCALE, -0.5 / FULL_SCALE, 0.99999, -0.99999],
    ]
).astype(np.float32)
EXPECTED = np.clip(np.rint(AUDIO.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)


def wav_samples(file: Any) -> np.ndarray:
    with wave.open(file) as opened:
        assert opened.getframerate() == SAMPLE_RATE
        return np.frombuffer(opened.readframes(opened.getnframes()), "<i2")


def live_samples() -> np.ndarray:
    from vibevoice_nb.widgets.live_audio import LiveAudio

    sent: list[bytes] = []

    def send(kind: str, buffers: Any = (), /, **fields: object) -> None:
        sent.extend(buffers)

    job: Any = SimpleNamespace(id="j", done=False, state="speaking", progress=GenerationProgress())
    live = LiveAudio(SimpleNamespace(send=send), job)  # type: ignore[arg-type]
    for start in range(0, AUDIO.size, 3200):
        live.on_event(Event("audio", "t", start, AUDIO[start : start + 3200]))
    return np.frombuffer(b"".join(sent), "<i2")


def player_samples() -> np.ndarray:
    from vibevoice_nb.widgets.player import Player

    player = Player(Take.from_audio(AUDIO))
    answer = player._methods["samples"](source="self", start=0, count=AUDIO.size)
    return np.frombuffer(answer.buffers[0], "<i2")


def test_live_audio_and_files_hold_the_same_samples(tmp_path: Path) -> None:
    with WavSink(tmp_path / "sink.wav") as sink:
        sink.write(AUDIO)
    write_audio(tmp_path / "whole.wav", AUDIO)
    paths = {
        "definition": to_int16(AUDIO),
        "streamed WAV": wav_samples(str(tmp_path / "sink.wav")),
        "written WAV": wav_samples(str(tmp_path / "whole.wav")),
        "exported WAV": wav_samples(io.BytesIO(encode(AUDIO, "wav"))),
        "live audio": live_samples(),
        "player": player_samples(),
        "peaks of single samples": exact_peaks(AUDIO, np.arange(AUDIO.size + 1))[:, 0],
    }
    for name, samples in paths.items():
        assert np.array_equal(samples, EXPECTED), name


def test_flac_files_are_rounded_to_24_bits(tmp_path: Path) -> None:
    expected = np.clip(np.rint(AUDIO.astype(np.float64) * 2**23), -(2**23), 2**23 - 1).astype(np.int32)
    assert np.array_equal(to_int24(AUDIO) >> 8, expected)
    write_audio(tmp_path / "whole.flac", AUDIO)
    with Project.create(tmp_path / "talk", "Anna: One.") as project:
        with project.takes.begin(project.turns[0].id) as writer:
            writer.write(AUDIO[:9600])
            writer.finish(frames(3), manifest={"model": "nano", "context": []})
        (kept,) = tmp_path.rglob("audio.flac")
        assert np.array_equal(soundfile.read(kept, dtype="int32")[0] >> 8, expected[:9600])
    for file in (tmp_path / "whole.flac", io.BytesIO(encode(AUDIO, "flac"))):
        assert np.array_equal(soundfile.read(file, dtype="int32")[0] >> 8, expected)


@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_integers_survive_the_way_to_floats_and_back(values: list[int]) -> None:
    samples = np.array(values, np.int16)
    assert np.array_equal(to_int16(to_float32(samples)), samples)


def test_a_16_bit_file_read_and_written_again_is_the_same(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.wav", AUDIO)
    write_audio(tmp_path / "b.wav", read_audio(tmp_path / "a.wav")[0])
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.parametrize("value", [24_000, 32767, 32768])
def test_rate_and_full_scale_are_defined_once(value: int) -> None:
    """Constants are imported; training keeps its own format of corpora."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        if "training" in path.relative_to(PACKAGE).parts:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            constant = {ast.Assign: "value", ast.BinOp: "right"}.get(type(node))
            if constant and getattr(getattr(node, constant), "value", None) == value:
                found.add(path.relative_to(PACKAGE).as_posix())
    home = {24_000: {"model/config.py"}, 32767: set(), 32768: {"audio/pcm.py"}}
    assert found == home[value]
