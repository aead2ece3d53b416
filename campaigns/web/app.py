"""The application: campaigns, pages, REST, what guards them, and errors as answers."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from urllib.parse import quote, urlsplit

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
from campaigns.web.api import measuring, properties, routes
from campaigns.web.api.models import Problem
from campaigns.web.errors import (
    BusyError,
    ForbiddenError,
    NotReadyError,
    NotServedError,
    UnauthenticatedError,
    WebError,
)
from campaigns.web.pages import campaign, compounds, measure
from campaigns.web.pages.render import error_page, mount_assets
from campaigns.web.registry import CampaignRegistry
from campaigns.web.response_cache import ResponseCache
from campaigns.web.settings import Settings
from chemspace import SpinscreenError

__all__ = ["run"]


#: SHA-256 of nothing: Plotly makes an empty style element and fills it by script, which the policy then allows.
_EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
#: The policy of every page: nothing from another server, no inline script.
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' {_EMPTY}",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, *, allowed_hosts: frozenset[str] | None, max_body_bytes: int) -> None:
        """Wrap `app`; `allowed_hosts` None allows any name."""
        self._app, self._hosts, self._limit = app, allowed_hosts, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        guarded = _with_headers(send)
        if refusal := self._refusal(scope["method"], Headers(scope=scope)):
            await _refuse(guarded, *refusal)
            return
        counted = _Counted(receive, guarded, self._limit)
        await self._app(scope, counted.receive, counted.send)

    def _refusal(self, method: str, headers: Headers) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            return 421, f"this server does not answer to the name {_name(host)[:80]!r}"
        if method not in _SAFE and _from_elsewhere(headers, host):
            return 403, "a page of another site may not send this"
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 400, "the content-length is not a number"
        return (413, _too_large(self._limit)) if int(length) > self._limit else None


class _Counted:
    """Counts a body as it arrives, and answers 413 in place of the application once it is too long."""

    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive, self._send, self._limit = receive, send, limit
        self._read, self._over, self._answered = 0, False, False

    async def receive(self) -> Message:
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read > self._limit:
            self._over = True
            return {"type": "http.disconnect"}
        return message

    async def send(self, message: Message) -> None:
        if not self._over:
            await self._send(message)
        elif not self._answered:
            self._answered = True
            await _refuse(self._send, 413, _too_large(self._limit))


def _with_headers(send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return add


def _name(host: str) -> str:
    """The host without its port."""
    return (urlsplit(f"//{host}").hostname or "") if host.count("]") <= 1 and "@" not in host else ""


def _from_elsewhere(headers: Headers, host: str) -> bool:
    """Whether a browser says that the request comes from a page of another site; programs say nothing."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != host


def _too_large(limit: int) -> str:
    return f"the request is larger than {limit / 1e6:g} MB; send fewer files at once"


async def _refuse(send: Send, status: int, title: str) -> None:
    body = json.dumps({"title": title, "problems": []}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_DESCRIPTION = """The campaigns of this server for the lab's programs.

Lifetimes are in ps; an interval is the calibrated central 90% one. Reading needs a token with any role, writing one
with the role editor; a server on loopback may be open to its machine. Long work is a job: an answer 202 names it, and
`/api/jobs/{job}` says how far it is and what came of it."""


def create_app(settings: Settings) -> FastAPI:
    """The application over the campaigns in `settings`.

    Raises:
        CampaignNotFoundError, StoreError, SchemaError: if one of them cannot be opened.
    """
    registry = CampaignRegistry(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        registry.start()
        yield
        registry.stop()

    app = FastAPI(
        title="spinscreen",
        version=version("spinscreen"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.registry = registry
    _answer_errors(app)
    for part in (routes, measuring, properties):
        app.include_router(part.router)
    for router in (campaign.start_router, campaign.router, measure.router, compounds.router):
        app.include_router(router, include_in_schema=False)
    mount_assets(app)
    app.add_middleware(ResponseCache, registry=registry)
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts, max_body_bytes=settings.max_upload_bytes)
    return app


def run(settings: Settings, port: int, ready: Callable[[str], None]) -> None:
    """Serve until stopped by a signal.

    Args:
        settings: what to serve.
        port: to listen on; 0 takes a free one.
        ready: told the address once the campaigns are open.

    Raises:
        WebError: if the address cannot be listened on. Others as `create_app`.
    """
    with _listen(settings.host, port) as listener:
        app = create_app(settings)
        name = f"[{settings.host}]" if ":" in settings.host else settings.host
        ready(f"http://{name}:{listener.getsockname()[1]}/")
        config = uvicorn.Config(
            app,
            log_level="warning",
            server_header=False,
            date_header=True,
            timeout_keep_alive=20,
            timeout_graceful_shutdown=5,
            limit_concurrency=1000,
        )
        uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        raise WebError(
            f"cannot listen on {host} port {port} ({error.strerror}); is another server there? --port"
        ) from error
    return listener


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


def _answer_errors(app: FastAPI) -> None:
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
