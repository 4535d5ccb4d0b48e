"""Limits on all requests: host names, rate, size, and uploads per address and in total.

An ASGI middleware that runs before Gradio, which has no such limits.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Collection
from typing import Any

from vibevoice_nb.serve.origin import host_name, is_loopback

from .limits import Limits

REQUESTS_PER_SECOND, BURST = 30.0, 120.0
"""POST requests per second of one address; typing in the page makes about ten."""
_ADDRESSES = 4096
"""Maximum number of tracked addresses; the least recent is dropped first."""
_FORM = 65_536
"""Bytes of an upload in addition to the file."""
MAX_SESSION = 100
"""Maximum length of a session name, which Gradio keeps; its own have 11 characters."""


class Refusal(Exception):
    """Rejected request: the HTTP status, and a sentence for the visitor."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Rate:
    """Token buckets by address.

    Examples
    --------
    >>> now = 0.0
    >>> rate = Rate(per_second=1, burst=2, clock=lambda: now)
    >>> [rate.allows("a"), rate.allows("a"), rate.allows("a"), rate.allows("b")]
    [True, True, False, True]
    """

    def __init__(
        self,
        per_second: float = REQUESTS_PER_SECOND,
        burst: float = BURST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second, self._burst, self._clock = per_second, burst, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, address: str) -> bool:
        """Count a request; return true if it may be served."""
        now = self._clock()
        tokens, counted = self._buckets.pop(address, (self._burst, now))
        tokens = min(self._burst, tokens + (now - counted) * self._per_second)
        allowed = tokens >= 1
        self._buckets[address] = (tokens - allowed, now)
        if len(self._buckets) > _ADDRESSES:
            self._buckets.popitem(last=False)
        return allowed


