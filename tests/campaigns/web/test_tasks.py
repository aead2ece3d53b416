"""Lifetimes of a related task on the pages and over REST, as `ingest --task` takes them in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from campaigns import Campaign
from campaigns.web.app import create_app
from campaigns.web.jobs import JobQueue
from campaigns.web.settings import Settings
from tests.campaigns.conftest import Launched, described
from tests.campaigns.web.conftest import BASE
from tests.campaigns.web.test_property_values import Page

TIN = "formula,lifetime_ps,sample\n(PEA)2SnI4,0.9,S1\n(BA)2SnI4,0.4,S2\n"
HERE = "/api/campaigns/optics/measurements"


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(JobQueue, "start", lambda self: None)
    Campaign.create(tmp_path / "optics", described()).close()
    settings = Settings(folders=(tmp_path / "optics",), prepare=False, dig=False)
    with TestClient(create_app(settings), base_url=BASE) as made:
        yield made


def test_a_task_is_taken_in_listed_and_taken_back_over_rest(client: TestClient) -> None:
    def sent(text: str, **fields: str) -> tuple[int, str]:
        file = {"file": ("tin.csv", text.encode())}
        answer = client.post(f"{HERE}/table", files=file, data={"task": "tin", "learn": "false", **fields})
        return answer.status_code, answer.text

    code, text = sent("compound,tau (fs)\n(PEA)2SnI4,900\n")
    assert (code, "lifetime stands in the column 'tau (fs)'" in text) == (422, True), (
        text
    )  # what was recognised is asked about
    assert sent(TIN, dry_run="true")[0] == 201
    assert client.get(HERE, params={"task": "tin"}).json() == []
    assert sent(TIN)[0] == 201
    assert client.get(HERE).json() == []
    rows = client.get(HERE, params={"task": "tin"}).json()
    assert [(row["number"], row["formula"], row["lifetime_ps"]) for row in rows] == [
        (1, "(PEA)2SnI4", 0.9),
        (2, "(BA)2SnI4", 0.4),
    ]
    gone = client.post(f"{HERE}/2/retraction", params={"task": "tin"}, json={"reason": "wrong crystal"})
    assert (gone.status_code, gone.json()["retracted"]) == (201, "wrong crystal")
    assert client.post(f"{HERE}/1/retraction", json={"reason": "ours"}).status_code == 409  # ours has no row
    refused = client.post(f"{HERE}/table", files={"file": ("tin.csv", TIN.encode())}, data={"task": "@"})
    assert (refused.status_code, "no name of a related task" in refused.text) == (404, True)


def test_a_task_is_taken_in_shown_and_taken_back_on_the_pages(client: TestClient) -> None:
    page = Page(client)
    assert 'name="task"' in page.text("/measure")
    file = {"file": ("tin.csv", TIN.encode())}
    shown = page.send("/measure/table", files=file, data={"task": " tin "})
    assert "tin.csv (related task tin): 2 of 2 rows would be taken in" in shown
    assert "Unit of the lifetimes" in shown
    draft = shown.split("/table/")[1].split("/")[0]
    assert "2 measurements of the related task tin taken in." in page.send(f"/measure/table/{draft}/confirm")
    assert "Related task tin: 2 lifetimes" in page.text("/measure")
    assert "Related task tin</h2>" in page.text("/log")
    page.send("/log/retract", data={"task": "tin", "number": "2", "reason": "wrong crystal"})
    assert "retracted: wrong crystal" in page.text("/log")
    assert "Related task tin: 1 lifetimes" in page.text("/measure")
    both = {"task": "tin", "of_property": "band_gap_ev"}
    answer = client.post("/c/optics/measure/table", headers=page.headers, files=file, data=both)
    assert "a related task comes as a table of lifetimes alone" in answer.text


def test_the_report_says_what_became_of_a_task(launched: Launched, tmp_path: Path) -> None:
    campaign = launched.copy(tmp_path / "copy")
    campaign.observe([{"formula": "(PEA)2SnI4", "lifetime_ps": 0.9, "sample": "S1"}], "lifetime_ps@tin")
    campaign.retrain()
    html = " ".join(campaign.report().read_text(encoding="utf-8").split())
    assert "Related task tin (1 row): ignored, at least 3 rows with descriptors are needed." in html
    assert "Related task tin</h2>" in html
