"""Who reaches a server: this machine, or the network."""

from __future__ import annotations

import ipaddress

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
