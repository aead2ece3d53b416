"""A real server on a socket: those who say little or nothing hold nobody up, and what is no request is refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from campaigns.web import app, middleware
from tests.campaigns.web.conftest import SLUG, Prepared, running


@pytest.fixture
def address(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with little patience."""
    monkeypatch.setattr(app, "HEAD_S", 3.0)
    monkeypatch.setattr(middleware, "PAUSE_S", 1.0)
    with running(prepared.settings(tmp_path)) as found:
        yield found


def connect(address: str, sent: bytes) -> socket.socket:
    parts = urlsplit(address)
    assert parts.hostname is not None
    line = socket.create_connection((parts.hostname, parts.port or 80), timeout=60)
    line.sendall(sent)
    return line


def answer(line: socket.socket) -> bytes:
    """Everything until the server ends the connection."""
    told = b""
    while part := line.recv(65536):
        told += part
    return told


def test_a_thousand_half_open_requests_hold_nobody_up_and_are_ended(address: str) -> None:
    lines = [connect(address, b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ") for _ in range(1000)]
    try:
        assert httpx.get(f"{address}/api/campaigns/{SLUG}", timeout=60).status_code == 200
        assert answer(lines[0]).startswith(b"HTTP/1.1 408")
        assert (told := answer(lines[-1])).startswith(b"HTTP/1.1 408")
        assert b"content-security-policy: default-src 'none'" in told
    finally:
        for line in lines:
            line.close()


def test_what_is_no_request_is_refused_with_the_headers_of_every_answer(address: str) -> None:
    for sent in (b"FOO / HTTP/1.1", b"GET /\xff HTTP/1.1", b"GET / HTTP/1.1\r\ncontent-length: 5, 6"):
        with connect(address, sent + b"\r\nhost: 127.0.0.1\r\n\r\n") as line:
            told = answer(line)
        assert told.startswith(b"HTTP/1.1 400")
        assert b"content-security-policy: default-src 'none'" in told
        assert b"x-content-type-options: nosniff" in told


def test_a_body_that_stops_arriving_is_refused(address: str) -> None:
    head = f"POST /api/campaigns/{SLUG}/outcomes HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    with connect(address, f"{head}content-length: 100\r\n\r\n{{".encode()) as line:
        told = answer(line)
    assert told.startswith(b"HTTP/1.1 408")
    assert b"did not arrive in time" in told


def test_a_connection_is_kept_for_the_next_request(address: str) -> None:
    with httpx.Client(base_url=address) as client:
        for _ in range(3):
            assert client.get(f"/api/campaigns/{SLUG}").status_code == 200


def test_an_address_that_is_none_is_the_senders_fault(address: str) -> None:
    for line in (
        "GET /c HTTP/1.1",
        "GET /c/ HTTP/1.1",
        "GET /api HTTP/1.1",
        "GET //c//x HTTP/1.1",
        "GET http://127.0.0.1/c HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET /%00%ff HTTP/1.1",
        "GET nonsense HTTP/1.1",
        "GET http:// HTTP/1.1",
        "BREW / HTTP/1.1",
    ):
        with connect(address, f"{line}\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".encode()) as connection:
            assert answer(connection).startswith(b"HTTP/1.1 4"), line


def test_a_host_or_an_origin_that_is_none_is_the_senders_fault(address: str) -> None:
    for name in ("[", "[::1", "[abc]", "a@b", "127.0.0.1:x", "http://[", "\u00e9", ""):
        head = f"GET / HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n"
        with connect(address, head.encode()) as connection:
            told = answer(connection)
        assert told.startswith(b"HTTP/1.1 4"), name
        assert b"content-security-policy" in told
        head = f"POST /learn HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: {name}\r\ncontent-length: 0\r\n"
        with connect(address, f"{head}connection: close\r\n\r\n".encode()) as connection:
            assert answer(connection).startswith(b"HTTP/1.1 403"), name
