"""What pages say and do, asked as a browser asks."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from campaigns import Campaign
from campaigns.cli.app import app
from campaigns.web.app import create_app
from campaigns.web.jobs import JobQueue
from tests.campaigns.web.conftest import BASE, SLUG, Guarded, Prepared

PAGE, HERE = f"/c/{SLUG}", f"/api/campaigns/{SLUG}"


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are queued and never run."""
    monkeypatch.setattr(JobQueue, "start", lambda self: None)


@pytest.fixture
def browser(guarded: Guarded) -> TestClient:
    """An editor's browser, as htmx sends its forms."""
    csrf = guarded.log_in("editor")
    guarded.client.headers |= {"x-csrf-token": csrf, "hx-request": "true", **guarded.headers("editor")}
    return guarded.client


def suggested(browser: TestClient) -> list[str]:
    return [one["formula"] for one in browser.get(f"{HERE}/suggestions").json()["suggestions"]]


def test_the_decision_is_on_the_overview_the_suggestions_and_the_compounds_page(browser: TestClient) -> None:
    first, second = suggested(browser)[:2]
    for page in ("", "/suggestions", f"/compound?formula={quote(first)}"):
        shown = browser.get(f"{PAGE}{page}").text
        for part in ('value="accepted">Accept<', ">Decline<", "chance to beat", "best so far", "90% interval"):
            assert part in shown, (page, part)
        assert shown.index("chance to beat") < shown.index(">Accept<") < shown.index("Why this one")
    step = {"formula": first, "stage": "declined", "because": "hazardous", "reason": ""}
    assert "hazardous" in browser.post(f"{PAGE}/suggestions/step", data=step).text
    written = {"formula": second, "stage": "declined", "because": "hazardous", "reason": "no precursor"}
    assert ": no precursor" in browser.post(f"{PAGE}/suggestions/step", data=written).text
    assert f'value="{first}"' not in browser.get(PAGE).text
    assert "Accept after all" in browser.get(f"{PAGE}/compound?formula={quote(first)}").text


def test_what_is_recorded_by_not_choosing_is_never_the_end_of_a_synthesis(browser: TestClient) -> None:
    step = {"formula": suggested(browser)[0], "stage": "accepted"}
    shown = browser.post(f"{PAGE}/suggestions/step", data=step).text
    options = re.findall(r'name="stage" value="([^"]+)"', shown)
    assert options[0] == "in synthesis"
    assert "declined" in options[-3:]


def test_a_step_is_shown_on_its_card_however_the_formula_was_written(browser: TestClient) -> None:
    formula = suggested(browser)[1]
    spaced = formula.replace(")", ") ", 1)
    assert spaced != formula
    shown = browser.post(f"{PAGE}/suggestions/step", data={"formula": spaced, "stage": "accepted"})
    assert 'id="suggestion-2"' in shown.text
    assert ">accepted</span>" in shown.text


def test_a_step_of_what_was_never_suggested_leads_to_its_own_page(browser: TestClient) -> None:
    other = browser.get(f"{HERE}/ranking", params={"size": 1}).json()["rows"][0]["formula"]
    assert other not in suggested(browser)
    answer = browser.post(f"{PAGE}/suggestions/step", data={"formula": other, "stage": "accepted"})
    assert answer.headers["hx-redirect"] == f"{PAGE}/compound?formula={quote(other)}"
    assert browser.get(answer.headers["hx-redirect"], headers={"hx-request": ""}).status_code == 200


def test_an_upper_bound_is_never_shown_as_a_lifetime(browser: TestClient) -> None:
    table = {"file": ("t.csv", b"formula,lifetime_ps,is_upper_bound\n(PA)2PbI4,0.05,yes\n(BA)2PbI4,700,no\n")}
    sent = browser.post(f"{HERE}/measurements/table", files=table, data={"learn": "false", "accept_extreme": "true"})
    assert sent.json()["added"] == 2
    told = browser.get(f"{HERE}/compound", params={"formula": "(PA)2PbI4"}).json()
    assert told["bounds_ps"] == [0.05]
    assert 0.05 not in told["measured_ps"]
    assert browser.get(f"{HERE}/compound", params={"formula": "(BA)2PbI4"}).json()["measured_ps"][-1] == 700
    shown = browser.get(f"{PAGE}/compound", params={"formula": "(PA)2PbI4"}, headers={"hx-request": ""}).text
    assert "&lt; 0.05 ps" in shown
    found = browser.get(f"{HERE}/ranking", params={"size": 100}).json()["rows"]
    assert "(PA)2PbI4" not in [row["formula"] for row in found]  # measured, though only bounded


