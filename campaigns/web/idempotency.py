"""A write that a program sends twice is done once: the answer is kept by the key that the program gave it."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import NamedTuple

from cachetools import LRUCache, TTLCache
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.web.access import identify
from campaigns.web.api.models import Problem
from campaigns.web.errors import UnauthenticatedError
from campaigns.web.registry import CampaignRegistry

#: How long an answer is kept, s: a day. Another start of the server forgets them.
KEPT_S = 24 * 3600
#: Answers that are kept, and the length of a key.
MAX_ANSWERS, MAX_KEY = 10_000, 200

_OTHER = "this idempotency-key was sent with another request before; make a new one for each request"


class _Answer(NamedTuple):
    sent: str
    messages: list[Message]


class Idempotency:
    """ASGI middleware: a POST under /api with the header `idempotency-key` that was answered with success is answered
    so again, and nothing is done. Requests with one key follow each other."""

    def __init__(self, app: ASGIApp, *, registry: CampaignRegistry) -> None:
        self._app, self._registry = app, registry
        self._answers: TTLCache[tuple[str, ...], _Answer] = TTLCache(MAX_ANSWERS, KEPT_S)
        self._locks: LRUCache[tuple[str, ...], asyncio.Lock] = LRUCache(MAX_ANSWERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_write = scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith("/api/")
        headers = Request(scope).headers if is_write else {}
        key = headers.get("idempotency-key", "")[:MAX_KEY]
        try:
            name = identify(self._registry, headers.get("authorization", "")).name if key else ""
        except UnauthenticatedError:  # the application says so
            key = ""
        if not key:
            await self._app(scope, receive, send)
            return
        place = (name, scope["path"], key)
        async with self._locks.setdefault(place, asyncio.Lock()):
            if (answer := self._answers.get(place)) is None:
                await self._answered(place, scope, receive, send)
            elif await _digest_of(receive) != answer.sent:
                refusal = Problem(title=_OTHER).model_dump()
                await JSONResponse(refusal, 422, media_type="application/problem+json")(scope, receive, send)
            else:
                for message in answer.messages:
                    await send(message)

    async def _answered(self, place: tuple[str, ...], scope: Scope, receive: Receive, send: Send) -> None:
        """Have it answered by the application, and keep that if it is a success."""
        sent, messages = sha256(), list[Message]()

        async def reading() -> Message:
            message = await receive()
            sent.update(message.get("body", b""))
            return message

        async def keeping(message: Message) -> None:
            messages.append(message)
            is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
            if is_last and messages[0]["status"] < 300:
                self._answers[place] = _Answer(sent.hexdigest(), messages)
            await send(message)

        await self._app(scope, reading, keeping)


async def _digest_of(receive: Receive) -> str:
    digest, more = sha256(), True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
    return digest.hexdigest()
