"""Shapley values of a surrogate."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from screening.errors import SurrogateError
from screening.features import shapley
from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows
from tests.screening.rows import smooth_rows

ROWS = smooth_rows()


def test_values_add_up_to_the_prediction() -> None:
    surrogate = fit_surrogate(TrainingRows.of(ROWS.x, ROWS.y), name="gp")
    told = shapley(surrogate, ROWS.x, ("a", "b", "c"))
    assert np.allclose(told.base + told.contributions.sum(1), surrogate.predict(ROWS.x)[0], atol=1e-5)
    table = told.importances()
    assert set(table["feature"][:2]) == {"a", "b"}
    assert (table.set_index("feature").loc[["a", "b"], "direction"] > 0.0).all()


def test_a_linear_surrogate_has_the_closed_form() -> None:
    surrogate = fit_surrogate(TrainingRows.of(ROWS.x, ROWS.x @ [1.0, -2.0, 0.0]), name="linear")
    background = ROWS.x[:5]
    told = shapley(surrogate, ROWS.x, ("a", "b", "c"), background)
    assert np.allclose(told.contributions, (ROWS.x - background.mean(0)) * [1.0, -2.0, 0.0], atol=1e-5)


def test_values_are_those_of_the_shap_package() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PendingDeprecationWarning)  # of matplotlib's, by how shap sets colours
        import shap
    surrogate, background = fit_surrogate(TrainingRows.of(ROWS.x, ROWS.y), name="gp"), ROWS.x[:6]
    explainer = shap.KernelExplainer(lambda z: surrogate.predict(z)[0], background)
    expected = explainer.shap_values(ROWS.x[6:9], nsamples=8, l1_reg=0, silent=True)
    told = shapley(surrogate, ROWS.x[6:9], ("a", "b", "c"), background)
    assert told.contributions == pytest.approx(np.asarray(expected), abs=1e-7)
    assert told.base == pytest.approx(float(explainer.expected_value), abs=1e-12)


def test_too_many_features_are_refused() -> None:
    wide = np.random.default_rng(0).normal(size=(10, 13))
    with pytest.raises(SurrogateError, match="12"):
        shapley(fit_surrogate(TrainingRows.of(wide, wide[:, 0]), name="linear"), wide, tuple("abcdefghijklm"))
