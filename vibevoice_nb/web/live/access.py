"""Access to live rooms: names, and tokens for speakers and listeners."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from typing import Literal

from vibevoice_nb.errors import OptionError

SECRET = "VIBEVOICE_NB_LIVE_SECRET"
"""Environment variable of the secret, which others can read less easily than a command line."""
_SHORTEST = 16
Role = Literal["speaker", "listener"]
"""A speaker sends text, and listens; a listener listens."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}\Z")


class Tokens:
    """Tokens derived from a secret, so that none of them is stored.

    Examples
    --------
    >>> tokens = Tokens("secret")
    >>> token = tokens.token("main", "listener")
    >>> tokens.allows("main", "listener", token), tokens.allows("main", "speaker", token)
    (True, False)
    >>> tokens.allows("other", "listener", token), tokens.allows("main", "listener", "Ω")
    (False, False)
    >>> tokens.allows("main", "listener", tokens.token("main", "speaker"))
    True
    """

    def __init__(self, secret: str | None = None) -> None:
        self._secret = (secret or secrets.token_urlsafe(32)).encode()

    @classmethod
    def of_environment(cls) -> Tokens:
        """Return tokens of the secret in the environment, the same after each start; else random ones.

        Raises
        ------
        OptionError
            If the secret is too short.
        """
        secret = os.environ.get(SECRET)
        if secret and len(secret) < _SHORTEST:
            raise OptionError(
                f"{SECRET} of {len(secret)} characters", f"at least {_SHORTEST}", "choose a longer one"
            )
        return cls(secret)

    def token(self, name: str, role: Role) -> str:
        """Return the token of a role for a name."""
        digest = hmac.new(self._secret, f"{role}:{name}".encode(), hashlib.sha256)
        return digest.hexdigest()[:32]

    def allows(self, name: str, role: Role, token: object) -> bool:
        """Return true if a token permits a role; a speaker may do what a listener may."""
        if not isinstance(token, str) or not token.isascii() or len(token) > 100:
            return False
        roles: tuple[Role, ...] = ("speaker",) if role == "speaker" else ("listener", "speaker")
        return any([hmac.compare_digest(self.token(name, one), token) for one in roles])


def is_room_name(name: object) -> bool:
    """Return true for a name of small letters, digits and hyphens.

    >>> is_room_name("main"), is_room_name("a-2"), is_room_name("../x"), is_room_name(""), is_room_name(5)
    (True, True, False, False, False)
    """
    return isinstance(name, str) and _NAME.match(name) is not None
