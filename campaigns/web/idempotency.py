"""A write that a program sends twice is done once: the answer is kept by the key that the program gave it."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import time
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cachetools import LRUCache, TTLCache
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.artifacts import CACHE
from campaigns.web.access import identify
from campaigns.web.api.models import Problem
from campaigns.web.errors import UnauthenticatedError
from campaigns.web.registry import CampaignRegistry

_log = logging.getLogger(__name__)

#: How long an answer is kept, s: a day.
KEPT_S = 24 * 3600
#: Answers of what was stored, in the campaign's folder, so that another start of the server knows them.
FILE = "answers.db"
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
            file = self._file(scope["path"])
            answer = self._answers.get(place) or (None if file is None else _kept(file, place))
            if answer is None:
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
                answer = self._answers[place] = _Answer(sent.hexdigest(), messages)
                # An answer 202 names a job, which another start of the server does not know.
                if messages[0]["status"] != 202 and (file := self._file(scope["path"])) is not None:
                    _keep(file, place, answer)
            await send(message)

        await self._app(scope, reading, keeping)

    def _file(self, path: str) -> Path | None:
        """Where answers to requests for a campaign are kept, by the path of their address."""
        service = self._registry.known(path.removeprefix("/api/campaigns/").partition("/")[0])
        return None if service is None else service.folder / CACHE / FILE


def _keep(file: Path, place: tuple[str, ...], answer: _Answer) -> None:
    """Write an answer down; one that cannot be is known until the server stops."""
    start, *bodies = answer.messages
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in start["headers"]]
    body = b"".join(message.get("body", b"") for message in bodies).decode("latin-1")
    content = json.dumps([answer.sent, start["status"], headers, body])
    try:
        file.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(file, timeout=1.0)) as connection, connection:
            connection.execute("CREATE TABLE IF NOT EXISTS answer (place TEXT PRIMARY KEY, at REAL, content TEXT)")
            connection.execute("DELETE FROM answer WHERE at < ?", (time.time() - KEPT_S,))
            connection.execute("INSERT OR REPLACE INTO answer VALUES (?, ?, ?)", (_key(place), time.time(), content))
    except (OSError, sqlite3.Error) as error:
        _log.warning("%s: an answer is not kept (%s)", file, error)


def _kept(file: Path, place: tuple[str, ...]) -> _Answer | None:
    """The answer that was written down; None where there is none, or a damaged file."""
    if not file.exists():
        return None
    query = "SELECT content FROM answer WHERE place = ? AND at >= ?"
    try:
        with closing(sqlite3.connect(file, timeout=1.0)) as connection:
            row = connection.execute(query, (_key(place), time.time() - KEPT_S)).fetchone()
        if row is None:
            return None
        sent, status, headers, body = json.loads(row[0])
    except (sqlite3.Error, ValueError):
        return None
    pairs = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    start = {"type": "http.response.start", "status": status, "headers": pairs}
    return _Answer(sent, [start, {"type": "http.response.body", "body": body.encode("latin-1")}])


def _key(place: tuple[str, ...]) -> str:
    return sha256(json.dumps(place).encode()).hexdigest()


async def _digest_of(receive: Receive) -> str:
    digest, more = sha256(), True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
    return digest.hexdigest()
