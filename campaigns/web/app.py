"""The application: campaigns, pages, REST, and what guards them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from campaigns.web import problems
from campaigns.web.api import measuring, properties, routes
from campaigns.web.assets import mount_assets
from campaigns.web.guard import Guard
from campaigns.web.office import Office
from campaigns.web.pages import compounds, log, login, measure, model, overview, suggestions, tables
from campaigns.web.settings import Settings
from campaigns.web.shelf import Shelf

__all__ = ["create_app"]

_DESCRIPTION = """The campaigns of this server for the lab's programs.

Lifetimes are in ps; an interval is the calibrated central 90% one. Reading needs a token with any role, writing one
with the role editor; a server on loopback may be open to its machine. Long work is a job: an answer 202 names it, and
`/api/jobs/{job}` says how far it is and what came of it."""


def create_app(settings: Settings) -> FastAPI:
    """The application over the campaigns in `settings`.

    Raises:
        CampaignNotFoundError, StoreError, SchemaError: if one of them cannot be opened.
    """
    office = Office(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        office.start()
        yield
        office.stop()

    app = FastAPI(
        title="spinscreen",
        version=version("spinscreen"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.office = office
    problems.install(app)
    for part in (routes, measuring, properties):
        app.include_router(part.router)
    for page in (login, overview, suggestions, tables, measure, compounds, model, log):
        app.include_router(page.router, include_in_schema=False)
    mount_assets(app)
    app.add_middleware(Shelf, office=office)
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts, max_body_bytes=settings.max_upload_bytes)
    return app
