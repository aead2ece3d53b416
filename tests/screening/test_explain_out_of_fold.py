"""Directions on held-out rows, partial dependence, correlations."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.held_out_signs import out_of_fold_shapley, out_of_fold_signs
from screening.features import pearson
from screening.surrogates import TrainingRows
from tests.screening.rows import smooth_rows

ROWS = smooth_rows(k=30)
NAMES = ("homo_ev", "lumo_ev", "other")


def test_a_direction_the_data_have_is_supported_and_its_opposite_contradicted() -> None:
    y = ROWS.x[:, 0] + ROWS.x[:, 1]
    told = {c.feature: c for c in out_of_fold_signs(TrainingRows.of(ROWS.x, y, None, ROWS.groups), NAMES, name="gp")}
    assert set(told) == {"homo_ev", "lumo_ev"}
    assert told["lumo_ev"].verdict == "supported"
    assert told["homo_ev"].verdict == "contradicted"
    assert "the paper says -" in told["homo_ev"].sentence()


def test_the_explanation_of_a_row_does_not_depend_on_its_target() -> None:
    y = ROWS.x[:, 0] + ROWS.x[:, 1]
    first = np.array([group == ROWS.groups[0] for group in ROWS.groups])
    changed = np.where(first, y + 5.0, y)
    (a, bases), (b, _) = (
        out_of_fold_shapley(TrainingRows.of(ROWS.x, t, None, ROWS.groups), NAMES, name="linear") for t in (y, changed)
    )
    assert np.array_equal(a.contributions[first], b.contributions[first])
    assert not np.allclose(a.contributions[~first], b.contributions[~first])
    assert bases[0] + a.contributions[0].sum() == pytest.approx(y[0], abs=1e-6)


def test_pearson_is_symmetric_with_ones() -> None:
    told = pearson(ROWS.x, NAMES).to_numpy()
    assert np.allclose(told, told.T)
    assert np.diag(told) == pytest.approx(np.ones(3))
