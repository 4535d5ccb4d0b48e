"""Who reaches a server: this machine, or the network."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from vibevoice_nb.errors import OptionError


def check_host(host: str, public: bool) -> None:
    """Refuse to be open to the network unless that was said in so many words.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> check_host("127.0.0.1", public=False)
    >>> check_host("0.0.0.0", public=False)
    Traceback (most recent call last):
    vibevoice_nb.errors.OptionError: --host 0.0.0.0, which others can reach. Expected ...
    """
    if public or is_loopback(host):
        return
    raise OptionError(
        f"--host {host}, which others can reach",
        "127.0.0.1, or --public beside it",
        "add --public if everybody who reaches this machine may use it",
    )


def allowed_hosts(host: str, public: bool, named: Sequence[str] = ()) -> tuple[str, ...] | None:
    """Return the names a server answers to, beside those of the loopback; None for any.

    A page of another site can make a browser resolve that site's name to this machine. The Host header still
    carries the foreign name, so a server that checks it can't be used that way.

    Examples
    --------
    >>> allowed_hosts("127.0.0.1", public=False)
    ('127.0.0.1',)
    >>> allowed_hosts("0.0.0.0", public=True)
    >>> allowed_hosts("0.0.0.0", public=True, named=["demo.example.org"])
    ('0.0.0.0', 'demo.example.org')
    """
    return None if public and not named else (host, *named)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address.

    >>> is_loopback("::1"), is_loopback("localhost"), is_loopback("192.168.1.2"), is_loopback("")
    (True, True, False, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def who_reaches(host: str) -> str:
    """Say it.

    >>> who_reaches("127.0.0.1")
    'only this machine reaches it'
    """
    return (
        "only this machine reaches it"
        if is_loopback(host)
        else "everybody who reaches this machine can use it"
    )
