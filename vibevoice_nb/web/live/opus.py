"""Opus for WebRTC: every 20 ms are encoded once, for all listeners."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from numpy.typing import NDArray

from .playout import RATE, STEP

_BITRATE = 48_000
_QUEUED = 30
"""Packets that wait for a connection: 600 ms, more than the clock catches up; the oldest are dropped."""


class OpusEncoder:
    """Encoder of 20 ms steps.

    Examples
    --------
    >>> packets = [OpusEncoder().encode(np.zeros(960, np.float32)) for _ in range(2)]
    >>> all(isinstance(packet, bytes) for found in packets for packet in found)
    True
    """

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "w")
        codec.sample_rate, codec.bit_rate = RATE, _BITRATE
        codec.format, codec.layout = "flt", "mono"
        codec.time_base = Fraction(1, RATE)
        codec.options = {"application": "audio", "frame_duration": "20"}
        self._codec, self._pts = codec, 0

    def encode(self, step: NDArray[np.float32]) -> list[bytes]:
        """Return the packets of a step [960]; the first step may have none yet."""
        frame = av.AudioFrame.from_ndarray(np.clip(step, -1.0, 1.0)[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._pts, Fraction(1, RATE)
        self._pts += STEP
        return [bytes(packet) for packet in self._codec.encode(frame)]


class PacketTrack(MediaStreamTrack):
    """Audio track of one listener: packets that are encoded already."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets: asyncio.Queue[av.Packet | None] = asyncio.Queue(_QUEUED)

    def put(self, data: bytes, pts: int) -> None:
        """Add a packet whose first sample, at 48 kHz, is number `pts`."""
        packet = av.Packet(data)
        packet.pts, packet.time_base = pts, Fraction(1, RATE)
        if self._packets.full():
            self._packets.get_nowait()
        self._packets.put_nowait(packet)

    async def recv(self) -> av.Packet:
        packet = await self._packets.get() if self.readyState == "live" else None
        if packet is None:
            raise MediaStreamError
        return packet

    def stop(self) -> None:
        super().stop()
        if self._packets.full():
            self._packets.get_nowait()
        self._packets.put_nowait(None)
