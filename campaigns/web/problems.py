"""Errors as answers: the right status, a sentence for people, never a trace."""

from __future__ import annotations

import logging
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from campaigns.errors import (
    CampaignNotFoundError,
    IngestError,
    LifecycleError,
    NothingToSuggestError,
    PropertyError,
    StoreError,
    UnconfirmedError,
)
from campaigns.web.access import LoginNeededError
from campaigns.web.api.models import Problem
from campaigns.web.errors import BusyError, ForbiddenError, NotReadyError, NotServedError, UnauthenticatedError
from campaigns.web.pages.render import error_page
from chemspace import SpinscreenError

_log = logging.getLogger(__name__)

#: The first class that fits decides.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (UnauthenticatedError, 401),
    (ForbiddenError, 403),
    (NotServedError, 404),
    (CampaignNotFoundError, 404),
    (PropertyError, 404),
    (NotReadyError, 409),
    (LifecycleError, 409),
    (NothingToSuggestError, 409),
    (BusyError, 429),
    (StoreError, 503),
)


def status_of(problem: SpinscreenError) -> int:
    """The HTTP status of an error; 422 for whatever the sender has to put right."""
    return next((status for kind, status in _STATUS if isinstance(problem, kind)), 422)


def install(app: FastAPI) -> None:
    """Register the handlers."""
    app.add_exception_handler(SpinscreenError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)


async def _refused(request: Request, problem: Exception) -> Response:
    if isinstance(problem, LoginNeededError) and not _is_api(request):
        return _to_login(request)
    assert isinstance(problem, SpinscreenError)
    status = status_of(problem)
    if status >= 500:
        _log.error("%s %s: %s", request.method, request.url.path, problem)
    listed = _listed(problem)
    title = (str(problem).splitlines()[0].rstrip(":") if listed else str(problem)).replace(" (--reason)", "")
    return _answer(request, status, title, listed)


def _listed(problem: SpinscreenError) -> list[str]:
    if isinstance(problem, UnconfirmedError):
        return [*problem.guesses, "if that is right, send accept_guesses=true; if not, declare columns, unit or sheet"]
    return list(problem.problems) if isinstance(problem, IngestError) else []


async def _invalid(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    listed = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in problem.errors()]
    return _answer(request, 422, "the request is not as it should be", listed)


async def _http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    response = _answer(request, problem.status_code, str(problem.detail), [])
    for name, value in (problem.headers or {}).items():
        response.headers[name] = value
    return response


async def _failed(request: Request, problem: Exception) -> Response:
    # The server's own error handler raises it again afterwards, so that the log holds the trace.
    return _answer(request, 500, "an error of the program; the server's log has the details", [])


def _answer(request: Request, status: int, title: str, listed: list[str]) -> Response:
    if not _is_api(request):
        return error_page(request, status, title, listed)
    headers = {"www-authenticate": "Bearer"} if status == 401 else {}
    content = Problem(title=title, problems=listed).model_dump()
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def _to_login(request: Request) -> Response:
    wanted = request.url.path if request.method == "GET" else "/"
    address = f"/login?next={quote(wanted)}"
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"hx-redirect": address})
    return RedirectResponse(address, 303)
