"""Features made from descriptors, and what a prediction owes to them."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.held_out_signs import out_of_fold_shapley, out_of_fold_signs
from oracle.descriptors import DESCRIPTOR_NAMES
from screening import features as figures
from screening.errors import SurrogateError, TrainingDataError
from screening.features import FEATURE_NAMES, Shapley, feature_text, mechanisms, pearson, shapley, to_features
from screening.surrogate import fit_surrogate
from screening.surrogates import TrainingRows
from tests.screening.rows import smooth_rows

ROW = [60.0, 2.3, 40.0, 5.0, -16.0, -7.0, 9.0, 2.5, 0.95, 2.0]


def test_the_ten_descriptors_of_the_published_table_make_eight_features() -> None:
    assert (
        *("molar_mass_g_mol", "electronegativity", "polarizability_bohr3", "dipole_debye", "homo_ev", "lumo_ev"),
        *("gap_ev", "radius_angstrom", "tolerance_factor", "n_layers"),
    ) == DESCRIPTOR_NAMES
    assert (
        *("log_molar_mass", "electronegativity", "log_polarizability", "log1p_dipole", "homo_ev", "lumo_ev"),
        *("tolerance_factor", "inverse_n_layers"),
    ) == FEATURE_NAMES


def test_the_layer_number_enters_as_its_inverse_and_3d_is_the_limit() -> None:
    table = np.tile(ROW, (4, 1))
    table[:, -1] = [1.0, 4.0, 100.0, np.inf]
    assert to_features(table)[:, -1].tolist() == [1.0, 0.25, 0.0, 0.0]


@given(st.integers(1, 6), st.integers(0, 5))
def test_a_row_does_not_depend_on_the_others(k: int, at: int) -> None:
    table = np.tile(ROW, (k, 1)) * (1.0 + 0.01 * np.arange(k))[:, None]
    at = min(at, k - 1)
    assert np.array_equal(to_features(table)[at], to_features(table[at : at + 1])[0])


def test_missing_descriptors_stay_missing() -> None:
    told = to_features(np.array([[np.nan] * 9 + [1.0]]))
    assert np.isnan(told[0, :-1]).all()
    assert told.shape == (1, len(FEATURE_NAMES))


@pytest.mark.parametrize(("column", "value"), [(0, 0.0), (2, -1.0), (3, -0.1), (9, 0.5)])
def test_an_impossible_descriptor_is_refused(column: int, value: float) -> None:
    row = [*ROW]
    row[column] = value
    with pytest.raises(TrainingDataError, match=DESCRIPTOR_NAMES[column]):
        to_features(np.array([row]))


def test_nine_columns_are_refused() -> None:
    with pytest.raises(TrainingDataError, match="10 columns"):
        to_features(np.ones((2, 9)))


def test_a_feature_is_told_as_the_descriptor_it_was_made_from() -> None:
    descriptors = np.array([[122.19, 2.38, 98.2, 9.53, -14.2, -10.1, 4.1, 4.2, 1.35, 2.0]])
    told = dict(zip(FEATURE_NAMES, map(feature_text, FEATURE_NAMES, to_features(descriptors)[0]), strict=True))
    assert told == {
        "log_molar_mass": "122 g/mol",
        "electronegativity": "2.38",
        "log_polarizability": "98.2 bohr³",
        "log1p_dipole": "9.53 D",
        "homo_ev": "-14.2 eV",
        "lumo_ev": "-10.1 eV",
        "tolerance_factor": "1.35",
        "inverse_n_layers": "n = 2",
    }
    assert feature_text("inverse_n_layers", 0.0) == "3D"


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


def test_twelve_features_beside_many_rows_have_it_too() -> None:
    slope = np.arange(12.0)
    x = np.random.default_rng(0).normal(size=(60, 12))
    x[30:, 3] = x[0, 3]  # rows that share a feature
    told = shapley(fit_surrogate(TrainingRows.of(x, x @ slope), name="linear"), x[:2], tuple("abcdefghijkl"), x)
    assert np.allclose(told.contributions, (x[:2] - x.mean(0)) * slope, atol=1e-4)


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


GENERATOR = np.random.default_rng(0)
TOLD = Shapley(("a", "b"), GENERATOR.normal(size=(9, 2)) * [1.0, 3.0], 0.2, GENERATOR.normal(size=(9, 2)))


@pytest.mark.parametrize("draw", [figures.bar, figures.beeswarm, figures.radar])
def test_a_figure_is_json(draw: object) -> None:
    assert json.loads(draw(TOLD).to_json())["data"]  # type: ignore[operator]  # one of the functions above


def test_mechanisms_are_hypotheses_with_sources() -> None:
    assert all(m.hypothesis.startswith("hypothesis:") and m.source for m in mechanisms())


FEW_ROWS = smooth_rows(k=30)
NAMES = ("homo_ev", "lumo_ev", "other")


def test_a_direction_the_data_have_is_supported_and_its_opposite_contradicted() -> None:
    y = FEW_ROWS.x[:, 0] + FEW_ROWS.x[:, 1]
    told = {
        c.feature: c for c in out_of_fold_signs(TrainingRows.of(FEW_ROWS.x, y, None, FEW_ROWS.groups), NAMES, name="gp")
    }
    assert set(told) == {"homo_ev", "lumo_ev"}
    assert told["lumo_ev"].verdict == "supported"
    assert told["homo_ev"].verdict == "contradicted"
    assert "the paper says -" in told["homo_ev"].sentence()


def test_the_explanation_of_a_row_does_not_depend_on_its_target() -> None:
    y = FEW_ROWS.x[:, 0] + FEW_ROWS.x[:, 1]
    first = np.array([group == FEW_ROWS.groups[0] for group in FEW_ROWS.groups])
    changed = np.where(first, y + 5.0, y)
    (a, bases), (b, _) = (
        out_of_fold_shapley(TrainingRows.of(FEW_ROWS.x, t, None, FEW_ROWS.groups), NAMES, name="linear")
        for t in (y, changed)
    )
    assert np.array_equal(a.contributions[first], b.contributions[first])
    assert not np.allclose(a.contributions[~first], b.contributions[~first])
    assert bases[0] + a.contributions[0].sum() == pytest.approx(y[0], abs=1e-6)


def test_pearson_is_symmetric_with_ones() -> None:
    told = pearson(FEW_ROWS.x, NAMES).to_numpy()
    assert np.allclose(told, told.T)
    assert np.diag(told) == pytest.approx(np.ones(3))
