"""Who asks, and whether they may: bearer tokens for programs, sessions and form tokens for browsers."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from campaigns.errors import ForbiddenError, UnauthenticatedError
from campaigns.web.registry import CampaignRegistry
from campaigns.web.service import CampaignService
from campaigns.web.settings import Identity, Role


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
