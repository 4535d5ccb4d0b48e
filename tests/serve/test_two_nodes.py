"""The server on a cluster of two nodes that it joins: requests spread, and a node is lost."""

from __future__ import annotations

import importlib.util
import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

if importlib.util.find_spec("ray") is None:
    pytest.skip("needs vibevoice-nb[serve]", allow_module_level=True)

from ray_cluster import SmallCluster, cluster

from vibevoice_nb.audio.pcm import to_int16
from vibevoice_nb.engine.engine import Engine
from vibevoice_nb.errors import ServerError
from vibevoice_nb.serve.running import Running

TEXT = "Anna: Good morning, and welcome.\nBen: Thank you, I am glad to be here. [pause:200]\nAnna: So."

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def joined() -> Iterator[tuple[SmallCluster, list[Any], Running]]:
    """A server with a replica on each of two nodes; the head, without resources, has the HTTP interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with cluster() as nodes:
        workers = [nodes.add_node(num_cpus=2) for _ in range(2)]
        running = Running("127.0.0.1", port, nodes.address, print)
        try:
            # two CPUs for a replica: one replica fills a node
            running.start({"min_replicas": 2, "max_replicas": 2, "num_cpus": 2}, 0.0)
            yield nodes, workers, running
        finally:
            running.stop()


def streamed(url: str, seed: int, at: Callable[[], None] = lambda: None) -> bytes:
    body = {"model": "nano", "input": TEXT, "response_format": "pcm", "num_steps": 2, "seed": seed}
    request = urllib.request.Request(f"{url}/v1/audio/speech", json.dumps(body).encode())
    parts = []
    with urllib.request.urlopen(request, timeout=120) as answer:
        while part := answer.read1():
            parts.append(part)
            at()
    return b"".join(parts)


def expected(nano: Engine, seed: int) -> bytes:
    return to_int16(nano.speak(TEXT, num_steps=2, seed=seed).audio).astype("<i2").tobytes()


def test_requests_spread_and_survive_the_loss_of_a_node(
    nano: Engine, joined: tuple[SmallCluster, list[Any], Running]
) -> None:
    from ray import serve

    nodes, workers, running = joined
    handle = serve.get_deployment_handle("SpeechReplica", "vibevoice")
    answers = [handle.process.remote() for _ in range(20)]
    assert len({answer.result(timeout_s=60) for answer in answers}) == 2
    lost, once = threading.Event(), threading.Lock()

    def lose_a_node() -> None:
        with once:
            if not lost.is_set():
                lost.set()
                nodes.remove_node(workers[0])

    with ThreadPoolExecutor(6) as pool:
        streams = [pool.submit(streamed, running.url, seed, lose_a_node) for seed in range(6)]
        heard = [stream.result(timeout=170) for stream in streams]
    assert lost.is_set()
    assert [one == expected(nano, seed) for seed, one in enumerate(heard)] == [True] * 6


def test_an_address_without_a_cluster_is_reported() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Running("127.0.0.1", port, "no-such-address:0", print)
    try:
        with pytest.raises(ServerError, match="cannot be joined"):
            running.start({}, 0.0)
    finally:
        running.stop()
