"""`spinscreen ingest` as its user meets it: questions, row by row, rejects, maps."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from campaigns import Campaign
from campaigns.cli import console, main
from campaigns.errors import StoreError
from tests.campaigns.cli.test_main import run as run_command
from tests.campaigns.conftest import Launched
from tests.campaigns.small import created
from tests.campaigns.test_pages import maps
from tests.chemspace.tables.files import workbook

Run = Callable[..., tuple[int, str, str]]
BAD = "formula,lifetime_ps,sample\n(PA)2PbI4,0.4,a\n(PA)2PbI4,-1,b\n(PEA)2SnI4,<0.05,c\n"


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return created(tmp_path / "small")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process, without the training that follows it; exit code, stdout, stderr."""
    monkeypatch.setattr(Campaign, "describe", lambda *_, **__: SimpleNamespace(failures=()))
    monkeypatch.setattr(Campaign, "retrain", lambda *_, **__: None)

    def _run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["spinscreen", "ingest", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        code = end.value.code
        return (code if isinstance(code, int) else 0, told.out, told.err)

    return _run


def write(folder: Path, content: str | bytes, name: str = "results.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_dry_run_shows_every_row_and_writes_nothing(campaign: Campaign, run: Run, tmp_path: Path) -> None:
    results = write(tmp_path, BAD.replace("-1", "1"))
    code, out, err = run(campaign.folder, results, "--dry-run")
    assert code == 0
    for shown in ("add", "(PA)2PbI4", "<0.05", "outside the campaign", "3 rows would be added, 0 already known"):
        assert shown in out
    assert "outside the campaign's space" in err
    code, out, _ = run(campaign.folder, results, "--dry-run", "--json")
    assert [row["action"] for row in json.loads(out)["rows"]] == ["add", "add", "add"]
    assert len(campaign.history()) == 1


def test_a_dry_run_of_a_bad_table_shows_its_rows_and_fails(campaign: Campaign, run: Run, tmp_path: Path) -> None:
    code, out, err = run(campaign.folder, write(tmp_path, BAD), "--dry-run")
    assert code == 1
    assert "refused" in out
    assert "row 3, column lifetime_ps: -1 is not a lifetime" in err


def test_keep_going_says_where_the_refused_rows_are(campaign: Campaign, run: Run, tmp_path: Path) -> None:
    code, out, _ = run(campaign.folder, write(tmp_path, BAD), "--keep-going")
    assert code == 0
    assert "2 rows added, 0 already known, 1 refused" in out
    assert f"stand with their reasons in {campaign.folder / 'results_rejects.csv'}" in out
    rejects = tmp_path / "elsewhere.csv"
    assert run(campaign.folder, write(tmp_path, BAD.replace("a\n", "x\n")), "--rejects", rejects)[0] == 0
    assert rejects.exists()


def test_without_a_terminal_a_guess_is_refused_with_the_options_that_settle_it(
    campaign: Campaign, run: Run, tmp_path: Path
) -> None:
    content = workbook(Results=[["Material", "tau (fs)"], ["(PA)2PbI4", 400]])
    results = write(tmp_path, content, "results.xlsx")
    code, out, err = run(campaign.folder, results, "--dry-run")
    assert (code, out) == (1, "")
    assert "'tau (fs)' is in fs, so 400 in row 2 is 0.4 ps" in err
    assert "--yes, or declare it: --map formula=Material --map lifetime='tau (fs)' --unit fs" in err
    declared = ("--map", "formula=Material", "--map", "lifetime=tau (fs)", "--unit", "fs")
    for options in (("--yes",), declared):
        assert run(campaign.folder, results, "--dry-run", *options)[0] == 0
    assert run(campaign.folder, results, "--map", "Material")[0] == 2


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1)])
def test_on_a_terminal_a_guess_is_a_question(campaign: Campaign, tmp_path: Path, answer: str, code: int) -> None:
    results = write(tmp_path, "Material,tau (fs)\n(PA)2PbI4,400\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "campaigns.cli", "ingest", str(campaign.folder), str(results), "--dry-run"]
    process = subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    shown = b""
    while b"Is this right?" not in shown:
        shown += os.read(ours, 4096)
    os.write(ours, f"{answer}\n".encode())
    out, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == code
    assert b"so 400 in row 2 is 0.4 ps" in shown
    assert ("1 row would be added" in out) == (code == 0)
    assert len(campaign.history()) == 1


def test_maps_are_taken_in_with_their_pictures(campaign: Campaign, run: Run, tmp_path: Path) -> None:
    given, _, fit = maps(tmp_path)
    files = ("--sc-map", given.sc_map[0], "--cc-map", given.cc_map[0])
    options = ("--formula", "(PA)2PbI4", *files, "--irf-fwhm", 0.15, "--window", 520, 528)
    code, out, err = run(campaign.folder, *options, "--spectrum-at", 1, "--sample", "K7")
    assert code == 0
    assert "lifetime" in err
    assert "Probe window 520.0 to 528.0 nm" in err
    page = campaign.folder / "traces" / "0001-PA2-PbI4.html"
    assert f"Pictures: {page}" in out
    assert "Spectra at 1" in page.read_text(encoding="utf-8")
    (row,) = Campaign.open(campaign.folder).state.record
    assert row.observation.sample == "K7"
    assert row.observation.value == pytest.approx(fit.lifetime_ps, rel=0.2)
    assert len(row.files) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "give a table RESULTS"),
        (("results.csv", "--formula", "(PA)2PbI4"), "not both"),
        (("--trace", "trace.csv"), "--formula"),
        (("--formula", "(PA)2PbI4", "--sc", "trace.csv"), "one of two files is missing"),
        (("--formula", "(PA)2PbI4", "--trace", "trace.csv", "--window", "1", "2"), "belong to maps"),
        (("results.csv", "--dry-run", "--suggest", "3"), "a dry run takes nothing in"),
    ],
)
def test_options_that_do_not_go_together_exit_2(
    campaign: Campaign, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "delay_ps,sc,cc\n", "trace.csv")
    write(tmp_path, BAD)
    code, _, err = run(campaign.folder, *options)
    assert code == 2
    assert says in " ".join(err.replace("│", " ").split())


