"""Back-tests: paired, reproducible, never measuring a row twice, better than chance where something can be learnt."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from screening.backtest import (
    STRATEGIES,
    Backtest,
    FinishedTable,
    Schedule,
    Strategy,
    backtest,
    figure_html,
    get_strategy,
    mean_regret,
    replay,
)
from screening.errors import BacktestError
from screening.table_features import TableQuery


def _table(m: int = 60, minimize: bool = True) -> FinishedTable:
    x = np.random.default_rng(0).random((m, 3))
    loss = (x[:, 0] - 0.3) ** 2 + 0.3 * x[:, 1]
    return FinishedTable(x, loss if minimize else -loss, ("a", "b", "c"), "loss", minimize)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@pytest.mark.parametrize("q", [1, 4])
def test_every_strategy_measures_each_row_once_until_the_budget_is_spent(name: str, q: int) -> None:
    rows = replay(_table(14), get_strategy(name), seed=0, schedule=Schedule(5, q, 8))
    assert len(set(rows.tolist())) == len(rows) == 8
    assert rows[:5].tolist() == replay(_table(14), get_strategy("random"), seed=0, schedule=Schedule(budget=5)).tolist()


def test_a_budget_beyond_the_table_measures_all_of_it_replicates_included() -> None:
    x = np.repeat(np.random.default_rng(1).random((4, 2)), 3, axis=0)
    table = FinishedTable(x, np.arange(12.0), ("a", "b"), "y", True)
    rows = replay(table, get_strategy("spinscreen"), seed=0, schedule=Schedule(2, 2, 99))
    assert sorted(rows.tolist()) == list(range(12))


def test_the_start_is_the_same_for_all_and_learning_beats_chance() -> None:
    result = backtest(_table(), ["spinscreen", "random"], Schedule(5, 2, 13), seeds=range(2))
    ours, chance = result.rows["spinscreen"], result.rows["random"]
    assert (ours[:, :5] == chance[:, :5]).all()
    summary = result.summary().set_index("strategy")
    assert summary.loc["spinscreen", "mean_regret"] < summary.loc["random", "mean_regret"]
    assert summary.loc["spinscreen", "acceleration"] > 1.0
    assert summary.loc["random", "enhancement"] == pytest.approx(1.0)


def test_the_engine_of_campaigns_is_that_of_tables() -> None:
    assert get_strategy("surrogate").choose is get_strategy("spinscreen").choose


def test_maximising_gives_the_campaigns_of_minimising_the_negative() -> None:
    down = backtest(_table(), ["spinscreen"], Schedule(budget=7), seeds=[1])
    up = backtest(_table(minimize=False), ["spinscreen"], Schedule(budget=7), seeds=[1])
    assert (down.rows["spinscreen"] == up.rows["spinscreen"]).all()
    assert up.curves()["best"].to_numpy() == pytest.approx(-down.curves()["best"].to_numpy())
    assert up.curves()["regret"].to_numpy() == pytest.approx(down.curves()["regret"].to_numpy())


def test_curves_only_improve_and_bands_hold_their_mean() -> None:
    frame = backtest(_table(), ["random"], Schedule(budget=20), seeds=range(5), top_k=3).curves()
    assert frame["regret"].is_monotonic_decreasing
    assert frame["top_found"].is_monotonic_increasing
    assert (frame["best_low"] <= frame["best_high"]).all()


def test_progress_counts_campaigns_and_the_figure_is_one_page() -> None:
    seen: list[tuple[int, int]] = []
    result = backtest(
        _table(),
        ["random"],
        Schedule(budget=8),
        seeds=range(3),
        progress=lambda done, total, note: seen.append((done, total)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]
    page = figure_html(result, "Try")
    assert "<html>" in page[:100]
    assert "simple regret" in page


def test_a_strategy_that_repeats_itself_is_caught() -> None:
    stuck = Strategy("stuck", "always the same", lambda pool, seen, loss, q, seed: seen[:q])
    with pytest.raises(BacktestError, match="never measured"):
        replay(_table(), stuck, seed=0)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"strategies": ["magic"]}, "known: spinscreen"),
        ({"strategies": []}, "0 strategies"),
        ({"seeds": []}, "0 seeds"),
        ({"seeds": [-1]}, "seed is -1"),
        ({"schedule": Schedule(budget=2)}, "a budget of 2 experiments is less than the 5"),
    ],
)
def test_what_makes_no_campaign_is_refused(asked: dict[str, object], words: str) -> None:
    with pytest.raises(BacktestError, match=words):
        backtest(_table(), **asked)  # type: ignore[arg-type]  # wrong values on purpose


def test_a_frame_becomes_a_table_of_its_numeric_columns() -> None:
    frame = pd.DataFrame({"name": list("abcd"), "u": [1.0, 2, 3, 4], "v": [1, 0, 1, 0], "rate": [4.0, 3, 2, 1]})
    table = FinishedTable.from_frame(frame, TableQuery("rate"))
    assert table.columns == ("u", "v")
    assert FinishedTable.from_frame(frame, TableQuery("rate", columns=["v"], replicates="rows")).x.shape == (4, 1)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (pd.DataFrame({"u": [1.0, 2.0, 3.0]}), "no column 'rate'"),
        (pd.DataFrame({"rate": [1.0, 2.0, 3.0]}), "no column to learn from"),
        (pd.DataFrame({"u": [1.0, np.nan, 3.0], "rate": [1.0, 2.0, 3.0]}), "column 'u' .*row 2 of the table"),
        (pd.DataFrame({"u": [1.0, 2.0, 3.0], "rate": ["1", "slow", "2"]}), "row 2, column 'rate'"),
        (pd.DataFrame({"u": [1.0, 2.0, 3.0], "rate": ["1", "PENDING", "2"]}), "row 2, column 'rate' holds no result"),
        (pd.DataFrame({"u": [1.0, 2.0], "rate": [1.0, 2.0]}), "at least 3"),
    ],
)
def test_a_frame_that_is_no_finished_table_is_refused_with_the_place(frame: pd.DataFrame, words: str) -> None:
    with pytest.raises(BacktestError, match=words):
        FinishedTable.from_frame(frame, TableQuery("rate"))


@pytest.mark.parametrize("numbers", [(0, 1, 40), (5, 0, 40), (5, 1, 0)])
def test_a_schedule_of_nothing_is_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(BacktestError, match="at least 1 each"):
        Schedule(*numbers)


def test_the_order_of_a_file_tells_a_strategy_nothing() -> None:
    free = Strategy("first", "the first rows", lambda x, seen, loss, q, seed: np.setdiff1d(np.arange(len(x)), seen)[:q])
    m = 40
    table = FinishedTable(np.random.default_rng(3).random((m, 2)), np.arange(float(m)), ("a", "b"), "y", True)
    orders = [replay(table, free, seed, Schedule(5, 1, m)) for seed in range(4)]
    assert all(sorted(order.tolist()) == list(range(m)) for order in orders)
    assert len({tuple(order[:9].tolist()) for order in orders}) == 4
    assert min(np.corrcoef(order[5:], np.arange(m - 5))[0, 1] for order in orders) < 0.3


def test_differences_are_paired_over_the_seeds() -> None:
    table = FinishedTable(np.arange(6.0)[:, None], np.arange(6.0), ("a",), "y", True)
    ours, chance = np.array([[5, 0, 1]] * 5), np.array([[5, 4, 3], [5, 3, 2], [5, 2, 1], [5, 1, 0], [5, 4, 1]])
    result = Backtest(table, {"ours": ours, "chance": chance}, Schedule(1, 1, 3), 1)
    difference = mean_regret(table.loss, ours, 1) - mean_regret(table.loss, chance, 1)
    (row,) = result.comparisons().to_dict("records")
    assert (row["strategy"], row["against"]) == ("ours", "chance")
    assert row["difference"] == pytest.approx(difference.mean())
    assert row["standard_error"] == pytest.approx(difference.std(ddof=1) / 5**0.5)
    assert row["p"] == 2 / 32  # better for every seed: two of the 32 changes of sign are as far from 0
    assert backtest(_table(), ["random"], Schedule(budget=6), seeds=[0]).comparisons().empty


def test_numbers_that_are_missing_are_explained() -> None:
    summary = backtest(_table(), ["random"], Schedule(budget=6), seeds=[0]).summary().to_dict("records")[0]
    assert "one seed has no standard error" in summary["notes"]
    assert "not found within 6 experiments" in summary["notes"]
    assert not any(np.isinf(value) for value in summary.values() if isinstance(value, float))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"top_k": 61}, "the best 61 of 60 rows"),
        ({"schedule": Schedule(60, 1, 60)}, "60 random experiments at the start of 60 rows: nothing is left"),
    ],
)
def test_more_than_the_table_holds_is_refused(asked: dict[str, object], words: str) -> None:
    with pytest.raises(BacktestError, match=words):
        backtest(_table(), ["random"], **asked)  # type: ignore[arg-type]  # wrong values on purpose


def test_results_that_are_all_the_same_are_refused() -> None:
    frame = pd.DataFrame({"u": [1.0, 2.0, 3.0], "rate": 2.0})
    with pytest.raises(BacktestError, match="all results are 2: there is nothing to find"):
        FinishedTable.from_frame(frame, TableQuery("rate"))
