"""Names and pages from which a server without tokens is used.

A page of another site can send requests to this machine, and can make a browser resolve that site's name to
it (DNS rebinding). The headers Origin and Host have the foreign name then.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Any


class OwnPages:
    """ASGI middleware that refuses foreign names and pages of other sites.

    Parameters
    ----------
    app : ASGI application
    hosts : collection of str
        Accepted host names in addition to those of the loopback.
    """

    def __init__(self, app: Any, hosts: Collection[str] = ()) -> None:
        self.app = app
        self._hosts = {host.casefold().rstrip(".") for host in hosts}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] == "/health" or self._own(scope):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = b"This server is for its own machine, or needs tokens."
            headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 421, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    def _own(self, scope: Any) -> bool:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin = headers.get(b"host", "").strip(), headers.get(b"origin")
        if origin is not None and origin.partition("://")[2].casefold() != host.casefold():
            return False
        return is_loopback(host_name(host)) or host_name(host) in self._hosts


def host_name(header: str) -> str:
    """Return the name of a Host header without its port.

    >>> host_name("Example.org:7860"), host_name("[::1]:7860"), host_name("localhost.")
    ('example.org', '::1', 'localhost')
    >>> host_name("[::1].example.org")
    ''
    """
    host = header.strip().casefold()
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return "" if port.strip(":0123456789") else name  # "[::1].example.org" is not an address
    return host.partition(":")[0].rstrip(".")


def is_loopback(host: str) -> bool:
    """Return true if an address is reachable from this machine only.

    >>> is_loopback("::1"), is_loopback("localhost"), is_loopback("192.168.1.2"), is_loopback("")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
