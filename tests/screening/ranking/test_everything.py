"""Every compound's numbers in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from oracle.descriptors import CationTable
from screening.feasibility import fit_feasibility
from screening.ranking import CANDIDATE_COLUMNS, MeasuredSet, rank, space_features, write_candidates
from tests.screening.ranking.test_rank import SPACE, TABLES, Wavy


def test_the_file_holds_every_compound_with_the_numbers_of_the_ranking(tmp_path: Path) -> None:
    known = np.array([0, 5, 200])
    measured = MeasuredSet(("a", "b", "c"), space_features(SPACE, known, *TABLES))
    values = TABLES[0].values.copy()  # noqa: PD011  # a field of CationTable, no pandas
    values[3] = np.nan
    tables = (CationTable(values, TABLES[0].organic), TABLES[1])
    path = tmp_path / "candidates.parquet"
    feasibility = fit_feasibility()
    count = write_candidates(
        path, SPACE, *tables, Wavy(), feasibility, best_observed=-1.0, measured=measured, block_size=100
    )
    frame = pd.read_parquet(path)
    assert count == len(frame) == len(SPACE)
    assert tuple(frame.columns) == CANDIDATE_COLUMNS
    assert not list(tmp_path.glob("*.partial"))
    best = rank(SPACE, *tables, Wavy(), feasibility, best_observed=-1.0, top_k=20, measured=measured).frame
    same = frame.set_index("index").loc[best["index"]]
    for column in CANDIDATE_COLUMNS[1:]:
        if column == "nearest_measured":
            assert same[column].tolist() == best[column].tolist()
        else:
            assert same[column].to_numpy(dtype=float) == pytest.approx(best[column].to_numpy(dtype=float))
    assert frame["mean"].isna().sum() == len(SPACE) // len(SPACE.spacers)
