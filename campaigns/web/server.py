"""The server below the application: the socket, and how long it waits for what a client sends."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from campaigns.web.errors import WebError

#: How long the head of a request may take to arrive, s; uvicorn itself waits for ever.
HEAD_S = 15.0
#: Connections at once; half-open ones count until `HEAD_S` is over.
MAX_CONNECTIONS = 4000

_TOO_LATE = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


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
            self.transport.write(_TOO_LATE)
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
        timeout_graceful_shutdown=5,
        limit_concurrency=MAX_CONNECTIONS,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; 0 takes a free port.

    Raises:
        WebError: if the address cannot be listened on.
    """
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
