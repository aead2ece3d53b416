"""Browser sessions: a signed cookie that says who it is, and the token that every form must carry."""

from __future__ import annotations

import base64
import hmac
import json
import time
from dataclasses import dataclass
from hashlib import sha256

from campaigns.web.tokens import Identity, Role

__all__ = ["COOKIE", "LIFETIME_S", "Session", "Sessions"]

#: Name of the session's cookie.
COOKIE = "spinscreen_session"
#: A working day.
LIFETIME_S = 12 * 3600


@dataclass(frozen=True, slots=True)
class Session:
    """Who a cookie speaks for, and `csrf`, which only a page of this server can know."""

    identity: Identity
    csrf: str


class Sessions:
    """Issues and reads cookies. Nothing is stored: the signature is the proof."""

    def __init__(self, secret: str) -> None:
        self._key = secret.encode()

    def issue(self, identity: Identity) -> str:
        """A cookie for `identity`."""
        held = {"n": identity.name, "r": identity.role.value, "t": identity.token_hash, "u": int(time.time())}
        body = base64.urlsafe_b64encode(json.dumps(held).encode()).decode()
        return f"{body}.{self._sign('session', body)}"

    def read(self, cookie: str | None) -> Session | None:
        """Whose cookie it is; None for one that is missing, altered or too old."""
        body, dot, signature = (cookie or "").partition(".")
        if not dot or not hmac.compare_digest(signature.encode(), self._sign("session", body).encode()):
            return None
        held = json.loads(base64.urlsafe_b64decode(body))
        if time.time() - held["u"] > LIFETIME_S:
            return None
        return Session(Identity(held["n"], Role(held["r"]), held["t"]), self._sign("form", body))

    def _sign(self, purpose: str, body: str) -> str:
        return hmac.new(self._key, f"{purpose}:{body}".encode(), sha256).hexdigest()
