"""WebRTC connection of one listener: its offer is checked and answered, and its candidates are limited."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from typing import Any

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from vibevoice_nb.errors import OptionError

from .opus import PacketTrack

_MEDIA = ("audio", "application")
_MAX_CANDIDATES = 16
_SECONDS = 5.0
"""Most time to answer an offer."""


class BadOffer(OptionError):
    """Offer that cannot be answered."""


def check_offer(sdp: object, most: int) -> str:
    r"""Return an offer if its size and its parts are those of a listener.

    Raises
    ------
    BadOffer
        If it is no text, too long, or has other media than one audio stream and one data channel.

    Examples
    --------
    >>> check_offer("v=0\r\nm=video 9 RTP/AVP 0\r\n", 1000)
    Traceback (most recent call last):
    vibevoice_nb.web.live.connection.BadOffer: an offer with the media video. ...
    """
    remedy = "reload the page"
    if not isinstance(sdp, str) or not sdp.isascii():
        raise BadOffer("an offer that is not a text", "an SDP offer", remedy)
    if len(sdp) > most:
        raise BadOffer(f"an offer of {len(sdp):,} bytes", f"at most {most:,} bytes", remedy)
    media = [line[2:].split(" ", 1)[0] for line in sdp.splitlines() if line.startswith("m=")]
    if sorted(media) not in (["audio"], ["application", "audio"]):
        shown = ", ".join(media)[:80] or "(none)"
        raise BadOffer(f"an offer with the media {shown}", "audio, and a data channel", remedy)
    return sdp


def usable_candidates(sdp: str, client: str, *, loopback: bool) -> str:
    """Return an offer whose candidates lead only to where a listener may be.

    A name for multicast DNS, behind which browsers hide their address, becomes the address of the request.
    On the loopback only addresses of this machine stay, otherwise only addresses of the network.
    """
    kept, count = [], 0
    for line in sdp.splitlines():
        if line.startswith("a=candidate:"):
            parts = line.split()
            if len(parts) < 8 or parts[2].lower() != "udp" or not parts[5].isdecimal():
                continue
            parts[4] = client if parts[4].endswith(".local") else parts[4]
            count += 1
            if count > _MAX_CANDIDATES or not _may_be(parts[4], loopback=loopback):
                continue
            line = " ".join(parts)
        kept.append(line)
    return "\r\n".join(kept) + "\r\n"


def _may_be(host: str, *, loopback: bool) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if loopback:
        return address.is_loopback or _is_own(host)
    return not (
        address.is_multicast or address.is_unspecified or address.is_link_local or address.is_loopback
    )


def _is_own(host: str) -> bool:
    """Return true for an address of this machine: a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))
    except OSError:
        return False
    return True


async def answered(sdp: str, track: PacketTrack, *, loopback: bool) -> tuple[RTCPeerConnection, str]:
    """Answer a checked offer; return the connection and the answer.

    Without servers, the answer has host candidates only; on the loopback, only that of 127.0.0.1.

    Raises
    ------
    BadOffer
        If it is no valid SDP, or has no codec in common.
    """
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        async with asyncio.timeout(_SECONDS) if hasattr(asyncio, "timeout") else _no_timeout():
            await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            connection.addTrack(track)
            for transceiver in connection.getTransceivers():
                transceiver.direction = "sendonly"
            if loopback:
                _gather_loopback_only(connection)
            await connection.setLocalDescription(await connection.createAnswer())
    except Exception as error:  # the parser of aiortc raises whatever its first fault raises
        await connection.close()
        raise BadOffer(
            f"an offer that cannot be answered ({type(error).__name__})", "a WebRTC offer", "reload the page"
        ) from error
    return connection, connection.localDescription.sdp


def _gather_loopback_only(connection: RTCPeerConnection) -> None:
    """Let a connection listen on 127.0.0.1 alone; by default it would on all addresses but that."""
    transports = [transceiver.receiver.transport for transceiver in connection.getTransceivers()]
    transports += [connection.sctp.transport] if connection.sctp else []
    for ice in {transport.transport for transport in transports}:
        agent = ice.iceGatherer._connection
        gather = agent.get_component_candidates

        async def local(component: int, addresses: list[str], timeout: int = 5, gather: Any = gather) -> Any:
            return await gather(component=component, addresses=["127.0.0.1"], timeout=timeout)

        agent.get_component_candidates = local


class _no_timeout:
    """Python 3.10 has no `asyncio.timeout`; gathering host candidates takes milliseconds."""

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *exc: object) -> None: ...
