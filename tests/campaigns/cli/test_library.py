"""`spinscreen library`: what is in a file, one file made into another, new spacers."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns.cli.cations import LIBRARY as app
from chemspace import CationLibrary, LibraryError, UnknownCationError

run = CliRunner().invoke


@pytest.fixture
def amines(tmp_path: Path) -> Path:
    path = tmp_path / "amines.smi"
    path.write_text("NCCc1ccccc1 mine\nC1CC bad\nNCCCCN diamine\n[NH3+]CCc1ccccc1.[I-] salt\n")
    return path


def test_a_file_is_told_with_counts_and_the_reason_of_every_refused_row(amines: Path) -> None:
    told = json.loads(run(app, ["show", str(amines), "--json"]).stdout)
    assert (told["cations"], told["charges"]) == (2, {"+1": 1, "+2": 1})
    report = told["report"]
    assert (report["rows"], report["kept"], report["merged"], report["rejected"]) == (4, 2, 1, 1)
    assert report["rejections"][0]["row"] == 2
    assert report["charges"] == {"+1 by one proton": 1, "+2 by two protons": 1}
    text = run(app, ["show", str(amines), "--protonation", "one"]).stdout
    assert "2 of +1" in text
    assert "charges: 2 +1 by one proton" in text
    assert "row 2: C1CC" in text


def test_rejects_go_to_a_file_and_the_rest_to_another(amines: Path, tmp_path: Path) -> None:
    made, rejects = tmp_path / "made.csv", tmp_path / "rejects.csv"
    done = run(app, ["convert", str(amines), str(made), "--rejects", str(rejects), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["cations"] == 2
    assert pd.read_csv(made)["smiles"].tolist() == ["[NH3+]CCc1ccccc1", "[NH3+]CCCC[NH3+]"]
    assert len(rejects.read_text().splitlines()) == 2


@pytest.mark.parametrize("ending", [".csv", ".smi", ".parquet"])
def test_what_was_converted_reads_back_as_the_same_cations(amines: Path, tmp_path: Path, ending: str) -> None:
    made = tmp_path / f"made{ending}"
    assert run(app, ["convert", str(amines), str(made), "--dications"]).exit_code == 0
    again, first = CationLibrary.read(made), CationLibrary.read(amines, dications=True)
    assert [c.inchikey for c in again] == [c.inchikey for c in first]


def test_cations_are_found_by_any_name_or_smiles() -> None:
    done = run(app, ["find", "PMA", "PEA", "NCc1ccc(CN)cc1", "--dications", "--json"])
    rows = json.loads(done.stdout)
    assert [row["abbreviation"] for row in rows] == ["BZA", "PEA", "PDMA"]
    assert [row["charge"] for row in rows] == [1, 1, 2]
    assert isinstance(run(app, ["find", "XYZ"]).exception, UnknownCationError)


def test_virtual_spacers_are_the_same_for_a_seed_and_begin_with_the_shorter_file(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.csv" for name in ("a", "b", "longer")]
    for file, count in zip(files, ("12", "12", "20"), strict=True):
        done = run(app, ["virtual", str(file), "--count", count, "--seed", "5", "--json"])
        told = json.loads(done.stdout)
        assert told["cations"] == int(count) == told["tried"] - told["repeated"] - sum(told["refused"].values())
    first, second, longer = (file.read_text() for file in files)
    assert first == second
    assert longer.startswith(first)
    assert len(CationLibrary.read(files[0])) == 12


def test_a_wrong_ending_or_folder_is_a_usage_error_and_a_bad_file_is_not(amines: Path, tmp_path: Path) -> None:
    for wrong in (tmp_path / "made.txt", tmp_path / "nowhere" / "made.csv"):
        assert run(app, ["virtual", str(wrong), "--count", "2"]).exit_code == 2
    assert isinstance(run(app, ["show", str(tmp_path / "no.csv")]).exception, LibraryError)


def test_molecules_that_want_one_name_are_told_with_their_structures(tmp_path: Path) -> None:
    path = tmp_path / "clash.csv"
    path.write_text("smiles,abbreviation\nNCCc1ccccc1,PEA\nCCCCN,PEA\nC[C@@H](N)c1ccccc1,S-MBA\n")
    shared = json.loads(run(app, ["show", str(path), "--json"]).stdout)["report"]["shared"]
    assert shared["PEA"] == ["[NH3+]CCc1ccccc1", "CCCC[NH3+]"]
    assert shared["S-MBA"] == ["C[C@H]([NH3+])c1ccccc1", "C[C@@H]([NH3+])c1ccccc1"]
    assert "2 molecules are called PEA: [NH3+]CCc1ccccc1, CCCC[NH3+]" in " ".join(
        run(app, ["show", str(path)]).output.split()
    )
