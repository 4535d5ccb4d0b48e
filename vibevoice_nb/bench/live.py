"""Live room: delay from text to the listener's ear, and gaps, with several listeners.

Usage: ``python -m vibevoice_nb.bench.live [--seconds 60] [--listeners 3]``. The server with nano, and the
listeners (aiortc), are two processes of this machine. A writer sends a sentence every few seconds. The last
line is JSON: `delay_ms`, from the request with the text to the first loud sample at each listener's decoder;
`gap_ms`, the longest time between two packets of 20 ms; `lost`, the packets that did not arrive.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..audio.pcm import FULL_SCALE

_SENTENCES = (
    "Good morning, everybody, and welcome to the show.",
    "The sun is out today, and the sea is warm.",
    "It will rain in the evening, so take a coat.",
    "Thank you for listening, and have a good day.",
)
_LOUD = 0.02
"""Amplitude from which audio is speech."""
_EVERY = 6.0
"""Seconds between two sentences: each of them begins in silence."""


@dataclass
class Ear:
    """Packets that one listener has received."""

    times: list[float] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    def delay(self, sent: float) -> float | None:
        """Return the seconds from a moment to the first speech after it."""
        loud = (
            at - sent for at, peak in zip(self.times, self.peaks, strict=True) if at > sent and peak > _LOUD
        )
        return next(loud, None)

    def longest_gap(self) -> float:
        """Return the longest time between two packets."""
        return float(np.diff(self.times).max())

    def lost(self) -> int:
        """Return the number of packets that did not arrive."""
        return round((self.numbers[-1] - self.numbers[0]) / 960) + 1 - len(self.numbers)


async def listen(url: str, token: str, ear: Ear) -> Any:
    """Connect a listener; return its connection."""
    import httpx
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
    from aiortc.mediastreams import MediaStreamError

    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.addTransceiver("audio", "recvonly")

    @connection.on("track")
    def heard(track: Any) -> None:
        async def receive() -> None:
            try:
                while True:
                    frame = await track.recv()
                    ear.times.append(time.time())
                    ear.numbers.append(frame.pts)
                    ear.peaks.append(float(np.abs(frame.to_ndarray()).max()) / FULL_SCALE)
            except MediaStreamError:
                return

        connection.receiving = asyncio.ensure_future(receive())

    await connection.setLocalDescription(await connection.createOffer())
    async with httpx.AsyncClient(timeout=30) as client:
        offer = {"sdp": connection.localDescription.sdp}
        reply = await client.post(f"{url}offer", json=offer, headers={"authorization": f"Bearer {token}"})
    reply.raise_for_status()
    await connection.setRemoteDescription(RTCSessionDescription(reply.json()["sdp"], "answer"))
    return connection


async def measure(url: str, token: str, seconds: float, listeners: int) -> dict[str, Any]:
    """Listen for some time while sentences are sent; return the figures."""
    import httpx

    ears = [Ear() for _ in range(listeners)]
    connections = [await listen(url, token, ear) for ear in ears]
    await asyncio.sleep(2)
    for ear in ears:  # the connection is there; from now on, everything counts
        for kept in (ear.times, ear.numbers, ear.peaks):
            kept.clear()
    sent, end = [], time.time() + seconds
    async with httpx.AsyncClient(timeout=30) as client:
        while time.time() < end:
            sent.append(time.time())
            text = {"text": _SENTENCES[len(sent) % len(_SENTENCES)]}
            await client.post(f"{url}text", json=text, headers={"authorization": f"Bearer {token}"})
            await asyncio.sleep(max(0.0, min(end, sent[-1] + _EVERY) - time.time()))
    found = [delay for ear in ears for at in sent if (delay := ear.delay(at)) is not None]
    figures = {
        "listeners": listeners,
        "seconds": round(seconds, 1),
        "sentences": len(sent),
        "delay_ms": round(1000 * statistics.median(found)),
        "delay_most_ms": round(1000 * max(found)),
        "gap_ms": round(1000 * max(ear.longest_gap() for ear in ears)),
        "lost": sum(ear.lost() for ear in ears),
        "packets": sum(len(ear.times) for ear in ears),
    }
    for connection in connections:
        await connection.close()
    return figures


def _listeners(address: str, token: str, seconds: float, listeners: int, answers: Any) -> None:
    answers.put(asyncio.run(measure(address, token, seconds, listeners)))


def run_live(seconds: float = 60.0, listeners: int = 3) -> dict[str, Any]:
    """Serve a live room with nano, and measure it from another process."""
    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.web.live.server import live_rooms, serving_live

    rooms = live_rooms(Engine.load("nano", device="cpu"), "127.0.0.1")
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with serving_live(rooms) as url:
        arguments = (f"{url}live/main/", rooms.tokens.token("main", "speaker"), seconds, listeners, answers)
        process = context.Process(target=_listeners, args=arguments)
        process.start()
        figures: dict[str, Any] = answers.get(timeout=seconds + 60)
        process.join()
    return figures


def main() -> None:
    """Run the benchmark; print a line of JSON."""
    parser = argparse.ArgumentParser(description="Measure the live room with nano.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--listeners", type=int, default=3)
    given = parser.parse_args()
    print(json.dumps({"live": run_live(given.seconds, given.listeners)}))


if __name__ == "__main__":
    main()
