"""The whole server on a Ray of its own: OpenAI's client, equal audio, and a replica that is lost."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

if importlib.util.find_spec("ray") is None:
    pytest.skip("needs vibevoice-nb[serve]", allow_module_level=True)
pytest.importorskip("openai", reason="needs the openai client")

import openai

from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.serve.running import Running
from vibevoice_nb.serve.users import TokenFile

TEXT = "Anna: Good morning, and welcome.\nBen: Thank you, I am glad to be here. [pause:200]\nAnna: So."

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    users = TokenFile(tmp_path_factory.mktemp("users") / "users.json")
    token = users.add("anna")
    running = Running("127.0.0.1", port, None, print)
    try:
        settings = {"min_replicas": 2, "max_replicas": 2, "num_cpus": 0.1, "users": str(users.path)}
        running.start(settings, 0.0)
        yield running, token
    finally:
        running.stop()


@pytest.fixture(scope="module")
def client(server: tuple[Running, str]) -> Any:
    running, token = server
    return openai.OpenAI(base_url=f"{running.url}/v1", api_key=token, timeout=180, max_retries=0)


def expected(nano: Engine, seed: int) -> bytes:
    audio = nano.speak(TEXT, num_steps=2, seed=seed).audio
    from vibevoice_nb.audio.pcm import to_int16

    return to_int16(audio).astype("<i2").tobytes()


def streamed(client: Any, seed: int, at: Any = None) -> bytes:
    extra = {"num_steps": 2, "seed": seed}
    asked = {"model": "nano", "voice": None, "input": TEXT, "response_format": "pcm", "extra_body": extra}
    parts = []
    with client.audio.speech.with_streaming_response.create(**asked) as answer:
        for part in answer.iter_bytes(chunk_size=None):
            parts.append(part)
            if at is not None:
                at(len(parts))
    return b"".join(parts)


def test_openai_streams_the_audio_of_the_engine(client: Any, nano: Engine) -> None:
    assert [model.id for model in client.models.list().data] == ["nano"]
    counts: list[int] = []
    assert streamed(client, 5, counts.append) == expected(nano, 5)
    assert len(counts) > 3
    whole = client.audio.speech.create(model="nano", voice="Ada", input="Hello.", response_format="wav")
    assert whole.read()[:4] == b"RIFF"


def test_a_wrong_token_is_refused(server: tuple[Running, str]) -> None:
    other = openai.OpenAI(base_url=f"{server[0].url}/v1", api_key="vvnb-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        other.audio.speech.create(model="nano", voice="Ada", input="Hello.")


def test_eight_streams_survive_the_loss_of_a_replica(client: Any, nano: Engine) -> None:
    from ray import serve

    handle = serve.get_deployment_handle("SpeechReplica", "vibevoice")
    processes = {handle.process.remote().result() for _ in range(20)}
    killed: list[int] = []

    def kill(parts: int) -> None:
        if parts == 3 and not killed:
            killed.append(processes.pop())
            os.kill(killed[0], signal.SIGKILL)

    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        streams = [pool.submit(streamed, client, seed, kill) for seed in range(8)]
        heard = [stream.result(timeout=170) for stream in streams]
    assert killed, f"no stream was long enough in {time.monotonic() - started:.0f} s"
    lengths = [len(one) for one in heard]
    assert [one == expected(nano, seed) for seed, one in enumerate(heard)] == [True] * 8, lengths
    assert np.unique(lengths).size > 1
