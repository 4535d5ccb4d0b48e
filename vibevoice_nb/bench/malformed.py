"""Malformed requests against the server, in this process: answers, memory and open files.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..engine.engine import Engine
from ..serve.http import Server, build_http
from ..serve.limits import ServeLimits
from ..serve.users import TokenFile
from ..serve.voice_store import VoiceStore
from ..serve.worker import SpeechWorker

_VALUES: list[Any] = [None, True, -1, 1e308, 10**30, "", "\0", "../../etc/passwd", [], {}, [[[]]], {"a": [1]}]
_FIELDS = ["model", "input", "voice", "response_format", "speed", "stream", "seed", "cfg_scale", "num_steps"]
_PATHS = ["/v1/audio/speech", "/v1/models/", "/v1/voices", "/v1/voices/", "/metrics", "/v1/native", "/%00"]


def _request(draw: random.Random) -> tuple[str, str, dict[str, str], bytes]:
    """Return method, path, headers and body of a request with something wrong in it."""
    body: dict[str, Any] = {
        "model": "nano",
        "input": "A.",
        "seed": 1,
        "num_steps": 1,
        "response_format": "pcm",
    }
    for name in draw.sample(_FIELDS, draw.randint(1, 3)):
        body[name] = draw.choice(_VALUES)
    raw = json.dumps(body).encode()
    path, method = "/v1/audio/speech", "POST"
    headers = {"content-type": "application/json"}
    kind = draw.randrange(8)
    if kind == 0:  # cut anywhere
        raw = raw[: draw.randrange(len(raw))]
    elif kind == 1:
        raw = draw.randbytes(draw.randrange(2000))
    elif kind == 2:
        raw = b"[" * draw.randrange(100_000)
    elif kind == 3:
        path, method = draw.choice(_PATHS), draw.choice(["GET", "POST", "DELETE", "PUT", "X"])
    elif kind == 4:  # a form, whole, cut or without its boundary
        boundary = draw.choice(["x", "", "y" * 5000])
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        raw = (part + draw.randbytes(draw.randrange(5000)) + b"\r\n--x--\r\n")[: draw.randrange(5200)]
        path = "/v1/voices"
    elif kind == 5:
        path = f"/v1/voices?consent={draw.choice(['true', 'x', ''])}&name=" + "n" * draw.randrange(300)
        raw = draw.choice([b"RIFF", b"OggS", b"fLaC", b"ID3"]) + draw.randbytes(draw.randrange(3000))
    elif kind == 6:
        headers["content-length"] = draw.choice(["-1", "9" * 30, "x", "0"])
    return method, path, headers, raw


class _Client:
    """Requests to an ASGI application; the exceptions it raises are counted."""

    def __init__(self, app: Any, token: str) -> None:
        self._app, self._token = app, token
        self.answers: Counter[str] = Counter()

    async def send(self, draw: random.Random) -> None:
        method, path, headers, raw = _request(draw)
        if draw.random() > 0.05:
            headers["authorization"] = f"Bearer {self._token}"
        route, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": route,
            "raw_path": route.encode(),
            "root_path": "",
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        parts = [{"type": "http.request", "body": raw, "more_body": False}]
        leaves = draw.random() < 0.05
        ended = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if parts:
                return parts.pop()
            if not leaves:
                await ended.wait()
            return {"type": "http.disconnect"}

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.answers[str(message["status"])] += 1
            elif not message.get("more_body"):
                ended.set()

        try:
            await self._app(scope, receive, answer)
        except Exception as error:
            self.answers[type(error).__name__] += 1


def _state() -> dict[str, float]:
    """Return megabytes of memory and the number of open files; only on Linux."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "megabytes": round(int(resident.split()[1]) / 1000, 1),
        "files": len(os.listdir("/proc/self/fd")),
    }


def measure(requests: int, seed: int = 0) -> dict[str, Any]:
    """Send requests, ten at a time; memory and files are counted at the start, at half and at the end."""
    worker, limits = SpeechWorker(Engine.load("nano")), ServeLimits(max_minutes=0.2)
    with tempfile.TemporaryDirectory() as folder:
        users = TokenFile(Path(folder) / "users.json")
        token = users.add("anna")
        store = VoiceStore(Path(folder) / "voices", limits)
        client = _Client(build_http(Server(worker, users, store, limits)), token)
        draw = random.Random(seed)

        async def send(count: int) -> None:
            for _ in range(0, count, 10):
                await asyncio.gather(*(client.send(draw) for _ in range(10)))

        async def everything() -> list[dict[str, float]]:
            states = []
            for count in (max(10, requests // 10), requests // 2, requests - requests // 2):
                await send(count)
                states.append(_state())
            return states

        try:
            warm, half, end = asyncio.run(everything())
        finally:
            worker.close()
    return {"requests": requests, "answers": dict(client.answers), "warm": warm, "half": half, "end": end}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print(json.dumps(measure(options.requests, options.seed)))


if __name__ == "__main__":
    main()
