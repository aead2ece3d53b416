"""Frames in, frames out: suggestions and every candidate's numbers from a user's tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from screening.errors import NothingLeftError, PoolError
from screening.pool import POOL_COLUMNS, score_table, suggest_from_pool, suggest_from_table


def _frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    x = np.random.default_rng(0).random((120, 2))
    pool = pd.DataFrame({"name": [f"c{i}" for i in range(120)], "u": x[:, 0], "v": 1e3 * x[:, 1]})
    observed = pool.iloc[:20].drop(columns="name").assign(rate=10.0 + 5.0 * (x[:20, 0] - 0.4) ** 2, error=0.01)
    return pool, observed


def test_the_rows_are_those_of_the_plain_function_with_their_numbers() -> None:
    pool, observed = _frames()
    frame = suggest_from_table(pool, observed, "rate", 3, columns=["u", "v"])
    plain = suggest_from_pool(pool[["u", "v"]], observed[["u", "v"]], observed["rate"], 3)
    assert frame["row"].tolist() == plain.tolist()
    assert tuple(frame.columns) == (*POOL_COLUMNS, "name", "u", "v")
    assert frame["name"].tolist() == [f"c{i}" for i in plain]
    assert ((frame["low"] < frame["mean"]) & (frame["mean"] < frame["high"])).all()


def test_every_candidate_s_numbers_survive_parquet(tmp_path: Path) -> None:
    pool, observed = _frames()
    scored = score_table(pool, observed, "rate", noise="error")
    scored.to_parquet(tmp_path / "pool.parquet")
    back = pd.read_parquet(tmp_path / "pool.parquet")
    assert back["row"].tolist() == list(range(120))
    assert back.loc[:19, "distance"].to_numpy() == pytest.approx(0.0, abs=1e-6)
    assert back.loc[:19, "nearest_row"].tolist() == list(range(20))
    assert abs(back.loc[:19, "mean"] - observed["rate"]).max() < 0.1
    assert back.loc[:19, "in_domain"].all()


def test_maximising_turns_the_numbers_back_into_the_user_s_sign() -> None:
    pool, observed = _frames()
    low = score_table(pool, observed, "rate")
    high = score_table(pool, observed.assign(rate=-observed["rate"]), "rate", minimize=False)
    assert high["mean"].to_numpy() == pytest.approx(-low["mean"].to_numpy())
    assert high["acquisition"].to_numpy() == pytest.approx(low["acquisition"].to_numpy())


def test_tables_that_do_not_fit_are_refused_with_the_column() -> None:
    pool, observed = _frames()
    with pytest.raises(PoolError, match="no column 'speed'; it has u, v"):
        suggest_from_table(pool, observed, "speed")
    with pytest.raises(PoolError, match="'w' is not in both"):
        suggest_from_table(pool, observed, "rate", columns=["u", "w"])
    with pytest.raises(PoolError, match="share no numeric column"):
        suggest_from_table(pool[["name"]], observed, "rate")
    with pytest.raises(PoolError, match="no rows"):
        suggest_from_table(pool, observed.iloc[:0], "rate")
    with pytest.raises(NothingLeftError):
        suggest_from_table(pool.iloc[:20], observed, "rate")
