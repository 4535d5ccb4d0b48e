"""Helpers for tests of the web demo: a server with nano, visitors, and their recordings."""

from __future__ import annotations

import contextlib
import re
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vibevoice_nb.audio.io import write_audio
from vibevoice_nb.web.limits import Limits
from vibevoice_nb.web.server import serving, visitors_folder
from vibevoice_nb.web.service import DemoService

SHORT = "Speaker 1: Good morning."
LONG = 6 * "Speaker 1: The sun is out and the sea is warm.\nSpeaker 2: So let us go and take a swim.\n"
VOICES = ("Ada", "Ruben", "Mira", "Kai")


class Server:
    """A web demo under way."""

    def __init__(self, service: DemoService, url: str) -> None:
        self.service, self.url = service, url

    def visitor(self) -> Visitor:
        return Visitor(self.url)

    def get(self, path: str = "") -> Any:
        return urllib.request.urlopen(self.url + path, timeout=30)


@contextlib.contextmanager
def web_server(limits: Limits, hosts: Sequence[str] | None = ()) -> Iterator[Server]:
    with visitors_folder() as folder:
        service = DemoService("nano", limits, folder, device="cpu", dtype="float32")
        service.load()
        with serving(service, "127.0.0.1", 0, hosts) as url:
            yield Server(service, url)


class Visitor:
    """A visitor with a browser, from the server's point of view."""

    def __init__(self, url: str) -> None:
        from gradio_client import Client

        self.client = Client(url, verbose=False)

    def submit(self, script: str, **changes: Any) -> Any:
        """Press Speak; return the job."""
        from gradio_client import handle_file

        given = {"steps": 1, "cfg": 1.0, "seed": "1", "consent": False, "recording": None, **changes}
        recording = given["recording"]
        if isinstance(recording, Path):
            recording = handle_file(recording)
        settings = [given[name] for name in ("steps", "cfg", "seed", "consent")]
        recordings = [recording, None, None, None]
        return self.client.submit(script, *settings, *VOICES, *recordings, api_name="/speak")

    def speak(self, script: str, **changes: Any) -> tuple[str, str, list[Path]]:
        """Press Speak and wait; return the status, the seed and the files."""
        _, words, seed, files, _ = self.submit(script, **changes).result(timeout=120)
        return words, seed, [Path(file) for file in files or ()]

    def refusal(self, script: str = SHORT, **changes: Any) -> str:
        """Press Speak; return the error message."""
        from gradio_client.exceptions import AppError

        try:
            self.speak(script, **changes)
        except (AppError, ValueError) as error:
            return str(error)
        raise AssertionError("it was spoken")

    def stop(self) -> None:
        self.client.predict(api_name="/stop")


def first(job: Any, timeout: float = 60.0) -> str:
    """Wait for a job's first answer; return the address of the audio."""
    end = time.monotonic() + timeout
    while not job.outputs():
        assert not job.done(), job.result()
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.01)
    found = re.search(r'src="(speech/[\w-]+\.mp3)"', job.outputs()[0][0])
    assert found
    return found[1]


def recording(path: Path, seconds: float = 4.0) -> Path:
    """Somebody hums, loud and soft in turn as speech is."""
    times = np.arange(int(seconds * 24_000)) / 24_000
    hum = 0.3 * np.sin(2 * np.pi * 150 * times) * (0.5 - 0.5 * np.cos(2 * np.pi * 2 * times))
    return write_audio(path, hum.astype(np.float32))
