"""Templates filled and sent: whole pages, fragments for htmx, and errors as either."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from campaigns.narrate import picoseconds
from campaigns.report.drawing import formula_html
from campaigns.report.render import environment
from campaigns.web.access import Visitor, office_of
from campaigns.web.assets import address_of
from campaigns.web.service import Desk
from campaigns.web.tokens import COOKIE, LIFETIME_S

#: Pages of a campaign: name, address below the campaign's, title.
TABS = (
    ("overview", "", "Overview"),
    ("suggestions", "/suggestions", "Suggestions"),
    ("measure", "/measure", "Measure"),
    ("compounds", "/compounds", "Compounds"),
    ("model", "/model", "Model"),
    ("log", "/log", "Log"),
)


def page(request: Request, visitor: Visitor, template: str, desk: Desk | None = None, **values: Any) -> Response:
    """A whole page."""
    office = office_of(request)
    html = (
        _environment()
        .get_template(template)
        .render(
            visitor=visitor,
            desk=desk,
            base="" if desk is None else f"/c/{desk.slug}",
            desks=tuple(office),
            tabs=TABS,
            tokens=office.settings.tokens is not None,
            **values,
        )
    )
    return with_cookie(request, HTMLResponse(html), visitor.cookie)


def fragment(request: Request, visitor: Visitor, template: str, desk: Desk, **values: Any) -> Response:
    """A part of a page, for htmx to put in place."""
    html = _environment().get_template(template).render(visitor=visitor, desk=desk, base=f"/c/{desk.slug}", **values)
    return with_cookie(request, HTMLResponse(html), visitor.cookie)


def error_page(request: Request, status: int, title: str, problems: list[str]) -> Response:
    """An error for people: a note in the page where htmx asked, else a page of its own."""
    template = "error_note.html" if is_partial(request) else "error.html"
    html = _environment().get_template(template).render(status=status, title=title, problems=problems)
    return HTMLResponse(html, status)


def redirect(request: Request, address: str) -> Response:
    """To another page, for browsers with and without scripts."""
    if is_partial(request):
        return Response(status_code=204, headers={"hx-redirect": address})
    return RedirectResponse(address, 303)


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


def with_cookie(request: Request, response: Response, cookie: str | None) -> Response:
    """The response, with a session cookie where there is a new one."""
    if cookie is not None:
        secure = office_of(request).settings.secure_cookies or request.url.scheme == "https"
        response.set_cookie(COOKIE, cookie, max_age=LIFETIME_S, httponly=True, samesite="strict", secure=secure)
    return response


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = environment(ChoiceLoader([PackageLoader("campaigns.web"), PackageLoader("campaigns.report")]))
    made.globals["asset"] = address_of
    made.filters["formula"] = lambda text: Markup(formula_html(text))
    made.filters["ps"] = picoseconds
    made.filters["thousands"] = lambda number: f"{number:,}"
    return made
