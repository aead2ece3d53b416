"""Several campaigns in one server: each with its own pages, jobs and uploads, and the same people."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaigns.web.app import create_app
from campaigns.web.jobs import JobQueue
from campaigns.web.settings import Role, TokenFile
from tests.campaigns.web.conftest import BASE, SLUG, Guarded, Prepared, Traces

OTHER = "other-group"
PAGES = ("", "/suggestions", "/suggestions/sheet", "/measure", "/compounds", "/model", "/log")
QUESTIONS = ("", "/suggestions", "/outcomes", "/measurements", "/ranking", "/events", "/jobs")


@pytest.fixture
def both(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Guarded]:
    """A server of two campaigns that asks for tokens; jobs are queued and never run."""
    monkeypatch.setattr(JobQueue, "start", lambda self: None)
    tokens = TokenFile(tmp_path / "tokens.json")
    editor, viewer = tokens.add("Anna", Role.EDITOR), tokens.add("Wall", Role.VIEWER)
    settings = prepared.settings(tmp_path, tokens=tokens)
    shutil.copytree(prepared.folder, tmp_path / "Other group")
    settings = replace(settings, folders=(*settings.folders, tmp_path / "Other group"))
    with TestClient(create_app(settings), base_url=BASE) as client:
        yield Guarded(client, editor, viewer, tokens)


def test_both_are_listed_and_every_page_and_question_is_answered(both: Guarded) -> None:
    both.log_in("viewer")
    start = both.client.get("/").text
    assert re.findall(r'<a href="/c/([\w-]+)">([^<]+)</a></h2>', start) == [(SLUG, SLUG), (OTHER, "Other group")]
    for slug, title in ((SLUG, SLUG), (OTHER, "Other group")):
        for page in PAGES:
            answer = both.client.get(f"/c/{slug}{page}")
            assert answer.status_code == 200, (slug, page)
            assert f"{title} · spinscreen</title>" in answer.text
            assert f"/c/{OTHER if slug == SLUG else SLUG}/" not in answer.text  # nothing leads to the other by accident
        for question in QUESTIONS:
            answer = both.client.get(f"/api/campaigns/{slug}{question}", headers=both.headers("viewer"))
            assert answer.status_code == 200, (slug, question)
    told = both.client.get("/api/campaigns", headers=both.headers("viewer")).json()
    assert [one["id"] for one in told] == [SLUG, OTHER]


def test_a_write_to_one_leaves_the_other_as_it_was(both: Guarded, traces: Traces) -> None:
    client, headers = both.client, both.headers("editor")

    def everything(slug: str) -> list[object]:
        told = [client.get(f"/api/campaigns/{slug}{q}", headers=headers).json() for q in QUESTIONS]
        told[0] = {**told[0], "id": ""}
        return told

    before = everything(OTHER)
    formula = client.get(f"/api/campaigns/{SLUG}/suggestions", headers=headers).json()["suggestions"][0]["formula"]
    here = f"/api/campaigns/{SLUG}"
    step = {"formula": formula, "stage": "accepted"}
    assert client.post(f"{here}/outcomes", json=step, headers=headers).status_code == 201
    files = {"sc": ("SC.csv", traces.sc.read_bytes()), "cc": ("CC.csv", traces.cc.read_bytes())}
    sent = client.post(
        f"{here}/measurements/trace", files=files, data={"formula": formula, "accept_warnings": "true"}, headers=headers
    )
    assert sent.status_code == 201, sent.text
    assert sent.json()["ingest"]["added"] == 1
    table = {"file": ("t.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n")}
    assert client.post(f"{here}/measurements/table", files=table, headers=headers).json()["added"] == 1
    told = {"reason": "wrong"}
    assert client.post(f"{here}/measurements/2/retraction", json=told, headers=headers).status_code == 201
    assert client.post(f"{here}/suggestions", json={}, headers=headers).status_code == 202
    assert everything(OTHER) == before
    assert everything(SLUG)[1:] != before[1:]
    # The same files of the same compound are another measurement there: campaigns share nothing but descriptors.
    sent = client.post(
        f"/api/campaigns/{OTHER}/measurements/trace",
        files=files,
        data={"formula": formula, "accept_warnings": "true"},
        headers=headers,
    )
    assert sent.status_code == 201, sent.text
    assert sent.json()["ingest"]["added"] == 1


def test_roles_hold_in_both(both: Guarded) -> None:
    for slug in (SLUG, OTHER):
        step = {"formula": "(PA)2PbI4", "stage": "accepted"}
        here = f"/api/campaigns/{slug}/outcomes"
        assert both.client.post(here, json=step).status_code == 401
        assert both.client.post(here, json=step, headers=both.headers("viewer")).status_code == 403
        assert both.client.post(here, json=step, headers=both.headers("editor")).json()["actor"] == "Anna"
    csrf = both.log_in("viewer")
    for slug in (SLUG, OTHER):
        sent = both.client.post(f"/c/{slug}/learn", headers={"x-csrf-token": csrf})
        assert sent.status_code == 403


def test_uploads_and_jobs_of_one_are_not_found_in_the_other(both: Guarded, traces: Traces) -> None:
    client = both.client
    headers = {"x-csrf-token": both.log_in("editor"), "hx-request": "true"}
    files = {"sc": ("SC.csv", traces.sc.read_bytes()), "cc": ("CC.csv", traces.cc.read_bytes())}
    shown = client.post(
        f"/c/{SLUG}/measure/upload",
        files=files,
        data={"formula": "(PA)2PbI4", "accept_warnings": "true"},
        headers=headers,
    ).text
    draft = re.findall(r"/measure/([\w-]+)/confirm", shown)[0]
    assert client.post(f"/c/{OTHER}/measure/{draft}/confirm", headers=headers).status_code == 404
    table = {"file": ("t.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n")}
    draft = re.findall(r"/table/([\w-]+)/", client.post(f"/c/{SLUG}/measure/table", files=table, headers=headers).text)[
        0
    ]
    assert client.post(f"/c/{OTHER}/measure/table/{draft}/confirm", headers=headers).status_code == 404
    job = client.post(f"/c/{SLUG}/learn", headers=headers).text
    name = re.findall(r'id="job-([\w-]+)"', job)[0]
    assert client.get(f"/c/{SLUG}/jobs/{name}", headers=headers).status_code == 200
    assert client.get(f"/c/{OTHER}/jobs/{name}", headers=headers).status_code == 404
    assert client.get(f"/api/campaigns/{OTHER}/jobs", headers=both.headers("viewer")).json() == []


def test_folders_of_one_name_are_numbered(prepared: Prepared, tmp_path: Path) -> None:
    folders = []
    for place in ("a", "b"):
        shutil.copytree(prepared.folder, tmp_path / place / "demo")
        folders.append(tmp_path / place / "demo")
    settings = replace(prepared.settings(tmp_path), folders=tuple(folders))
    with TestClient(create_app(settings), base_url=BASE) as client:
        assert [one["id"] for one in client.get("/api/campaigns").json()] == ["demo", "demo-2"]
        missing = client.get("/api/campaigns/demo-3")
        assert missing.status_code == 404
        assert "demo, demo-2" in missing.json()["title"]
