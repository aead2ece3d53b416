"""Who asks, and whether they may: bearer tokens for programs, signed cookies and form tokens for browsers."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from campaigns.web.errors import ForbiddenError, UnauthenticatedError
from campaigns.web.registry import CampaignRegistry
from campaigns.web.service import CampaignService
from campaigns.web.tokens import COOKIE, Identity, Session


class LoginNeededError(UnauthenticatedError):
    """A browser without a session where a token is needed."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser: who it is, the token its forms carry, and the cookie to set where it has none yet."""

    identity: Identity
    csrf: str
    cookie: str | None = None


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
    registry: Registry, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Identity:
    """Who a program speaks for.

    Raises:
        UnauthenticatedError: without a token where one is needed, or with one that nobody has.
    """
    return api_reader(registry, "" if credentials is None else f"Bearer {credentials.credentials}")


def api_reader(registry: CampaignRegistry, authorization: str) -> Identity:
    """Who a program speaks for, by its header.

    Raises:
        UnauthenticatedError: as `reader`.
    """
    if registry.settings.tokens is None:
        known = registry.whoever()
    else:
        scheme, _, token = authorization.partition(" ")
        known = registry.settings.tokens.identify(token) if scheme.lower() == "bearer" and token else None
    if known is None:
        raise UnauthenticatedError("this server needs a token: send the header 'Authorization: Bearer TOKEN'")
    return known


async def editor(known: Reader) -> Identity:
    """Who a program that writes speaks for.

    Raises:
        ForbiddenError: for a viewer.
    """
    if not known.may_write:
        raise ForbiddenError(f"the token of {known.name} may read only; this needs one with the role editor")
    return known


async def visiting(request: Request, registry: Registry) -> Visitor:
    """Who a browser is.

    Raises:
        LoginNeededError: without a session where a token is needed.
    """
    session = session_of(request, registry)
    if session is not None:
        return Visitor(session.identity, session.csrf)
    known = registry.whoever()
    if known is None:
        raise LoginNeededError("log in with your token")
    cookie = registry.sessions.issue(known)
    fresh = registry.sessions.read(cookie)
    assert fresh is not None
    return Visitor(known, fresh.csrf, cookie)


async def asking(request: Request, visitor: Visiting) -> Visitor:
    """A browser that sends a form, which must carry the token of its own session.

    Raises:
        ForbiddenError: for a form without that token.
    """
    sent = request.headers.get("x-csrf-token")
    if sent is None:
        held = (await request.form()).get("csrf")
        sent = held if isinstance(held, str) else ""
    if visitor.cookie is not None or not hmac.compare_digest(sent.encode(), visitor.csrf.encode()):
        raise ForbiddenError("the form is out of date: reload the page and send it again")
    return visitor


async def editing(visitor: Asking) -> Visitor:
    """A browser that writes.

    Raises:
        ForbiddenError: for a viewer.
    """
    if not visitor.identity.may_write:
        raise ForbiddenError(f"{visitor.identity.name} may read only; ask for a token with the role editor")
    return visitor


def session_of(request: Request, registry: CampaignRegistry) -> Session | None:
    """The session of a browser; None without one, or with one whose token is no longer there."""
    session = registry.sessions.read(request.cookies.get(COOKIE))
    if session is None:
        return None
    tokens, held = registry.settings.tokens, session.identity.token_hash
    if tokens is None:
        return session if not held else None
    return session if held and tokens.identify_hash(held) == session.identity else None


Registry = Annotated[CampaignRegistry, Depends(current_registry)]
Service = Annotated[CampaignService, Depends(service_of)]
Reader = Annotated[Identity, Depends(reader)]
Editor = Annotated[Identity, Depends(editor)]
Visiting = Annotated[Visitor, Depends(visiting)]
Asking = Annotated[Visitor, Depends(asking)]
Editing = Annotated[Visitor, Depends(editing)]
