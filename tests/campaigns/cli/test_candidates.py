"""`suggest --candidates`: every candidate's numbers in a file, of a campaign and of any table."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from campaigns import Campaign
from campaigns.cli.app import app
from campaigns.errors import StoreError
from screening.pool import POOL_COLUMNS
from screening.ranking import RANKING_COLUMNS
from tests.campaigns.cli.test_suggest_pool import asked
from tests.campaigns.conftest import Launched

__all__ = ["asked"]  # a fixture


def _suggest(launched: Launched, *more: str) -> tuple[int, str, str]:
    command = ["suggest", str(launched.folder), "--oracle-store", str(launched.oracle_store), *more]
    done = CliRunner().invoke(app, command)
    return done.exit_code, done.stdout, done.stderr


def test_the_file_of_a_campaign_holds_its_whole_space_with_the_numbers_of_the_ranking(
    launched: Launched, tmp_path: Path
) -> None:
    path = tmp_path / "all.parquet"
    code, out, err = _suggest(launched, "--candidates", str(path), "--json")
    campaign = Campaign.open(launched.folder, oracle_store=launched.oracle_store)
    assert code == 0, err
    assert json.loads(out)
    assert f"{len(campaign.space):,} candidates in" in err
    frame = pd.read_parquet(path).set_index("formula")
    assert len(frame) == len(campaign.space)
    assert set(RANKING_COLUMNS) - set(frame) == {"formula"}
    best = campaign.round().ranking.frame.set_index("formula")
    for name in ("mean", "sd", "lifetime_low_ps", "lifetime_high_ps", "acquisition", "feasibility", "distance"):
        assert frame.loc[best.index, name].to_numpy() == pytest.approx(best[name].to_numpy(), rel=1e-6)
    assert frame.loc[best.index, "nearest_measured"].tolist() == best["nearest_measured"].tolist()


def test_the_file_of_a_table_holds_every_row_with_its_own_columns(asked: list[str], tmp_path: Path) -> None:
    path = tmp_path / "scored.parquet"
    done = CliRunner().invoke(app, [*asked, "--candidates", str(path), "--json"])
    assert done.exit_code == 0, done.output
    scored, chosen = pd.read_parquet(path), pd.DataFrame(json.loads(done.stdout))
    assert list(scored) == [*POOL_COLUMNS, "name", "x", "tiny"]
    assert len(scored) == 20
    assert scored["mean"][chosen["row"] - 1].to_numpy() == pytest.approx(chosen["mean"].to_numpy())
    assert "20 candidates in" in done.stderr


def test_another_kind_of_file_and_a_folder_that_is_not_there_are_refused(launched: Launched, tmp_path: Path) -> None:
    code, _, err = _suggest(launched, "--candidates", str(tmp_path / "all.csv"))
    assert code == 2
    assert "all.csv must end in .parquet" in " ".join(err.split())
    campaign = Campaign.open(launched.folder, oracle_store=launched.oracle_store)
    with pytest.raises(StoreError, match=r"all.parquet cannot be written: there is no folder .*absent"):
        campaign.write_candidates(tmp_path / "absent" / "all.parquet")
