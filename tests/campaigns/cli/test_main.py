"""The command line as its user meets it: exit codes, messages, JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campaigns.conftest import Launched

PEA = "[NH3+]CCc1ccccc1"


def run(*arguments: object, store: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run `spinscreen` with these arguments."""
    environment = os.environ | ({} if store is None else {"SPINSCREEN_ORACLE_STORE": str(store)})
    command = [sys.executable, "-m", "campaigns.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


def test_help_names_the_verbs_and_where_to_start() -> None:
    done = run("--help")
    assert done.returncode == 0
    for verb in ("launch", "suggest", "ingest", "status", "report", "spinscreen launch demo"):
        assert verb in done.stdout


def test_suggest_prints_json_and_nothing_else_on_stdout(launched: Launched) -> None:
    done = run("suggest", launched.folder, "--json", store=launched.oracle_store)
    assert done.returncode == 0
    suggestions = json.loads(done.stdout)
    assert len(suggestions) == 5
    assert [name for name in suggestions[0] if name != "reported"] == [
        "formula", "phase", "spacer", "cage", "n_layers", "lifetime_ps", "lifetime_low_ps", "lifetime_high_ps",
        "rate_per_ps", "acquisition", "feasibility", "reason", "nearest_measured", "properties",
        "chance_best", "chance_goal", "tag", "stage",
    ]  # fmt: skip


def test_status_says_what_is_suggested_and_that_nothing_is_awaited_yet(launched: Launched) -> None:
    done = run("status", launched.folder, "--json")
    status = json.loads(done.stdout)
    assert list(status["stages"].values()) == ["suggested"] * 5
    assert status["pending"] == []
    assert status["fit"]["grade"]
    assert "\x1b" not in run("status", launched.folder).stdout  # no colours in a pipe


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("suggest", "nowhere"), "spinscreen launch nowhere"),
        (("launch",), "CAMPAIGN"),
        (("launch", "x", "--n-layers", "0-2"), "--n-layers"),
        (("launch", "x", "--cages", "MA,XYZ"), "no cation is called 'XYZ'"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_a_wrong_command_exits_2_and_says_what_is_right(arguments: tuple[str, ...], says: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("abbreviation,smiles\nbad,C1CC\n", "row 2"),
        ("abbreviation,smiles\nneutral,c1ccccc1\n", "row 2"),
        ("abbreviation,smiles\nradical,CC[CH2]\n", "row 2"),
        ("abbreviation,structure\nPEA,x\n", "no column smiles"),
    ],
)
def test_a_bad_library_exits_1_naming_file_and_row(tmp_path: Path, content: str, says: str) -> None:
    library = tmp_path / "cations.csv"
    library.write_text(content)
    done = run("launch", tmp_path / "new", "--library", library)
    assert done.returncode == 1
    assert says in done.stderr
    assert "cations.csv" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_bad_rows_of_a_library_are_reported_and_the_rest_goes_on(launched: Launched, tmp_path: Path) -> None:
    library = tmp_path / "cations.csv"
    library.write_text(launched.library.read_text() + "odd,C1CC,spacer,\nlost,c1ccccc1,spacer,\n")
    folder = tmp_path / "new"
    done = run("launch", folder, "--library", library, "--n-layers", "2", "--json", store=launched.oracle_store)
    assert done.returncode == 0
    assert "12 rows, 10 kept, 0 merged, 2 rejected" in done.stderr
    assert "cations.csv, row 12" in done.stderr
    assert (folder / "library_rejects.csv").read_text().count("\n") == 3
    assert len(json.loads(done.stdout)) == 5


def test_results_go_in_and_the_next_compounds_come_out_in_one_command(launched: Launched, tmp_path: Path) -> None:
    folder, results = tmp_path / "copy", tmp_path / "results.csv"
    campaign = launched.copy(folder)
    results.write_text(f"formula,lifetime_ps\n{campaign.suggest().suggestions[0].formula},9\n")
    done = run("ingest", folder, results, "--suggest", "3", "--json", store=launched.oracle_store)
    assert done.returncode == 0, done.stderr
    suggested = json.loads(done.stdout)["suggestions"]
    assert len(suggested) == 3
    campaign.refresh()
    assert [row["formula"] for row in suggested] == [s.formula for s in campaign.state.batches[-1].suggestions]
    again = run("suggest", folder, "--batch-size", "3", "--json", store=launched.oracle_store)
    assert json.loads(again.stdout) == suggested


def test_bad_results_exit_1_and_leave_the_campaign_alone(launched: Launched, tmp_path: Path) -> None:
    results = tmp_path / "results.csv"
    results.write_text("formula,lifetime_ps\n(PEA)2PbI4,-3\n")
    before = (launched.folder / "campaign.db").read_bytes()
    done = run("ingest", launched.folder, results)
    assert done.returncode == 1
    assert "results.csv" in done.stderr
    assert "row 2, column lifetime_ps" in done.stderr
    assert "Traceback" not in done.stderr
    assert (launched.folder / "campaign.db").read_bytes() == before


def test_memory_that_is_too_short_for_a_library_is_told_in_one_sentence(tmp_path: Path) -> None:
    command = f"ulimit -v 700000; exec {sys.executable} -m campaigns.cli launch {tmp_path / 'demo'}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1
    assert "error: memory is short (" in done.stderr
    assert "Traceback" not in done.stderr
