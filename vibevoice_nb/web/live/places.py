"""Places of network addresses, counted in all live rooms of a server."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator

from vibevoice_nb.errors import VibeVoiceError


class Full(VibeVoiceError):
    """A limit on listeners, text or live rooms is reached."""


class Places:
    """Places that are taken, by network address.

    Examples
    --------
    >>> places = Places(1)
    >>> places.take("192.0.2.1")
    >>> places.take("192.0.2.1")
    Traceback (most recent call last):
    vibevoice_nb.web.live.places.Full: 1 connections with your network address. Expected at most 1. ...
    >>> places.free("192.0.2.1")
    >>> places.take("192.0.2.1")
    """

    def __init__(self, per_address: int) -> None:
        self._most = per_address
        self._taken: Counter[str] = Counter()

    def take(self, address: str) -> None:
        """Take a place.

        Raises
        ------
        Full
            If all places of the address are taken.
        """
        if self._taken[address] >= self._most:
            got = f"{self._taken[address]} connections with your network address"
            raise Full(got, f"at most {self._most}", "close other pages of it")
        self._taken[address] += 1

    def free(self, address: str) -> None:
        """Give a place back."""
        self._taken[address] -= 1
        if self._taken[address] <= 0:
            del self._taken[address]

    @contextlib.contextmanager
    def taken(self, address: str) -> Iterator[None]:
        """Take a place inside the block."""
        self.take(address)
        try:
            yield
        finally:
            self.free(address)
