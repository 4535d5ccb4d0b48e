"""The whole server on a Ray of its own: OpenAI's client, equal audio, and a replica that is lost."""

from __future__ import annotations

import importlib.util
import json
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
from vibevoice_nb.errors import ServerError
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
    return openai.OpenAI(base_url=f"{running.url}/v1", api_key=token, timeout=900, max_retries=0)


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


def test_a_remote_engine_speaks_through_the_proxy(server: tuple[Running, str], nano: Engine) -> None:
    running, token = server
    remote = Engine.connect(running.url, token=token)
    speech = remote.speak(TEXT, num_steps=2, seed=5)
    assert speech.ended == "finished"
    assert np.array_equal(speech.audio, nano.speak(TEXT, num_steps=2, seed=5).audio)


def test_many_strangers_are_refused_with_a_message(
    server: tuple[Running, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to 32 at a time are accepted for it; the proxy passes on how the others are refused."""
    running, token = server
    monkeypatch.setattr("vibevoice_nb.engine.remote.connection.OPEN_SECONDS", 300.0)

    def refused(number: int) -> str:
        with pytest.raises(ServerError) as error:
            Engine.connect(running.url, token=f"vvnb-wrong-{number}")
        return str(error.value)

    with ThreadPoolExecutor(48) as pool:
        messages = list(pool.map(refused, range(96)))
    assert all("token" in message for message in messages), set(messages)
    assert Engine.connect(running.url, token=token).name == "nano"


def test_server_sent_events_pass_the_proxy(client: Any) -> None:
    asked = {"model": "nano", "voice": "Ada", "input": "Hello.", "response_format": "pcm"}
    extra = {"stream_format": "sse", "max_seconds": 0.3}
    with client.audio.speech.with_streaming_response.create(**asked, extra_body=extra) as answer:
        lines = [line for line in answer.iter_lines() if line]
    last = json.loads(lines[-1].removeprefix("data: "))
    assert last["type"] == "speech.audio.done" and last["vibevoice"]["ended"] == "length"


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
        heard = [stream.result(timeout=900) for stream in streams]
    assert killed, f"no stream was long enough in {time.monotonic() - started:.0f} s"
    lengths = [len(one) for one in heard]
    assert [one == expected(nano, seed) for seed, one in enumerate(heard)] == [True] * 8, lengths
    assert np.unique(lengths).size > 1
