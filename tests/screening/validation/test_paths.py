"""Descriptors that need no experiment and measured ones, side by side."""

from __future__ import annotations

import json

import numpy as np
import pytest

from screening.errors import TrainingDataError
from screening.surrogates import TrainingRows
from screening.validation import compare_paths
from tests.screening.rows import smooth_rows

ROWS = smooth_rows(k=30)
COMPUTED, MEASURED = ROWS.x[:, 1:], ROWS.x[:, :1]


def test_both_paths_are_scored_on_the_rows_that_have_the_measurement() -> None:
    extra = np.where(np.arange(30)[:, None] < 4, np.nan, MEASURED)
    told = compare_paths(TrainingRows.of(COMPUTED, ROWS.y, ROWS.noise, ROWS.groups), extra, name="gp")
    assert told.rows.tolist() == list(range(4, 30))
    table = told.table().set_index(["split", "path"])
    for split in ("leave_one_compound_out", "leave_one_spacer_out"):
        assert table.loc[(split, "computed"), "n_rows"] == table.loc[(split, "computed and measured"), "n_rows"] == 26
        gain = table.loc[(split, "computed and measured"), "r2_log"] - table.loc[(split, "computed"), "r2_log"]
        assert gain > 0.2
    assert json.loads(json.dumps(told.to_dict()))["rows"][0] == 4


def test_imputation_takes_rows_with_any_measurement() -> None:
    two = np.column_stack([MEASURED, MEASURED])
    two[:4, 0], two[2:6, 1] = np.nan, np.nan
    kept = compare_paths(TrainingRows.of(COMPUTED, ROWS.y, ROWS.noise, ROWS.groups), two, name="gp", missing="impute")
    assert kept.rows.tolist() == [0, 1, *range(4, 30)]
    assert (
        kept.measured.score_cards["leave_one_compound_out"].r2_log
        > kept.computed.score_cards["leave_one_compound_out"].r2_log
    )


def test_too_few_measured_rows_are_refused() -> None:
    extra = np.where(np.arange(30)[:, None] < 25, np.nan, MEASURED)
    with pytest.raises(TrainingDataError, match="5 rows have all"):
        compare_paths(TrainingRows.of(COMPUTED, ROWS.y, ROWS.noise, ROWS.groups), extra, name="gp")
