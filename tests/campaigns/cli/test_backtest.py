"""`spinscreen backtest`: a finished table in, a comparison or a plan out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from campaigns.cli.look import backtest
from screening.errors import BacktestError

app = typer.Typer()
app.command()(backtest)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    x = np.random.default_rng(0).random((30, 2))
    frame = pd.DataFrame({"u": x[:, 0], "v": x[:, 1], "rate": (x[:, 0] - 0.3) ** 2 + 0.1 * x[:, 1]})
    frame.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_strategies_are_compared_and_drawn(table: Path) -> None:
    page = table.with_suffix(".html")
    asked = [str(table), "--target", "rate", "--budget", "8", "--seeds", "2", "--json", "--output", str(page)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    rows = {row["strategy"]: row for row in json.loads(result.stdout)}
    assert set(rows) == {"spinscreen", "random"}
    assert rows["random"]["mean_regret"] >= 0.0
    assert "plotly" in page.read_text(encoding="utf-8")


def test_the_table_for_people_names_the_strategies(table: Path) -> None:
    result = CliRunner().invoke(app, [str(table), "--target", "rate", "--strategy", "random", "--seeds", "2"])
    assert result.exit_code == 0, result.output
    assert "random" in result.stdout


def test_a_plan_says_how_many_experiments(table: Path) -> None:
    frame = pd.read_csv(table)
    frame.loc[8:, "rate"] = np.nan
    frame.to_csv(table, index=False)
    asked = [str(table), "--target", "rate", "--simulate", "--goal", "0.05", "--budget", "3", "-q", "3", "--seeds", "2"]
    result = CliRunner().invoke(app, [*asked, "--json"])
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert set(answer) == {"goal", "probability", "experiments", "budget", "within_budget", "possible"}
    assert "simulated worlds" in CliRunner().invoke(app, asked).stdout
    compared = json.loads(CliRunner().invoke(app, [*asked, "--teaching", "0,0.5", "--json"]).stdout)
    assert [one["teaching"] for one in compared["shares"]] == [0.0, 0.5]
    assert compared["shares"][0]["experiments"] == answer["experiments"]
    assert CliRunner().invoke(app, [*asked, "--teaching", "half"]).exit_code == 2


def test_a_goal_without_simulation_is_a_usage_error(table: Path) -> None:
    assert CliRunner().invoke(app, [str(table), "--target", "rate", "--goal", "1"]).exit_code == 2


def test_a_missing_target_is_named(table: Path) -> None:
    result = CliRunner().invoke(app, [str(table), "--target", "speed"])
    assert isinstance(result.exception, BacktestError)
    assert "it has u, v, rate" in str(result.exception)


def test_a_place_where_curves_cannot_be_written_is_told_before_the_work(table: Path) -> None:
    asked = [str(table), "--target", "rate", "--strategy", "random", "--seeds", "2", "-o", str(table / "curves.html")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 2
    assert "there is no folder" in result.output


def test_a_probability_above_one_is_a_usage_error(table: Path) -> None:
    asked = [str(table), "--target", "rate", "--simulate", "--goal", "0.05", "--probability", "2"]
    assert CliRunner().invoke(app, asked).exit_code == 2


@pytest.mark.parametrize("form", ["excel", "semicolons", "utf-16"])
def test_a_finished_table_is_read_in_every_form_that_ingest_reads(table: Path, form: str) -> None:
    frame = pd.read_csv(table).round(6)
    frame.to_csv(table, index=False)
    asked = [str(table), "--target", "rate", "--strategy", "random", "--budget", "8", "--seeds", "2", "--json"]
    plain = json.loads(CliRunner().invoke(app, asked).stdout)
    if form == "excel":
        with table.open("wb") as stream:
            frame.to_excel(stream, index=False)
    else:
        encoding = "utf-16" if form == "utf-16" else "utf-8"
        frame.to_csv(table, index=False, sep=";" if form == "semicolons" else "\t", decimal=",", encoding=encoding)
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == plain


def test_replicates_missing_numbers_and_differences_are_told(table: Path) -> None:
    frame = pd.read_csv(table)
    pd.concat([frame, frame]).to_csv(table, index=False)
    asked = [str(table), "--target", "rate", "--budget", "6", "--seeds", "2", "--strategy", "random,forest"]
    told = CliRunner().invoke(app, asked).stdout
    assert "learning rate (small is good) from u, v" in told
    assert "30 settings in 60 rows: each setting is one row, the mean of its results (--replicates)" in told
    assert "random against forest:" in told
    assert "paired over 2 seeds" in told
    assert not any(word in told for word in ("nan", "inf"))
    rows = json.loads(CliRunner().invoke(app, [*asked, "--json"]).stdout)
    assert [row["comparisons"][0]["against"] for row in rows if row["comparisons"]] == ["forest"]
