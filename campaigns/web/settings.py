"""What a server was started with, and who may do what there: tokens with a name and a role, of which only hashes are
kept; and sessions that have ended."""

from __future__ import annotations

import os
import re
import secrets
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from campaigns.errors import StoreError, TokenError
from campaigns.files import write_whole
from chemspace.errors import TableError
from chemspace.tables.grid import bytes_of

__all__ = ["Role", "TokenFile", "is_loopback", "other_people"]


_NAME = re.compile(r"[\w .@+-]{1,60}")
#: How long a session lasts: a working day.
SESSION_S = 12 * 3600
#: How long a login link waits to be used.
LINK_S = 24 * 3600


#: Of the file of tokens, bytes: some 30,000 people.
MAX_TOKEN_BYTES = 10_000_000


class Role(StrEnum):
    """A viewer reads; an editor also accepts, ingests and retracts."""

    VIEWER = "viewer"
    EDITOR = "editor"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks. `token_hash` is empty where no token was needed."""

    name: str
    role: Role
    token_hash: str = ""

    @property
    def may_write(self) -> bool:
        """Whether they may change a campaign."""
        return self.role is Role.EDITOR


class Token(BaseModel):
    """What is kept of a token; an `expires_at` of "" is never, as of those made by 0.1.0; times are ISO, UTC."""

    model_config = ConfigDict(frozen=True)

    name: str
    role: Role
    sha256: str
    made_at: str
    expires_at: str = ""

    @field_validator("expires_at")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        if value and datetime.fromisoformat(value).tzinfo is None:
            raise ValueError(f"{value} names no time zone")
        return value

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return bool(self.expires_at) and datetime.fromisoformat(self.expires_at) <= datetime.now(UTC)


class _Content(BaseModel):
    """A token file: the key that signs cookies, tokens, sessions that were logged out (by hash, with the end they would
    have had), and unused login links (by hash, with the hash of their token and their end)."""

    model_config = ConfigDict(frozen=True)

    secret: str
    tokens: tuple[Token, ...]
    ended: dict[str, str] = {}
    links: dict[str, tuple[str, str]] = {}


class TokenFile:
    """Tokens in a file that only its owner reads: names, roles and SHA-256 hashes, which of 256 random bits cannot be
    reversed by trying; the key that signs session cookies, which outlive a restart; and sessions that were ended. What
    another process writes to it counts from the next question on."""

    def __init__(self, path: Path) -> None:
        """Read `path`, which need not exist. Raises TokenError if it is no token file."""
        self.path = path
        self._lock = threading.Lock()
        self._content, self._seen = _Content(secret=secrets.token_hex(32), tokens=()), self._signature()
        if path.exists():
            self._content = self._read()

    def __len__(self) -> int:
        return len(self._now().tokens)

    def __iter__(self) -> Iterator[Token]:
        return iter(self._now().tokens)

    @property
    def secret(self) -> str:
        """The key that signs session cookies."""
        return self._content.secret

    def add(self, name: str, role: Role, days: float | None = None) -> str:
        """Make a token that ends after `days` (None: never), keep its hash, return it: the only time it is seen.
        Raises TokenError for a name that is taken or not a name, or a file that cannot be written."""
        if not _NAME.fullmatch(name):
            raise TokenError(f"{name!r} is no name for a token; use letters, digits, blanks and . @ + - (at most 60)")
        token, now = secrets.token_urlsafe(32), datetime.now(UTC)
        ends = "" if days is None else (now + timedelta(days=days)).isoformat(timespec="seconds")
        with self._changing() as content:
            if any(other.name == name for other in content.tokens):
                raise TokenError(
                    f"{self.path} has a token for {name!r} already; give another name, or revoke that one first"
                )
            made = Token(
                name=name, role=role, sha256=_hash(token), made_at=now.isoformat(timespec="seconds"), expires_at=ends
            )
            self._change(tokens=(*content.tokens, made))
        return token

    def revoke(self, name: str) -> None:
        """Take somebody's token away; their sessions end with it, on a server that runs too. Raises TokenError if
        nobody of that name has one, or the file cannot be written."""
        with self._changing() as content:
            remaining = tuple(token for token in content.tokens if token.name != name)
            if len(remaining) == len(content.tokens):
                names = ", ".join(token.name for token in content.tokens) or "nobody"
                raise TokenError(f"{self.path} has no token for {name!r}; there are: {names}")
            self._change(tokens=remaining)

    def identify(self, token: str) -> Identity | None:
        """Whose token it is, None if nobody's, or if it has ended."""
        return self.identify_hash(_hash(token))

    def identify_hash(self, token_hash: str) -> Identity | None:
        """Whose token has this hash; None if nobody's, or no longer."""
        for token in self._now().tokens:
            if compare_digest(token.sha256.encode(), token_hash.encode()) and not token.is_over:
                return Identity(token.name, token.role, token.sha256)
        return None

    def link(self, name: str) -> str:
        """A secret by which the person called `name` logs in once, within `LINK_S`; only its hash is kept. Raises
        TokenError if nobody of that name has a token, or the file cannot be written."""
        secret, now = secrets.token_urlsafe(24), datetime.now(UTC)
        with self._changing() as content:
            token = next((token for token in content.tokens if token.name == name and not token.is_over), None)
            if token is None:
                raise TokenError(f"{self.path} has no token for {name!r}; make one with --add {name}")
            waiting = {one: about for one, about in content.links.items() if about[1] > now.isoformat()}
            ends = (now + timedelta(seconds=LINK_S)).isoformat(timespec="seconds")
            self._change(links={**waiting, _hash(secret): (token.sha256, ends)})
        return secret

    def whose_link(self, secret: str) -> Identity | None:
        """Who logs in by this link; None if nobody, or no longer."""
        token_hash, ends = self._now().links.get(_hash(secret), ("", ""))
        return self.identify_hash(token_hash) if ends > datetime.now(UTC).isoformat() else None

    def redeem(self, secret: str) -> Identity | None:
        """Who logs in by this link, for the only time. Raises TokenError if the file cannot be written."""
        with self._changing() as content:
            identity = self.whose_link(secret)
            self._change(links={name: about for name, about in content.links.items() if name != _hash(secret)})
        return identity

    def end_session(self, session: str) -> None:
        """Note that a session was logged out. Raises TokenError if the file cannot be written."""
        now = datetime.now(UTC)
        with self._changing() as content:
            ended = {name: ends for name, ends in content.ended.items() if ends > now.isoformat()}
            ended[_hash(session)] = (now + timedelta(seconds=SESSION_S)).isoformat(timespec="seconds")
            self._change(ended=ended)

    def has_ended(self, session: str) -> bool:
        """Whether a session was logged out."""
        return _hash(session) in self._now().ended

    def _now(self) -> _Content:
        """What the file holds; one that somebody damages meanwhile changes nothing."""
        if (signature := self._signature()) != self._seen:
            with self._lock:
                try:
                    self._content = self._read()
                except TokenError:
                    return self._content
                self._seen = signature
        return self._content

    def _signature(self) -> tuple[int, int] | None:
        try:
            about = self.path.stat()
        except OSError:
            return None
        return about.st_mtime_ns, about.st_ino

    def _read(self) -> _Content:
        try:
            return _Content.model_validate_json(bytes_of(self.path, MAX_TOKEN_BYTES))
        except (OSError, ValidationError, TableError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise TokenError(f"{self.path} is not a token file ({why}); name another, or remove it") from error

    def _change(self, **what: object) -> None:
        self._content = self._content.model_copy(update=what)

    @contextmanager
    def _changing(self) -> Iterator[_Content]:
        """What the file holds, to be changed by one process at a time."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._lock, _locked(self.path.with_name(f".{self.path.name}.lock")):
                if self.path.exists():
                    self._content = self._read()
                yield self._content
                text = self._content.model_dump_json(indent=2)
                write_whole(self.path, lambda draft: draft.write_text(text, encoding="utf-8"), mode=0o600)
                self._seen = self._signature()
        except (OSError, StoreError) as error:
            raise TokenError(f"{self.path} cannot be written ({error})") from error


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; where the system has none, there is one process."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


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