class Uploads:
    """Bytes uploaded within the time that files are kept, by address and in total.

    Examples
    --------
    >>> uploads = Uploads(Limits(address_megabytes=1))
    >>> uploads.add("a", 900_000)
    >>> uploads.add("a", 200_000)
    Traceback (most recent call last):
    vibevoice_nb.web.guard.Refusal: Your network address has uploaded more than 1 MB of recordings ...
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._clock = limits, clock
        self._entries: deque[tuple[float, str, int]] = deque()
        self._by_address: dict[str, int] = {}
        self._total = 0

    def add(self, address: str, size: int) -> None:
        """Count uploaded bytes.

        Raises
        ------
        Refusal
            If the address or all visitors together exceed their limit.
        """
        self._expire()
        limits = self._limits
        when = f"within {limits.keep_minutes:g} min. Try again after older ones have been deleted."
        if self._by_address.get(address, 0) + size > limits.address_megabytes * 1_000_000:
            most = limits.address_megabytes
            raise Refusal(413, f"Your network address has uploaded more than {most} MB of recordings {when}")
        if self._total + size > limits.total_megabytes * 1_000_000:
            most = limits.total_megabytes
            raise Refusal(
                413, f"All visitors together have uploaded more than {most} MB of recordings {when}"
            )
        self._entries.append((self._clock(), address, size))
        self._by_address[address] = self._by_address.get(address, 0) + size
        self._total += size

    def _expire(self) -> None:
        oldest = self._clock() - 60 * self._limits.keep_minutes
        while self._entries and self._entries[0][0] < oldest:
            _, address, size = self._entries.popleft()
            self._total -= size
            self._by_address[address] -= size
            if not self._by_address[address]:
                del self._by_address[address]


class Guard:
    """ASGI middleware that enforces the limits.

    Parameters
    ----------
    app : ASGI application
    limits : Limits
    hosts : collection of str, optional
        Accepted host names in addition to those of the loopback; None for any.
    """

    def __init__(self, app: Any, limits: Limits, hosts: Collection[str] | None = ()) -> None:
        self.app, self._limits = app, limits
        self._hosts = None if hosts is None else {host.casefold().rstrip(".") for host in hosts}
        self._rate, self._uploads = Rate(), Uploads(limits)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        address = scope["client"][0] if scope.get("client") else ""
        try:
            self._check_host(headers.get(b"host", ""))
            if scope["type"] == "websocket" or scope["method"] in ("GET", "HEAD"):
                await self.app(scope, receive, send)
                return
            if not self._rate.allows(address):
                raise Refusal(429, "Too many requests from your network address. Wait a few seconds.")
            is_upload = scope["path"].rstrip("/").endswith("/upload")
            body = _Body(receive, send, self._counter(address, is_upload))
            body.announced(headers.get(b"content-length", ""))
            if not is_upload:
                _check_session(await body.read())
        except Refusal as refusal:
            await _refuse(scope, send, refusal)
            return
        try:
            await self.app(scope, body.receive, body.send)
        except Exception:
            if body.refusal is None:
                raise  # otherwise the application only noticed that the visitor disconnected
        if body.refusal is not None and not body.answered:
            await _refuse(scope, send, body.refusal)

    def _check_host(self, header: str) -> None:
        name = host_name(header)
        if self._hosts is None or is_loopback(name) or name in self._hosts:
            return
        raise Refusal(
            421,
            f"This page is not served as {name[:100]!r}. Start the server with --allow-host to add a name.",
        )

    def _counter(self, address: str, is_upload: bool) -> Callable[[int, int], None]:
        """Return a function to call with the size of a request so far, and the number of new bytes."""
        limits = self._limits
        most = limits.upload_megabytes * 1_000_000 + _FORM if is_upload else limits.max_body

        def count(size: int, new: int) -> None:
            if size > most and is_upload:
                raise Refusal(413, f"A recording may have at most {limits.upload_megabytes} MB here.")
            if size > most:
                raise Refusal(413, f"A request may have at most {most:,} bytes.")
            if is_upload:
                self._uploads.add(address, new)

        return count


class _Body:
    """Body of one request, rejected as soon as it is too large."""

    def __init__(self, receive: Any, send: Any, count: Callable[[int, int], None]) -> None:
        self._receive, self._send, self._count = receive, send, count
        self._size = self._counted = 0
        self._read: deque[Any] = deque()
        self.refusal: Refusal | None = None
        self.answered = False

    def announced(self, length: str) -> None:
        """Check the size in the request's header before reading the body."""
        if length.isascii() and length.isdecimal() and len(length) < 19:
            self._counted = int(length)
            self._count(self._counted, self._counted)

    async def read(self) -> bytes:
        """Read the whole body; the application receives it unchanged."""
        messages: list[Any] = []
        while not messages or messages[-1].get("more_body"):
            messages.append(await self.receive())
            if self.refusal is not None:
                raise self.refusal
        self._read.extend(messages)
        return b"".join(message.get("body", b"") for message in messages)

    async def receive(self) -> Any:
        if self._read:
            return self._read.popleft()
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        self._size += len(message.get("body", b""))
        if self._size > self._counted:
            try:
                self._count(self._size, self._size - self._counted)
            except Refusal as refusal:
                self.refusal = refusal
                return {"type": "http.disconnect"}
            self._counted = self._size
        return message

    async def send(self, message: Any) -> None:
        if self.refusal is not None and not self.answered:
            return  # drop the application's response to a disconnected visitor
        self.answered = True
        await self._send(message)


def _check_session(body: bytes) -> None:
    try:
        session = json.loads(body).get("session_hash")
    except (ValueError, AttributeError, RecursionError):
        return  # not valid JSON; the application reports it
    if session is not None and (not isinstance(session, str) or len(session) > MAX_SESSION):
        raise Refusal(400, f"A session name may have at most {MAX_SESSION} characters. Reload the page.")


async def _refuse(scope: Any, send: Any, refusal: Refusal) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    words = str(refusal)
    body = (words[0].upper() + words[1:]).encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
