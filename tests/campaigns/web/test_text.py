"""Text that no file can hold, and corrections, through the doors of the server."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from tests.campaigns.web.conftest import SLUG

HERE = f"/api/campaigns/{SLUG}"
ROW = {"formula": "(PA)2PbI4", "lifetime_ps": 0.4, "sample": "T1"}


def table(*rows: dict[str, object]) -> dict[str, tuple[str, bytes]]:
    return {"file": ("r.jsonl", "\n".join(json.dumps(row) for row in rows).encode())}


@pytest.mark.parametrize(
    ("note", "says"),
    [("\ud83d", "row 1, column note: the cell holds half a character"), ("\x1b[31m", "the control character U+001B")],
)
def test_a_table_with_such_text_is_refused_by_row_and_column(client: TestClient, note: str, says: str) -> None:
    for dry_run in ("true", "false"):
        answer = client.post(
            f"{HERE}/measurements/table", files=table(ROW | {"note": note}), data={"dry_run": dry_run, "learn": "false"}
        )
        assert answer.status_code == 422
        assert says in " ".join(answer.json()["problems"])
    assert client.get(f"{HERE}/measurements").json() == []


def test_a_reason_with_such_text_is_refused(client: TestClient) -> None:
    formula = client.get(f"{HERE}/suggestions").json()["suggestions"][0]["formula"]
    told = {"formula": formula, "stage": "declined", "reason": "too \x1b[31mred"}
    answer = client.post(f"{HERE}/outcomes", json=told)
    assert answer.status_code == 422
    assert "reason: it holds the control character U+001B" in answer.text
    assert client.get(f"{HERE}/outcomes").json() == []


def test_a_correction_is_asked_for_and_taken_when_it_is_accepted(client: TestClient) -> None:
    address, quiet = f"{HERE}/measurements/table", {"learn": "false"}
    assert client.post(address, files=table(ROW), data=quiet).json()["added"] == 1
    corrected = table(ROW | {"note": "checked by XRD"})
    asked = client.post(address, files=corrected, data=quiet)
    assert asked.status_code == 422
    assert "corrects measurement 1: note 'checked by XRD'" in " ".join(asked.json()["problems"])
    taken = client.post(address, files=corrected, data=quiet | {"accept_guesses": "true"}).json()
    assert ([row["action"] for row in taken["rows"]], taken["added"]) == (["correct"], 0)
    (row,) = client.get(f"{HERE}/measurements").json()
    assert row["note"] == "checked by XRD"
