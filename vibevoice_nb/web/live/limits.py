"""Limits of live rooms."""

from __future__ import annotations

from dataclasses import dataclass

from vibevoice_nb.ranges import check_ranges

_RANGES = {
    "most_rooms": (1, 100, "a whole number of live rooms, from 1 to 100"),
    "listeners": (1, 1000, "a whole number of listeners, from 1 to 1000"),
    "per_address": (1, 1000, "a whole number of listeners, from 1 to 1000"),
    "writers": (1, 100, "a whole number of connections, from 1 to 100"),
    "message_chars": (1, 100_000, "a whole number of characters, from 1 to 100000"),
    "waiting_chars": (100, 1_000_000, "a whole number of characters, from 100 to 1000000"),
    "sdp_bytes": (1_000, 200_000, "a whole number of bytes, from 1000 to 200000"),
    "idle_minutes": (1.0, 1440.0, "minutes, from 1 to 1440"),
}


@dataclass(frozen=True)
class LiveLimits:
    """Limits of live rooms.

    Attributes
    ----------
    most_rooms : int
        Maximum number of live rooms.
    listeners, per_address : int
        Maximum number of listeners of a live room, and of one network address in all of them.
    writers : int
        Maximum number of WebSocket connections that send text to a live room.
    message_chars : int
        Longest piece of text in one message.
    waiting_chars : int
        Maximum number of characters that wait to be spoken; more are rejected.
    sdp_bytes : int
        Largest description of a WebRTC connection.
    idle_minutes : float
        Time after which a live room without listeners and text is closed, except the first.

    Raises
    ------
    OptionError
        If a value is out of range.

    Examples
    --------
    >>> LiveLimits(listeners=0)
    Traceback (most recent call last):
    vibevoice_nb.errors.OptionError: listeners=0. Expected a whole number of listeners...
    """

    most_rooms: int = 4
    listeners: int = 50
    per_address: int = 50
    writers: int = 8
    message_chars: int = 4_000
    waiting_chars: int = 20_000
    sdp_bytes: int = 32_000
    idle_minutes: float = 30.0

    def __post_init__(self) -> None:
        check_ranges(self, _RANGES)

    @property
    def message_bytes(self) -> int:
        """Longest message with a text of `message_chars`, all of them escaped in JSON."""
        return 12 * self.message_chars + 1_000
