"""The thin client speaks to a real server."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from campaigns.client import Client
from campaigns.errors import RemoteError
from campaigns.web.settings import Role, TokenFile
from tests.campaigns.web.conftest import SLUG, Prepared, Traces, maps, prepared, running, traces

__all__ = ["maps", "prepared", "traces"]


def test_a_script_reads_accepts_measures_and_predicts(
    prepared: Prepared, traces: Traces, maps: Traces, tmp_path: Path
) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("script", Role.EDITOR)
    with running(prepared.settings(tmp_path, tokens=tokens)) as address, Client(address, token) as lab:
        assert [one["id"] for one in lab.campaigns()] == [SLUG]
        first, second = (s["formula"] for s in lab.suggestions(SLUG)["suggestions"][:2])
        assert lab.accept(SLUG, first)["actor"] == "script"
        assert lab.decline(SLUG, second, "too toxic")["reason"] == "too toxic"
        assert [step["stage"] for step in lab.outcomes(SLUG)] == ["accepted", "declined"]
        told = lab.ingest_trace(SLUG, first, sc=traces.sc, cc=traces.cc, irf_fwhm_ps=0.15, learn=False)
        assert told["ingest"]["added"] == 1
        assert lab.measurements(SLUG)[0]["formula"] == first
        assert lab.retract(SLUG, 1, "wrong crystal")["retracted"] == "wrong crystal"
        told = lab.ingest_trace(SLUG, first, sc_map=[maps.sc], cc_map=[maps.cc], irf_fwhm_ps=0.15, dry_run=True)
        assert told["fit"]["lifetime_ps"] == pytest.approx(maps.lifetime_ps, rel=0.15)
        table = tmp_path / "table.csv"
        table.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
        assert lab.ingest_table(SLUG, table, dry_run=True)["added"] == 1
        assert lab.ranking(SLUG, size=3, phase="DJ")["rows"][0]["lifetime_ps"] > 0
        assert lab.compound(SLUG, first)["stage"] == "accepted"
        assert lab.events(SLUG, limit=2)["total"] >= 6
        assert lab.campaign(SLUG)["n_ingested"] == 0


def test_a_refusal_is_told_in_the_servers_words(prepared: Prepared, tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("screen", Role.VIEWER)
    with running(prepared.settings(tmp_path, tokens=tokens)) as address:
        with Client(address) as nobody, pytest.raises(RemoteError, match="needs a token") as caught:
            nobody.campaigns()
        assert caught.value.status == 401
        with Client(address, token) as screen:
            with pytest.raises(RemoteError, match="may read only"):
                screen.accept(SLUG, "(PA)2PbI4")
            with pytest.raises(RemoteError, match="cannot be read"):
                screen.ingest_table(SLUG, tmp_path / "missing.csv")
            with pytest.raises(RemoteError) as caught:
                screen.ranking(SLUG, size=0)
            assert "size" in caught.value.problems[0]
    with Client(address, timeout_s=5) as late, pytest.raises(RemoteError, match="no answer"):
        late.campaigns()


class Deaf(BaseHTTPRequestHandler):
    """A server whose first answer is lost on the way."""

    keys: ClassVar[list[str | None]] = []

    def do_POST(self) -> None:
        self.keys.append(self.headers["idempotency-key"])
        if len(self.keys) > 1:
            body = b'{"stage": "accepted"}'
            self.send_response(201)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *told: object) -> None:
        """Say nothing."""


def test_a_write_whose_answer_was_lost_is_sent_again_with_its_key() -> None:
    with HTTPServer(("127.0.0.1", 0), Deaf) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with Client(f"http://127.0.0.1:{server.server_port}") as lab:
            assert lab.accept(SLUG, "(PEA)2PbI4") == {"stage": "accepted"}
            lab.accept(SLUG, "(PEA)2PbI4")
        server.shutdown()
        thread.join(20)
    first, again, other = Deaf.keys
    assert first == again != other
    assert first


class Another(BaseHTTPRequestHandler):
    """A server that is not spinscreen's."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>the printer's settings</html>")

    def log_message(self, *told: object) -> None:
        """Say nothing."""


def test_another_programs_answer_is_not_taken_for_one() -> None:
    with HTTPServer(("127.0.0.1", 0), Another) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        with (
            Client(f"http://127.0.0.1:{server.server_port}") as lab,
            pytest.raises(RemoteError, match="is not spinscr"),
        ):
            lab.campaigns()
        server.shutdown()
        thread.join(20)


@pytest.mark.parametrize(("address", "token"), [("http://lab:x", None), ("\x1b", None), ("http://127.0.0.1", "\ud83d")])
def test_what_is_no_address_or_token_is_told(address: str, token: str | None) -> None:
    with pytest.raises(RemoteError, match="is no address of a server, or the token is none"):
        Client(address, token)


def test_a_file_without_an_end_is_not_read_to_its_end() -> None:
    with Client("http://127.0.0.1:1") as lab, pytest.raises(RemoteError, match=r"/dev/zero cannot .*larger than"):
        lab.ingest_table(SLUG, "/dev/zero")
