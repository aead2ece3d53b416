"""`spinscreen suggest --pool`: any table of candidates instead of a campaign."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app
from chemspace.errors import TableError


@pytest.fixture
def asked(tmp_path: Path) -> list[str]:
    x = np.random.default_rng(0).random(30)
    frame = pd.DataFrame(
        {"name": [f"m{i}" for i in range(30)], "x": x, "tiny": 1e-12 * (1.0 + x), "rate": (x - 0.3) ** 2}
    )
    frame.iloc[:10].to_csv(tmp_path / "observed.csv", index=False)
    frame.iloc[10:].drop(columns="rate").to_csv(tmp_path / "pool.csv", index=False)
    files = ["--pool", str(tmp_path / "pool.csv"), "--observed", str(tmp_path / "observed.csv")]
    return ["suggest", *files, "--target", "rate", "-q", "3"]


def test_json_keeps_small_numbers_as_they_are(asked: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)
    pool = pd.read_csv(tmp_path / "pool.csv")
    assert len(rows) == 3
    assert all(row["tiny"] == pool["tiny"][row["row"] - 1] > 0.0 for row in rows)


def test_measured_rows_in_another_unit_than_the_candidates_are_told_of(asked: list[str], tmp_path: Path) -> None:
    path = tmp_path / "observed.csv"
    frame = pd.read_csv(path)
    frame.assign(x=frame["x"] + 273.15).to_csv(path, index=False)
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert "x: the pool and the observed table share no value (" in " ".join(done.output.split())


def test_the_table_for_people_names_the_candidates(asked: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("m") >= 3
    assert "interval is of a new measurement" in done.stdout
    assert (
        "learning rate (small is good) from x, tiny; left out: name (names: nearly every row has its own)"
        in done.stdout
    )


def test_half_of_what_a_pool_needs_is_a_usage_error(asked: list[str]) -> None:
    done = CliRunner().invoke(app, asked[:5])
    assert done.exit_code == 2
    assert "once something is measured" in done.output


@pytest.mark.parametrize("form", ["excel", "semicolons", "tabs", "utf-16", "json lines"])
def test_a_pool_is_read_in_every_form_that_ingest_reads(asked: list[str], tmp_path: Path, form: str) -> None:
    plain = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    for name in ("pool.csv", "observed.csv"):
        frame = pd.read_csv(tmp_path / name)
        if form == "excel":
            with (tmp_path / name).open("wb") as stream:
                frame.to_excel(stream, index=False)
        elif form == "json lines":
            frame.to_json(tmp_path / name, orient="records", lines=True, double_precision=15)
        else:
            separator, decimal = {"semicolons": (";", ","), "tabs": ("\t", "."), "utf-16": ("\t", ",")}[form]
            encoding = "utf-16" if form == "utf-16" else "utf-8"
            frame.to_csv(tmp_path / name, index=False, sep=separator, decimal=decimal, encoding=encoding)
    done = CliRunner().invoke(app, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    assert [row["name"] for row in json.loads(done.stdout)] == [row["name"] for row in plain]


def test_a_pool_that_is_no_table_is_refused_with_what_would_be_right(asked: list[str], tmp_path: Path) -> None:
    (tmp_path / "pool.csv").write_bytes(b"%PDF-1.7")
    with pytest.raises(TableError, match=r"pool\.csv: it is a PDF document, not text; a table is needed \(CSV, Excel"):
        CliRunner().invoke(app, asked, catch_exceptions=False)


def test_first_batch_pending_rows_and_the_file_of_suggestions(asked: list[str], tmp_path: Path) -> None:
    out = tmp_path / "first.csv"
    done = CliRunner().invoke(app, [*asked[:3], "-q", "4", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "spreading over x, tiny" in done.stdout
    first = pd.read_csv(out)
    assert list(first.columns) == ["row", "name", "x", "tiny"]
    done = CliRunner().invoke(app, [*asked, "--pending", str(out), "--json"])
    assert done.exit_code == 0, done.output
    assert not {row["name"] for row in json.loads(done.stdout)} & set(first["name"])
    assert "learning rate (small is good) from x, tiny" in done.stderr
