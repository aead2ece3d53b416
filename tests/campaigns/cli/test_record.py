"""`spinscreen export`: what was measured, and the files it came in."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns import Campaign
from campaigns.cli import main
from campaigns.cli.app import app
from tests.campaigns.cli.test_main import run
from tests.campaigns.small import created
from tests.campaigns.test_ingest_trace import files


def test_the_table_names_its_raw_files_and_they_come_out_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = created(tmp_path / "small")
    paths, fit = files(tmp_path, 2.0)
    campaign.ingest_trace("(PA)2PbI4", fit, paths)
    table, raw = tmp_path / "measured.csv", tmp_path / "raw"
    monkeypatch.setattr(
        sys, "argv", ["spinscreen", "export", str(campaign.folder), str(table), "--raw", str(raw), "--json"]
    )
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code in (None, 0)
    assert len(json.loads(capsys.readouterr().out)["raw"]) == 3  # SC, CC and the library
    digests = pd.read_csv(table)["sha256"][0].split()
    for digest, path in zip(digests, paths, strict=True):
        written = raw / f"{digest[:12]}_{path.name}"
        assert written.read_bytes() == path.read_bytes()
        assert sha256(written.read_bytes()).hexdigest() == digest
    assert not [path for path in raw.iterdir() if path.name.startswith(".")]


def test_an_exported_table_can_be_ingested_elsewhere(tmp_path: Path) -> None:
    from campaigns.files import write_table

    here, there = created(tmp_path / "here"), created(tmp_path / "there")
    results = tmp_path / "results.csv"
    results.write_text("formula,lifetime_ps,lifetime_stderr_ps,sample\n(PA)2PbI4,0.4,0.02,=1+1\n(BA)2PbI4,<0.5,,b\n")
    here.ingest(results)
    write_table(tmp_path / "out.csv", [row.to_dict() for row in here.state.record])
    assert "'=1+1" in (tmp_path / "out.csv").read_text()  # no formula for a spreadsheet
    there.ingest(tmp_path / "out.csv")
    assert there.state.measurements == here.state.measurements


def test_a_bound_that_is_taken_back_is_called_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = created(tmp_path / "small")
    campaign.observe([{"formula": "(PA)2PbI4", "lifetime_ps": "<0.15", "sample": "u1"}])
    monkeypatch.setattr(sys, "argv", ["spinscreen", "retract", str(campaign.folder), "1", "--reason", "wrong"])
    with pytest.raises(SystemExit):
        main()
    assert "measurement 1 ((PA)2PbI4, below 0.15 ps) is retracted" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("formula", "says"),
    [
        ("(PEA)2PbI4", "warning: (PEA)2PbI4 is measured already: "),
        ("(PA)2PbI4", "(PA)2PbI4 was not suggested; its result is awaited as if it had been"),
    ],
    ids=["published", "never-suggested"],
)
def test_what_is_odd_about_a_compound_that_is_accepted_is_told(tmp_path: Path, formula: str, says: str) -> None:
    done = run("accept", created(tmp_path / "small").folder, formula, "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["stage"] == "accepted"
    assert says in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("accept", "(PEA)2PbI4"),
        ("outcome", "(BA)2PbI4", "not formed", "--reason", "powder"),
        ("decline", "(PDA)PbI4", "--reason", "none left"),
        ("retract", "1", "--reason", "wrong file"),
        ("undo", "2", "--reason", "wrong table"),
    ],
)
def test_the_same_command_again_records_nothing_and_says_so(tmp_path: Path, words: tuple[str, ...]) -> None:
    campaign = created(tmp_path / "small")
    results = tmp_path / "results.csv"
    results.write_text("formula,lifetime_ps\n(PA)2PbI4,0.4\n")
    campaign.ingest(results)
    command, *rest = words
    first, again = (CliRunner().invoke(app, [command, str(campaign.folder), *rest]) for _ in range(2))
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert again.stdout.startswith(f"already so: {first.stdout.strip()}")
    # Only what may happen twice is said so: not an accept of what is accepted, and no undo of what is undone.
    assert ("a second time needs other words" in again.stdout) == ("not formed" in words)
    assert len(Campaign.open(campaign.folder).history()) == 3


def test_who_overrules_another_is_told_whose_step_it_was(tmp_path: Path) -> None:
    campaign = created(tmp_path / "small")
    campaign.step("(PA)2PbI4", "accepted")
    step = campaign.state.steps[-1]
    done = CliRunner().invoke(app, ["decline", str(campaign.folder), "(PA)2PbI4", "--reason", "dull"])
    assert f"(PA)2PbI4: declined; accepted before, by {step.actor} at {step.at:%Y-%m-%d}" in done.stdout
