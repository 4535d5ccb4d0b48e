"""Users of the server: bearer tokens, kept as hashes in a file; `hub_tokens` has those of JupyterHub."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import secrets
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from ..errors import OptionError, ServerError, VibeVoiceError
from ..files import create_beside, publish
from ..ranges import shown
from .requests import User

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_PREFIX = "vvnb-"
_MAX_FILE = 16 << 20
_MAX_TOKEN = 512
_LOCK_SECONDS = 10.0
_NO_TOKEN = "no valid token"
_log = logging.getLogger(__name__)

LOCAL = User("local")
"""The only user of a server without tokens, which is reachable from its own machine only."""


class Authenticator(Protocol):
    """Finds the user of a request."""

    async def __call__(self, authorization: str) -> User:
        """Return the user of an Authorization header, empty if there was none.

        Raises
        ------
        ServerError
            If there is no valid token.
        """


class Local:
    """Authenticator of a server without tokens: every request is of the same user.

    Parameters
    ----------
    hosts : collection of str
        Names of the server in addition to those of the loopback; requests to others are refused.
    """

    def __init__(self, hosts: Collection[str] = ()) -> None:
        self.hosts = tuple(hosts)

    async def __call__(self, authorization: str) -> User:
        """Return the local user."""
        return LOCAL


class TokenFile:
    """Users and the SHA-256 of their tokens, in a JSON file.

    The tokens are random and long, so a plain hash keeps them secret. The file is read again when it changes.

    Parameters
    ----------
    path : Path

    Examples
    --------
    >>> import asyncio, tempfile
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     users = TokenFile(Path(folder) / "users.json")
    ...     token = users.add("anna")
    ...     with ThreadPoolExecutor(1) as pool:  # a notebook's own thread has a running event loop
    ...         found = pool.submit(asyncio.run, users(f"Bearer {token}")).result()
    ...     found, token in users.path.read_text()
    (User(name='anna'), False)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int] | None = None
        self._names: dict[str, str] = {}

    async def __call__(self, authorization: str) -> User:
        """Return the user of an Authorization header."""
        token = bearer(authorization)
        try:
            name = self._by_hash().get(hashed(token))
        except OptionError as error:
            _log.error("%s", error)  # for the operator: a stranger learns nothing of the file
            raise ServerError("tokens cannot be checked", "a working server", "try again later") from None
        if name is None:
            raise unauthorized()
        return User(name)

    def add(self, name: str) -> str:
        """Add a user, or replace the token of one; return the token, which is not stored.

        Raises
        ------
        OptionError
            If the name is not valid, or the file cannot be read or written.
        """
        if not _NAME.fullmatch(name):
            expected = "letters, digits and . _ @ -, at most 64, the first one a letter or digit"
            raise OptionError(f"the user name {shown(name)}", expected, "choose another name")
        token = _PREFIX + secrets.token_urlsafe(32)
        with self._locked():
            users = {user: value for value, user in self._by_hash(missing=True).items()}
            users[name] = hashed(token)
            self._write(users)
        return token

    def remove(self, name: str) -> bool:
        """Remove a user; return False if there is no such user."""
        if not self.path.exists():  # no lock is left where no file is
            return False
        with self._locked():
            users = {user: value for value, user in self._by_hash(missing=True).items()}
            found = users.pop(name, None) is not None
            if found:
                self._write(users)
        return found

    def names(self) -> list[str]:
        """Return the names of the users."""
        return sorted(self._by_hash(missing=True).values())

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one process at a time read, change and write the file."""
        import filelock

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = filelock.FileLock(f"{self.path}.lock", timeout=_LOCK_SECONDS)
            lock.acquire()
        except filelock.Timeout:
            got, remedy = f"{self.path} is being changed by another process", "try again"
            raise OptionError(got, "one change at a time", remedy) from None
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            self._stamp = None  # a file of the same size may have been written within the clock's resolution
            yield
        finally:
            lock.release()

    def _write(self, users: Mapping[str, str]) -> None:
        text = json.dumps({"users": dict(sorted(users.items()))}, indent=1)
        try:
            working, file = create_beside(self.path, ".part.json")
            with file:
                os.chmod(working, 0o600)
                file.write(text.encode())
            publish(working, self.path, force=True)
        except OSError as error:
            raise self._unwritable(error) from error
        self._stamp = None

    def _unwritable(self, error: OSError) -> OptionError:
        reason = error.strerror or "unknown error"
        return OptionError(f"{self.path} cannot be written ({reason})", "a writable file", "choose another")

    def _by_hash(self, *, missing: bool = False) -> dict[str, str]:
        """Return user names by the hash of their token."""
        try:
            state = self.path.stat()
        except OSError as error:
            if missing and isinstance(error, FileNotFoundError):
                return {}
            raise self._unreadable(error.strerror or "unknown error") from error
        stamp = (state.st_mtime_ns, state.st_size)
        if stamp != self._stamp:
            self._names, self._stamp = self._read(state.st_size), stamp
        return dict(self._names)

    def _read(self, size: int) -> dict[str, str]:
        if size > _MAX_FILE:
            raise self._unreadable("it is too large")
        try:
            users = json.loads(self.path.read_text("utf-8"))["users"]
            return {str(value): str(name) for name, value in users.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise self._unreadable(type(error).__name__) from error

    def _unreadable(self, reason: str) -> OptionError:
        remedy = "add a user with: vibevoice-nb serve --users FILE --add-user NAME"
        return OptionError(
            f"the file of users {self.path.name} cannot be read ({reason})", "a file of users", remedy
        )


def bearer(authorization: str) -> str:
    """Return the token of an Authorization header.

    >>> bearer("Bearer abc")
    'abc'
    """
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() not in ("bearer", "token") or not token or len(token) > _MAX_TOKEN:
        raise unauthorized()
    return token


def unauthorized() -> ServerError:
    """Return the error for a missing or wrong token; it is the same for both."""
    return ServerError(
        _NO_TOKEN,
        "a token of this server, sent as 'Authorization: Bearer TOKEN'",
        "ask the operator of the server",
    )


def is_unauthorized(error: VibeVoiceError) -> bool:
    """Return true for the error of a missing or wrong token.

    >>> is_unauthorized(unauthorized())
    True
    """
    return isinstance(error, ServerError) and error.got == _NO_TOKEN


def hashed(token: str) -> str:
    """Return the SHA-256 of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
