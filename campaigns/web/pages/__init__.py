"""Pages for people, server-rendered, with htmx for the live parts; what they share: templates filled and sent as pages,
fragments or errors, and the scripts and styles they load."""

from __future__ import annotations

import gzip
import re
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import ChoiceLoader, Environment, PackageLoader

from campaigns.errors import NotServedError
from campaigns.report import environment
from campaigns.web.registry import Visitor, registry_of, visitor_of
from campaigns.web.service import CampaignService
from campaigns.web.settings import Identity, Role

#: Pages of a campaign: name, address below the campaign's, title.
TABS = (
    ("overview", "", "Overview"),
    ("suggestions", "/suggestions", "Suggestions"),
    ("measure", "/measure", "Measure"),
    ("compounds", "/compounds", "Compounds"),
    ("model", "/model", "Model"),
    ("log", "/log", "Log"),
    ("description", "/description", "Description"),
)


#: A browser of which nothing is known.
NOBODY = Visitor(Identity("", Role.VIEWER), "")


def page(
    request: Request, visitor: Visitor, template: str, service: CampaignService | None = None, **values: Any
) -> Response:
    """A whole page."""
    registry = registry_of(request)
    values |= {"tabs": TABS, "tokens": registry.settings.tokens is not None}
    return fragment(visitor, template, service, services=tuple(registry) if visitor.identity.name else (), **values)


def fragment(visitor: Visitor, template: str, service: CampaignService | None, **values: Any) -> Response:
    """A part of a page, for htmx to put in place."""
    base = "" if service is None else f"/c/{service.slug}"
    return HTMLResponse(
        _environment().get_template(template).render(visitor=visitor, service=service, base=base, **values)
    )


def error_page(request: Request, status: int, title: str, problems: list[str]) -> Response:
    """An error for people: a note in the page where htmx asked, else a page of its own, with the ways on."""
    values = {"status": status, "title": title, "problems": problems}
    if is_partial(request):
        return HTMLResponse(_environment().get_template("error_note.html").render(**values), status)
    registry, parts = registry_of(request), request.url.path.split("/")
    visitor = visitor_of(request, registry) if "session" in request.scope else None
    service = registry.known(parts[2]) if visitor is not None and parts[1:2] == ["c"] and len(parts) > 2 else None
    response = page(request, visitor or NOBODY, "error.html", service, tab="", **values)
    response.status_code = status
    return response


def redirect(request: Request, address: str) -> Response:
    """To another page, for browsers with and without scripts."""
    if is_partial(request):
        return Response(status_code=204, headers={"hx-redirect": address})
    return RedirectResponse(address, 303)


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page."""
    return request.headers.get("hx-request") == "true"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    made = environment(ChoiceLoader([PackageLoader("campaigns.web"), PackageLoader("campaigns.report")]))
    made.globals["asset"] = address_of
    return made


#: Where Plotly asks whether the styles of its geographic maps are there, before it writes them into the page, which the
#: policy refuses. No figure here is such a map.
_MAPS_STYLE = re.compile(rb'document\.getElementById\("[0-9a-f]{64}"\)')
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}
#: Where each asset is: package, folder in it, file.
_FILES = {
    "style.css": ("campaigns.report", "static", "style.css"),
    "plots.js": ("campaigns.report", "static", "plots.js"),
    "crystal.js": ("campaigns.report", "static", "crystal.js"),
    "plotly.js": ("plotly", "package_data", "plotly.min.js"),
    **{
        name: ("campaigns.web", "static", name)
        for name in ("web.css", "app.js", "theme.js", "htmx.js", "icon.svg", "htmx.LICENSE.txt")
    },
}


def mount_assets(app: FastAPI) -> None:
    """Serve the assets under /static."""

    @app.get("/static/{name}", include_in_schema=False)
    def asset(name: str, request: Request) -> Response:
        if name not in _FILES:
            raise NotServedError("there is no such file")
        plain, packed, tag = _read(name)
        headers = {"etag": f'"{tag}"', "vary": "accept-encoding"}
        # An address with the content's own hash can be kept for ever.
        is_fixed = request.query_params.get("v") == tag
        headers["cache-control"] = "public, max-age=31536000, immutable" if is_fixed else "no-cache"
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, media_type=_type(name), headers={**headers, "content-encoding": "gzip"})
        return Response(plain, media_type=_type(name), headers=headers)


def address_of(name: str) -> str:
    """Address of an asset, with the hash of its content."""
    return f"/static/{name}?v={_read(name)[2]}"


@lru_cache(maxsize=len(_FILES))
def _read(name: str) -> tuple[bytes, bytes, str]:
    package, *path = _FILES[name]
    content = resources.files(package).joinpath(*path).read_bytes()
    if name == "plotly.js":
        content = _MAPS_STYLE.sub(b"true", content)
    return content, gzip.compress(content, 6), sha256(content).hexdigest()[:16]


def _type(name: str) -> str:
    return _TYPES[name[name.rindex(".") :]] + "; charset=utf-8"
