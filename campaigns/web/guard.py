"""What every request has to pass and every answer carries, before and after the application."""

from __future__ import annotations

import asyncio
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.web.api.models import Problem

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
    "cache-control": "no-store",
}
#: How long the body of a request may pause, and take as a whole, s: 64 MB through 1 Mbit/s.
PAUSE_S, BODY_S = 20.0, 600.0
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
#: A host with or without its port; a browser's address of IPv6 stands in brackets.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]*))(?::\d*)?")


class Guard:
    """ASGI middleware around everything, the answers to errors of the program too.

    Starlette's `TrustedHostMiddleware` answers 400 in plain text; programs rely on 421 and a problem in JSON here.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: frozenset[str] | None) -> None:
        """Wrap `app`; `allowed_hosts` None allows any name."""
        self._app, self._hosts = app, allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope["method"], Headers(scope=scope))
        await (refusal or self._app)(scope, _in_time(receive), with_headers)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        host = headers.get("host", "")
        if (named := _HOST.fullmatch(host)) is None:
            return _refuse(400, "the host in the request is not one")
        name = (named[1] or named[2]).lower()
        if self._hosts is not None and name not in self._hosts:
            return _refuse(421, f"this server does not answer to the name {name[:80]!r}")
        if method not in _SAFE and _from_elsewhere(headers, host):
            return _refuse(403, "a page of another site may not send this")
        if not headers.get("content-length", "0").isdecimal():
            return _refuse(400, "the content-length is not a number")
        return None


def _in_time(receive: Receive) -> Receive:
    """The same, refused where the body stops arriving or takes too long as a whole."""
    loop, is_whole = asyncio.get_running_loop(), False
    until = loop.time() + BODY_S

    async def received() -> Message:
        nonlocal is_whole
        if is_whole:
            return await receive()
        try:
            message = await asyncio.wait_for(receive(), min(PAUSE_S, until - loop.time()))
        except TimeoutError:
            raise HTTPException(
                408, "the request did not arrive in time; send it again", {"connection": "close"}
            ) from None
        is_whole = not message.get("more_body", False)
        return message

    return received


def _from_elsewhere(headers: Headers, host: str) -> bool:
    """Whether a browser says that the request comes from a page of another site; programs say nothing."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.partition("://")[2] != host


def _refuse(status: int, title: str) -> JSONResponse:
    return JSONResponse(Problem(title=title).model_dump(), status, media_type="application/problem+json")
