"""The REST interface: what it gives, takes and refuses."""

from __future__ import annotations

import re
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fastapi.testclient import TestClient
from openapi_spec_validator import validate

from campaigns.web.app import create_app
from campaigns.web.jobs import MAX_QUEUED, JobQueue
from campaigns.web.settings import Role, TokenFile
from tests.campaigns.web.conftest import SLUG, Prepared, Traces, wait_for

HERE = f"/api/campaigns/{SLUG}"


def finished(client: TestClient, job: str) -> dict[str, Any]:
    """The job, once it is over."""
    wait_for(lambda: client.get(f"/api/jobs/{job}").json()["state"] in ("done", "failed"))
    told: dict[str, Any] = client.get(f"/api/jobs/{job}").json()
    assert told["problem"] == ""
    return told


def files_of(traces: Traces) -> dict[str, tuple[str, bytes]]:
    return {"sc": ("SC.csv", traces.sc.read_bytes()), "cc": ("CC.csv", traces.cc.read_bytes())}


def test_a_campaign_tells_where_it_stands(client: TestClient) -> None:
    (one,) = client.get("/api/campaigns").json()
    assert one == client.get(HERE).json()
    assert (one["id"], one["n_compounds"], one["n_measured"], one["rounds"]) == (SLUG, 40, 52, 1)
    assert one["pending"] == []
    assert one["fit"]["scores"]["leave_one_compound_out"]["n_rows"] == one["fit"]["n_train"]
    assert client.get("/api/campaigns/other").status_code == 404


def test_a_suggestion_is_accepted_another_declined_with_a_reason(client: TestClient) -> None:
    batch = client.get(f"{HERE}/suggestions").json()
    first, second = (s["formula"] for s in batch["suggestions"][:2])
    assert client.post(f"{HERE}/outcomes", json={"formula": first, "stage": "accepted"}).status_code == 201
    refused = client.post(f"{HERE}/outcomes", json={"formula": second, "stage": "declined"})
    assert refused.status_code == 409
    assert "say why" in refused.json()["title"]
    told = {"formula": second, "stage": "declined", "reason": "no precursor"}
    assert client.post(f"{HERE}/outcomes", json=told).status_code == 201
    now = client.get(f"{HERE}/suggestions").json()["suggestions"]
    assert [s["stage"] for s in now[:3]] == ["accepted", "declined", "suggested"]
    assert [step["stage"] for step in client.get(f"{HERE}/outcomes").json()] == ["accepted", "declined"]
    history = client.get(f"{HERE}/compound", params={"formula": second}).json()["history"]
    assert [step["reason"] for step in history] == ["no precursor"]
    newest = client.get(f"{HERE}/events", params={"limit": 1}).json()["events"][0]
    assert newest["kind"] == "stepped"
    assert second in newest["what"]


def test_a_best_predicted_compound_that_is_decided_upon_is_told_as_that_by_rest_and_page(client: TestClient) -> None:
    one = client.get(HERE).json()
    assert "best_predicted_is" not in one
    decided = {"formula": one["best_predicted"][0], "stage": "declined", "reason": "no oven > 100 °C"}
    assert client.post(f"{HERE}/outcomes", json=decided).status_code == 201
    now = client.get(HERE).json()
    told = (now["best_predicted"], now["best_predicted_is"])
    assert told == (one["best_predicted"], "declined (no oven > 100 °C)")
    page = client.get(f"/c/{SLUG}").text
    shown = page.split("Best predicted, not measured</dt><dd>")[1].split("</dd>")[0]
    assert "(declined (no oven &gt; 100 °C))</small>" in shown


def test_a_best_predicted_compound_that_is_measured_but_not_learnt_from_is_told_as_that(client: TestClient) -> None:
    formula = client.get(HERE).json()["best_predicted"][0]
    table = {"file": ("one.csv", f"formula,lifetime_ps\n{formula},3.1\n".encode())}
    assert client.post(f"{HERE}/measurements/table", files=table, data={"learn": "false"}).status_code == 201
    assert client.get(HERE).json()["best_predicted_is"] == "measured since"
    page = client.get(f"/c/{SLUG}").text
    assert "(measured since)</small>" in page.split("Best predicted, not measured</dt><dd>")[1].split("</dd>")[0]


