"""The application (campaigns, pages, REST, what guards them, errors as answers) and the server below it."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from multiprocessing import current_process
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from campaigns.errors import (
    BusyError,
    CampaignNotFoundError,
    ForbiddenError,
    IngestError,
    LifecycleError,
    NotReadyError,
    NotServedError,
    PropertyError,
    StoreError,
    UnauthenticatedError,
    UnconfirmedError,
    WebError,
)
from campaigns.web import routes
from campaigns.web.middleware import HEADERS, Guard, Idempotency, ResponseCache
from campaigns.web.models import Problem
from campaigns.web.pages import campaign, compounds, error_page, measure, mount_assets
from campaigns.web.registry import CampaignRegistry, LoginNeededError, registry_of
from campaigns.web.settings import SESSION_S, Settings
from chemspace import SpinscreenError

__all__ = ["run"]


_DESCRIPTION = """The campaigns of this server for the lab's programs.

Lifetimes are in ps; an interval is the calibrated central 90% one. Reading needs a token with any role, writing one
with the role editor; a server on loopback may be open to its machine. Long work is a job: an answer 202 names it, and
`/api/jobs/{job}` says how far it is and what came of it. A write may carry the header `Idempotency-Key`: sent again
with the same key within a day, it is answered as before and nothing is done twice."""


#: Name of the session's cookie.
COOKIE = "spinscreen_session"


class _Application(FastAPI):
    """FastAPI inside the guard, which Starlette would put inside its own answers to errors."""

    def build_middleware_stack(self) -> ASGIApp:
        return Guard(super().build_middleware_stack(), self.state.registry.settings.allowed_hosts)

    def openapi(self) -> dict[str, Any]:
        """The document, with the model that every refusal refers to and no route returns."""
        document = super().openapi()
        document["components"]["schemas"].setdefault("Problem", Problem.model_json_schema())
        return document


class _Sessions:
    """Starlette's signed cookies; sent through HTTPS only where the request came so, or has to."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        secret = secrets.token_hex(32) if settings.tokens is None else settings.tokens.secret
        options = {"session_cookie": COOKIE, "max_age": SESSION_S, "same_site": "strict"}
        self._plain, self._secure = (
            SessionMiddleware(app, secret, https_only=https_only, **options)  # type: ignore[arg-type]  # as it takes them
            for https_only in (settings.secure_cookies, True)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._secure if scope.get("scheme") == "https" else self._plain)(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """The application over the campaigns in `settings`. Raises CampaignNotFoundError, StoreError, SchemaError if one of
    them cannot be opened; WebError in a process that reads the script that serves again, which would never end."""
    if getattr(current_process(), "_inheriting", False):  # what Python itself asks before it starts a process
        raise WebError('a script that serves does so under `if __name__ == "__main__":`')
    registry = CampaignRegistry(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        registry.start()
        yield
        registry.stop()

    app = _Application(
        title="spinscreen",
        version=version("spinscreen"),
        description=_DESCRIPTION,
        lifespan=lifespan,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.registry = registry
    app.add_exception_handler(SpinscreenError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
    app.include_router(routes.router)
    for router in (campaign.start_router, campaign.router, measure.router, compounds.router):
        app.include_router(router, include_in_schema=False)
    mount_assets(app)
    app.add_middleware(ResponseCache, registry=registry)
    app.add_middleware(Idempotency, registry=registry)
    app.add_middleware(_Sessions, settings=settings)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=settings.max_upload_bytes)
    return app


def run(settings: Settings, port: int, ready: Callable[[str], None]) -> None:
    """Serve on `port` (0 takes a free one) until stopped by a signal; `ready` is told the address once the campaigns
    are open. Raises WebError if the address cannot be listened on, others as `create_app`."""
    sys.setswitchinterval(SWITCH_S)
    with listen(settings.host, port) as listener:
        app = create_app(settings)
        app.state.registry.patience_s = STOP_S
        name = reachable_name() if settings.host in ("0.0.0.0", "::") else settings.host
        name = f"[{name}]" if ":" in name else name
        ready(f"http://{name}:{listener.getsockname()[1]}/")
        gc.freeze()  # what is loaded by now stays; looking it through for garbage holds up readers for 0.1 s
        uvicorn.Server(config_of(app)).run(sockets=[listener])


#: How long a server that was told to end waits for requests, and again for jobs, s: what it answered is on disk.
STOP_S = 1
#: How long a thread that reads a large table keeps others waiting, s; Python's default is five times as long, and an
#: answer needs a dozen turns.
SWITCH_S = 0.001
#: How long the head of a request may take to arrive, s; uvicorn itself waits for ever.
HEAD_S = 15.0
#: Connections at once; half-open ones count until `HEAD_S` is over.
MAX_CONNECTIONS = 4000


class Protocol(HttpToolsProtocol):
    """Ends a connection whose request does not arrive in time, so that nobody holds the server up by saying little."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """A client is there."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_S, self._end)

    def data_received(self, data: bytes) -> None:
        """The client says something: the beginning of another request, where the last one is answered."""
        if self._timer is None and self.cycle.response_complete:
            self._timer = self.loop.call_later(HEAD_S, self._end)
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The head of a request is whole."""
        self._stop_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_timer()
        super().connection_lost(exc)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        if not self.transport.is_closing():
            self._refuse("408 Request Timeout", "")

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP; the application never sees it."""
        self._refuse("400 Bad Request", msg)

    def _refuse(self, status: str, text: str) -> None:
        told = HEADERS | {"content-type": "text/plain", "content-length": str(len(text)), "connection": "close"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self.transport.write(f"HTTP/1.1 {status}\r\n{lines}\r\n{text}".encode())
        self.transport.close()


def config_of(app: FastAPI, log_level: str = "warning") -> uvicorn.Config:
    """How uvicorn serves the application."""
    _allow_sockets()
    return uvicorn.Config(
        app,
        http=Protocol,
        log_level=log_level,
        server_header=False,
        date_header=True,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=STOP_S,
        limit_concurrency=MAX_CONNECTIONS,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; 0 takes a free port. Raises WebError if the address cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise WebError(
            f"cannot listen on {host} port {port} ({error.strerror}); is another server there? --port"
        ) from error
    return listener


def _allow_sockets() -> None:
    """Let this process open as many files as the system allows it: each connection is one."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 2 * MAX_CONNECTIONS
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted if hard < 0 else min(wanted, hard), hard))


def reachable_name() -> str:
    """The address of this machine by which others of its network reach it; its name where it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))  # of no machine (RFC 5737); nothing is sent
        return str(probe.getsockname()[0])
    return socket.gethostname()


_log = logging.getLogger(__name__)

#: The first class that fits decides; 422 for whatever else the sender has to put right.
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (UnauthenticatedError, 401),
    (ForbiddenError, 403),
    (NotServedError, 404),
    (CampaignNotFoundError, 404),
    (PropertyError, 404),
    (NotReadyError, 409),
    (LifecycleError, 409),
    (BusyError, 429),
    (StoreError, 503),
)


async def _refused(request: Request, problem: Exception) -> Response:
    if isinstance(problem, LoginNeededError) and not _is_api(request):
        return _to_login(request)
    assert isinstance(problem, SpinscreenError)
    status = next((status for kind, status in _STATUS if isinstance(problem, kind)), 422)
    if status >= 500:
        _log.error("%s %s: %s", request.method, request.url.path, problem)
    listed = _listed(problem, for_programs=_is_api(request))
    title = (str(problem).splitlines()[0].rstrip(":") if listed else str(problem)).replace(" (--reason)", "")
    title = title.replace("say --yes", "send confirmed=true" if _is_api(request) else "confirm it")
    return _answer(request, status, title, listed)


def _listed(problem: SpinscreenError, *, for_programs: bool) -> list[str]:
    if isinstance(problem, UnconfirmedError):
        if not for_programs:
            return [*problem.guesses, "if that is right, tick that it is"]
        else_declare = "; if not, declare columns, unit or sheet" if problem.accept == "accept_guesses" else ""
        return [*problem.guesses, f"if that is right, send {problem.accept}=true{else_declare}"]
    return list(problem.problems) if isinstance(problem, IngestError) else []


async def _invalid(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    listed = [
        f"{'.'.join(str(part) for part in e['loc'])}: {e['msg'].removeprefix('Value error, ')}"
        for e in problem.errors()
    ]
    return _answer(request, 422, "the request is not as it should be", listed)


async def _http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    title = str(problem.detail)
    if problem.status_code == 413:
        limit = registry_of(request).settings.max_upload_bytes
        title = f"the request is larger than {limit / 1e6:g} MB; send fewer files at once"
    response = _answer(request, problem.status_code, title, [])
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
