"""`spinscreen ingest --property` as its user meets it, and what other commands then say of the property."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns import Campaign
from campaigns.cli import main
from campaigns.cli.app import app
from chemspace.errors import SpinscreenError
from tests.campaigns.conftest import Launched
from tests.campaigns.small import created
from tests.campaigns.test_properties import TABLE, made
from tests.campaigns.test_property_values import GAP, NEW, described, write

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return described(tmp_path / "small")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, without the training that follows it; exit code, stdout, stderr or the error."""
    monkeypatch.setattr(Campaign, "describe", lambda *_, **__: SimpleNamespace(failures=()))
    monkeypatch.setattr(Campaign, "retrain", lambda *_, **__: None)

    def _run(*arguments: object) -> tuple[int, str, str]:
        done = CliRunner().invoke(app, [str(part) for part in arguments], env={"COLUMNS": "200"})
        problem = done.exception
        told = f"{problem}" if isinstance(problem, SpinscreenError) else " ".join(done.stderr.replace("│", " ").split())
        return done.exit_code, done.stdout, told

    return _run


def test_values_are_taken_in_and_every_command_tells_of_them(campaign: Campaign, run: Run, tmp_path: Path) -> None:
    path = write(tmp_path, NEW)
    code, out, err = run("ingest", campaign.folder, path, "--property", GAP)
    assert (code, out.splitlines()[0]) == (0, f"new.csv: 3 rows of {GAP} added, 0 already known")
    assert "(PEA)2SnI4 is outside the campaign's space" in err
    assert (
        f"new.csv: 0 rows of {GAP} added, 3 already known" in run("ingest", campaign.folder, path, "--property", GAP)[1]
    )
    out = run("status", campaign.folder)[1]
    assert f"{GAP}: 27 values, 3 of them taken in here" in out
    assert "25  (PA)2PbI4  2.55 ± 0.02  K7  new.csv" in out
    told = json.loads(run("status", campaign.folder, "--json")[1])["properties"][GAP]
    assert (told["n_values"], told["n_ingested"], told["goal"]) == (27, 3, None)
    assert f"ingested new.csv: 3 values of {GAP}" in run("log", campaign.folder)[1]
    code, out, _ = run("retract", campaign.folder, 25, "--property", GAP, "--reason", "wrong crystal")
    assert (code, out) == (0, f"value 25 of {GAP} ((PA)2PbI4, 2.55) is retracted\n")
    assert f"{GAP}: 26 values, 2 of them taken in here" in run("status", campaign.folder)[1]
    assert "retracted: wrong crystal" in run("status", campaign.folder)[1]
    told = json.loads(run("retract", campaign.folder, 1, "--property", GAP, "--reason", "typo", "--json")[1])
    assert (told["property"], told["number"], told["retracted"]) == (GAP, 1, "typo")
    code, out, _ = run("export", campaign.folder, tmp_path / "all.csv", "--property", GAP)
    assert f"27 values of {GAP} in " in out
    table = pd.read_csv(tmp_path / "all.csv")
    assert table["number"].tolist() == [*range(1, 28)]
    assert table["retracted"].notna().sum() == 2
    assert table["formula"][0] == TABLE[0]["compound"]


def test_a_dry_run_shows_every_row_and_writes_nothing(campaign: Campaign, run: Run, tmp_path: Path) -> None:
    path = write(tmp_path, NEW)
    code, out, _ = run("ingest", campaign.folder, path, "--property", GAP, "--dry-run")
    assert code == 0
    for shown in (GAP, "add", "2.55 ± 0.02", "K7", "outside the campaign", f"3 rows of {GAP} would be added"):
        assert shown in out
    told = json.loads(run("ingest", campaign.folder, path, "--property", GAP, "--dry-run", "--json")[1])
    assert [row["value"] for row in told["rows"]] == [2.55, 2.31, 1.97]
    bad = write(tmp_path, NEW + "(PEA)2PbI4,wide,,\n", "bad.csv")
    code, out, err = run("ingest", campaign.folder, bad, "--property", GAP, "--dry-run")
    assert code == 1
    assert "refused" in out
    assert "row 5, column value: 'wide' is not a number" in err
    assert len(campaign.history()) == 1


