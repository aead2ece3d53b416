"""All campaigns of one server; and who asks, and whether they may: bearer tokens for programs, sessions and form tokens
for browsers."""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Annotated

from cachetools import TTLCache
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from campaigns.database import account
from campaigns.errors import BusyError, ForbiddenError, NotServedError, UnauthenticatedError
from campaigns.web.jobs import JobQueue
from campaigns.web.service import CampaignService
from campaigns.web.settings import SESSION_S, Identity, Role, Settings
from campaigns.web.uploads import Uploads

_log = logging.getLogger(__name__)

#: Beginning of the name of a server's folder of uploads; its process follows.
UPLOADS = "spinscreen-uploads-"
#: Seconds after its start that a server has for its first visitors alone: training loads what takes that long.
REST_S = 3.0
#: Wrong tokens that one address may send within `MINUTE_S` seconds; requests of one token, and those that write.
MAX_FAILURES, MAX_REQUESTS, MAX_WRITES = 60, 6_000, 600
MINUTE_S = 60.0


class CampaignRegistry:
    """The campaigns by their names in addresses, the jobs, and the uploads that wait for a decision."""

    def __init__(self, settings: Settings) -> None:
        """Open every campaign. Raises CampaignNotFoundError, StoreError, SchemaError if one cannot be opened."""
        self.settings = settings
        self.patience_s = 20.0  #: how long `stop` waits for running jobs
        self.queue = JobQueue()
        self._whoever = None if settings.tokens is not None else Identity(account(), Role.EDITOR)
        self._services: dict[str, CampaignService] = {}
        for folder in settings.folders:
            base = re.sub(r"[^A-Za-z0-9_-]+", "-", folder.resolve().name).strip("-").lower() or "campaign"
            names = [base, *(f"{base}-{number}" for number in range(2, len(self._services) + 3))]
            slug = next(name for name in names if name not in self._services)
            self._services[slug] = CampaignService(slug, folder, self.queue, settings)
        self._later: Timer | None = None
        self._ended: TTLCache[str, bool] = TTLCache(10_000, SESSION_S)
        self._failures: TTLCache[str, int] = TTLCache(10_000, MINUTE_S)
        self._requests: TTLCache[tuple[str, int, int], int] = TTLCache(10_000, 2 * MINUTE_S)
        _sweep()
        self._folder = tempfile.TemporaryDirectory(prefix=f"{UPLOADS}{os.getpid()}-")
        self.uploads = Uploads(Path(self._folder.name))

    def __iter__(self) -> Iterator[CampaignService]:
        return iter(self._services.values())

    def __len__(self) -> int:
        return len(self._services)

    def service(self, slug: str) -> CampaignService:
        """The campaign called `slug`. Raises NotServedError if there is none."""
        try:
            return self._services[slug]
        except KeyError:
            raise NotServedError(
                f"no campaign {slug[:60]!r} is served here; there are: {', '.join(self._services)}"
            ) from None

    def known(self, slug: str) -> CampaignService | None:
        """The campaign called `slug`, None if there is none."""
        return self._services.get(slug)

    def start(self) -> None:
        """Begin with background work; what the pages need of a fit only once the first visitors were answered."""
        self.queue.start()
        self._later = Timer(REST_S, self._prepare)
        self._later.daemon = True
        self._later.start()

    def _prepare(self) -> None:
        for service in self if self.settings.prepare else ():
            service.prepare("server")

    def stop(self) -> None:
        """Release everything."""
        if self._later is not None:
            self._later.cancel()
        self.queue.stop(self.patience_s)
        self._folder.cleanup()

    def end_session(self, session: str) -> None:
        """A session that was logged out is over, whoever still has its cookie."""
        if self.settings.tokens is None:
            self._ended[session] = True
        else:
            self.settings.tokens.end_session(session)

    def has_ended(self, session: str) -> bool:
        """Whether a session was logged out."""
        tokens = self.settings.tokens
        return session in self._ended if tokens is None else tokens.has_ended(session)

    def refuse_token(self, address: str) -> None:
        """Note a token that nobody has; a right one is never held up. BusyError for too many from one `address`."""
        failures = self._failures[address] = self._failures.get(address, 0) + 1
        if failures <= MAX_FAILURES:
            _log.warning("a token that nobody has, from %s", address)
        else:
            raise BusyError(f"{failures} wrong tokens from {address}; wait a minute before you try again")

    def count(self, identity: Identity, *, writes: bool = False) -> None:
        """One more request with a token. BusyError beyond `MAX_REQUESTS`, or `MAX_WRITES` to write, in a minute."""
        most, what = (MAX_WRITES, "requests to write") if writes else (MAX_REQUESTS, "requests")
        now = identity.token_hash, most, int(time.monotonic() // MINUTE_S)
        self._requests[now] = self._requests.get(now, 0) + 1
        if identity.token_hash and self._requests[now] > most:
            raise BusyError(f"{most} {what} a minute are taken of {identity.name}; go on in the next one")

    def whoever(self) -> Identity | None:
        """Who somebody without a token is: the login user where none is needed, else nobody."""
        return self._whoever


def _sweep() -> None:
    """Remove the uploads that servers of this user left which were killed."""
    if os.name != "posix":  # elsewhere the question whether a process lives would end it
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{UPLOADS}*"):
        pid = folder.name.removeprefix(UPLOADS).partition("-")[0]
        if pid.isdecimal() and folder.stat().st_uid == os.getuid() and not _is_alive(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as problem:
        return not isinstance(problem, ProcessLookupError)
    return True


class LoginNeededError(UnauthenticatedError):
    """A browser without a session where a token is needed."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser: who it is, and the token its forms carry."""

    identity: Identity
    csrf: str


def registry_of(request: Request) -> CampaignRegistry:
    """The registry behind the application that a request came to."""
    registry: CampaignRegistry = request.app.state.registry
    return registry


# Coroutines, though none of them waits: the framework would send plain functions to another thread, one by one.
async def current_registry(request: Request) -> CampaignRegistry:
    """As `registry_of`."""
    return registry_of(request)


async def service_of(campaign: str, registry: Registry) -> CampaignService:
    """The campaign named in the address."""
    return registry.service(campaign)


_bearer = HTTPBearer(auto_error=False, description="A token made by `spinscreen serve`; none is needed on loopback.")


async def reader(
    request: Request, registry: Registry, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Identity:
    """Who a program speaks for. Raises UnauthenticatedError without a token where one is needed, or with one that
    nobody has. Raises BusyError after too many of those, or for a program that floods."""
    try:
        identity = identify(registry, "" if credentials is None else f"Bearer {credentials.credentials}")
    except UnauthenticatedError:
        if credentials is not None:
            registry.refuse_token(address_of(request))
        raise
    registry.count(identity)
    return identity


def address_of(request: Request) -> str:
    """Where a request comes from."""
    return "" if request.client is None else request.client.host


def identify(registry: CampaignRegistry, authorization: str) -> Identity:
    """Who a program speaks for, by its header. Raises UnauthenticatedError as `reader`."""
    if registry.settings.tokens is None:
        identity = registry.whoever()
    else:
        scheme, _, token = authorization.partition(" ")
        identity = registry.settings.tokens.identify(token) if scheme.lower() == "bearer" and token else None
    if identity is None:
        raise UnauthenticatedError("this server needs a token: send the header 'Authorization: Bearer TOKEN'")
    return identity


async def editor(identity: Reader, registry: Registry) -> Identity:
    """Who a program that writes speaks for. Raises ForbiddenError for a viewer, BusyError for one that floods."""
    if not identity.may_write:
        raise ForbiddenError(f"the token of {identity.name} may read only; this needs one with the role editor")
    registry.count(identity, writes=True)
    return identity


async def visiting(request: Request, registry: Registry) -> Visitor:
    """Who a browser is. Raises LoginNeededError without a session where a token is needed."""
    if (visitor := visitor_of(request, registry)) is not None:
        return visitor
    if (identity := registry.whoever()) is None:
        raise LoginNeededError("log in with your token")
    return begin_session(request, identity)


async def asking(request: Request, visitor: Visiting) -> Visitor:
    """A browser that sends a form, which must carry the token of its own session. Raises ForbiddenError for a form
    without that token."""
    sent = request.headers.get("x-csrf-token")
    if sent is None:
        field = (await request.form()).get("csrf")
        sent = field if isinstance(field, str) else ""
    if not hmac.compare_digest(sent.encode(), visitor.csrf.encode()):
        raise ForbiddenError("the form is out of date: reload the page and send it again")
    return visitor


async def editing(visitor: Asking) -> Visitor:
    """A browser that writes. Raises ForbiddenError for a viewer."""
    if not visitor.identity.may_write:
        raise ForbiddenError(f"{visitor.identity.name} may read only; ask for a token with the role editor")
    return visitor


def begin_session(request: Request, identity: Identity) -> Visitor:
    """Give a browser its signed cookie, with a token for its forms that only a page of this server can know."""
    visitor = Visitor(identity, secrets.token_hex(32))
    request.session.clear()
    request.session.update(
        name=identity.name, role=identity.role.value, token_hash=identity.token_hash, csrf=visitor.csrf
    )
    return visitor


def visitor_of(request: Request, registry: CampaignRegistry) -> Visitor | None:
    """The browser of a session; None without one, with one that was logged out, or whose token is no longer there."""
    session = request.session
    if not session or registry.has_ended(session["csrf"]):
        return None
    visitor = Visitor(Identity(session["name"], Role(session["role"]), session["token_hash"]), session["csrf"])
    tokens, token_hash = registry.settings.tokens, visitor.identity.token_hash
    if tokens is None:
        return visitor if not token_hash else None
    return visitor if token_hash and tokens.identify_hash(token_hash) == visitor.identity else None


Registry = Annotated[CampaignRegistry, Depends(current_registry)]
Service = Annotated[CampaignService, Depends(service_of)]
Reader = Annotated[Identity, Depends(reader)]
Editor = Annotated[Identity, Depends(editor)]
Visiting = Annotated[Visitor, Depends(visiting)]
Asking = Annotated[Visitor, Depends(asking)]
Editing = Annotated[Visitor, Depends(editing)]
