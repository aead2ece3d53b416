"""Measured descriptors: optional, and honest about what is missing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from screening.crystals import measured_features
from screening.errors import DatasetError, TrainingDataError
from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows
from screening.validation import cross_validate
from tests.screening.rows import smooth_rows

TABLE = pd.DataFrame({"material_id": ["a", "b", "c"], "band_gap_ev": [2.3, None, 2.5]})
GAP = ("band_gap_ev",)
ROWS = smooth_rows()


def test_an_absent_value_is_refused_with_its_material_and_column() -> None:
    with pytest.raises(DatasetError, match="'b' has no 'band_gap_ev'"):
        measured_features(["a", "b"], TABLE, GAP)


def test_kept_gaps_stay_nan_and_complete_rows_are_told() -> None:
    values, complete = measured_features(["c", "b", "unknown"], TABLE, GAP, missing="keep")
    assert values[0, 0] == 2.5
    assert np.isnan(values[1:]).all()
    assert complete.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (TABLE.drop(columns="band_gap_ev"), "band_gap_ev"),
        (pd.concat([TABLE, TABLE]), "twice"),
        (TABLE.assign(band_gap_ev=["wide", 1.0, 2.0]), "not a number"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(table: pd.DataFrame, says: str) -> None:
    with pytest.raises(DatasetError, match=says):
        measured_features(["a"], table, GAP)


def test_gaps_are_imputed_inside_the_fold_only_when_asked() -> None:
    x = ROWS.x.copy()
    x[::3, 2] = np.nan
    with pytest.raises(TrainingDataError, match="row 0"):
        cross_validate(TrainingRows.of(x, ROWS.y), name="gp")
    told = cross_validate(TrainingRows.of(x, ROWS.y, ROWS.noise, ROWS.groups, missing="impute"), name="gp")
    assert told.score_cards["leave_one_compound_out"].r2_log > 0.5
    surrogate = fit_surrogate(TrainingRows.of(x, ROWS.y, ROWS.noise, ROWS.groups, missing="impute"), name="gp")
    assert np.isfinite(surrogate.predict(x)[0]).all()


def test_an_imputed_value_is_the_mean_of_the_training_rows() -> None:
    x = ROWS.x.copy()
    x[0, 2] = np.nan
    filled = x.copy()
    filled[0, 2] = x[1:, 2].mean()
    a = fit_surrogate(TrainingRows.of(x, ROWS.y, groups=["s"] * 24, missing="impute"), name="gp")
    assert a.predict(x[:1])[0] == pytest.approx(a.predict(filled[:1])[0], abs=1e-9)
