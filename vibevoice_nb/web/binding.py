"""Host checks: reachability of a server from this machine or from the network."""

from __future__ import annotations

from collections.abc import Sequence

from vibevoice_nb.errors import OptionError
from vibevoice_nb.serve.origin import is_loopback as is_loopback


def check_host(host: str, public: bool) -> None:
    """Reject hosts other than the loopback unless `--public` was given.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> check_host("127.0.0.1", public=False)
    >>> check_host("0.0.0.0", public=False)
    Traceback (most recent call last):
    vibevoice_nb.errors.OptionError: --host 0.0.0.0 is reachable from other machines. Expected ...
    """
    if public or is_loopback(host):
        return
    raise OptionError(
        f"--host {host} is reachable from other machines",
        "127.0.0.1, or --public in addition",
        "add --public if everyone who can reach this machine may use it",
    )


def allowed_hosts(host: str, public: bool, named: Sequence[str] = ()) -> tuple[str, ...] | None:
    """Return the accepted host names in addition to those of the loopback; None for any.

    A page of another site can make a browser resolve that site's name to this machine (DNS rebinding). The
    Host header still has the foreign name, so a server that checks it is protected.

    Examples
    --------
    >>> allowed_hosts("127.0.0.1", public=False)
    ('127.0.0.1',)
    >>> allowed_hosts("0.0.0.0", public=True)
    >>> allowed_hosts("0.0.0.0", public=True, named=["demo.example.org"])
    ('0.0.0.0', 'demo.example.org')
    """
    return None if public and not named else (host, *named)


def who_reaches(host: str) -> str:
    """Return a description of the machines that can reach a host.

    >>> who_reaches("127.0.0.1")
    'reachable from this machine only'
    """
    return (
        "reachable from this machine only"
        if is_loopback(host)
        else "everyone who can reach this machine can use it"
    )