def test_the_page_of_a_suggested_compound_says_in_which_round(browser: TestClient) -> None:
    formula = suggested(browser)[0]
    shown = browser.get(f"{PAGE}/compound", params={"formula": formula}, headers={"hx-request": ""}).text
    assert f'suggested in <a href="{PAGE}/suggestions?round=1">round 1</a>' in shown
    assert "Nobody has touched it here" not in shown
    assert "tilted=true" in shown
    assert "the median of" in shown
    files = [
        browser.get(f"{PAGE}/compound/structure.cif", params={"formula": "(BA)2PbI4", "tilted": t}) for t in (0, 1)
    ]
    assert [one.text.count("\n  Pb  Pb") for one in files] == [1, 2]
    assert "Band gaps of the last suggestions" in browser.get(f"{PAGE}/model").text


def test_before_the_model_has_learnt_one_is_told_to_let_it(browser: TestClient) -> None:
    table = {"file": ("t.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n")}
    browser.post(f"{HERE}/measurements/table", files=table, data={"learn": "false"})
    shown = browser.get(f"{PAGE}/compound/explain", params={"formula": "(BA)2PbI4"}).text
    assert "the model has not learnt from; learn from them first" in shown
    assert browser.get(f"{HERE}/jobs").json() == []


def test_a_page_behind_the_last_one_leads_back(browser: TestClient) -> None:
    shown = browser.get(f"{PAGE}/compounds", params={"page": 99}).text
    assert "The list ends before this page" in shown
    assert "Nothing in the space matches" not in shown


def test_a_look_at_a_compound_never_waits_for_xtb(browser: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise AssertionError("xTB was asked for while somebody waited for a page")

    monkeypatch.setattr("campaigns.records.describe", explode)
    monkeypatch.setattr("campaigns.web.service.CampaignService.fitted", lambda self: object())
    explain = {"formula": "(EDA)PbI4"}  # of the built-in library: not in this space, and never measured
    for _ in range(2):
        assert "xTB runs for a cation of this compound" in browser.get(f"{PAGE}/compound/explain", params=explain).text
    assert [job["kind"] for job in browser.get(f"{HERE}/jobs").json()] == ["predict"]


def test_text_that_0_1_0_let_in_and_nobody_can_write_is_shown_as_replaced(prepared: Prepared, tmp_path: Path) -> None:
    settings = prepared.settings(tmp_path)
    folder = settings.folders[0]
    results = tmp_path / "results.csv"
    results.write_text("formula,lifetime_ps,sample,note\n(PA)2PbI4,0.4,CRYSTAL,NOTE\n")
    Campaign.open(folder, oracle_store=prepared.oracle_store).ingest(results)
    with closing(sqlite3.connect(folder / "campaign.db")) as store:
        for marker, text in (("CRYSTAL", "\\ud83d"), ("NOTE", "a \\u001b[31m b")):
            # 0.1.0 let such text in, and knew of no hashes.
            store.execute("UPDATE event SET payload = replace(payload, ?, ?), hash = NULL", (marker, text))
        store.commit()
    with TestClient(create_app(settings), base_url=BASE) as client:
        pages = ("", "/suggestions", "/measure", "/compounds", "/model", "/log", "/compound?formula=(PA)2PbI4")
        for page in pages:
            answer = client.get(f"/c/{SLUG}{page}")
            assert answer.status_code == 200, page
            assert "\x1b" not in answer.text
        assert "\ufffd" in client.get(f"/c/{SLUG}/log").text
        (row,) = client.get(f"/api/campaigns/{SLUG}/measurements").json()
        assert (row["sample"], row["note"]) == ("\ufffd", "a \ufffd[31m b")
        assert client.get(f"/api/campaigns/{SLUG}/events").status_code == 200
    for command in (["status"], ["log"], ["export"]):
        output = [str(tmp_path / "measured.csv")] if command == ["export"] else []
        done = CliRunner().invoke(app, [*command, str(folder), *output], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    assert "\ufffd[31m" in (tmp_path / "measured.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize("asked", ["(BA)2PbI4", "BA2PbI4", "(C4H9NH3)2PbI4", "(BA)₂PbI₄"])
def test_a_formula_in_any_notation_opens_its_compound(client: TestClient, asked: str) -> None:
    found = client.get(f"/c/{SLUG}/compounds", params={"text": asked}, follow_redirects=False)
    assert found.status_code == 303
    assert found.headers["location"] == f"/c/{SLUG}/compound?formula=%28BA%292PbI4"
    part = client.get(f"/c/{SLUG}/compounds", params={"text": asked}, headers={"hx-request": "true"})
    assert "Open (BA)<sub>2</sub>PbI<sub>4</sub>" in part.text


def test_a_formula_that_cannot_be_is_told_with_the_one_that_can(client: TestClient) -> None:
    shown = client.get(f"/c/{SLUG}/compounds", params={"text": "(BA)3PbI4"}).text
    assert "(BA)2PbI4" in shown
    assert "neutral" in shown


def test_a_report_that_is_being_worked_on_comes_by_itself(client: TestClient) -> None:
    table = {"file": ("lab.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n")}
    for word in ("being prepared", "learning from results"):
        answer = client.get(f"{PAGE}/report")
        assert (answer.status_code, answer.headers["refresh"]) == (202, "3")
        assert word in answer.text
        assert client.post(f"{HERE}/measurements/table", files=table).status_code == 201
