"""Values of a further measured property over REST, through the client and on the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from campaigns.client import Client
from campaigns.errors import RemoteError
from campaigns.web.app import create_app
from campaigns.web.jobs import JobQueue
from campaigns.web.settings import Settings
from tests.campaigns.conftest import Launched
from tests.campaigns.test_properties import TABLE, made
from tests.campaigns.test_property_values import GAP, NEW, described, write
from tests.campaigns.web.conftest import BASE, running

HERE = f"/api/campaigns/optics/properties/{GAP}"


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are queued and never run: what is tested is what is stored."""
    monkeypatch.setattr(JobQueue, "start", lambda self: None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    described(tmp_path / "optics")
    return Settings(folders=(tmp_path / "optics",), oracle_store=tmp_path / "oracle.db", prepare=False, dig=False)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings), base_url=BASE) as made:
        yield made


def sent(client: TestClient, text: str, **fields: str) -> dict[str, object]:
    answer = client.post(f"{HERE}/table", files={"file": ("new.csv", text.encode())}, data={"learn": "false", **fields})
    assert answer.status_code == 201, answer.text
    told: dict[str, object] = answer.json()
    return told


def test_a_table_of_values_is_taken_in_whole_or_not_at_all(client: TestClient) -> None:
    bad = {"file": ("../new.csv", (NEW + "(PEA)2PbI4,2380,,\n").encode())}
    refused = client.post(f"{HERE}/table", files=bad)
    assert refused.status_code == 422
    assert "row 5, column value: 2380 is out of all range" in refused.json()["problems"][0]
    checked = sent(client, NEW, dry_run="true")
    assert (checked["added"], checked["property"], checked["job"]) == (3, GAP, None)
    taken, again = sent(client, NEW), sent(client, NEW)
    assert (taken["added"], again["added"], again["skipped"]) == (3, 0, 3)
    assert taken["rows"][0]["value"] == 2.55  # type: ignore[index]  # a list of objects
    values = client.get(f"{HERE}/values").json()
    assert [row["number"] for row in values] == [*range(1, 28)]
    assert (values[0]["file"], values[24]["file"], values[24]["sample"]) == ("", "new.csv", "K7")


def test_a_value_is_taken_back_once(client: TestClient) -> None:
    gone = client.post(f"{HERE}/values/1/retraction", json={"reason": "typo"})
    assert (gone.status_code, gone.json()["retracted"]) == (201, "typo")
    assert client.post(f"{HERE}/values/1/retraction", json={"reason": "again"}).status_code == 409
    assert client.post(f"{HERE}/values/99/retraction", json={"reason": "none"}).status_code == 409
    (told,) = client.get("/api/campaigns/optics/properties").json()
    assert (told["name"], told["n_values"], told["n_ingested"], told["grade"]) == (GAP, 23, 0, None)
    assert client.get("/api/campaigns/optics").json()["properties"] == {GAP: 23}
    events = client.get("/api/campaigns/optics/events").json()["events"]
    assert (events[0]["kind"], events[0]["what"]) == ("property_retracted", f"retracted value 1 of {GAP}: typo")


def test_a_property_that_is_not_there_is_not_found(client: TestClient) -> None:
    other = HERE.replace(GAP, "gap")
    for answer in (
        client.get(f"{other}/values"),
        client.post(f"{other}/table", files={"file": ("new.csv", NEW.encode())}),
        client.post(f"{other}/values/1/retraction", json={"reason": "x"}),
    ):
        assert answer.status_code == 404
        assert f"no property 'gap'; it has {GAP}" in answer.json()["title"]
    wrong = client.post(f"{HERE}/table", files={"file": ("new.csv", NEW.encode())}, data={"columns": "gap"})
    assert "write FIELD=COLUMN, as value=Eg" in wrong.json()["title"]


def test_a_script_brings_values_and_takes_one_back(settings: Settings, tmp_path: Path) -> None:
    table = write(tmp_path, NEW.replace("value", "Eg"))
    with running(settings) as address, Client(address) as lab:
        with pytest.raises(RemoteError, match="was not ingested"):
            lab.ingest_values("optics", GAP, table)
        told = lab.ingest_values("optics", GAP, table, columns={"value": "Eg"}, learn=False)
        assert told["added"] == 3
        assert len(lab.values("optics", GAP)) == 27
        assert lab.retract_value("optics", GAP, 25, "wrong crystal")["formula"] == "(PA)2PbI4"
        assert lab.properties("optics")[0]["n_values"] == 26


