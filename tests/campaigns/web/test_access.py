"""Nobody writes without the right token, and browsers are protected."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from itsdangerous import TimestampSigner

from campaigns.errors import TokenError
from campaigns.web.app import COOKIE, create_app
from campaigns.web.registry import MAX_FAILURES
from campaigns.web.service import CampaignService
from campaigns.web.settings import SESSION_S, Role, TokenFile, is_loopback
from tests.campaigns.web.conftest import BASE, SLUG, Guarded, Prepared

#: A well-formed body for every address of the REST interface that takes one.
BODIES: dict[str, dict[str, Any]] = {
    "/api/campaigns/{campaign}/suggestions": {"json": {}},
    "/api/campaigns/{campaign}/outcomes": {"json": {"formula": "(PEA)2PbI4", "stage": "accepted"}},
    "/api/campaigns/{campaign}/declines": {"json": {"cation": "PA", "reason": "too expensive"}},
    "/api/campaigns/{campaign}/amendments": {"json": {"description": {}}},
    "/api/campaigns/{campaign}/events/{number}/undo": {"json": {"reason": "wrong"}},
    "/api/campaigns/{campaign}/measurements/table": {
        "files": {"file": ("t.csv", b"formula,lifetime_ps\n(PA)2PbI4,1\n")}
    },
    "/api/campaigns/{campaign}/measurements/trace": {
        "data": {"formula": "(PEA)2PbI4"},
        "files": {"trace": ("t.csv", b"delay_ps,sc,cc\n")},
    },
    "/api/campaigns/{campaign}/measurements/{number}/retraction": {"json": {"reason": "wrong"}},
    "/api/campaigns/{campaign}/properties/{property}/table": {"files": {"file": ("g.csv", b"compound,value\n")}},
    "/api/campaigns/{campaign}/properties/{property}/values/{number}/retraction": {"json": {"reason": "wrong"}},
    "/api/campaigns/{campaign}/predictions": {"json": {"formula": "(PEA)2PbI4"}},
}
#: The only address that takes a body and changes nothing.
READS = "/api/campaigns/{campaign}/predictions"


def operations(guarded: Guarded) -> list[tuple[str, str]]:
    told = guarded.client.get("/api/openapi.json").json()
    return [(verb.upper(), path) for path, item in told["paths"].items() for verb in item]


def ask(guarded: Guarded, verb: str, path: str, headers: dict[str, str]) -> int:
    address = path.format(campaign=SLUG, number=1, job="none", property="gap_ev")
    body = BODIES[path] if verb == "POST" else {}
    params = {"formula": "(PEA)2PbI4"} if path.endswith("/compound") else {}
    return guarded.client.request(verb, address, headers=headers, params=params, **body).status_code


def test_nothing_is_answered_without_a_token(guarded: Guarded) -> None:
    for verb, path in operations(guarded):
        assert ask(guarded, verb, path, {}) == 401
        assert ask(guarded, verb, path, {"authorization": "Bearer of bad news"}) == 401


def test_a_viewer_reads_everything_and_writes_nothing(guarded: Guarded) -> None:
    before = guarded.client.get(f"/api/campaigns/{SLUG}/events", headers=guarded.headers("viewer")).json()["total"]
    for verb, path in operations(guarded):
        status = ask(guarded, verb, path, guarded.headers("viewer"))
        if verb == "POST" and path != READS:
            assert status == 403, path
        else:
            assert status in (200, 202, 404), path
    after = guarded.client.get(f"/api/campaigns/{SLUG}/events", headers=guarded.headers("viewer")).json()["total"]
    assert after == before


def test_an_editor_writes_under_their_own_name(guarded: Guarded) -> None:
    formula = guarded.client.get(f"/api/campaigns/{SLUG}/suggestions", headers=guarded.headers("editor")).json()
    told = {"formula": formula["suggestions"][0]["formula"], "stage": "accepted"}
    answer = guarded.client.post(f"/api/campaigns/{SLUG}/outcomes", json=told, headers=guarded.headers("editor"))
    assert answer.status_code == 201
    assert answer.json()["actor"] == "Anna"


def test_pages_send_browsers_without_a_session_to_the_login(guarded: Guarded) -> None:
    answer = guarded.client.get(f"/c/{SLUG}/model", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/login?next=/c/{SLUG}/model"
    assert guarded.client.get("/login").status_code == 200
    assert guarded.client.post("/login", data={"token": "wrong"}).status_code == 401


@pytest.mark.parametrize("next_page", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:1"])
def test_a_login_leads_nowhere_else(guarded: Guarded, next_page: str) -> None:
    data = {"token": guarded.editor, "next": next_page}
    assert guarded.client.post("/login", data=data, follow_redirects=False).headers["location"] == "/"


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(guarded: Guarded) -> None:
    answer = guarded.client.post("/login", data={"token": guarded.editor}, follow_redirects=False)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.editor.lower() not in cookie


def test_a_form_needs_the_token_of_its_session(guarded: Guarded) -> None:
    csrf = guarded.log_in("editor")
    formula = guarded.client.get(f"/api/campaigns/{SLUG}/suggestions", headers=guarded.headers("editor")).json()
    form = {"formula": formula["suggestions"][0]["formula"], "stage": "accepted"}
    step = f"/c/{SLUG}/suggestions/step"
    assert guarded.client.post(step, data=form).status_code == 403
    assert guarded.client.post(step, data=form | {"csrf": "0" * 64}).status_code == 403
    assert guarded.client.post(step, data=form | {"csrf": csrf}, follow_redirects=False).status_code == 303


def test_a_viewers_forms_are_refused(guarded: Guarded) -> None:
    csrf = guarded.log_in("viewer")
    for path, data in (
        (f"/c/{SLUG}/suggestions/step", {"formula": "(PEA)2PbI4", "stage": "accepted"}),
        (f"/c/{SLUG}/suggestions/new", {}),
        (f"/c/{SLUG}/learn", {}),
        (f"/c/{SLUG}/log/retract", {"number": "1", "reason": "x"}),
        (f"/c/{SLUG}/measure/upload", {}),
        (f"/c/{SLUG}/measure/x/confirm", {}),
    ):
        answer = guarded.client.post(path, data=data, headers={"x-csrf-token": csrf})
        assert answer.status_code == 403, path
    page = guarded.client.get(f"/c/{SLUG}/suggestions").text
    assert "Accept" not in page


def test_a_token_taken_from_the_file_ends_its_sessions(guarded: Guarded, prepared: Prepared, tmp_path: Path) -> None:
    guarded.log_in("editor")
    held = json.loads(guarded.tokens.path.read_text())
    for kept, status in ((held["tokens"], 200), (held["tokens"][1:], 303)):
        guarded.tokens.path.write_text(json.dumps({**held, "tokens": kept}))
        assert guarded.client.get(f"/c/{SLUG}", follow_redirects=False).status_code == status
        settings = prepared.settings(tmp_path, tokens=TokenFile(guarded.tokens.path))
        with TestClient(create_app(settings), base_url=BASE, cookies=guarded.client.cookies) as restarted:
            assert restarted.get(f"/c/{SLUG}", follow_redirects=False).status_code == status


def test_a_token_revoked_by_another_process_is_nobodys_at_once(guarded: Guarded) -> None:
    here = f"/api/campaigns/{SLUG}"
    guarded.log_in("editor")
    assert guarded.client.get(here, headers=guarded.headers("editor")).status_code == 200
    other = TokenFile(guarded.tokens.path)
    other.revoke("Anna")
    assert guarded.client.get(here, headers=guarded.headers("editor")).status_code == 401
    assert guarded.client.get(f"/c/{SLUG}", follow_redirects=False).status_code == 303
    assert guarded.client.get(here, headers=guarded.headers("viewer")).status_code == 200
    again = other.add("Anna", Role.VIEWER)
    assert guarded.client.get(here, headers={"authorization": f"Bearer {again}"}).status_code == 200
    with pytest.raises(TokenError, match="no token for 'Berta'; there are: Wall, Anna"):
        other.revoke("Berta")


def test_a_token_ends_when_it_was_said_to(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    over, good = tokens.add("Guest", Role.VIEWER, days=-1), tokens.add("Anna", Role.EDITOR, days=1)
    assert tokens.identify(over) is None
    identity = tokens.identify(good)
    assert identity is not None
    assert identity.name == "Anna"
    assert [(token.name, token.is_over) for token in tokens] == [("Guest", True), ("Anna", False)]


def test_two_processes_that_make_tokens_lose_none(tmp_path: Path) -> None:
    first, second = TokenFile(tmp_path / "tokens.json"), TokenFile(tmp_path / "tokens.json")
    made = [first.add("Anna", Role.EDITOR), second.add("Berta", Role.VIEWER), first.add("Carl", Role.VIEWER)]
    assert all(TokenFile(tmp_path / "tokens.json").identify(token) is not None for token in made)


def test_a_session_that_was_logged_out_is_over_for_whoever_has_its_cookie(
    guarded: Guarded, prepared: Prepared, tmp_path: Path
) -> None:
    guarded.log_in("editor")
    cookie = guarded.client.cookies[COOKIE]
    assert guarded.client.post("/logout", follow_redirects=False).status_code == 303

    def status(client: TestClient) -> int:
        client.cookies.clear()
        return client.get(f"/c/{SLUG}", headers={"cookie": f"{COOKIE}={cookie}"}, follow_redirects=False).status_code

    assert status(guarded.client) == 303
    settings = prepared.settings(tmp_path, tokens=TokenFile(guarded.tokens.path))
    with TestClient(create_app(settings), base_url=BASE) as restarted:
        assert status(restarted) == 303


def test_wrong_tokens_are_logged_and_slowed_and_the_right_one_never(
    guarded: Guarded, caplog: pytest.LogCaptureFixture
) -> None:
    here, wrong = f"/api/campaigns/{SLUG}", {"authorization": "Bearer wrong"}
    told = [guarded.client.get(here, headers=wrong).status_code for _ in range(MAX_FAILURES + 2)]
    assert told == [401] * MAX_FAILURES + [429] * 2
    assert guarded.client.post("/login", data={"token": "wrong"}).status_code == 429
    assert guarded.client.get(here, headers=guarded.headers("editor")).status_code == 200
    assert len([record for record in caplog.records if "nobody has" in record.message]) == MAX_FAILURES
    assert "wrong" not in caplog.text.replace("wrong tokens", "")


def test_the_file_holds_hashes_only_and_is_private(guarded: Guarded) -> None:
    text = guarded.tokens.path.read_text()
    assert guarded.editor not in text
    assert guarded.viewer not in text
    assert guarded.tokens.path.stat().st_mode & 0o077 == 0
    again = TokenFile(guarded.tokens.path)
    assert again.identify(guarded.viewer) == guarded.tokens.identify(guarded.viewer)


def test_a_name_has_one_token_and_a_file_is_a_token_file(tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    tokens.add("Anna", Role.EDITOR)
    with pytest.raises(TokenError, match="already"):
        tokens.add("Anna", Role.VIEWER)
    with pytest.raises(TokenError, match="no name"):
        tokens.add("<b>", Role.VIEWER)
    king = '{"secret": "x", "tokens": [{"name": "A", "role": "king", "sha256": "", "made_at": ""}]}'
    ends = [
        king.replace("king", "viewer").replace('"}]', f'", "expires_at": "{end}"}}]') for end in ("soon", "2026-12-01")
    ]
    with pytest.raises(TokenError, match="larger than 10 MB"):
        TokenFile(Path("/dev/zero"))
    for text in ("[1, 2]", "", king, '{"secret": "x", "tokens": [{"name": "A"}]}', *ends):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(TokenError, match="not a token file"):
            TokenFile(tmp_path / "other.json")


@pytest.mark.parametrize("place", [0, 5, 60, -40, -20, -1])
def test_an_altered_cookie_is_nobody(guarded: Guarded, place: int) -> None:
    guarded.log_in("editor")
    cookie = guarded.client.cookies[COOKIE]
    assert guarded.client.get(f"/c/{SLUG}", follow_redirects=False).status_code == 200
    other = "A" if cookie[place] not in "ABCD" else "Z"  # of the last letter two bits say nothing
    altered = cookie[:place] + other + (cookie[place + 1 :] if place != -1 else "")
    body, _, signature = cookie.rpartition(".")
    for wrong in (altered, "", "x", f"{body}.", f".{signature}", f"{cookie}.{signature}", "caf\u00e9"):
        guarded.client.cookies.clear()
        answer = guarded.client.get(
            f"/c/{SLUG}", headers={"cookie": f"{COOKIE}={wrong}".encode("latin-1")}, follow_redirects=False
        )
        assert answer.status_code == 303, wrong


def test_a_cookie_of_another_server_or_of_yesterday_is_nobody(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded.log_in("editor")
    held = guarded.client.cookies[COOKIE].rsplit(".", 2)[0]
    for key, age_s, status in (
        (guarded.tokens.secret, 0, 200),
        (guarded.tokens.secret, SESSION_S + 60, 303),
        ("another", 0, 303),
    ):
        signer = TimestampSigner(key)
        monkeypatch.setattr(signer, "get_timestamp", lambda age_s=age_s: int(time.time()) - age_s)
        guarded.client.cookies.clear()
        answer = guarded.client.get(
            f"/c/{SLUG}", headers={"cookie": f"{COOKIE}={signer.sign(held).decode()}"}, follow_redirects=False
        )
        assert answer.status_code == status


def test_other_sites_and_other_names_are_refused(client: TestClient) -> None:
    assert client.get(f"/c/{SLUG}", headers={"host": "evil.example"}).status_code == 421
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        answer = client.post(f"/api/campaigns/{SLUG}/suggestions", json={}, headers=headers)
        assert answer.status_code == 403
    assert client.get(f"/c/{SLUG}", headers={"host": "localhost:8710"}).status_code == 200


def test_every_answer_carries_the_headers_that_protect_browsers(client: TestClient) -> None:
    for path in ("/", f"/c/{SLUG}", "/static/app.js", f"/api/campaigns/{SLUG}", "/nowhere"):
        headers = client.get(path).headers
        assert "script-src 'self';" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"


def test_an_error_of_the_program_carries_them_too(
    prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(CampaignService, "events", broken)
    with TestClient(create_app(prepared.settings(tmp_path)), base_url=BASE, raise_server_exceptions=False) as client:
        answer = client.get(f"/api/campaigns/{SLUG}/events")
    assert answer.status_code == 500
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "ZeroDivision" not in answer.text


def test_too_large_a_request_is_refused_before_it_is_read(prepared: Prepared, tmp_path: Path) -> None:
    settings = prepared.settings(tmp_path, max_upload_bytes=2000)
    with TestClient(create_app(settings), base_url=BASE) as client:
        files = {"file": ("t.csv", b"x" * 5000)}
        address = f"/api/campaigns/{SLUG}/measurements/table"
        assert client.post(address, files=files).status_code == 413

        def stream() -> Any:
            yield b"--b\r\n" + b'Content-Disposition: form-data; name="file"; filename="t.csv"\r\n\r\n'
            for _ in range(10):
                yield b"x" * 1000
            yield b"\r\n--b--\r\n"

        headers = {"content-type": "multipart/form-data; boundary=b"}
        answer = client.post(address, content=stream(), headers=headers)
        assert answer.status_code == 413
        assert json.loads(answer.text)["title"].startswith("the request is larger than")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.8.9.1", True),
        ("0.0.0.0", False),
        ("lab.example", False),
    ],
)
def test_only_this_machines_own_addresses_are_loopback(host: str, *, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_no_cookie_is_set_where_there_is_one(client: TestClient) -> None:
    assert COOKIE in client.get(f"/c/{SLUG}").cookies
    assert "set-cookie" not in client.get(f"/c/{SLUG}").headers


def test_a_login_link_is_shown_as_a_button_and_works_once(guarded: Guarded) -> None:
    link, client = guarded.tokens.link("Anna"), guarded.client
    for _ in range(2):  # a program that looks at links does not use it up
        assert "Log in as Anna" in client.get("/login", params={"link": link}).text
    first = client.post("/login", data={"link": link}, follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert "Anna" in client.get(f"/c/{SLUG}").text
    client.cookies.clear()
    assert client.post("/login", data={"link": link}).status_code == 401
    assert "used already" in client.get("/login", params={"link": link}).text


def test_a_login_link_ends_with_its_token_and_its_day(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    link = guarded.tokens.link("Anna")
    monkeypatch.setattr("campaigns.web.settings.LINK_S", -1)
    assert guarded.tokens.whose_link(guarded.tokens.link("Anna")) is None
    guarded.tokens.revoke("Anna")
    assert guarded.tokens.redeem(link) is None
    with pytest.raises(TokenError, match="no token for 'Anna'"):
        guarded.tokens.link("Anna")


def test_an_error_keeps_the_pages_of_the_campaign_and_tells_strangers_nothing(guarded: Guarded) -> None:
    guarded.log_in("viewer")
    for path in ("nowhere", "compound?formula=(XYZ)2PbI4"):
        shown = guarded.client.get(f"/c/{SLUG}/{path}", headers={"accept": "text/html"}).text
        assert f'href="/c/{SLUG}/suggestions"' in shown
    guarded.client.cookies.clear()
    assert SLUG not in guarded.client.get("/nowhere").text


def test_an_open_page_can_ask_whether_something_happened(guarded: Guarded, prepared: Prepared) -> None:
    guarded.log_in("viewer")
    seen = guarded.client.get(f"/c/{SLUG}/version").json()["version"]
    assert f'data-version="{seen}"' in guarded.client.get(f"/c/{SLUG}").text