def test_an_ingest_that_is_stopped_says_what_was_taken_in(
    campaign: Campaign, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Campaign, "retrain", lambda *_, **__: told.append(console.stopped))
    monkeypatch.setattr(console, "stopped", console.stopped)
    run(campaign.folder, write(tmp_path, "formula,lifetime_ps\n(PA)2PbI4,0.4\n"))
    assert told == ["stopped; 1 row of results.csv taken in, the same command goes on to learn from that"]


def test_the_same_ingest_again_learns_what_a_stopped_one_did_not(launched: Launched, tmp_path: Path) -> None:
    campaign = launched.copy(tmp_path / "copy")
    results = write(tmp_path, f"formula,lifetime_ps\n{campaign.suggest().suggestions[0].formula},900\n")
    campaign.ingest(results)
    done = run_command("ingest", campaign.folder, results, "--json", store=launched.oracle_store)
    answer = json.loads(done.stdout)
    assert (answer["added"], answer["skipped"]) == (0, 1)
    assert "900 ps" in " ".join(answer["surprises"])
    again = run_command("ingest", campaign.folder, results, "--json", store=launched.oracle_store)
    assert json.loads(again.stdout)["surprises"] == []


WEEK_1 = "formula,lifetime_ps,sample,note\n(PA)2PbI4,0.4,K7,\n"
WEEK_2 = "formula,lifetime_ps,sample,note\n(PA)2PbI4,0.4,K7,checked by XRD\n(BA)2PbI4,0.5,K8,\n"


def test_a_correction_is_shown_and_taken_in_when_it_is_confirmed(campaign: Campaign, run: Run, tmp_path: Path) -> None:
    run(campaign.folder, write(tmp_path, WEEK_1))
    path = write(tmp_path, WEEK_2, "week2.csv")
    code, _, err = run(campaign.folder, path)
    assert code == 1
    assert "(PA)2PbI4 0.4 ps corrects measurement 1: note 'checked by XRD'" in err
    assert "repeat the command with --yes" in err
    code, out, _ = run(campaign.folder, path, "--yes")
    assert (code, "1 row added, 1 corrected, 0 already known" in out) == (0, True)
    assert [row.observation.note for row in Campaign.open(campaign.folder).state.record] == ["checked by XRD", ""]


def test_what_was_recorded_and_not_learnt_is_learnt_by_the_same_command(
    campaign: Campaign, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise StoreError("ranking.parquet is damaged")

    learnt = []
    path = write(tmp_path, WEEK_2)
    monkeypatch.setattr(Campaign, "retrain", fails)
    code, _, err = run(campaign.folder, path)
    assert code == 3
    assert "recorded as measurement 1 to 2; training failed: ranking.parquet is damaged" in err
    assert "the same command, or suggest, goes on from there" in err
    monkeypatch.setattr(Campaign, "retrain", lambda *_, **__: learnt.append(1))
    code, out, _ = run(campaign.folder, path)
    assert (code, learnt, "0 rows added, 2 already known" in out) == (0, [1], True)
