"""Speed of the server with many users: total time, waits, and the overhead for one user.

Measures the worker in this process, without HTTP; or with --url, a server that is running and a local engine
in turn, so that both have the same machine. The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
import urllib.request
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np

from ..engine.engine import Engine
from ..model.config import SAMPLE_RATE
from ..script import parse_script
from ..serve.events import Frame, Silence
from ..serve.requests import SpeechRequest, User
from ..serve.worker import SpeechWorker

TEXT = (
    "Speaker 1: Good morning, and welcome to the show. We talk about the sea today, and about its boats.\n"
    "Speaker 2: Thank you. I have lived by the sea for thirty years, and I still learn something every day."
)
"""About ten seconds of speech."""


async def _spoken(worker: SpeechWorker, number: int) -> AsyncIterator[int]:
    """Yield the samples of each piece of audio of a user."""
    turns = parse_script(TEXT).turns
    request = SpeechRequest(turns, {0: "Ada", 1: "Kai"}, {"seed": number}, spans=False)
    async for event in worker.submit(request, User(f"user {number}")):
        if isinstance(event, Frame):
            yield len(event.audio)
        elif isinstance(event, Silence):
            yield event.samples


async def _one(pieces: AsyncIterator[int]) -> tuple[float, float, float]:
    """Return seconds to the first audio and to the end, and those of the audio."""
    started, first, samples = time.perf_counter(), 0.0, 0
    async for count in pieces:
        first = first or time.perf_counter() - started
        samples += count
    return first, time.perf_counter() - started, samples / SAMPLE_RATE


def measure(engine: Engine, clients: int, max_batch: int) -> dict[str, Any]:
    """Measure one user, users one after the other, and users at the same time."""
    alone = [_local(engine, number) for number in range(3)]
    worker = SpeechWorker(engine, max_batch)
    try:
        asyncio.run(_one(_spoken(worker, 0)))
        single = [asyncio.run(_one(_spoken(worker, number))) for number in range(3)]
        cpu, clock = time.process_time(), time.perf_counter()
        sequence = [asyncio.run(_one(_spoken(worker, number))) for number in range(clients)]
        in_turn, in_turn_cpu = time.perf_counter() - clock, time.process_time() - cpu
        cpu, clock = time.process_time(), time.perf_counter()
        together = asyncio.run(_all(worker, clients))
        at_once, at_once_cpu = time.perf_counter() - clock, time.process_time() - cpu
    finally:
        worker.close()
    firsts, wholes = [one[0] for one in together], [one[1] for one in together]
    return {
        "clients": clients,
        "max_batch": max_batch,
        "audio_seconds": round(sum(one[2] for one in sequence), 1),
        "seconds_in_turn": round(in_turn, 2),
        "seconds_at_once": round(at_once, 2),
        "ratio": round(at_once / in_turn, 3),
        "cpu_ratio": round(at_once_cpu / in_turn_cpu, 3),
        "first_audio_p50": round(float(np.percentile(firsts, 50)), 3),
        "first_audio_p95": round(float(np.percentile(firsts, 95)), 3),
        "last_to_median_wait": round(max(wholes) / statistics.median(wholes), 3),
        "rtf_engine": round(_rtf(alone), 4),
        "rtf_worker": round(_rtf(single), 4),
        "first_audio_engine": round(statistics.median(one[0] for one in alone), 4),
        "first_audio_worker": round(statistics.median(one[0] for one in single), 4),
    }


def measure_http(engine: Engine, url: str, rounds: int = 7) -> dict[str, Any]:
    """Measure one user of a server with the same model, and of an engine here, alternately."""
    local, remote = [], []
    for number in range(rounds + 1):
        here, there = _local(engine, number), _http(url, engine.name, number)
        if number:  # the first one warms up
            local.append(here)
            remote.append(there)
    return {
        "rounds": rounds,
        "rtf_engine": round(_rtf(local), 4),
        "rtf_http": round(_rtf(remote), 4),
        "first_audio_engine": round(statistics.median(one[0] for one in local), 4),
        "first_audio_http": round(statistics.median(one[0] for one in remote), 4),
    }


def _http(url: str, model: str, number: int) -> tuple[float, float, float]:
    body = {"model": model, "input": TEXT, "voice": ["Ada", "Kai"], "response_format": "pcm", "seed": number}
    started, first, size = time.perf_counter(), 0.0, 0
    request = urllib.request.Request(f"{url}/v1/audio/speech", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=600) as answer:
        while part := answer.read1():
            first = first or time.perf_counter() - started
            size += len(part)
    return first, time.perf_counter() - started, size / 48_000


async def _all(worker: SpeechWorker, clients: int) -> list[tuple[float, float, float]]:
    return list(await asyncio.gather(*(_one(_spoken(worker, number)) for number in range(clients))))


def _local(engine: Engine, number: int) -> tuple[float, float, float]:
    started, first, samples = time.perf_counter(), 0.0, 0
    for audio in engine.stream(TEXT, ["Ada", "Kai"], seed=number):
        first = first or time.perf_counter() - started
        samples += len(audio)
    return first, time.perf_counter() - started, samples / SAMPLE_RATE


def _rtf(runs: Sequence[tuple[float, float, float]]) -> float:
    return statistics.median(seconds / audio for _, seconds, audio in runs)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--max-batch", type=int, default=32)
    parser.add_argument("--url", help="server to compare with, such as http://127.0.0.1:8000")
    options = parser.parse_args(arguments)
    engine = Engine.load(options.model, device=options.device)
    if options.url:
        print(json.dumps({"model": options.model, **measure_http(engine, options.url.rstrip("/"))}))
        return
    print(json.dumps({"model": options.model, **measure(engine, options.clients, options.max_batch)}))


if __name__ == "__main__":
    main()