def test_pages_of_the_ranking_are_those_of_its_file(client: TestClient, prepared: Prepared) -> None:
    frame = pd.read_parquet(prepared.folder / "ranking.parquet")
    suggested = {s["formula"] for s in client.get(f"{HERE}/suggestions").json()["suggestions"]}
    wanted = [formula for formula in frame["formula"] if formula not in suggested]
    pages = [client.get(f"{HERE}/ranking", params={"size": 7, "page": page}).json() for page in (1, 2, 3, 4, 5, 6)]
    rows = [row for page in pages for row in page["rows"]]
    assert [row["formula"] for row in rows] == wanted
    assert [row["place"] for row in rows] == list(range(1, len(wanted) + 1))
    expected = frame.set_index("formula").loc[wanted]
    for name in ("lifetime_ps", "lifetime_low_ps", "lifetime_high_ps", "acquisition", "feasibility"):
        assert [row[name] for row in rows] == pytest.approx(expected[name].tolist(), rel=1e-5)
    assert [row["nearest_measured"] for row in rows] == expected["nearest_measured"].tolist()


def test_a_wrong_question_is_told_what_would_be_right(client: TestClient) -> None:
    for params in ({"size": 0}, {"page": 0}, {"sort": "name"}, {"min_feasibility": 2}, {"phase": "XX"}):
        answer = client.get(f"{HERE}/ranking", params=params)
        assert answer.status_code == 422
        assert next(iter(params)) in answer.json()["problems"][0]
    unknown = client.get(f"{HERE}/compound", params={"formula": "(4AMPY)2MAPb3I10"})
    assert unknown.status_code == 422
    assert "(4AMPY)(MA)2Pb3I10" in unknown.json()["title"]
    assert client.post(f"{HERE}/outcomes", json={"formula": "(PEA)2PbI4", "stage": "eaten"}).status_code == 422
    assert client.post(f"{HERE}/outcomes", content=b"{not json").status_code == 422
    assert client.get("/api/jobs/none").status_code == 404
    assert client.delete(HERE).status_code == 405


def test_a_table_is_taken_in_whole_or_not_at_all(client: TestClient) -> None:
    bad = {"file": ("../../etc/results.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n(PA)2PbI4,-1\n")}
    answer = client.post(f"{HERE}/measurements/table", files=bad, data={"learn": "false"})
    assert answer.status_code == 422
    assert "row 3" in answer.json()["problems"][0]
    assert "results.csv" in answer.json()["title"]
    assert "etc" not in answer.text
    good = {"file": ("results.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n")}
    checked = client.post(f"{HERE}/measurements/table", files=good, data={"dry_run": "true"}).json()
    assert (checked["added"], checked["job"]) == (1, None)
    assert client.get(f"{HERE}/measurements").json() == []
    taken = client.post(f"{HERE}/measurements/table", files=good, data={"learn": "false"}).json()
    assert (taken["added"], taken["skipped"]) == (1, 0)
    again = client.post(f"{HERE}/measurements/table", files=good, data={"learn": "false"}).json()
    assert (again["added"], again["skipped"]) == (0, 1)


def test_traces_become_a_lifetime_and_new_suggestions(client: TestClient, traces: Traces) -> None:
    before = client.get(f"{HERE}/suggestions").json()
    formula = before["suggestions"][0]["formula"]
    dry = client.post(
        f"{HERE}/measurements/trace", files=files_of(traces), data={"formula": formula, "dry_run": "true"}
    ).json()
    assert dry["ingest"] is None
    assert dry["fit"]["lifetime_ps"] == pytest.approx(traces.lifetime_ps, rel=0.1)
    low, high = dry["fit"]["systematic_interval_ps"]
    assert low < dry["fit"]["lifetime_low_ps"] < dry["fit"]["lifetime_high_ps"] < high
    assert client.get(f"{HERE}/measurements").json() == []
    data = {"formula": formula, "sample": "crystal 7", "irf_fwhm_ps": "0.15"}
    told = client.post(f"{HERE}/measurements/trace", files=files_of(traces), data=data).json()
    assert told["ingest"]["added"] == 1
    (row,) = client.get(f"{HERE}/measurements").json()
    assert (row["formula"], row["sample"], row["file"]) == (formula, "crystal 7", "SC.csv and CC.csv")
    assert row["lifetime_stderr_ps"] == told["fit"]["error_ps"] > told["fit"]["lifetime_stderr_ps"]
    assert "; by noise alone 95% interval" in row["note"]
    result = finished(client, told["ingest"]["job"])["result"]
    assert result["round"] == 2
    after = client.get(f"{HERE}/suggestions").json()
    assert after["round"] == 2
    assert not after["is_outdated"]
    assert formula not in [s["formula"] for s in after["suggestions"]]
    assert client.get(f"{HERE}/ranking", params={"size": 1}).status_code == 200
    taken_back = client.post(f"{HERE}/measurements/1/retraction", json={"reason": "wrong crystal"})
    assert taken_back.json()["retracted"] == "wrong crystal"
    assert client.post(f"{HERE}/measurements/1/retraction", json={"reason": "again"}).status_code == 409


