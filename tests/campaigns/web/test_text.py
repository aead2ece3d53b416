"""Text that no file can hold is refused by the server, what is accepted goes through everything; corrections."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from campaigns import Campaign
from campaigns.cli.app import app
from campaigns.exchange import write_data_package, write_eln, write_model_card
from campaigns.files import read_ranking, write_ranking
from campaigns.web import routes
from campaigns.web.app import create_app
from campaigns.web.pages import campaign, compounds, measure
from chemspace.tables.frame import read_frame
from tests.campaigns.web.conftest import SLUG, Prepared

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


#: Whatever a cell or a reason may hold: right to left, accents of their own, joined emoji, a formula of a spreadsheet,
#: quotes, and what is markup to a page, a terminal, a template or a file name.
ODD = (
    "=1+1 \u200f\u05e9\u05dc\u05d5\u05dd e\u0301 \U0001f469\u200d\U0001f52c \ufeff\u3000 \"q\" 'a' <b>&amp;</b> "
    "[bold]x[/bold] [/] {{x}} {% y %} %s ${z} \\n ../a;b,c|d `e` NaN"
)


def test_a_text_that_was_accepted_goes_through_every_command_page_and_export(
    client: TestClient, prepared: Prepared, tmp_path: Path
) -> None:
    folder, runner = tmp_path / SLUG, CliRunner()
    environment = {"SPINSCREEN_ORACLE_STORE": str(prepared.oracle_store), "COLUMNS": "400"}

    def told(*arguments: object) -> str:
        done = runner.invoke(app, [str(argument) for argument in arguments], env=environment)
        assert done.exit_code == 0, (arguments, done.output, done.exception)
        return done.stdout

    row = ROW | {"formula": "(CMA)2PbI4", "lifetime_ps": 0.14, "sample": ODD, "note": ODD, "source": ODD}
    answer = client.post(f"{HERE}/measurements/table", files=table(row), data={"learn": "false"})
    assert (answer.status_code, answer.json().get("added")) == (201, 1), answer.text
    first, *_ = client.get(f"{HERE}/suggestions").json()["suggestions"]
    step = {"formula": first["formula"], "stage": "declined", "reason": ODD}
    assert client.post(f"{HERE}/outcomes", json=step).status_code == 201
    told("decline", folder, "--spacer", "EOA", "--reason", ODD)
    told("accept", folder, "(BDA)PbI4", "--reason", ODD)
    told("outcome", folder, "(BDA)PbI4", "not formed", "--reason", ODD)
    told("undo", folder, json.loads(told("log", folder, "--json"))[-1]["id"], "--reason", ODD)
    told("retract", folder, 1, "--reason", ODD)
    for command in ("log", "status"):
        json.loads(told(command, folder, "--json"))
    told("suggest", folder, "--more")
    told("explain", folder, "(CMA)2PbI4")
    told("recipe", folder, "(CMA)2PbI4")
    assert "\u05e9\u05dc\u05d5\u05dd" in told("log", folder)
    told("check", folder)
    told("report", folder)
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "<b>&amp;</b>" not in report
    told("backup", folder, tmp_path / "copy.db")
    for name in ("mine.csv", "mine.jsonl"):
        told("export", folder, tmp_path / name)
        assert json.loads(told("ingest", folder, tmp_path / name, "--dry-run", "--json"))["added"] == 0
    for kind, name in (("eln", "x.eln"), ("nomad", "x.zip"), ("data-package", "y.zip"), ("model-card", "x.md")):
        told("export", folder, tmp_path / name, "--format", kind)
    parameters = {"campaign": SLUG, "round": 1, "formula": "(CMA)2PbI4", "page": 1, "property": "x", "job": "x"}
    seen = 0
    routers = (campaign.start_router, campaign.router, measure.router, compounds.router, routes.router)
    for route in (route for router in routers for route in router.routes if isinstance(route, APIRoute)):
        if "GET" in route.methods:
            page = client.get(route.path.format(**parameters), params={"formula": "(CMA)2PbI4", "text": ODD})
            assert page.status_code < 500, route.path
            assert "html" not in page.headers["content-type"] or "<b>&amp;</b>" not in page.text, route.path
            seen += "\u05e9\u05dc\u05d5\u05dd" in page.text or "\\u05e9\\u05dc" in page.text
    assert seen >= 6


def test_a_campaign_in_a_folder_whose_name_is_no_text_is_shown_exported_and_read(
    prepared: Prepared, tmp_path: Path
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/lab\xff\x1b[31m"))
    shutil.copytree(prepared.folder, folder)
    settings = replace(prepared.settings(tmp_path), folders=(folder,))
    with TestClient(create_app(settings), base_url="http://127.0.0.1") as client:
        assert "<title>lab\ufffd\ufffd[31m" in client.get("/").text
        assert client.get("/c/lab-31m/report").status_code in (200, 202)
    with Campaign.open(folder, oracle_store=prepared.oracle_store) as campaign:
        write_model_card(campaign, tmp_path / "card.md")
        write_data_package(campaign, tmp_path / "package.zip")
        write_eln(campaign, tmp_path / "crate.eln")
        frame = read_ranking(folder)
        assert frame is not None
        write_ranking(folder, frame)
    assert read_ranking(folder) is not None
    assert read_frame(folder / "ranking.parquet").shape == frame.shape
    assert "lab\ufffd\ufffd[31m" in (tmp_path / "card.md").read_text(encoding="utf-8")
