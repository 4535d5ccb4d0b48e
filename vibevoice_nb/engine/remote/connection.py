"""Connection to a server: opened, checked, and read with a time limit."""

from __future__ import annotations

import contextlib
import inspect
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ... import errors
from ..._version import __version__
from ...errors import ServerError, VibeVoiceError
from ...ranges import shown
from .address import SERVER, TOKEN, Address
from .wire import ALIVE_SECONDS, MAX_MESSAGE, PROTOCOL, Message, pack, unpack

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

OPEN_SECONDS = 20.0
"""Longest time for opening a connection."""


class ConnectionLostError(Exception):
    """The connection broke; the request can be continued with another."""


class RetryError(ServerError):
    """The server is away, full, or lost the request: trying again may help."""

    def final(self) -> ServerError:
        """Return the error to raise when it is not tried again."""
        return ServerError(self.got, self.expected, self.remedy)


class Connection:
    """An open connection; sends and receives messages.

    Parameters
    ----------
    socket : ClientConnection
    address : Address

    Attributes
    ----------
    facts : mapping
        Facts of the model, as the server sent them.
    """

    def __init__(self, socket: ClientConnection, address: Address) -> None:
        self._socket, self._address = socket, address
        self.facts: Mapping[str, Any] = {}

    def send(self, message: Message) -> None:
        """Send a message.

        Raises
        ------
        ConnectionLostError
        """
        with self._losses():
            self._socket.send(pack(message))

    def receive(self, timeout: float = 3 * ALIVE_SECONDS) -> Message:
        """Return the next message; raise the error that a `failed` has.

        Raises
        ------
        ConnectionLostError
            If the connection breaks, or the server is silent: it sends something every 10 seconds.
        VibeVoiceError
            As raised on the server.
        """
        with self._losses():
            message = unpack(self._socket.recv(timeout))
        if message.type == "failed":
            raise error_of(message, self._address)
        return message

    def close(self) -> None:
        """Close the connection at once; a request in progress is cancelled. Any thread may call it."""
        with contextlib.suppress(Exception):
            self._socket.close()

    def welcome(self) -> None:
        """Receive the first message.

        Raises
        ------
        ServerError
            If the server has another version of the protocol.
        """
        message = self.receive()
        while message.type == "alive":  # the server is loading the model
            message = self.receive()
        if message.type != "welcome" or message.fields.get("protocol") != PROTOCOL:
            other = shown(message.fields.get("server", "of another kind"))
            raise ServerError(
                f"the server {self._address.host} has vibevoice-nb {other}, and this is {__version__}",
                f"a server with protocol {PROTOCOL}",
                "install the same version of vibevoice-nb on both sides",
            )
        facts = message.fields.get("facts")
        self.facts = facts if isinstance(facts, dict) else {}

    @contextlib.contextmanager
    def _losses(self) -> Iterator[None]:
        from websockets.exceptions import ConnectionClosed

        try:
            yield
        except (ConnectionClosed, OSError, EOFError) as error:  # TimeoutError is an OSError
            raise ConnectionLostError(str(error)) from error


@contextlib.contextmanager
def opened(address: Address) -> Iterator[Connection]:
    """Open a connection, and close it in the end.

    Raises
    ------
    ServerError
        If the server cannot be reached, rejects the token, or has another version.
    ConnectionLostError
        If the connection breaks before the first message.
    """
    with contextlib.ExitStack() as stack:
        connection = Connection(stack.enter_context(_socket(address)), address)
        connection.welcome()
        stack.callback(connection.close)
        yield connection


def _socket(address: Address) -> Any:
    from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI
    from websockets.sync.client import ClientConnection, connect

    class Direct(ClientConnection):
        """A connection to this address only: some versions of websockets follow redirects."""

        def handshake(self, *arguments: Any, **named: Any) -> None:
            try:
                super().handshake(*arguments, **named)
            except InvalidStatus as error:
                if 300 <= error.response.status_code < 400:
                    raise _redirects(address, error.response.headers.get("Location", "")) from None
                raise

    headers = {"Authorization": f"Bearer {address.token}"} if address.token else {}
    options: dict[str, Any] = {
        "additional_headers": headers,
        "compression": None,  # audio does not shrink
        "open_timeout": OPEN_SECONDS,
        "close_timeout": 1.0,
        "max_size": MAX_MESSAGE,
        "create_connection": Direct,
    }
    known = inspect.signature(connect).parameters
    if "proxy" in known and address.loopback:
        options["proxy"] = None
    if "legacy" in known:
        options["legacy"] = True
    try:
        return connect(address.websocket, **options)
    except InvalidStatus as error:
        raise _refused(address, error.response.status_code, bytes(error.response.body or b"")) from None
    except (OSError, EOFError, InvalidHandshake, InvalidURI) as error:
        raise unreachable(address, error) from error


def _redirects(address: Address, target: str) -> ServerError:
    return ServerError(
        f"the server {address.host} redirects to {shown(target)}, where nothing was sent",
        "the address of the server itself",
        "if you trust the other address, use that",
    )


def unreachable(address: Address, error: BaseException) -> RetryError:
    """Return the error of a server that does not answer."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return RetryError(
        f"the server {address.url} cannot be reached ({reason})",
        "a server started with `vibevoice-nb serve`",
        "check the address, and that the server runs and can be reached from this machine",
    )


def _refused(address: Address, status: int, body: bytes) -> VibeVoiceError:
    """Return the error of a handshake that was answered by another status."""
    with contextlib.suppress(ValueError, RecursionError):
        given = json.loads(body)
        if isinstance(given, dict) and isinstance(given.get("got"), str):
            return error_of(Message("failed", given), address)
    if status in (401, 403):
        return ServerError(
            f"the server {address.host} rejects "
            + ("the token" if address.token else "a request without token"),
            "a valid token",
            f"pass the token, or set {SERVER} and {TOKEN}; the administrator of the server creates tokens",
        )
    if status in (429, 503):
        return RetryError(f"the server {address.host} is full (HTTP {status})", "a free place", "retry later")
    return ServerError(
        f"{address.url} answers with HTTP {status}",
        "a server started with `vibevoice-nb serve`",
        "check the address, and that both sides have the same version of vibevoice-nb",
    )


def error_of(message: Message, address: Address) -> VibeVoiceError:
    """Return the error that a server sent: the same class, with the same text."""
    texts = [message.fields.get(name) for name in ("got", "expected", "remedy")]
    got, expected, remedy = (text[:4000] if isinstance(text, str) and text else "unknown" for text in texts)
    kind = message.fields.get("kind")
    if kind in ("busy", "lost"):
        return RetryError(got, expected, remedy)
    found = getattr(errors, kind, None) if isinstance(kind, str) else None
    if isinstance(found, type) and issubclass(found, VibeVoiceError):
        return found(got, expected, remedy)
    return ServerError(f"{address.host}: {got}", expected, remedy)
