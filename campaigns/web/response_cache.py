"""Answers that are the same until something happens, kept ready before the framework is asked.

Routing, dependencies, templates and serialisation cost milliseconds of processor time a request; a group that looks at
the same few pages asks for the same bytes again and again.
"""

from __future__ import annotations

from typing import NamedTuple

from cachetools import LRUCache
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.web.access import identify, visitor_of
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

Headers = list[tuple[bytes, bytes]]


class _Answer(NamedTuple):
    version: object
    headers: Headers
    body: bytes


class _Question(NamedTuple):
    """What is asked by whom, of which state of the campaign; the asker's form token, b"" for programs."""

    key: tuple[object, ...]
    version: object
    form_token: bytes


class ResponseCache:
    """ASGI middleware: whole answers to GET by address and requester, until the campaign, its jobs or its fit change.

    Whoever asks is identified for every request, as the application does it; whoever is not known is sent on to it.
    """

    def __init__(self, app: ASGIApp, *, registry: CampaignRegistry) -> None:
        self._app, self._registry = app, registry
        self.answers: LRUCache[tuple[object, ...], _Answer] = LRUCache(MAX_BYTES, getsizeof=lambda kept: len(kept.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        question = self._question(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if question is None:
            await self._app(scope, receive, send)
            return
        answer = self.answers.get(question.key)
        if answer is not None and answer.version == question.version:
            body = answer.body.replace(_FORM_TOKEN, question.form_token) if question.form_token else answer.body
            headers = [*answer.headers, (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})
            return
        headers, body = [], b""
        keeps = False

        async def keeping(message: Message) -> None:
            nonlocal keeps, headers, body
            if message["type"] == "http.response.start":
                keeps = message["status"] == 200
                headers = [pair for pair in message["headers"] if pair[0].lower() in _KEPT_HEADERS]
            elif message["type"] == "http.response.body" and keeps:
                body += message.get("body", b"")
                keeps = len(body) <= MAX_ANSWER
                if keeps and not message.get("more_body", False):
                    self._keep(question, headers, body)
            await send(message)

        await self._app(scope, receive, keeping)

    def _question(self, scope: Scope) -> _Question | None:
        """What is asked and by whom; None for what the application has to answer."""
        match scope["path"].split("/", 4):
            case ["", "c", slug, *_]:
                is_page = True
            case ["", "api", "campaigns", slug, *_]:
                is_page = False
            case _:
                return None
        service = self._registry.known(slug)
        version = None if service is None else service.version()
        if version is None:
            return None
        request, form_token = Request(scope), b""
        if is_page:
            visitor = visitor_of(request, self._registry)
            if visitor is None:  # a first visit, which is given its cookie, or somebody who has to log in
                return None
            identity, form_token = visitor.identity, visitor.csrf.encode()
        else:
            try:
                identity = identify(self._registry, request.headers.get("authorization", ""))
            except UnauthenticatedError:  # the application says so
                return None
        partial = request.headers.get("hx-request", "")
        return _Question((scope["path"], scope["query_string"], identity, partial), version, form_token)

    def _keep(self, question: _Question, headers: Headers, body: bytes) -> None:
        if question.form_token:
            body = body.replace(question.form_token, _FORM_TOKEN)
        self.answers[question.key] = _Answer(question.version, headers, body)
