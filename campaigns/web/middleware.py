"""What stands around the application: what every request has to pass, writes that are done once, answers kept ready."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
import time
from contextlib import closing, suppress
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cachetools import LRUCache, TTLCache
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaigns.artifacts import CACHE
from campaigns.database import asked_by
from campaigns.errors import BusyError, UnauthenticatedError
from campaigns.web.models import Problem
from campaigns.web.registry import CampaignRegistry, identify, visitor_of
from campaigns.web.settings import Identity

#: SHA-256 of nothing: Plotly makes an empty style element and fills it by script, which the policy then allows.
_EMPTY = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
#: The policy of every page: nothing from another server, no inline script.
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; script-src 'self'; style-src 'self' {_EMPTY}; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: Headers of every answer.
HEADERS = {
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
    """ASGI middleware around everything, the answers to errors of the program too. Starlette's `TrustedHostMiddleware`
    answers 400 in plain text; programs rely on 421 and a problem in JSON here."""

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
                for name, value in HEADERS.items():
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


_log = logging.getLogger(__name__)

#: Bytes of answers that are kept, of those to writes and of those to questions.
MAX_BYTES = 64_000_000

#: How long an answer is kept, s: a day.
KEPT_S = 24 * 3600
#: Answers of what was stored, in the campaign's folder, so that another start of the server knows them.
FILE = "answers.db"
#: Keys whose requests follow each other, and the length of one.
MAX_KEYS, MAX_KEY = 10_000, 200

_OTHER = "this idempotency-key was sent with another request before; make a new one for each request"


class _Sent(NamedTuple):
    sent: str
    messages: list[Message]

    def size(self) -> int:
        """Bytes it takes, about."""
        return 2_000 + sum(len(message.get("body", b"")) for message in self.messages)


class Idempotency:
    """ASGI middleware: a POST under /api with the header `idempotency-key` that was answered with success is answered
    so again, and nothing is done. Requests with one key follow each other."""

    def __init__(self, app: ASGIApp, *, registry: CampaignRegistry) -> None:
        self._app, self._registry = app, registry
        self._answers: TTLCache[tuple[str, ...], _Sent] = TTLCache(MAX_BYTES, KEPT_S, getsizeof=_Sent.size)
        self._locks: LRUCache[tuple[str, ...], asyncio.Lock] = LRUCache(MAX_KEYS)

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
                await _refuse(422, _OTHER)(scope, receive, send)
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
                answer = _Sent(sent.hexdigest(), messages)
                with suppress(ValueError):  # larger than all that is kept
                    self._answers[place] = answer
                # An answer 202 names a job, which another start of the server does not know.
                if messages[0]["status"] != 202 and (file := self._file(scope["path"])) is not None:
                    _keep(file, place, answer)
            await send(message)

        with asked_by(lambda: f"{_key(place)}-{sent.hexdigest()}"):
            await self._app(scope, reading, keeping)

    def _file(self, path: str) -> Path | None:
        """Where answers to requests for a campaign are kept, by the path of their address."""
        service = self._registry.known(path.removeprefix("/api/campaigns/").partition("/")[0])
        return None if service is None else service.folder / CACHE / FILE


def _keep(file: Path, place: tuple[str, ...], answer: _Sent) -> None:
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


def _kept(file: Path, place: tuple[str, ...]) -> _Sent | None:
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
    return _Sent(sent, [start, {"type": "http.response.body", "body": body.encode("latin-1")}])


def _key(place: tuple[str, ...]) -> str:
    return sha256(json.dumps(place).encode()).hexdigest()


async def _digest_of(receive: Receive) -> str:
    digest, more = sha256(), True
    while more:
        message = await receive()
        digest.update(message.get("body", b""))
        more = message.get("more_body", False)
    return digest.hexdigest()


#: Larger answers are made anew.
MAX_ANSWER = 2_000_000
#: Answers that are made at once, each in a thread: more only hold each other up. Who has waited so long for a turn, s,
#: goes on without one, so that a few that take seconds do not hold up the rest.
AT_ONCE, TURN_S = 6, 0.5
#: Stands in a kept page where the form token of a session belongs.
_FORM_TOKEN = b"\x00form-token\x00"
#: What comes of the address and the requester alone is kept; the rest is made at each request.
_KEPT_HEADERS = frozenset({b"content-type", b"content-disposition"})


class _Answer(NamedTuple):
    version: object
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Question(NamedTuple):
    """What is asked by whom, of which state of the campaign; the asker's form token, b"" for programs."""

    key: tuple[object, ...]
    version: object
    form_token: bytes
    identity: Identity


class ResponseCache:
    """ASGI middleware: whole answers to GET by address and requester, until the campaign, its jobs or its fit change:
    a group asks for the same few pages again and again, and each costs milliseconds. Who asks while an answer is made
    waits for it. Whoever asks is identified for every request, and sent on to the application where not known."""

    def __init__(self, app: ASGIApp, *, registry: CampaignRegistry) -> None:
        self._app, self._registry = app, registry
        self.answers: LRUCache[tuple[object, ...], _Answer] = LRUCache(MAX_BYTES, getsizeof=lambda kept: len(kept.body))
        self._making: dict[tuple[object, ...], asyncio.Event] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        question = self._question(scope) if scope["type"] == "http" and scope["method"] == "GET" else None
        if question is None:
            await self._app(scope, receive, send)
            return
        if (others := self._making.get((*question.key, question.version))) is not None:
            await others.wait()
        for message in self._kept(question) or await self._made(question, scope, receive):
            await send(message)

    def _kept(self, question: _Question) -> list[Message] | None:
        """The answer as it was sent to others; None where the application has to answer."""
        answer = self.answers.get(question.key)
        if answer is None or answer.version != question.version or not self._has_turn(question):
            return None
        body = answer.body.replace(_FORM_TOKEN, question.form_token) if question.form_token else answer.body
        headers = [*answer.headers, (b"content-length", str(len(body)).encode())]
        return [
            {"type": "http.response.start", "status": 200, "headers": headers},
            {"type": "http.response.body", "body": body},
        ]

    async def _made(self, question: _Question, scope: Scope, receive: Receive) -> list[Message]:
        """The application's answer, whole, so that nobody waits for the connection of whoever asked first."""
        place, made, messages = (*question.key, question.version), asyncio.Event(), list[Message]()

        async def collect(message: Message) -> None:
            messages.append(message)

        self._making.setdefault(place, made)
        has_turn = False
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(TURN_S):
                    has_turn = await self._turns.acquire()
            await self._app(scope, receive, collect)
            self._remember(question, messages)
        finally:
            if has_turn:
                self._turns.release()
            made.set()
            if self._making.get(place) is made:
                del self._making[place]
        return messages

    def _has_turn(self, question: _Question) -> bool:
        """Whether a program may have one more answer; where not, the application says so."""
        try:
            if not question.form_token:
                self._registry.count(question.identity)
        except BusyError:
            return False
        return True

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
        return _Question((scope["path"], scope["query_string"], identity, partial), version, form_token, identity)

    def _remember(self, question: _Question, messages: list[Message]) -> None:
        start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
        if start["status"] == 200 and len(body) <= MAX_ANSWER:
            if question.form_token:
                body = body.replace(question.form_token, _FORM_TOKEN)
            headers = [pair for pair in start["headers"] if pair[0].lower() in _KEPT_HEADERS]
            self.answers[question.key] = _Answer(question.version, headers, body)
