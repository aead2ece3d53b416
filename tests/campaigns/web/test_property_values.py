"""Values of a further measured property over REST and through the client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaigns.client import Client
from campaigns.errors import RemoteError
from campaigns.web.app import create_app
from campaigns.web.settings import Settings
from tests.campaigns.test_property_values import GAP, NEW, described, write
from tests.campaigns.web.conftest import BASE, running

HERE = f"/api/campaigns/optics/properties/{GAP}"


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