def test_columns_by_other_names_are_declared_and_refused_rows_go_to_a_file(
    campaign: Campaign, run: Run, tmp_path: Path
) -> None:
    table = write(tmp_path, "Material,Eg (eV)\n(PA)2PbI4,2.5\n(PA)2PbI4,2500\n")
    declared = ("--map", "formula=Material", "--map", "value=Eg (eV)")
    code, out, _ = run("ingest", campaign.folder, table, "--property", GAP, *declared, "--keep-going")
    assert (code, "1 row of band_gap_ev added, 0 already known, 1 refused" in out) == (0, True)
    assert (campaign.folder / "new_rejects.csv").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("new.csv", "--property", "gap"), f"the campaign has no property 'gap'; it has {GAP}"),
        (("new.csv", "--property", GAP, "--unit", "meV"), "in the unit at the end of its name"),
        (("new.csv", "--property", GAP, "--accept-extreme"), "is for lifetimes, not for --property"),
        (("new.csv", "--property", GAP, "--map", "gap"), "write FIELD=COLUMN, as value=gap"),
        (("--property", GAP, "--formula", "(PA)2PbI4", "--trace", "new.csv"), "come as a table: give RESULTS"),
    ],
    ids=["unknown", "unit", "extreme", "map", "trace"],
)
def test_what_does_not_go_with_a_property_is_told(
    campaign: Campaign, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, NEW)
    code, _, err = run("ingest", campaign.folder, *options)
    assert code != 0
    assert says in err
    assert len(campaign.history()) == 1


def test_an_unknown_property_is_a_wrong_command(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arguments = ["ingest", campaign.folder, write(tmp_path, NEW), "--property", "gap"]
    monkeypatch.setattr(sys, "argv", ["spinscreen", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2


def test_a_campaign_without_properties_says_how_one_gets_them(run: Run, tmp_path: Path) -> None:
    plain = created(tmp_path / "plain")
    path = write(tmp_path, NEW)
    for command in (("ingest", plain.folder, path), ("retract", plain.folder, 1), ("export", plain.folder, "x.csv")):
        code, _, err = run(*command, "--property", GAP)
        assert code == 1  # the bare error; `main` makes 2 of it
        assert "`amend` its description, with properties: {band_gap_ev: {table: band_gap_ev.csv}}" in err


def test_a_table_of_values_without_its_property_is_told_which_there_are(
    campaign: Campaign, run: Run, tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, ["ingest", str(campaign.folder), str(write(tmp_path, NEW))], env={"COLUMNS": "200"})
    assert done.exit_code == 1
    assert f"if these are values of a measured property, say of which: --property {GAP}" in done.stderr


def test_after_it_the_score_card_of_the_property_stands_beside_the_one_before(
    launched: Launched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = made(launched, tmp_path / "gaps", properties={GAP: {"table": TABLE}}, surrogate="mean")
    campaign.suggest()
    path = write(tmp_path, "compound,value\n(PA)2(FA)Pb2I7,2.9\n")
    environment = {"COLUMNS": "200", "SPINSCREEN_ORACLE_STORE": str(launched.oracle_store)}
    arguments = ["ingest", str(campaign.folder), str(path), "--property", GAP, "--suggest", "2"]
    done = CliRunner().invoke(app, arguments, env=environment)
    assert done.exit_code == 0, done.output
    shown = done.stdout.split(f"\n{GAP} (learnt from 25 rows")[1]
    assert shown.count("before") == 2
    assert "(round 2;" in done.stdout
    told = CliRunner().invoke(app, ["log", str(campaign.folder)], env=environment).stdout
    assert f"; {GAP} from 25 values: " in told