def test_what_is_no_trace_is_refused_in_words(client: TestClient, traces: Traces) -> None:
    data = {"formula": "(PEA)2PbI4"}
    one = {"sc": ("SC.csv", traces.sc.read_bytes())}
    alone = client.post(f"{HERE}/measurements/trace", files=one, data=data)
    assert alone.status_code == 422
    assert "give an SC and a CC trace" in alone.json()["title"]
    same = one | {"cc": ("CC.csv", traces.sc.read_bytes())}
    refused = client.post(f"{HERE}/measurements/trace", files=same, data=data)
    assert "the same bytes" in refused.json()["title"]
    assert "/" not in refused.json()["title"].split("hold")[0]
    text = {"trace": ("/tmp/x/notes.txt", b"%PDF-1.4 nothing")}
    assert client.post(f"{HERE}/measurements/trace", files=text, data=data).status_code == 422


def test_two_people_who_confirm_the_same_traces_store_them_once(client: TestClient, traces: Traces) -> None:
    start, added = threading.Barrier(2), []

    def confirm() -> None:
        start.wait()
        data = {"formula": "(PA)2PbI4", "learn": "false", "accept_warnings": "true"}
        answer = client.post(f"{HERE}/measurements/trace", files=files_of(traces), data=data)
        assert answer.status_code == 201
        added.append(answer.json()["ingest"]["added"])

    people = [threading.Thread(target=confirm) for _ in range(2)]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert sorted(added) == [0, 1]
    assert len(client.get(f"{HERE}/measurements").json()) == 1


def test_a_formula_and_a_smiles_are_predicted_in_the_background(client: TestClient) -> None:
    asked = client.post(f"{HERE}/predictions", json={"formula": "(PA)2(MA)Pb2I7"})
    assert asked.status_code == 202
    assert asked.headers["location"] == f"/api/jobs/{asked.json()['id']}"
    result = finished(client, asked.json()["id"])["result"]
    shown = client.get(f"{HERE}/compound", params={"formula": "(PA)2(MA)Pb2I7"}).json()
    assert result["lifetime_ps"] == pytest.approx(shown["numbers"]["lifetime_ps"], rel=1e-5)
    explained = client.get(f"/c/{SLUG}/compound/explain", params={"formula": "(PA)2(MA)Pb2I7"}).text
    assert re.search(r"Band gap: \d\.\d\d eV", explained)
    new = client.post(f"{HERE}/predictions", json={"smiles": "CCCCCN", "abbreviation": "NEW"}).json()
    result = finished(client, new["id"])["result"]
    assert not result["in_space"]
    assert result["lifetime_low_ps"] < result["lifetime_ps"] < result["lifetime_high_ps"]
    for wrong in ({}, {"formula": "(PEA)2PbI4", "smiles": "CN"}, {"smiles": "not"}, {"smiles": "CCN", "n_layers": 2}):
        assert client.post(f"{HERE}/predictions", json=wrong).status_code == 422


def test_what_another_process_writes_is_seen(client: TestClient, tmp_path: Path, prepared: Prepared) -> None:
    from campaigns import Campaign
    from campaigns.events import Stage

    other = Campaign.open(tmp_path / SLUG, oracle_store=prepared.oracle_store)
    formula = client.get(f"{HERE}/suggestions").json()["suggestions"][0]["formula"]
    other.step(formula, Stage.ACCEPTED)
    wait_for(lambda: client.get(f"{HERE}/suggestions").json()["suggestions"][0]["stage"] == "accepted", 5)
    refused = client.post(f"{HERE}/outcomes", json={"formula": formula, "stage": "suggested"})
    assert refused.status_code == 422


