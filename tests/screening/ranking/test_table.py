"""Ranking a user's own table: the same answer from a frame or a file, whatever the block size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from screening.errors import NothingLeftError, RankingError
from screening.ranking import MeasuredSet, rank_table

COLUMNS = ["a", "b"]


class Bowl:
    """Known mean and spread: the best candidate is the one nearest the origin."""

    def predict(self, x: NDArray[np.float64], chunk: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (x**2).sum(axis=1), np.full(len(x), 0.1)


def candidates(rows: int = 500) -> pd.DataFrame:
    x = np.random.default_rng(3).normal(size=(rows, 2))
    return pd.DataFrame({"name": [f"c{i}" for i in range(rows)], "a": x[:, 0], "b": x[:, 1]})


def test_best_rows_come_first_with_their_own_columns() -> None:
    frame = candidates()
    ranked = rank_table(frame, Bowl(), COLUMNS, best_observed=1.0, acquisition="greedy", top_k=5)
    expected = (frame["a"] ** 2 + frame["b"] ** 2).sort_values().index[:5]
    assert ranked["row"].tolist() == expected.tolist()
    assert ranked["name"].tolist() == [f"c{i}" for i in expected]


@pytest.mark.parametrize("block_size", [1, 7, 64, 500, 4096])
def test_block_size_changes_nothing(block_size: int) -> None:
    frame = candidates(120)
    whole = rank_table(frame, Bowl(), COLUMNS, best_observed=0.5, top_k=10)
    pd.testing.assert_frame_equal(
        rank_table(frame, Bowl(), COLUMNS, best_observed=0.5, top_k=10, block_size=block_size), whole
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_ranks_as_the_frame_does(tmp_path: Path, kind: str) -> None:
    frame, path = candidates(), tmp_path / f"pool.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    seen: list[int] = []
    ranked = rank_table(
        path,
        Bowl(),
        COLUMNS,
        best_observed=0.5,
        top_k=20,
        block_size=128,
        progress=lambda done, total, note: seen.append(done),
    )
    pd.testing.assert_frame_equal(ranked, rank_table(frame, Bowl(), COLUMNS, best_observed=0.5, top_k=20))
    assert seen[-1] == len(frame)


def test_measured_and_incomplete_rows_are_left_out_and_counted() -> None:
    frame = candidates(50)
    frame.loc[3, "a"] = np.nan
    measured = MeasuredSet(("old",), frame.loc[[7], COLUMNS].to_numpy())
    ranked = rank_table(frame, Bowl(), COLUMNS, best_observed=0.5, top_k=50, measured=measured)
    assert not {3, 7} & set(ranked["row"])
    assert len(ranked) == 48
    assert ranked.attrs == {"n_rows": 50, "n_incomplete": 1, "n_measured": 1}
    assert set(ranked["nearest_measured"]) == {"old"}


def test_wrong_tables_are_refused_with_the_place(tmp_path: Path) -> None:
    frame = candidates(5).astype({"a": object})
    frame.loc[2, "a"] = "high"
    with pytest.raises(RankingError, match="row 3, column 'a': 'high' is not a number"):
        rank_table(frame, Bowl(), COLUMNS, best_observed=0.0)
    with pytest.raises(RankingError, match="column 'c' is not there"):
        rank_table(candidates(5), Bowl(), ["a", "c"], best_observed=0.0)
    with pytest.raises(RankingError, match="no file"):
        rank_table(tmp_path / "none.csv", Bowl(), COLUMNS, best_observed=0.0)
    (tmp_path / "pool.txt").write_text("a b")
    with pytest.raises(RankingError, match=r"\.csv or \.parquet"):
        rank_table(tmp_path / "pool.txt", Bowl(), COLUMNS, best_observed=0.0)
    with pytest.raises(RankingError, match="unknown acquisition"):
        rank_table(candidates(5), Bowl(), COLUMNS, best_observed=0.0, acquisition="best")
    with pytest.raises(NothingLeftError, match="no row is left"):
        rank_table(candidates(0), Bowl(), COLUMNS, best_observed=0.0)


def test_a_fitted_surrogate_ranks_a_table_of_any_descriptors() -> None:
    from screening.surrogates import fit_surrogate

    frame = candidates(300)
    x = frame.loc[:39, COLUMNS].to_numpy()
    surrogate = fit_surrogate(x, (x**2).sum(axis=1) / 4.0, name="gp")
    ranked = rank_table(frame.loc[40:], surrogate, COLUMNS, best_observed=0.05, acquisition="greedy", top_k=10)
    chosen = frame.loc[40:].iloc[ranked["row"]]
    near = np.hypot(chosen["a"], chosen["b"])
    assert near.median() < np.hypot(frame["a"], frame["b"]).median() / 2
