"""Logging in with a token, and out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response

from campaigns.web.access import CurrentOffice, Visitor
from campaigns.web.errors import UnauthenticatedError
from campaigns.web.pages.render import page, redirect, with_cookie
from campaigns.web.tokens import COOKIE, Identity, Role

router = APIRouter()

_NOBODY = Visitor(Identity("", Role.VIEWER), "")


@router.get("/login")
def show(request: Request, next: Annotated[str, Query(max_length=300)] = "/") -> Response:
    """The form."""
    return page(request, _NOBODY, "login.html", next=_local(next), wrong=False)


@router.post("/login")
def log_in(
    request: Request,
    office: CurrentOffice,
    token: Annotated[str, Form(max_length=200)],
    next: Annotated[str, Form(max_length=300)] = "/",
) -> Response:
    """Exchange a token for a session. The guard refuses this from pages of other sites."""
    tokens = office.settings.tokens
    known = None if tokens is None else tokens.identify(token.strip())
    if known is None:
        if tokens is None:
            raise UnauthenticatedError("this server needs no token")
        response = page(request, _NOBODY, "login.html", next=_local(next), wrong=True)
        response.status_code = 401
        return response
    return with_cookie(request, redirect(request, _local(next)), office.sessions.issue(known))


@router.post("/logout")
def log_out(request: Request) -> Response:
    """Forget the session."""
    response = redirect(request, "/login")
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return response


def _local(address: str) -> str:
    """An address on this server; anything else is the start page."""
    plain = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if plain else "/"
