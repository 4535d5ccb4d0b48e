"""Live rooms of a server, by name, with a limit on their number."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable

from vibevoice_nb.errors import OptionError
from vibevoice_nb.ranges import shown

from .access import Tokens, is_room_name
from .limits import LiveLimits
from .places import Full
from .room import LiveRoom

FIRST = "main"
"""Name that always exists; its speakers may open others."""
_TIDY = 30.0  # seconds


class LiveRooms:
    """Live rooms that are open.

    Parameters
    ----------
    create : callable
        Creates a live room of a name, in the event loop.
    limits : LiveLimits
    tokens : Tokens
    """

    def __init__(self, create: Callable[[str], LiveRoom], limits: LiveLimits, tokens: Tokens) -> None:
        self.limits, self.tokens = limits, tokens
        self._create = create
        self._open: dict[str, LiveRoom] = {}
        self._tidying: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Open the first."""
        self._open[FIRST] = self._create(FIRST)
        self._tidying = asyncio.create_task(self._tidy())

    def get(self, name: str) -> LiveRoom | None:
        """Return a live room by its name."""
        return self._open.get(name)

    def open(self, name: object) -> LiveRoom:
        """Return a live room, opening it first if necessary.

        Raises
        ------
        OptionError
            If the name is not valid.
        Full
            If too many are open.
        """
        if not is_room_name(name):
            expected = "1 to 40 small letters, digits and hyphens"
            raise OptionError(f"the name {shown(name)}", expected, "choose another name")
        assert isinstance(name, str)
        if name not in self._open:
            if len(self._open) >= self.limits.most_rooms:
                raise Full(
                    f"{len(self._open)} are open", f"at most {self.limits.most_rooms}", "try again later"
                )
            self._open[name] = self._create(name)
        return self._open[name]

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(_TIDY)
            oldest = time.monotonic() - 60 * self.limits.idle_minutes
            for name, one in list(self._open.items()):
                if name != FIRST and one.idle and one.used < oldest:
                    del self._open[name]
                    await one.close()

    async def close(self) -> None:
        """Close all."""
        if self._tidying is not None:
            self._tidying.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._tidying
        await asyncio.gather(*(one.close() for one in self._open.values()))
        self._open.clear()