class Page:
    """Somebody at the pages of the open server."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        token = client.get("/c/optics").text.split('"X-CSRF-Token":"')[1].split('"')[0]
        self.headers = {"x-csrf-token": token}

    def text(self, path: str) -> str:
        """A page, its text in one line."""
        answer = self.client.get(f"/c/optics{path}")
        assert answer.status_code == 200, answer.text
        return " ".join(answer.text.split())

    def send(self, path: str, **how: Any) -> str:
        """A form sent as htmx sends it."""
        answer = self.client.post(f"/c/optics{path}", headers=self.headers | {"hx-request": "true"}, **how)
        assert answer.status_code in (200, 204), answer.text
        return " ".join(answer.text.split())

    def upload(self, text: str, of_property: str = GAP) -> tuple[str, str]:
        """What is shown of a table, and the name of the draft."""
        shown = self.send(
            "/measure/table", files={"file": ("gaps.csv", text.encode())}, data={"of_property": of_property}
        )
        return shown, re.findall(r"/table/([\w-]+)/", shown)[0]


@pytest.fixture
def lab(client: TestClient) -> Page:
    return Page(client)


def test_a_table_of_values_is_looked_at_and_confirmed_on_the_page(lab: Page) -> None:
    assert f'<option value="{GAP}">band gap ev</option>' in lab.text("/measure")
    shown, draft = lab.upload(NEW)
    assert "gaps.csv: 3 of 3 rows would be taken in" in shown
    assert "2.55 ± 0.02" in shown
    assert "Take in 3 values" in shown
    assert "Unit of the lifetimes" not in shown
    assert "24 values, 0 of them taken in here" in lab.text("/measure")
    assert "3 values of band gap ev taken in." in lab.send(f"/measure/table/{draft}/confirm")
    assert "27 values, 3 of them taken in here" in lab.text("/measure")
    assert "27 <small>values, 3 of them taken in here</small>" in lab.text("")
    assert "There is nothing to take in" in lab.upload(NEW)[0]


def test_a_table_with_other_headings_is_read_as_the_page_says(lab: Page) -> None:
    shown, draft = lab.upload("Material,Eg\n(PA)2PbI4,2.5\n(PA)2PbI4,2500\n")
    assert "nothing can be taken in" in shown
    assert "is missing (found: Material, Eg); choose it below" in shown
    shown = lab.send(f"/measure/table/{draft}/look", data={"formula": "Material", "value": "Eg"})
    assert "1 of 2 rows would be taken in" in shown
    assert "2500 is out of all range" in shown
    told = lab.send(f"/measure/table/{draft}/confirm", data={"keep_going": "true"})
    assert "1 value of band gap ev taken in. 1 row left out." in told


def test_a_table_for_a_property_that_is_not_there_is_refused(lab: Page) -> None:
    answer = lab.client.post(
        "/c/optics/measure/table",
        headers=lab.headers,
        files={"file": ("gaps.csv", NEW.encode())},
        data={"of_property": "gap"},
    )
    assert answer.status_code == 404
    assert "has no property" in answer.text


def test_a_value_is_taken_back_on_the_page_of_the_log(lab: Page) -> None:
    _, draft = lab.upload(NEW)
    lab.send(f"/measure/table/{draft}/confirm")
    assert 'name="of_property" value="band_gap_ev"' in lab.text("/log")
    lab.send("/log/retract", data={"of_property": GAP, "number": "25", "reason": "wrong crystal"})
    assert "retracted: wrong crystal" in lab.text("/log")
    assert "26 values stand, 2 of them taken in here" in lab.text("/log")


def test_a_compound_shows_the_values_it_has(lab: Page) -> None:
    first = TABLE[0]
    assert f"Also measured: band gap ev {first['value']:.4g}." in lab.text("/compound?formula=PEA2PbI4")
    assert "Also measured" not in lab.text("/compound?formula=(PEA)2SnI4")


def test_pages_and_report_say_how_good_the_model_of_the_property_is(launched: Launched, tmp_path: Path) -> None:
    campaign = made(launched, tmp_path / "optics", properties={GAP: {"table": TABLE}}, surrogate="mean")
    campaign.suggest()
    campaign.ingest_values(write(tmp_path, NEW), GAP)
    fit = campaign.retrain()
    html = " ".join(campaign.report().read_text(encoding="utf-8").split())
    settings = Settings(folders=(campaign.folder,), oracle_store=launched.oracle_store, prepare=False, dig=False)
    with TestClient(create_app(settings), base_url=BASE) as client:
        page = Page(client).text("/model")
        (told,) = client.get("/api/campaigns/optics/properties").json()
    for shown in (html, page):
        assert "27 values, 3 of them taken in here. The model, learnt from 27: ranks" in shown
        assert f'<td class="num">{fit.properties[GAP]["scores"]["leave_one_compound_out"]["r2_log"]:.2f}</td>' in shown
    assert "band gap ev, since the launch" in html
    assert "2.55 ± 0.02" in html
    assert told["grade"] == fit.properties[GAP]["grade"]
    assert (
        told["scores"]["leave_one_compound_out"]["r2_log"]
        == fit.properties[GAP]["scores"]["leave_one_compound_out"]["r2_log"]
    )
