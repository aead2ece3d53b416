"""What every request and answer passes: host and origin checks, a limit on the body, headers that protect browsers."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_SECURITY_POLICY", "Guard"]

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
