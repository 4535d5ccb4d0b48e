"""Helpers for tests of the command line: a small model, a voice, the command in and out of process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from audio_helpers import SAMPLE_RATE, tone
from checkpoints import write_checkpoint
from typer.testing import CliRunner

from vibevoice_nb.audio.io import write_audio
from vibevoice_nb.cli.app import app

SCRIPT = "Speaker 1: Hello.\nSpeaker 2: Hi!\n"


class Bench:
    """A folder to work in, with a model that speaks noise until its limit, and a voice."""

    def __init__(self, folder: Path, models: Path) -> None:
        self.folder = folder
        self.endless, self.brief = models / "endless", models / "brief"
        self.voice = write_audio(folder / "hum.wav", tone(3.5, hz=150) * _swell(3.5))
        self.script = self.write("talk.txt", SCRIPT)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, *args: object, stdin: str | None = None) -> Any:
        """A command, in this process."""
        return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)

    def speak(self, *args: object, script: object = None, model: object = None, **kwargs: Any) -> Any:
        """`speak` on the CPU, briefly, everybody with the one voice."""
        return self.run(*self.command(*args, script=script, model=model), **kwargs)

    def command(self, *args: object, script: object = None, model: object = None) -> list[object]:
        chosen = [arg for number in (1, 2) for arg in ("--voice", f"{number}={self.voice}")]
        where = ["--model", model or self.brief, "--device", "cpu", "--dtype", "float32", "--seed", 1]
        voices = [] if "--voice" in args else chosen
        return ["speak", script or self.script, *where, *voices, *args]

    def start(self, *args: object, **kwargs: Any) -> subprocess.Popen[str]:
        """A command, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "vibevoice_nb", *map(str, args)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **kwargs,
        )


def _swell(seconds: float) -> np.ndarray:
    """Loud and soft in turn, as speech is: a steady tone passes for noise."""
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.5 - 0.5 * np.cos(2 * np.pi * 2 * times)).astype(np.float32)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_checkpoint(folder / "endless")
    write_checkpoint(folder / "brief", ends=True)
    return folder


@pytest.fixture
def bench(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("VIBEVOICE_NB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return Bench(folder, models)


def wav_seconds(path: Path) -> float:
    """Length of a WAV as its header and its data agree on."""
    with wave.open(str(path), "rb") as file:
        frames = file.getnframes()
        assert file.getframerate() == SAMPLE_RATE and len(file.readframes(frames)) == 2 * frames
    assert path.stat().st_size == 44 + 2 * frames
    return frames / SAMPLE_RATE


def wait_for_audio(process: subprocess.Popen[str], path: Path, size: int = 20_000) -> None:
    """Wait until a process has written some sound."""
    end = time.monotonic() + 300
    while not (path.exists() and path.stat().st_size > size):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "no audio in five minutes"
        time.sleep(0.05)


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Press Ctrl-C; returns exit code, stdout and stderr."""
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def last_json(text: str) -> dict[str, Any]:
    return json.loads(text.strip().splitlines()[-1])
