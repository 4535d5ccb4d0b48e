"""`LiveRoom`: one voice for all listeners of a link; text in, audio and the words being spoken out."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vibevoice_nb.errors import ScriptError, VibeVoiceError
from vibevoice_nb.web.guard import Rate

from .clock import Clock
from .connection import answered, check_offer, usable_candidates
from .limits import LiveLimits
from .opus import PacketTrack
from .places import Full, Places
from .playout import STEP, Playout
from .speech import Speech

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection

    from vibevoice_nb.engine.engine import Engine
    from vibevoice_nb.engine.live_text.spoken_words import SpokenWord

_REPORT = 25
"""Steps between two reports of the state."""
_RECENT = 200
"""Words that a late listener gets."""
_CONNECT = 20.0
"""Seconds within which a listener has to connect."""
_MESSAGE = 2_000
"""Longest message of a listener."""
_BACKLOG = 64_000
"""Bytes that may wait in a listener's data channel; later words are left out then."""


class Closed(VibeVoiceError):
    """The live room is not open."""


class Listener:
    """One connection: its track, and its data channel once it is open."""

    def __init__(self, connection: RTCPeerConnection, track: PacketTrack, address: str) -> None:
        self.connection, self.track, self.address = connection, track, address
        self.channel: Any = None

    def send(self, text: str) -> None:
        """Send a message if the channel is open and not congested."""
        channel = self.channel
        if channel is not None and channel.readyState == "open" and channel.bufferedAmount < _BACKLOG:
            channel.send(text)