def test_a_write_with_a_key_is_done_once(client: TestClient, prepared: Prepared, tmp_path: Path) -> None:
    formula = client.get(f"{HERE}/suggestions").json()["suggestions"][0]["formula"]
    told = {"formula": formula, "stage": "accepted"}
    first, again = (client.post(f"{HERE}/outcomes", json=told, headers={"idempotency-key": "a"}) for _ in range(2))
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert len(client.get(f"{HERE}/outcomes").json()) == 1
    other = client.post(f"{HERE}/outcomes", json={**told, "stage": "in synthesis"}, headers={"idempotency-key": "a"})
    assert other.status_code == 422
    assert "make a new one" in other.json()["title"]
    refused = {"formula": formula, "stage": "declined"}
    for _ in range(2):  # what was refused may be sent again, put right
        answer = client.post(f"{HERE}/outcomes", json=refused, headers={"idempotency-key": "b"})
        assert answer.status_code == 409
    right = {"formula": formula, "stage": "in synthesis"}
    assert client.post(f"{HERE}/outcomes", json=right, headers={"idempotency-key": "b"}).status_code == 201
    with TestClient(create_app(prepared.settings(tmp_path)), base_url="http://127.0.0.1") as restarted:
        later = restarted.post(f"{HERE}/outcomes", json=told, headers={"idempotency-key": "a"})
        assert (later.status_code, later.content) == (201, first.content)
        assert len(restarted.get(f"{HERE}/outcomes").json()) == 2
        failed = [{"formula": formula, "stage": "not formed", "reason": reason} for reason in ("yellow", "wet")]
        for key, other in zip("cd", failed, strict=True):
            restarted.post(f"{HERE}/outcomes", json=other, headers={"idempotency-key": key})
    (tmp_path / SLUG / "cache" / "answers.db").unlink()  # the server died between the event and its answer
    with TestClient(create_app(prepared.settings(tmp_path)), base_url="http://127.0.0.1") as restarted:
        for key, stand in (("c", 4), ("e", 5)):
            late = restarted.post(f"{HERE}/outcomes", json=failed[0], headers={"idempotency-key": key})
            assert (late.status_code, len(restarted.get(f"{HERE}/outcomes").json())) == (201, stand)


def test_what_was_stored_is_answered_so_however_many_jobs_wait(
    client: TestClient, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobQueue, "start", lambda self: None)
    with TestClient(create_app(prepared.settings(tmp_path)), base_url="http://127.0.0.1") as busy:
        asked = [busy.post(f"{HERE}/suggestions", json={}).status_code for _ in range(MAX_QUEUED + 1)]
        assert asked == [202] * MAX_QUEUED + [429]
        table = {"file": ("t.csv", b"formula,lifetime_ps\n(PA)2PbI4,0.4\n")}
        answer = busy.post(f"{HERE}/measurements/table", files=table)
        assert answer.status_code == 201
        waiting = busy.get(f"/api/jobs/{answer.json()['job']}").json()
        assert (waiting["kind"], waiting["state"]) == ("learn", "queued")


def test_predictions_wait_for_each_other_only_and_are_limited(
    client: TestClient, prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobQueue, "start", lambda self: None)
    tokens = TokenFile(tmp_path / "tokens.json")
    keys = {role: {"authorization": f"Bearer {tokens.add(role.value, role)}"} for role in Role}
    settings = prepared.settings(tmp_path, tokens=tokens)
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as busy:

        def asked(role: Role, **compound: str) -> int:
            return busy.post(f"{HERE}/predictions", json=compound, headers=keys[role]).status_code

        assert [asked(Role.VIEWER, formula="(PEA)2PbI4") for _ in range(3)] == [202, 202, 429]
        assert asked(Role.EDITOR, smiles="CCCCCCCCN") == 202
        assert asked(Role.VIEWER, smiles="CCCCCCCCN") == 403


def test_the_document_is_valid_openapi(client: TestClient) -> None:
    validate(client.get("/api/openapi.json").json())


def test_the_documents_name_every_answer(client: TestClient) -> None:
    told = client.get("/api/openapi.json").json()
    for path, item in told["paths"].items():
        for verb, operation in item.items():
            assert operation["summary"], path
            assert {"401", "403", "404", "422"} <= set(operation["responses"]), (verb, path)
