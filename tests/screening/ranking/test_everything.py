"""Every compound's numbers in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oracle.descriptors import CationTable
from screening.feasibility import fit_feasibility
from screening.ranking import RANKING_COLUMNS, Candidates, rank, space_features, write_candidates
from screening.strategies import Columns, FixedObjective, MeasuredSet
from tests.screening.ranking.test_rank import SPACE, TABLES, Wavy
from tests.screening.strategies.test_hypervolume import traded


def test_the_file_holds_every_compound_with_the_numbers_of_the_ranking(tmp_path: Path) -> None:
    known = np.array([0, 5, 200])
    measured = MeasuredSet(("a", "b", "c"), space_features(SPACE, known, *TABLES))
    values = TABLES[0].values.copy()  # noqa: PD011  # a field of CationTable, no pandas
    values[3] = np.nan
    tables = (CationTable(values, TABLES[0].organic), TABLES[1])
    path = tmp_path / "candidates.parquet"
    feasibility = fit_feasibility()
    count = write_candidates(
        path, Candidates(SPACE, *tables, Wavy(), -1.0, feasibility=feasibility, measured=measured), block_size=100
    )
    frame = pd.read_parquet(path)
    assert count == len(frame) == len(SPACE)
    assert tuple(frame.columns) == RANKING_COLUMNS
    assert not list(tmp_path.glob("*.partial"))
    best = rank(Candidates(SPACE, *tables, Wavy(), -1.0, feasibility=feasibility, measured=measured), 20).frame
    same = frame.set_index("index").loc[best["index"]]
    for column in RANKING_COLUMNS[1:]:
        if column in ("formula", "nearest_measured"):
            assert same[column].tolist() == best[column].tolist()
        else:
            assert same[column].to_numpy(dtype=float) == pytest.approx(best[column].to_numpy(dtype=float), nan_ok=True)
    assert frame["mean"].isna().sum() == len(SPACE) // len(SPACE.spacers)


def test_aims_and_properties_add_their_columns_and_blocks_without_descriptors_stay_empty(tmp_path: Path) -> None:
    values = TABLES[0].values.copy()  # noqa: PD011  # a field of CationTable, no pandas
    values[0] = np.nan
    tables = (CationTable(values, TABLES[0].organic), TABLES[1])
    source = Columns({"price": lambda block, x: block.n_layers * 2.0})
    seen = space_features(SPACE, np.array([30, 60]), *tables)
    tradeoff = traded(
        Wavy(), [], seen, known=[FixedObjective("price", -1.0, 99.0, np.array([2.0, 4.0]))], source=source
    )
    path, told = tmp_path / "candidates.parquet", list[tuple[int, int]]()
    count = write_candidates(
        path,
        Candidates(SPACE, *tables, Wavy(), -1.0, strategy=tradeoff, properties={"gap_ev": Wavy()}),
        block_size=5,
        progress=lambda done, total, note: told.append((done, total)),
    )
    frame = pd.read_parquet(path)
    assert list(frame) == [*RANKING_COLUMNS, "price", "gap_ev", "gap_ev_sd"]
    first = len(SPACE) // len(SPACE.spacers)
    assert frame["price"][:first].isna().all()
    assert frame["price"][first:].to_numpy() == pytest.approx(SPACE.take(np.arange(first, len(SPACE))).n_layers * 2.0)
    assert frame["gap_ev"].to_numpy() == pytest.approx(frame["mean"].to_numpy(), nan_ok=True)
    assert set(frame["nearest_measured"]) == {""}
    assert told[-1] == (count, count)


def test_a_pass_that_breaks_leaves_no_file(tmp_path: Path) -> None:
    def stop(done: int, total: int, note: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_candidates(tmp_path / "all.parquet", Candidates(SPACE, *TABLES, Wavy(), -1.0), progress=stop)
    assert not list(tmp_path.iterdir())
