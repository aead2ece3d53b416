"""`spinscreen suggest --pool`: any table of candidates instead of a campaign."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns.cli.app import app


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
    assert all(row["tiny"] == pool["tiny"][row["row"]] > 0.0 for row in rows)


def test_the_table_for_people_names_the_candidates(asked: list[str], tmp_path: Path) -> None:
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert done.stdout.count("m") >= 3
    assert "90% interval" in done.stdout


def test_half_of_what_a_pool_needs_is_a_usage_error(asked: list[str]) -> None:
    done = CliRunner().invoke(app, asked[:3])
    assert done.exit_code == 2
    assert "--observed and --target together" in done.output.replace("\n", " ")
