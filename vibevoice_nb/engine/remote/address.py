"""Address of a server: recognized, checked, and found in the environment with its token."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ...errors import OptionError
from ...ranges import shown
from .wire import PATH

SERVER, TOKEN, INSECURE = "VIBEVOICE_NB_SERVER", "VIBEVOICE_NB_TOKEN", "VIBEVOICE_NB_INSECURE"
"""Environment variables: address used instead of a model's name, its token, and leave to use plain HTTP."""
_TOKENS: dict[str, str] = {}
"""Tokens that were entered in this process, by address."""
_CONFIRMED: set[str] = set()
"""Addresses that a person has chosen in this process."""
_HUB = re.compile(r"(?i)https?://(www\.)?(huggingface\.co|hf\.co)(/|$)")
_SCHEMES = {"http": "ws", "https": "wss"}
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9._-]{0,252})")
_PATH = re.compile(r"[A-Za-z0-9/._~%+-]*")
_EXPECTED = "an address such as https://host:8000"


@dataclass(frozen=True)
class Address:
    """A checked address.

    Attributes
    ----------
    url : str
        Scheme, host, port and path, without a slash at the end; shown and recorded.
    token : str
        Sent with every connection; never shown.
    """

    url: str
    token: str = field(default="", repr=False)

    @property
    def host(self) -> str:
        """Host and port, for people."""
        return urlsplit(self.url).netloc

    @property
    def loopback(self) -> bool:
        """True if the server is on this machine."""
        return is_loopback(urlsplit(self.url).hostname or "")

    @property
    def websocket(self) -> str:
        """URL of the native stream."""
        scheme, rest = self.url.split("://", 1)
        return f"{_SCHEMES[scheme]}://{rest}{PATH}"


def is_address(model: object) -> bool:
    """Return true for the address of a server, false for the name of a model.

    >>> is_address("https://gpu.example.org:8000"), is_address("nano"), is_address("/models/http")
    (True, False, False)
    >>> is_address("https://huggingface.co/microsoft/VibeVoice-1.5B")
    False
    """
    if not isinstance(model, str) or not model.strip().lower().startswith(("http://", "https://")):
        return False
    # A page of the hub is a model that was meant by its id: loading it says so.
    return _HUB.match(model.strip()) is None


def default_model(otherwise: str) -> str:
    """Return the address in `VIBEVOICE_NB_SERVER`, or a model's name where it is not set."""
    return os.environ.get(SERVER, "").strip() or otherwise


def check_address(address: str, token: str | None = None, insecure: bool | None = None) -> Address:
    """Check an address.

    Parameters
    ----------
    address : str
    token : str, optional
        By default the one given to `remember_token`, or, for the address in `VIBEVOICE_NB_SERVER` only, that
        in `VIBEVOICE_NB_TOKEN`.
    insecure : bool, optional
        Whether plain HTTP to another machine is accepted; by default if `VIBEVOICE_NB_INSECURE` is 1.

    Raises
    ------
    OptionError
        If it is no address, has a password in it, or sends the token unencrypted to another machine.

    Examples
    --------
    >>> check_address("https://gpu.example.org:8000/").url
    'https://gpu.example.org:8000'
    >>> check_address("http://gpu.example.org")
    Traceback (most recent call last):
    vibevoice_nb.errors.OptionError: http://gpu.example.org, where the token, the script and ...
    """
    url = _checked(address)
    if token is None:
        token = _TOKENS.get(url) or _token_of(url)
    given: object = token
    if not isinstance(given, str) or not all(" " < char <= "~" for char in token):
        raise OptionError(
            "a token with spaces or characters outside ASCII", "the token of the server", "copy it again"
        )
    checked = Address(url, token)
    allowed = os.environ.get(INSECURE) == "1" if insecure is None else insecure
    if url.startswith("http:") and not checked.loopback and not allowed:
        raise OptionError(
            f"{url}, where the token, the script and the recordings would be readable on the network",
            "an address that begins with https://",
            f"use https://, or pass insecure=True (or set {INSECURE}=1) if the network is private",
        )
    return checked


def remember_token(address: str, token: str) -> None:
    """Use a token for an address from now on, in this process; it is not saved.

    Raises
    ------
    OptionError
        If the address or the token is not valid.
    """
    checked = check_address(address, token.strip())
    _TOKENS[checked.url] = checked.token
    confirm(checked.url)


def confirm(model: str) -> None:
    """Note that a person has chosen a model; for the address of a server, that it may be connected to."""
    if is_address(model):
        with contextlib.suppress(OptionError):  # connecting reports it
            _CONFIRMED.add(_checked(model))


def is_confirmed(model: str) -> bool:
    """Return false for the address of a server that was not chosen in this process.

    The address may be from the project of somebody else, so nothing is to be sent there.

    >>> is_confirmed("nano"), is_confirmed("https://foreign.example.org")
    (True, False)
    """
    if not is_address(model):
        return True
    try:
        url = _checked(model)
    except OptionError:
        return False
    return url in _CONFIRMED or url == _server_of_environment()


def _checked(address: str) -> str:
    try:
        parts = urlsplit(str(address).strip())
        parts.port  # noqa: B018 - checks it
    except ValueError:
        raise OptionError(f"the address {shown(address)}", _EXPECTED, "correct the address") from None
    if parts.username is not None or parts.password is not None:
        raise OptionError(
            "an address with a name or a password in it",
            _EXPECTED,
            f"pass the token, or set {SERVER} and {TOKEN}",
        )
    scheme = parts.scheme.lower() in _SCHEMES
    host = _is_host(parts.hostname or "", "[" in parts.netloc)
    if not (scheme and host and _PATH.fullmatch(parts.path)) or parts.query or parts.fragment:
        raise OptionError(f"the address {shown(address)}", _EXPECTED, "correct the address")
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _token_of(url: str) -> str:
    """Return the token of the environment if it is meant for this server."""
    return os.environ.get(TOKEN, "").strip() if url == _server_of_environment() else ""


def _server_of_environment() -> str:
    try:
        return _checked(os.environ.get(SERVER, ""))
    except OptionError:
        return ""


def _is_host(host: str, bracketed: bool) -> bool:
    """Return true for a name or an IP address; an escape or a space would end up in the HTTP header."""
    try:
        return ipaddress.ip_address(host).version == 6 if bracketed else bool(_HOST.fullmatch(host))
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return true for a name or an IP address of this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
