"""Users of the server that JupyterHub knows by their tokens."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import OrderedDict
from typing import Any
from urllib.parse import urlsplit

from ..engine.remote.address import INSECURE, is_loopback
from ..errors import OptionError, ServerError
from ..ranges import shown
from .requests import User
from .users import bearer, hashed, unauthorized

_KEPT_SECONDS, _REFUSED_SECONDS, _KEPT = 60.0, 10.0, 10_000
_HUB_SECONDS = 10.0
_ASKED_TOGETHER = 8
"""Most tokens that are being asked for at the same time."""
_SCOPES = ("access:services", "access:servers")
"""Scopes of tokens that may use a service of the hub, each also in a narrower form, after a "!"."""


class HubTokens:
    """Authenticator that asks JupyterHub whose token it is.

    A token is accepted if it has a scope with which it may use a service or a notebook server of the hub; one
    that may only read the names of users, say, is rejected. Answers are kept for a minute, refusals for ten
    seconds.

    Parameters
    ----------
    api : str
        Address of the hub's API, such as ``http://127.0.0.1:8081/hub/api``; JUPYTERHUB_API_URL has it.
        With http:// to another machine, everybody on the way reads the tokens: VIBEVOICE_NB_INSECURE=1 has to
        be set for it.

    Raises
    ------
    OptionError
        If it is not an address with https, or with http on this machine.
    """

    def __init__(self, api: str) -> None:
        if not api.startswith(("http://", "https://")):
            raise OptionError(f"JupyterHub's API {shown(api)}", "an address with http or https", "correct it")
        self._here = is_loopback(urlsplit(api).hostname or "")
        if api.startswith("http://") and not self._here and os.environ.get(INSECURE) != "1":
            raise OptionError(
                f"JupyterHub's API {shown(api)}, to which tokens would be sent unencrypted",
                "an address with https, or one of this machine",
                f"use https, or set {INSECURE}=1 if the network is private",
            )
        self.api = api.rstrip("/")
        self._known: OrderedDict[str, tuple[float, str | None]] = OrderedDict()
        self._places = asyncio.Semaphore(_ASKED_TOGETHER)

    async def __call__(self, authorization: str) -> User:
        """Return the hub's user of an Authorization header."""
        token = bearer(authorization)
        key = hashed(token)
        if (name := self._kept(key)) is None:
            async with self._places:
                if (name := self._kept(key)) is None:  # not asked while this one waited
                    name = await self._asked(key, token)
        return User(name)

    def _kept(self, key: str) -> str | None:
        """Return the user of a token asked for before, None if it has to be asked for.

        Raises
        ------
        ServerError
            If the hub has refused it.
        """
        until, name = self._known.get(key, (0.0, None))
        if until < time.monotonic():
            return None
        if name is None:
            raise unauthorized()
        return name

    async def _asked(self, key: str, token: str) -> str:
        name = await asyncio.to_thread(self._ask, token)
        seconds = _REFUSED_SECONDS if name is None else _KEPT_SECONDS
        self._known[key] = (time.monotonic() + seconds, name)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)
        if name is None:
            raise unauthorized()
        return name

    def _ask(self, token: str) -> str | None:
        """Return the user of a token, None if it is not valid for a service."""
        import http.client
        import urllib.error
        import urllib.request

        class Direct(urllib.request.HTTPRedirectHandler):
            """Follows no redirect: the header with the token would be sent along."""

            def redirect_request(self, *arguments: Any) -> None:
                return None

        asked = urllib.request.Request(f"{self.api}/user", headers={"Authorization": f"token {token}"})
        try:
            handlers = [urllib.request.ProxyHandler({})] if self._here else []
            opener = urllib.request.build_opener(Direct, *handlers)
            with opener.open(asked, timeout=_HUB_SECONDS) as answer:
                user = json.loads(answer.read(1 << 20))
            return str(user["name"]) if _may_access(user.get("scopes")) else None
        except urllib.error.HTTPError as error:
            if error.code in (401, 403, 404):
                return None
            raise _no_answer() from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, http.client.HTTPException):
            raise _no_answer() from None


def _may_access(scopes: object) -> bool:
    """Return true if one of a token's scopes is for using services or servers.

    >>> _may_access(["access:servers!user=anna", "read:users"]), _may_access(["read:users"])
    (True, False)
    """
    return isinstance(scopes, list) and any(str(scope).split("!")[0] in _SCOPES for scope in scopes)


def _no_answer() -> ServerError:
    return ServerError("JupyterHub does not answer", "its API", "try again later")
