"""Answers that are the same until something happens, kept ready before the framework is asked.

Routing, dependencies, templates and serialisation cost milliseconds of processor time a request; a group that looks at
the same few pages asks for the same bytes again and again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.web.access import api_reader, session_of
from campaigns.web.errors import UnauthenticatedError
from campaigns.web.registry import CampaignRegistry

#: Bytes of answers that are kept.
MAX_BYTES = 64_000_000
#: Larger answers are made anew.
MAX_ANSWER = 2_000_000
#: Stands in a kept page where the form token of a session belongs.
_FORM_TOKEN = b"\x00form-token\x00"
#: What comes of the address and the requester alone is kept; the rest is made at each request.
_KEPT_HEADERS = frozenset({b"content-type", b"content-disposition"})

Key = tuple[object, ...]
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    version: object
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that can be answered from the shelf: what is asked by whom, of which state; the asker's form token."""

    key: Key
    version: object
    form_token: bytes


class ResponseCache:
    """ASGI middleware: whole answers to GET by address and requester, until the campaign, its jobs or its fit change.

    Whoever asks is identified for every request, as the application does it; whoever is not known is sent on to it.
    """

    def __init__(self, app: ASGIApp, *, registry: CampaignRegistry) -> None:
        self._app, self._registry = app, registry
        self._answers: OrderedDict[Key, _Kept] = OrderedDict()
        self._bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        asked = self._asked(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if asked is None:
            await self._app(scope, receive, send)
            return
        kept = self._answers.get(asked.key)
        if kept is not None and kept.version == asked.version:
            body = kept.body.replace(_FORM_TOKEN, asked.form_token) if asked.form_token else kept.body
            headers = [*kept.headers, (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        await self._app(scope, receive, _Copied(send, self._keep, asked).send)

    def _asked(self, scope: Scope) -> _Asked | None:
        """What is asked and by whom; None for what the application has to answer."""
        parts = scope["path"].split("/", 4)
        is_page = parts[1] == "c"
        if not is_page and parts[1:3] != ["api", "campaigns"]:
            return None
        slug = parts[2] if is_page else (parts[3] if len(parts) > 3 else "")
        service = self._registry.known(slug)
        version = None if service is None else service.version()
        if version is None:
            return None
        request, form_token = Request(scope), b""
        if is_page:
            session = session_of(request, self._registry)
            if session is None:  # a first visit, which is given its cookie, or somebody who has to log in
                return None
            identity, form_token = session.identity, session.csrf.encode()
        else:
            try:
                identity = api_reader(self._registry, request.headers.get("authorization", ""))
            except UnauthenticatedError:  # the application says so
                return None
        partial = request.headers.get("hx-request", "")
        return _Asked((scope["path"], scope["query_string"], identity, partial), version, form_token)

    def _keep(self, asked: _Asked, headers: Headers, body: bytes) -> None:
        if asked.form_token:
            body = body.replace(asked.form_token, _FORM_TOKEN)
        if (old := self._answers.pop(asked.key, None)) is not None:
            self._bytes -= len(old.body)
        self._answers[asked.key] = _Kept(asked.version, headers, body)
        self._bytes += len(body)
        while self._bytes > MAX_BYTES:
            _, gone = self._answers.popitem(last=False)
            self._bytes -= len(gone.body)


class _Copied:
    """Sends an answer on, and keeps it once it is whole."""

    def __init__(self, send: Send, keep: Callable[[_Asked, Headers, bytes], None], asked: _Asked) -> None:
        self._send, self._keep, self._asked = send, keep, asked
        self._headers: Headers | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        """Send one message on."""
        if message["type"] == "http.response.start":
            told = tuple((name.lower(), value) for name, value in message["headers"])
            whole = message["status"] == 200 and not any(name == b"set-cookie" for name, _ in told)
            self._headers = told if whole else None
        elif message["type"] == "http.response.body" and self._headers is not None:
            self._body += message.get("body", b"")
            if len(self._body) > MAX_ANSWER:
                self._headers = None
            elif not message.get("more_body", False):
                headers = tuple(pair for pair in self._headers if pair[0] in _KEPT_HEADERS)
                self._keep(self._asked, headers, self._body)
        await self._send(message)