class LiveRoom:
    """A live room: `say` text in any pieces, `join` listeners. Create it in the event loop.

    Parameters
    ----------
    name : str
    engine : Engine
    limits : LiveLimits
    loopback : bool
        Whether connections are accepted from this machine only.
    voices : voices, optional
        As for `Engine.stream_text`.
    options : mapping, optional
        Options of the generation.
    places : Places, optional
        Places of each network address, if other live rooms share them.
    """

    def __init__(
        self,
        name: str,
        engine: Engine,
        limits: LiveLimits,
        *,
        loopback: bool = True,
        voices: Any = None,
        options: Mapping[str, Any] | None = None,
        places: Places | None = None,
    ) -> None:
        self.name, self.limits, self.loopback = name, limits, loopback
        self.listeners: dict[str, Listener] = {}
        self.used = time.monotonic()
        self.playout = Playout()
        self.speech = Speech(name, engine, self.playout, voices, options or {})
        self._places = places or Places(limits.per_address)
        self._recent: deque[dict[str, str]] = deque(maxlen=_RECENT)
        self._closed, self._joining = False, 0
        self._leaving: set[asyncio.Future[None]] = set()
        self._rate = Rate(per_second=20, burst=40)
        self._state: dict[str, Any] = {}
        self.clock = Clock(name, self.playout, lambda: bool(self.listeners), self._deliver)

    @property
    def idle(self) -> bool:
        """True if there is no listener, none is joining, and no text waits."""
        return not (self.listeners or self._joining or self.waiting)

    # --- text -----------------------------------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """Number of characters that wait to be spoken."""
        return self.speech.waiting

    def say(self, text: object, *, end: bool = False) -> int:
        """Add a piece of text; `end` ends its last sentence. Return the number of characters that wait.

        Raises
        ------
        ScriptError
            If it is no text, or longer than a message may be.
        Full
            If too much text waits.
        """
        most = self.limits.message_chars
        if not isinstance(text, str):
            raise ScriptError(f"text of type {type(text).__name__}", "text (str)", 'send {"text": "..."}')
        if len(text) > most:
            raise ScriptError(f"a text of {len(text):,} characters", f"at most {most:,}", "send it in parts")
        waiting = self.waiting
        if waiting + len(text) > self.limits.waiting_chars:
            got = f"{waiting:,} characters wait to be spoken"
            raise Full(got, f"at most {self.limits.waiting_chars:,}", "wait until some of them are spoken")
        text += "\n" if end else ""
        if text:
            self.speech.say(text)
        self.used = time.monotonic()
        return self.waiting

    def interrupt(self) -> str:
        """Stop speaking at once; return the words that were not heard."""
        self.used = time.monotonic()
        return self.speech.interrupt()

    # --- listeners ------------------------------------------------------------------------------------------

    async def join(self, sdp: object, address: str) -> tuple[str, str]:
        """Answer a listener's offer; return the listener's name and the answer.

        Raises
        ------
        BadOffer
            If the offer cannot be answered.
        Full
            If there are too many listeners.
        Closed
            If the live room was closed in the meantime.
        """
        offer = usable_candidates(check_offer(sdp, self.limits.sdp_bytes), address, loopback=self.loopback)
        if len(self.listeners) + self._joining >= self.limits.listeners:
            raise Full(
                f"{len(self.listeners)} listeners", f"at most {self.limits.listeners}", "try again later"
            )
        self._places.take(address)
        self._joining += 1
        try:
            track = PacketTrack()
            connection, answer = await answered(offer, track, loopback=self.loopback)
            if self._closed:  # while it was answered
                await connection.close()
                raise Closed("a link that is closed", "an open one", "ask for a new link")
        except BaseException:
            self._places.free(address)
            raise
        finally:
            self._joining -= 1
        name = secrets.token_urlsafe(9)
        listener = self.listeners[name] = Listener(connection, track, address)
        self.used = time.monotonic()

        @connection.on("datachannel")
        def opened(channel: Any) -> None:
            if listener.channel is None:
                listener.channel = channel
                channel.on("message", lambda message: listener.send(self._reply(name, message)))
                listener.send(json.dumps({"type": "recent", "words": list(self._recent)}))
                listener.send(json.dumps({"type": "state", **self._state}))

        @connection.on("connectionstatechange")
        async def changed() -> None:
            if connection.connectionState in ("failed", "closed"):
                await self.leave(name)

        asyncio.get_running_loop().call_later(_CONNECT, self._drop_unconnected, name)
        return name, answer

    def _drop_unconnected(self, name: str) -> None:
        listener = self.listeners.get(name)
        if listener is not None and listener.connection.connectionState in ("new", "connecting"):
            leaving = asyncio.ensure_future(self.leave(name))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def leave(self, name: str) -> None:
        """Close a listener's connection."""
        listener = self.listeners.pop(name, None)
        if listener is not None:
            self.used = time.monotonic()
            self._places.free(listener.address)
            listener.track.stop()
            await listener.connection.close()

    def _reply(self, name: str, message: object) -> str:
        """Return the answer to a listener's message, whatever it is."""
        if not self._rate.allows(name):
            return json.dumps({"type": "error", "error": "Too many messages."})
        try:
            if not isinstance(message, str) or len(message) > _MESSAGE:
                raise ValueError
            given = json.loads(message)
            if given["type"] == "ping" and isinstance(given.get("at", 0), (int, float)):
                return json.dumps({"type": "pong", "at": given.get("at", 0)})
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass
        return json.dumps({"type": "error", "error": 'Expected {"type": "ping"}.'})

    # --- the clock ------------------------------------------------------------------------------------------

    def _deliver(self, number: int, packets: list[bytes], words: list[SpokenWord]) -> None:
        """Send a step to all listeners, and the words that begin in it; runs in the event loop."""
        if self._closed:
            return
        for data in packets:
            for listener in list(self.listeners.values()):
                listener.track.put(data, number * STEP)
        self._report(words, every=number % _REPORT == 0)

    def _report(self, words: list[SpokenWord], *, every: bool) -> None:
        if words:
            said = [{"text": word.text, "speaker": word.speaker} for word in words]
            self._recent.extend(said)
            self._broadcast({"type": "words", "words": said})
        if every:
            state = {
                "listeners": len(self.listeners),
                "speaking": self.playout.playing,
                "waiting": self.waiting,
                "problem": self.speech.problem,
            }
            if state != self._state:
                self._state, self.speech.problem = state, ""
                self._broadcast({"type": "state", **state})

    def _broadcast(self, message: Mapping[str, Any]) -> None:
        text = json.dumps(message)
        for listener in list(self.listeners.values()):
            listener.send(text)

    async def close(self) -> None:
        """Disconnect all listeners and stop speaking."""
        self._closed = True
        self.clock.close()
        self.speech.close()
        await asyncio.gather(*(self.leave(name) for name in list(self.listeners)), *self._leaving)
        await asyncio.to_thread(self.speech.join, 5.0)
        await asyncio.to_thread(self.clock.join, 5.0)
