"""Frames in, frames out: suggestions and every candidate's numbers from a user's tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import stdtr

from screening.errors import NothingLeftError, PoolError
from screening.pool import POOL_COLUMNS, PoolTable, suggest_from_pool
from screening.table_features import TableQuery


def _frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    x = np.random.default_rng(0).random((120, 2))
    pool = pd.DataFrame({"name": [f"c{i}" for i in range(120)], "u": x[:, 0], "v": 1e3 * x[:, 1]})
    observed = pool.iloc[:20].drop(columns="name").assign(rate=10.0 + 5.0 * (x[:20, 0] - 0.4) ** 2, error=0.01)
    return pool, observed


def test_the_rows_are_those_of_the_plain_function_with_their_numbers() -> None:
    pool, observed = _frames()
    table = PoolTable.of(pool, observed, TableQuery("rate", columns=["u", "v"]))
    frame = table.suggest(3)
    plain = suggest_from_pool(pool[["u", "v"]], observed[["u", "v"]], observed["rate"], 3)
    assert frame["row"].tolist() == plain.tolist()
    assert tuple(frame.columns) == (*POOL_COLUMNS, "name", "u", "v")
    assert frame["name"].tolist() == [f"c{i}" for i in plain]
    assert ((frame["low"] < frame["mean"]) & (frame["mean"] < frame["high"])).all()
    chance = stdtr(4.0, (observed["rate"].min() - frame["mean"]) / (frame["sd"] * np.sqrt(0.5)))  # the intervals' own t
    assert frame["chance_best"].to_numpy() == pytest.approx(chance.to_numpy())
    assert table.sentence == (
        "learning rate (small is good) from u, v; left out: name (not in the observed table); error (only in the "
        "observed table)"
    )


def test_every_candidate_s_numbers_survive_parquet(tmp_path: Path) -> None:
    pool, observed = _frames()
    scored = PoolTable.of(pool, observed, TableQuery("rate", noise="error")).score()
    scored.to_parquet(tmp_path / "pool.parquet")
    back = pd.read_parquet(tmp_path / "pool.parquet")
    assert back["row"].tolist() == list(range(120))
    assert back.loc[:19, "distance"].to_numpy() == pytest.approx(0.0, abs=1e-6)
    assert back.loc[:19, "nearest_row"].tolist() == list(range(20))
    assert abs(back.loc[:19, "mean"] - observed["rate"]).max() < 0.1
    assert back.loc[:19, "in_domain"].all()


def test_maximising_turns_the_numbers_back_into_the_user_s_sign() -> None:
    pool, observed = _frames()
    low = PoolTable.of(pool, observed, TableQuery("rate")).score()
    high = PoolTable.of(pool, observed.assign(rate=-observed["rate"]), TableQuery("rate", minimize=False)).score()
    assert high["mean"].to_numpy() == pytest.approx(-low["mean"].to_numpy())
    assert high["acquisition"].to_numpy() == pytest.approx(low["acquisition"].to_numpy())


def test_tables_that_do_not_fit_are_refused_with_the_column() -> None:
    pool, observed = _frames()
    for query, words in (
        (TableQuery("speed"), "no column 'speed'; it has u, v"),
        (TableQuery("rate", columns=["u", "w"]), "the pool has no column 'w'"),
        (TableQuery("rate", columns=["name"]), "the observed table has no column 'name'"),
        (TableQuery(), "no target"),
    ):
        with pytest.raises(PoolError, match=words):
            PoolTable.of(pool, observed, query)
    with pytest.raises(PoolError, match="no column to learn from; name: not in the observed table"):
        PoolTable.of(pool[["name"]], observed, TableQuery("rate"))
    with pytest.raises(NothingLeftError, match="measured or pending"):
        PoolTable.of(pool.iloc[:20], observed, TableQuery("rate")).suggest()


def _grid() -> pd.DataFrame:
    rows = [(ligand, temp, wet) for ligand in "ABC" for temp in (80, 100, 120) for wet in (True, False)]
    return pd.DataFrame(rows, columns=["ligand", "temp", "wet"])


def test_texts_and_booleans_are_categories_and_whole_rows_are_measured() -> None:
    pool = _grid()
    observed = pool.iloc[[0, 2, 4]].assign(rate=[3.0, 2.0, 1.0])  # ligand A at every temperature, wet
    table = PoolTable.of(pool, observed, TableQuery("rate"))
    assert table.features.learnt == ("ligand (3 categories)", "temp", "wet (2 categories)")
    assert table.features.x[0].shape == (18, 6)
    assert sorted(table.suggest(15)["row"].tolist()) == sorted(set(range(18)) - {0, 2, 4})


def test_a_category_that_matters_is_found() -> None:
    pool = _grid()
    rate = 5.0 * (pool["ligand"] != "B") + 0.01 * pool["temp"] + (pool["wet"] == 0)
    for seen, places in (([0, 3, 7, 14], 1), ([0, 3, 7, 10, 14], 3)):  # one result of B, two
        table = PoolTable.of(pool, pool.iloc[seen].assign(rate=rate.iloc[seen]), TableQuery("rate"))
        assert (table.suggest(places)["ligand"] == "B").all()
        assert table.score()["mean"].groupby(pool["ligand"]).mean().idxmin() == "B"


def test_codes_are_categories_unless_they_are_numbers() -> None:
    rng = np.random.default_rng(1)
    pool = pd.DataFrame({"x": rng.random(40), "solvent": np.arange(40) % 4 + 1, "n_layers": np.arange(40) % 5 + 1})
    observed = pool.iloc[:9].assign(rate=rng.random(9))
    learnt = PoolTable.of(pool, observed, TableQuery("rate")).features.learnt
    assert learnt == ("x", "solvent (4 codes, as categories)", "n_layers")
    assert PoolTable.of(pool, observed, TableQuery("rate", categories=())).features.learnt[1] == "solvent"
    asked = PoolTable.of(pool, observed, TableQuery("rate", categories=["n_layers"])).features.learnt
    assert asked == ("x", "solvent", "n_layers (5 categories)")


def test_what_is_left_out_is_told_with_the_reason() -> None:
    m = 30
    pool = pd.DataFrame(
        {
            "entry": range(1, m + 1),
            "name": [f"c{i}" for i in range(m)],
            "made": ["2024-03-01"] * (m - 1) + ["2024-04-02"],
            "x": np.random.default_rng(2).random(m),
            "p_bar": 1,
            "cost": np.random.default_rng(3).random(m),
            "empty": np.nan,
        }
    )
    observed = pool.iloc[:9].assign(rate=range(9))
    table = PoolTable.of(pool, observed, TableQuery("rate"))
    assert table.sentence == (
        "learning rate (small is good) from x; left out: entry (row numbers); name (names: nearly every row has its "
        "own); made (dates or times); p_bar (the same in every row); cost (another outcome by its heading; --columns "
        "takes it in); empty (empty)"
    )
    assert PoolTable.of(pool, observed, TableQuery("rate", columns=["x", "cost"])).features.names == ("x", "cost")


def test_a_cell_that_is_no_number_is_asked_about_and_left_out_only_when_that_is_said() -> None:
    pool, observed = _frames()
    pool = pool.astype({"v": object})
    pool.loc[25, "v"] = "n.d."
    with pytest.raises(
        PoolError,
        match=r"'v' holds numbers but for 1 .*row 26 of the pool: 'n\.d\.' is not a number.*--keep-going.*--columns u",
    ):
        PoolTable.of(pool, observed, TableQuery("rate"))
    spaced = [frame.rename(columns={"v": "c / M"}) for frame in (pool, observed)]
    with pytest.raises(PoolError, match=r"--categories 'c / M'\)"):
        PoolTable.of(*spaced, TableQuery("rate"))
    table = PoolTable.of(pool, observed, TableQuery("rate", keep_going=True))
    assert "row 26 of the pool" in table.remarks[0]
    assert 25 not in table.suggest(99)["row"].tolist()
    assert np.isnan(table.score().loc[25, "mean"])


def test_headings_are_matched_but_for_blanks_capitals_and_the_way_units_are_written() -> None:
    pool, observed = _frames()
    plain = PoolTable.of(pool, observed, TableQuery("rate")).suggest(3)["row"].tolist()
    headed = observed.rename(columns={"u": " U ", "v": "v [mA/cm2]", "rate": "Rate (1/ps)"})
    assert PoolTable.of(pool, headed, TableQuery("rate")).suggest(3)["row"].tolist() == plain
    kelvin = observed.rename(columns={"u": "u (K)"})
    with pytest.raises(PoolError, match=r"the pool has 'u \(C\)', the observed table 'u \(K\)': the same unit"):
        PoolTable.of(pool.rename(columns={"u": "u (C)"}), kelvin, TableQuery("rate"))


def test_replicates_are_one_result_unless_they_are_asked_for_by_rows() -> None:
    pool, observed = _frames()
    twice = pd.concat([observed, observed.assign(rate=observed["rate"] + 0.2)], ignore_index=True)
    mean, rows = (PoolTable.of(pool, twice, TableQuery("rate", replicates=how)) for how in ("mean", "rows"))
    assert mean.measured.y == pytest.approx(observed["rate"].to_numpy() + 0.1)
    assert mean.measured.noise == pytest.approx(np.full(20, 0.1))  # sd 0.1414 of single results, two each
    assert len(rows.measured.y) == 40
    assert mean.remarks == ("20 candidates in 40 results: their means are learnt from (--replicates)",)
    assert rows.score()["sd"].mean() > 0.09  # a result left out with its twin


def test_stated_errors_weigh_the_mean_of_replicates() -> None:
    pool, observed = _frames()
    twice = pd.concat([observed, observed.assign(rate=observed["rate"] + 1.0, error=0.02)], ignore_index=True)
    measured = PoolTable.of(pool, twice, TableQuery("rate", noise="error")).measured
    assert measured.y == pytest.approx(observed["rate"].to_numpy() + 0.2)
    assert measured.noise == pytest.approx(np.full(20, (1e4 + 2.5e3) ** -0.5))


def test_nothing_is_said_about_a_spread_that_nothing_tells() -> None:
    pool, observed = _frames()
    few, equal = observed.iloc[:1], observed.assign(rate=3e-9)
    for part, words in (
        (few, "from 1 measured candidate: an interval needs 10"),
        (equal, "all 20 results are the same"),
    ):
        table = PoolTable.of(pool, part, TableQuery("rate"))
        assert table.suggest(2)[["sd", "low", "high"]].isna().all(axis=None)
        assert words in table.why_no_spread
        assert table.score()["mean"].to_numpy() == pytest.approx(part["rate"].iloc[0], rel=1e-12)  # all that is known


def test_intervals_hold_what_they_are_called() -> None:
    rng = np.random.default_rng(4)
    x = rng.random((260, 3))
    y = np.sin(5.0 * x[:, 0]) + x[:, 1] + 0.3 * rng.standard_t(3, size=260)
    pool = pd.DataFrame(x, columns=list("abc"))
    scored = PoolTable.of(pool, pool.iloc[:60].assign(rate=y[:60]), TableQuery("rate")).score().iloc[60:]
    held = ((scored["low"] <= y[60:]) & (y[60:] <= scored["high"])).mean()
    assert 0.84 <= held <= 0.96


def test_one_wild_result_is_told_and_changes_nothing_much() -> None:
    pool, observed = _frames()
    wild = observed.copy()
    wild.loc[wild["rate"].idxmax(), "rate"] = 1e6
    table = PoolTable.of(pool, wild, TableQuery("rate"))
    assert "far worse than all others" in table.remarks[0]
    assert f"row {observed['rate'].idxmax() + 1}: 1e+06" in table.remarks[0]
    calm = PoolTable.of(pool, observed, TableQuery("rate"))
    assert table.score()["mean"].to_numpy() == pytest.approx(calm.score()["mean"].to_numpy(), abs=0.5)


def test_rows_without_a_result_and_pending_rows_are_not_suggested() -> None:
    pool, observed = _frames()
    observed = observed.astype({"rate": object})
    observed.loc[3, "rate"] = "PENDING"
    table = PoolTable.of(pool, observed, TableQuery("rate"), pending=pool.iloc[30:110])
    assert table.remarks == ("1 row without a result is taken as being measured",)
    assert sorted(table.suggest(20)["row"]) == [*range(20, 30), *range(110, 120)]


def test_before_the_first_result_the_batch_spreads() -> None:
    pool, observed = _frames()
    for nothing in (None, observed.iloc[:0]):
        table = PoolTable.of(pool, nothing, TableQuery("rate", columns=["u", "v"]))
        assert table.sentence == "spreading over u, v; left out: name (not asked for)"
        assert tuple(table.suggest(4).columns) == ("row", "name", "u", "v")


def test_measured_rows_are_recognised_but_for_rounding() -> None:
    pool, observed = _frames()
    rounded = observed.assign(v=observed["v"] + 1e-8)
    assert PoolTable.of(pool, rounded, TableQuery("rate")).suggest(100)["row"].min() == 20


def test_units_behind_every_number_and_wide_per_cent_signs_are_read() -> None:
    pool = pd.DataFrame({"flow": [f"{i}.5 mL" for i in range(9)], "load": [f"{i % 4}\uff05" for i in range(9)]})
    table = PoolTable.of(pool, pool.iloc[:4].assign(rate=range(4)), TableQuery("rate"))
    assert table.features.learnt == ("flow (mL)", "load (%)")
    assert table.features.x[0][1].tolist() == [1.5, 1.0]
    mixed = pool.assign(flow=[f"{i}.5 {'mL' if i % 2 else 'L'}" for i in range(9)])
    with pytest.raises(
        PoolError, match=r"'flow' holds L \(row 1 of the pool\) and mL \(row 2 of the pool\): write all"
    ):
        PoolTable.of(mixed, mixed.iloc[:4].assign(rate=range(4)), TableQuery("rate"))


@pytest.mark.parametrize(
    "heading", ["e.e. (%)", "TON", "t.o.f.", "rank", "Conversion", "Lifetime (ps)", "Notes", "Made by"]
)
def test_further_outcomes_are_known_by_their_headings(heading: str) -> None:
    pool = pd.DataFrame({"u": np.arange(9) / 8.0, heading: np.arange(9) * 7 % 5 / 3.0})
    table = PoolTable.of(pool, pool.iloc[:4].assign(rate=range(4)), TableQuery("rate"))
    assert table.features.left_out[heading].startswith(("another outcome", "a note"))


def test_a_pending_table_without_a_column_that_is_learnt_from_is_refused() -> None:
    pool, observed = _frames()
    with pytest.raises(PoolError, match="the pending table has no column 'v', which is learnt from"):
        PoolTable.of(pool, observed, TableQuery("rate"), pool[["u"]].iloc[40:42])
    assert len(PoolTable.of(pool, observed, TableQuery("rate", columns=["u"]), pool[["u"]].iloc[40:42]).problem.pending)


def test_a_second_row_of_headings_and_a_number_out_of_range_are_said() -> None:
    pool, observed = _frames()
    twice = observed.astype(object)
    twice.loc[0, "rate"] = "DATA"
    with pytest.raises(PoolError, match=r"'DATA' is not a number .1 such.; a second row of headings"):
        PoolTable.of(pool, twice, TableQuery("rate"))
    with pytest.raises(PoolError, match=r"a number below 1e.305 is needed .20 such.; correct it"):
        PoolTable.of(pool, observed.assign(rate=1e308), TableQuery("rate"))


@pytest.mark.parametrize("word", ["Total", "mean:", "Std. dev.", "Mittelwert", "Summe"])
def test_a_last_row_that_sums_up_the_others_is_no_experiment(word: str) -> None:
    pool = pd.DataFrame({"ligand": list("AABBCCDDEE"), "temp": [80.0, 100.0] * 5})
    observed = pool.iloc[:5].assign(rate=[3.0, 2.0, 5.0, 4.0, 1.0])
    summed = pd.concat([observed, pd.DataFrame({"ligand": [f" {word} "], "temp": [440.0], "rate": [15.0]})])
    with pytest.raises(PoolError, match=rf"the observed table: row 6, '{word}', sums up those above it"):
        PoolTable.of(pool, summed, TableQuery("rate"))
    told = PoolTable.of(pool, summed, TableQuery("rate", keep_going=True))
    assert told.measured.y.tolist() == observed["rate"].tolist()
    assert any("is no experiment: not learnt from" in remark for remark in told.remarks)
    early = pd.concat([summed.iloc[[5]], observed])  # the name of a ligand, were it the last row's
    assert len(PoolTable.of(pool, early, TableQuery("rate")).measured.y) == 6
