"""REST and pages: amendments, declined cations, undo."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from campaigns import Campaign, plan
from campaigns.web.app import create_app
from campaigns.web.settings import Settings
from tests.campaigns.conftest import Launched
from tests.campaigns.web.conftest import BASE


@pytest.fixture
def server(year: Campaign, launched: Launched) -> Iterator[TestClient]:
    settings = Settings(folders=(year.folder,), oracle_store=launched.oracle_store, prepare=False, dig=False)
    with TestClient(create_app(settings), base_url=f"{BASE}/api/campaigns/year") as made:
        yield made


def test_a_description_is_amended_once_its_differences_were_seen(server: TestClient, year: Campaign) -> None:
    description = server.get("description").json()
    assert description["libraries"] == ["cations.csv"]
    asked = {"description": description | {"space": {"n_layers": "1-3"}}, "reason": "a new oven"}
    shown = server.post("amendments", json=asked).json()
    assert shown == {
        "changes": ["n_layers: 1, 2 becomes 1, 2, 3"],
        "notes": ["24 compounds become 40"],
        "stored": False,
    }
    assert server.get("").json()["n_compounds"] == 24
    stored = server.post("amendments", json=asked | {"confirmed": True}).json()
    assert stored == shown | {"stored": True}
    assert server.get("").json()["n_compounds"] == 40
    assert server.get("events").json()["events"][0]["what"] == "amended: n_layers: 1, 2 becomes 1, 2, 3 (a new oven)"
    assert server.get("ranking").status_code == 409
    year.refresh()
    assert year.config.space.n_layers == (1, 2, 3)
    text = "abbreviation,smiles,role\nBSE,CCCCSCC[NH3+],spacer\nMA,C[NH3+],cage\n"
    asked = {"description": description | {"libraries": ["new.csv"]}, "libraries": {"new.csv": text}}
    assert "1 spacer added: BSE" in server.post("amendments", json=asked).json()["changes"]


def test_libraries_are_read_while_somebody_else_writes_and_again_where_that_changed_the_campaign(
    server: TestClient, year: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, read = plan.gather, list[int]()

    def gathered(*what: Any, **how: Any) -> Any:
        if not read:
            assert server.post("declines", json={"cation": "4AMP", "reason": "too expensive"}).status_code == 201
        read.append(1)
        return plain(*what, **how)

    monkeypatch.setattr(plan, "gather", gathered)
    asked = {"description": {"space": {"n_layers": "1-3"}}, "confirmed": True}
    assert server.post("amendments", json=asked).json()["stored"]
    assert len(read) == 2
    year.refresh()
    assert (year.config.space.n_layers, len(year.state.ruled_out)) == ((1, 2, 3), 1)


@pytest.mark.parametrize("name", ["/etc/passwd", "../cations.csv", "other.csv"])
def test_no_file_of_the_server_is_read_as_a_library(server: TestClient, name: str) -> None:
    answer = server.post("amendments", json={"description": {"libraries": [name]}})
    assert answer.status_code == 422
    assert "the campaign keeps none called so" in answer.json()["title"]


def test_half_a_character_in_a_library_is_told(server: TestClient) -> None:
    told = (
        b'{"description": {"libraries": ["a.csv"]}, "libraries": {"a.csv": "abbreviation,smiles\\nQ\\ud83d,CC[NH3+]"}}'
    )
    answer = server.post("amendments", content=told, headers={"content-type": "application/json"})
    assert answer.status_code == 422


def test_a_cation_is_declined_and_the_event_undone(server: TestClient, year: Campaign) -> None:
    told = server.post("declines", json={"cation": "4AMP", "reason": "too expensive"})
    assert (told.status_code, told.json()["place"]) == (201, "spacer")
    assert [one["cation"] for one in server.get("declines").json()] == ["4AMP"]
    again = server.post("declines", json={"cation": "4AMP", "reason": "dull"})
    assert (again.status_code, "is declined as a spacer already" in again.json()["title"]) == (409, True)
    year.refresh()
    number = year.state.last_event
    undone = server.post(f"events/{number}/undo", json={"reason": "on offer"})
    assert undone.json() == {"event": number, "what": "declined 4AMP as spacer: too expensive"}
    events = server.get("events").json()["events"]
    assert [(event["number"], event["is_undone"]) for event in events[:2]] == [(number + 1, False), (number, True)]
    assert server.get("declines").json() == []


def test_what_stands_on_an_event_is_told_before_it_is_undone(server: TestClient, year: Campaign) -> None:
    taken_in = next(event.id for event in year.events() if event.kind == "observed")
    refused = server.post(f"events/{taken_in}/undo", json={"reason": "wrong table"})
    assert (refused.status_code, "retracted measurement 2" in refused.json()["title"]) == (409, True)
    done = server.post(f"events/{taken_in}/undo", json={"reason": "wrong table", "confirmed": True})
    assert done.status_code == 201
    assert server.get("").json()["n_ingested"] == 0


def test_hooks_are_not_changed_from_afar(server: TestClient) -> None:
    hooks = [{"command": ["sh", "-c", "echo"]}]
    refused = server.post("amendments", json={"description": {"hooks": hooks}, "confirmed": True})
    assert refused.status_code == 403
    assert "command line" in refused.json()["title"]
    assert server.get("description").json().get("hooks") is None


@pytest.fixture
def browser(server: TestClient) -> TestClient:
    """As htmx sends the forms of the description's page."""
    shown = server.get(f"{BASE}/c/year/description")
    (csrf,) = re.findall(r'"X-CSRF-Token":"([^"]+)"', shown.text)
    server.headers |= {"x-csrf-token": csrf, "hx-request": "true", "origin": BASE}
    return server


