"""What a server was started with."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from campaigns.web.tokens import TokenFile

__all__ = ["is_loopback", "other_people"]

#: Names by which a browser on this machine reaches a server on it.
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})

#: A map of 1,000 wavelengths and 1,000 delays is about 10 MB of text; a request may bring a few scans of two.
MAX_UPLOAD_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """What a server was started with."""

    folders: tuple[Path, ...]
    oracle_store: Path | None = None  #: file of computed descriptors; None takes the user's cache
    #: Who may do what; None serves whoever reaches the port as the login user, for loopback only.
    tokens: TokenFile | None = None
    host: str = "127.0.0.1"
    #: Whether browsers reach it through HTTPS only (a proxy in front), so that the session cookie is never sent in the
    #: clear.
    secure_cookies: bool = False
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    workers: int = 2  #: processes that compute xTB descriptors
    prepare: bool = True  #: whether models are prepared in the background as soon as the server runs
    #: Whether the checks that take minutes follow in the background (baselines, back-test, learning curve).
    dig: bool = True

    @property
    def allowed_hosts(self) -> frozenset[str] | None:
        """Names a request may call this server by; None for any. Without tokens a page elsewhere that points its own
        name at 127.0.0.1 must not get through."""
        return LOOPBACK_NAMES | {self.host} if self.tokens is None else None


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what is bound to `host`."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


#: User ids of people, by the habit of Linux (UID_MIN and UID_MAX of login.defs) and of macOS.
_PEOPLE = range(501 if sys.platform == "darwin" else 1000, 60_000)


def other_people() -> tuple[str, ...]:
    """Accounts of others on this machine: those that can log in and have a home, and whoever runs a program now."""
    try:
        import pwd
    except ImportError:  # Windows
        return ()
    here = {
        account.pw_uid: account.pw_name
        for account in pwd.getpwall()
        if Path(account.pw_shell).name not in ("nologin", "false", "") and Path(account.pw_dir).is_dir()
    }
    for process in Path("/proc").glob("[0-9]*"):  # accounts of a directory service are not listed above
        with suppress(OSError):
            owner = process.stat().st_uid
            here.setdefault(owner, str(owner))
    return tuple(name for uid, name in sorted(here.items()) if uid in _PEOPLE and uid != os.getuid())