def test_the_page_shows_the_differences_before_it_stores_them(browser: TestClient, year: Campaign) -> None:
    page = f"{BASE}/c/year/description"
    text = year.config.to_yaml().replace("n_layers: [1, 2]", "n_layers: [1, 2, 3]")
    assert html.escape("n_layers: [1, 2]") in browser.get(page).text
    asked = {"text": text, "reason": "a new oven"}
    shown = browser.post(page, data=asked).text
    assert "n_layers: 1, 2 becomes 1, 2, 3" in shown
    assert "24 compounds become 40" in shown
    (seen,) = re.findall(r'name="seen" value="(\w+)"', shown)
    other = browser.post(page, data={**asked, "text": text.replace("1, 2, 3", "1, 2, 4"), "seen": seen}).text
    assert "look again" in other
    year.refresh()
    assert year.config.space.n_layers == (1, 2)
    assert browser.post(page, data={**asked, "seen": seen}).headers["hx-redirect"] == "/c/year/description"
    year.refresh()
    assert year.config.space.n_layers == (1, 2, 3)
    assert year.history()[-1]["what"] == "amended: n_layers: 1, 2 becomes 1, 2, 3 (a new oven)"
    assert "described so already" in browser.post(page, data=asked).text


def test_the_page_takes_a_file_of_cations_and_reads_none_of_the_servers(browser: TestClient, year: Campaign) -> None:
    page = f"{BASE}/c/year/description"
    named = year.config.to_yaml().replace("cations.csv", "new.csv")
    file = ("new.csv", b"abbreviation,smiles,role\nBSE,CCCCSCC[NH3+],spacer\nMA,C[NH3+],cage\n")
    assert "1 spacer added: BSE" in browser.post(page, data={"text": named}, files={"libraries": file}).text
    for text in (named, "prices: costs.csv", "n_layers: 5"):
        refused = browser.post(page, data={"text": text})
        assert refused.status_code == 422, text
    assert "no file is read from here" in browser.post(page, data={"text": "prices: costs.csv"}).text


def test_the_page_lists_the_declined_cations_and_allows_them_again(browser: TestClient, year: Campaign) -> None:
    page = f"{BASE}/c/year/description"
    assert "None is declined" in browser.get(page).text
    told = {"cation": "4AMP", "place": "spacer", "reason": "too expensive"}
    assert browser.post(f"{page}/decline", data=told).headers["hx-redirect"] == "/c/year/description"
    shown = browser.get(page).text
    assert "<td>4AMP</td><td>spacer</td><td>too expensive</td>" in shown
    (event,) = re.findall(r'name="number" value="(\d+)"', shown)
    browser.post(f"{BASE}/c/year/log/undo", data={"number": event, "reason": "on offer"})
    assert "None is declined" in browser.get(page).text
    year.refresh()
    assert year.state.ruled_out == ()
